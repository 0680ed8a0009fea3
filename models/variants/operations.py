"""Which operations of a network compute in 8 bits."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from onnx import AttributeProto, GraphProto, NodeProto, TensorProto

PARTLY_QUANTIZED = "partly-quantized"
"""The type of a warning: operations with weights compute as in the version."""

WEIGHTED = {"Conv": 1, "Gather": 0, "Gemm": 1, "MatMul": 1}
"""The operations that are quantized for their weights, which are the input of this index."""
CONNECTING = (
    "Add",
    "AveragePool",
    "Clip",
    "Concat",
    "Flatten",
    "GlobalAveragePool",
    "LeakyRelu",
    "MaxPool",
    "Relu",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
"""The operations that ONNX Runtime computes in 8 bits too, so that numbers stay in 8 bits from one weighted operation
to the next. They are quantized only there."""
TYPES = (*WEIGHTED, *CONNECTING)
FLOAT_OUTPUT = ("Gemm", "MatMul")
"""The weighted operations that can give float32 without computing in float32."""

REASONS = {
    "ConvTranspose": "ONNX Runtime computes it in float32 only",
    **dict.fromkeys(("GRU", "LSTM", "RNN"), "ONNX Runtime quantizes no recurrent operation"),
    **dict.fromkeys(("If", "Loop", "Scan"), "operations within loops and branches aren't quantized"),
}
OTHER_REASON = "operations of this type aren't quantized"
NOT_CONSTANT = "only products of rows with constant float32 weights are quantized"


@dataclass(frozen=True)
class Chosen:
    """The operations of a network that are quantized, by the names of their nodes, which are unique."""

    nodes: frozenset[str]
    quantized: dict[str, int]
    """Their number by ONNX type."""
    unquantized: dict[str, int]
    """The number of the other operations, by ONNX type."""
    warnings: list[dict[str, Any]] = field(default_factory=list)


def choose(graph: GraphProto) -> Chosen:
    """Choose the operations to quantize. Each node must have a name."""
    floats = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    constants = {tensor.name for tensor in graph.initializer}
    chosen = _followed(graph, _reached(graph, floats, constants))
    others = [node for node in graph.node if node.name not in chosen and node.op_type != "Constant"]
    return Chosen(
        frozenset(chosen),
        _count(node.op_type for node in graph.node if node.name in chosen),
        _count(node.op_type for node in others),
        _warn([node for node in others if _has_weights(node, floats)]),
    )


def _reached(graph: GraphProto, floats: Collection[str], constants: Collection[str]) -> set[str]:
    """The weighted operations with constant weights, and the connecting ones that take only their results."""
    chosen, results = set[str](), set[str]()
    for node in graph.node:
        if node.op_type in WEIGHTED:
            wanted = _is_weighted(node, floats)
        else:
            taken = [name for name in node.input if name and name not in constants]
            wanted = node.op_type in CONNECTING and bool(taken) and results.issuperset(taken)
        if wanted and not node.domain:
            chosen.add(node.name)
            results.update(node.output)
    return chosen


def _is_weighted(node: NodeProto, floats: Collection[str]) -> bool:
    """Whether the node's weights, and only these, are constant."""
    weights = WEIGHTED[node.op_type]
    return len(node.input) > 1 and node.input[weights] in floats and node.input[1 - weights] not in floats


def _followed(graph: GraphProto, reached: set[str]) -> set[str]:
    """Without connecting operations from which no weighted one is reached: their results are needed in float32."""
    chosen, needed = set[str](), set[str]()
    for node in reversed(graph.node):
        if node.name in reached and (node.op_type in WEIGHTED or needed.intersection(node.output)):
            chosen.add(node.name)
            needed.update(node.input)
    return chosen


def _has_weights(node: NodeProto, floats: dict[str, TensorProto]) -> bool:
    """Whether the node multiplies by weights: a constant with several axes, or whatever a loop or branch has."""
    if any(attribute.type == AttributeProto.GRAPH for attribute in node.attribute):
        return True
    return any(name in floats and len(floats[name].dims) > 1 for name in node.input)


def _warn(left: list[NodeProto]) -> list[dict[str, Any]]:
    """The warning about operations with weights that aren't quantized."""
    if not left:
        return []
    reasons = [
        f"{type_} ({count}): {NOT_CONSTANT if type_ in WEIGHTED else REASONS.get(type_, OTHER_REASON)}"
        for type_, count in _count(node.op_type for node in left).items()
    ]
    detail = f"Operations with weights that compute as in the version: {len(left)}. {'; '.join(reasons)}."
    return [{"type": PARTLY_QUANTIZED, "detail": detail}]


def _count(types: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(types).items()))
