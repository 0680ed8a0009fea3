"""Exports networks to ONNX from their spec and weights, without Keras: one builder for each layer type.

`models/export/layers` has the builders, by the catalogue's categories.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx_ir as ir

from models.export.network import build_graph
from models.spec import NetworkSpec
from models.target_scale import TargetScale

__all__ = ["build_graph", "export_graph", "export_onnx"]


def export_onnx(
    spec: NetworkSpec, weights: Mapping[str, np.ndarray], path: Path, scale: TargetScale | None = None
) -> None:
    """Write the network of build_graph, synced to disk. Raises NotServable; then there is no file at `path`."""
    _write(build_graph(spec, weights, scale), path)


def export_graph(
    spec: NetworkSpec,
    weights: Mapping[str, np.ndarray],
    path: Path,
    scale: TargetScale | None = None,
    *,
    values: str,
) -> tuple[str, ...]:
    """Write the network as build_graph builds it, but without the values of its weights: for each, the graph names the
    file `values`, which need not exist. Returns the names of the weights that the graph takes.

    ONNX Runtime takes values for weights that a file doesn't have (`add_external_initializers`), so that one graph
    serves any weights of the network. Raises NotServable.
    """
    model = build_graph(spec, weights, scale)
    taken = [value for name, value in model.graph.initializers.items() if name in weights]
    for value in taken:
        tensor = value.const_value
        assert tensor is not None
        value.const_value = ir.ExternalTensor(
            values, 0, tensor.nbytes, tensor.dtype, shape=ir.Shape(tensor.shape.numpy()), name=str(value.name)
        )
    _write(model, path)
    return tuple(str(value.name) for value in taken)


def _write(model: ir.Model, path: Path) -> None:
    proto = ir.to_proto(model)
    written = path.with_name(f"{path.name}.part")
    with written.open("wb") as file:
        file.write(proto.SerializeToString())
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
