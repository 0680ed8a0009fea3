"""Finds nodes whose memory or time depends on the values of an input, not only on its shape.

A request could make such a network take any amount of memory or time. In every other network, the shapes of the inputs,
which an import fixes, determine the shapes of all tensors and the steps of all loops, so that running it once measures
what it needs.
"""

from collections.abc import Iterable
from typing import NoReturn

from onnx import GraphProto, ModelProto, NodeProto

from models.model_files.onnx_checks import refuse, subgraphs

SIZED_BY = {
    "AffineGrid": (1,), "BlackmanWindow": (0,), "CenterCropPad": (1,), "Col2Im": (1, 2), "ConstantOfShape": (0,),
    "DFT": (1,), "Expand": (1,), "HammingWindow": (0,), "HannWindow": (0,), "If": (0,), "ImageDecoder": (0,),
    "Loop": (0, 1), "MaxUnpool": (2,), "MelWeightMatrix": (0, 1, 2, 3, 4), "OneHot": (1,), "Pad": (1, 3),
    "Range": (0, 1, 2), "Resize": (1, 2, 3), "STFT": (1, 3), "Tile": (1, 2), "Upsample": (1,),
}  # fmt: skip
"""The inputs of operators whose values set the size of an output, or which subgraph runs and how often."""
CUT_BY = {
    "DFT": (2,), "Reshape": (1,), "SequenceAt": (1,), "SequenceErase": (1,), "SequenceInsert": (2,),
    "Slice": (1, 2, 3, 4), "Split": (1,), "SplitToSequence": (1,), "Squeeze": (1,), "TopK": (1,), "Unsqueeze": (1,),
}  # fmt: skip
"""The inputs of operators whose values set the shape of an output, within the size that the others allow."""
COUNTING = ("Compress", "NonMaxSuppression", "NonZero", "StringSplit", "Unique")
"""Operators whose outputs are as long as the values of their inputs decide."""
SHAPES = ("Shape", "Size")
STEP_AND_CONDITION = 2
"""The inputs of a loop's body before what its steps leave."""


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

    def follow(self, graph: GraphProto) -> None:
        for node in graph.node:
            self._check(node)
            values = self._reaches(node.input, self.values)
            shapes = self._reaches(node.input, self.shapes)
            inner = [self._enter(node, subgraph, values=values, shapes=shapes) for subgraph in subgraphs(node)]
            values |= any(found for found, _ in inner)
            shapes |= any(found for _, found in inner)
            shapes |= (node.op_type in COUNTING and values) or self._depends(node, CUT_BY)
            if node.op_type in SHAPES:
                values = shapes  # whatever is computed of such a shape stays suspect: the tensor itself is made anyway
            if values:
                self.values.update(node.output)
            if shapes:
                self.shapes.update(node.output)

    def _enter(self, node: NodeProto, graph: GraphProto, *, values: bool, shapes: bool) -> tuple[bool, bool]:
        """Follow a subgraph of a node; returns whether its outputs' values and shapes depend on values."""
        is_loop = node.op_type == "Loop"
        own = [value.name for value in graph.input][STEP_AND_CONDITION if is_loop else 0 :]
        for _ in range(2):  # what a loop's step leaves, its next step takes
            self.values.update(own if values else ())
            self.shapes.update(own if shapes else ())
            self.follow(graph)
            if is_loop and self._reaches([graph.output[0].name], self.values):
                self._refuse(node, "the values of an input decide how often it runs")
            outputs = [value.name for value in graph.output]
            values |= self._reaches(outputs, self.values)
            shapes |= self._reaches(outputs, self.shapes)
        return values, shapes

    def _check(self, node: NodeProto) -> None:
        if self._depends(node, SIZED_BY):
            self._refuse(node, "the values of an input decide how large its result is")

    @staticmethod
    def _refuse(node: NodeProto, why: str) -> NoReturn:
        name = f'The node "{node.name or node.output[0]}" ({node.op_type})'
        raise refuse(f"{name} can't be served: {why}, so that a request could take any memory or time.")

    def _depends(self, node: NodeProto, places: dict[str, tuple[int, ...]]) -> bool:
        named = [node.input[place] for place in _places(node, places) if place < len(node.input)]
        return self._reaches(named, self.values)

    @staticmethod
    def _reaches(names: Iterable[str], known: set[str]) -> bool:
        return any(name in known for name in names)


def _places(node: NodeProto, places: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    reduces = places is CUT_BY and node.op_type.startswith("Reduce")
    return (1,) if reduces else places.get(node.op_type, ())
