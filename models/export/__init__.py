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

__all__ = ["build_graph", "export_onnx"]


def export_onnx(
    spec: NetworkSpec, weights: Mapping[str, np.ndarray], path: Path, scale: TargetScale | None = None
) -> None:
    """Write the network of build_graph, synced to disk. Raises NotServable; then there is no file at `path`."""
    proto = ir.to_proto(build_graph(spec, weights, scale))
    written = path.with_name(f"{path.name}.part")
    with written.open("wb") as file:
        file.write(proto.SerializeToString())
        file.flush()
        os.fsync(file.fileno())
    written.replace(path)
