"""Builds the graph of a spec."""

from collections.abc import Mapping

import numpy as np
import onnx_ir as ir

from models.export import layers  # noqa: F401 - registers the builders
from models.export.graph import Graph, Layer, Tensor
from models.export.registry import build
from models.export.walk import walk
from models.graph import resolve
from models.spec import OUTPUT, ComponentSpec, NetworkSpec, TargetScaling
from models.target_scale import TargetScale


def build_graph(spec: NetworkSpec, weights: Mapping[str, np.ndarray], scale: TargetScale | None = None) -> ir.Model:
    """The network of a validated spec in inference mode, for any number of rows: inputs keep their names, the output is
    "output", and each weight is an initializer of its name in `weights` (the Keras path, `dense/kernel`).

    With `scale` the outputs are in the target's own units. Raises NotServable if a layer can't be exported.
    """
    graph = Graph(weights)
    inputs = {name: graph.input(name, input_.shape) for name, input_ in spec.inputs.items()}
    output = walk(graph, resolve(spec), inputs)
    return graph.finish(output if scale is None else _in_target_units(graph, output, scale), OUTPUT)


def _in_target_units(graph: Graph, output: Tensor, scale: TargetScale) -> Tensor:
    """The output times the deviation plus the mean, and for the logarithm e to its power minus 1."""
    parameters = {"scale": scale.std, "offset": scale.mean}
    output = build(Layer.of(graph, ComponentSpec("Rescaling", parameters), "target_units"), output)
    if scale.scaling is not TargetScaling.LOG:
        return output
    op = graph.op
    return Tensor(op.Sub(op.Exp(output.value), graph.constant(1)), output.shape)
