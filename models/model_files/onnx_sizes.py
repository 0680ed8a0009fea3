"""Finds nodes whose memory depends on the values of an input, not only on its shape.

A request could make such a network take any amount of memory. In every other network, the shapes of the inputs, which
an import fixes, determine the shapes of all tensors, so that running it once measures what it needs.
"""

import math
from collections.abc import Iterable

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from models.model_files.onnx_checks import refuse, subgraphs

SIZED_BY = {
    "AffineGrid": (1,), "BlackmanWindow": (0,), "CenterCropPad": (1,), "Col2Im": (1, 2), "ConstantOfShape": (0,),
    "DFT": (1,), "Expand": (1,), "HammingWindow": (0,), "HannWindow": (0,), "If": (0,), "ImageDecoder": (0,),
    "Loop": (0,), "MaxUnpool": (2,), "MelWeightMatrix": (0, 1, 2, 3, 4), "OneHot": (1,), "Pad": (1,),
    "Range": (0, 1, 2), "Resize": (1, 2, 3), "STFT": (1, 3), "Tile": (1, 2), "Upsample": (1,),
}  # fmt: skip
"""The inputs of operators whose values set the size of an output, or which of two subgraphs runs."""
CUT_BY = {
    "Loop": (1,), "Reshape": (1,), "SequenceAt": (1,), "Slice": (1, 2, 3, 4), "Split": (1,),
    "Squeeze": (1,), "TopK": (1,), "Unsqueeze": (1,), "DFT": (2,),
}  # fmt: skip
"""The inputs of operators whose values set the shape of an output, within the size that the others allow."""
COUNTING = ("Compress", "NonMaxSuppression", "NonZero", "StringSplit", "Unique")
"""Operators whose outputs are as long as the values of their inputs decide."""
SHAPES = ("Shape", "Size")
MOST_ITERATIONS = 1000


def check_sizes(model: ModelProto) -> None:
    """Raise InvalidSpec at `#/file` if values of an input set the size of a tensor, or the shape of an output."""
    graph = model.graph
    flow = _Flow({value.name for value in graph.input}, set())
    flow.follow(graph)
    for output in graph.output:
        if output.name in flow.shapes:
            raise refuse(f'The shape of the output "{output.name}" depends on the values of an input.')


class _Flow:
    """The tensors whose values, and those whose shapes, depend on the values of the network's inputs."""

    def __init__(self, values: set[str], shapes: set[str]) -> None:
        self.values, self.shapes = values, shapes
        self._constants: dict[str, TensorProto] = {}

    def follow(self, graph: GraphProto) -> None:
        self._constants.update((tensor.name, tensor) for tensor in graph.initializer)
        for node in graph.node:
            if node.op_type == "Constant":
                self._constants.update((node.output[0], one.t) for one in node.attribute if one.name == "value")
            self._check(node)
            values = self._reaches(node.input, self.values)
            shapes = self._reaches(node.input, self.shapes)
            inner = [self._enter(subgraph, values=values, shapes=shapes) for subgraph in subgraphs(node)]
            if node.op_type == "Loop":
                self._check_iterations(node)
            values |= any(found for found, _ in inner)
            shapes |= any(found for _, found in inner)
            shapes |= (node.op_type in COUNTING and values) or self._depends(node, CUT_BY)
            if node.op_type in SHAPES:
                values, shapes = shapes, False
            if values:
                self.values.update(node.output)
            if shapes:
                self.shapes.update(node.output)

    def _enter(self, graph: GraphProto, *, values: bool, shapes: bool) -> tuple[bool, bool]:
        """Follow a subgraph; returns whether its outputs' values and shapes depend on values."""
        for _ in range(2):  # what a loop's step leaves, its next step takes
            own = [value.name for value in graph.input]
            self.values.update(own if values else ())
            self.shapes.update(own if shapes else ())
            self.follow(graph)
            outputs = [value.name for value in graph.output]
            values |= self._reaches(outputs, self.values)
            shapes |= self._reaches(outputs, self.shapes)
        return values, shapes

    def _check(self, node: NodeProto) -> None:
        name = f'The node "{node.name or node.output[0]}" ({node.op_type})'
        if self._depends(node, SIZED_BY):
            detail = "the values of an input decide how large its result is, so that a request could take any memory"
            raise refuse(f"{name} can't be served: {detail}.")

    def _check_iterations(self, node: NodeProto) -> None:
        """Raise InvalidSpec if values decide how often a loop runs, unless its maximum is a small constant."""
        (body,) = subgraphs(node)
        most = self._constants.get(node.input[0])
        if body.output[0].name not in self.values and node.input[0]:
            return
        if most is None or math.prod(most.dims) != 1 or numpy_helper.to_array(most).item() > MOST_ITERATIONS:
            detail = f"values decide how often it runs, and its maximum isn't a constant of at most {MOST_ITERATIONS:,}"
            raise refuse(f'The node "{node.name or node.output[0]}" (Loop) can\'t be served: {detail}.')

    def _depends(self, node: NodeProto, places: dict[str, tuple[int, ...]]) -> bool:
        named = [node.input[place] for place in _places(node, places) if place < len(node.input)]
        return self._reaches(named, self.values)

    @staticmethod
    def _reaches(names: Iterable[str], known: set[str]) -> bool:
        return any(name in known for name in names)


def _places(node: NodeProto, places: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    reduces = places is CUT_BY and node.op_type.startswith("Reduce")
    return (1,) if reduces else places.get(node.op_type, ())
