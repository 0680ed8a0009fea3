"""What a layer makes besides its output: copies of itself for the steps of a sequence, scores between steps."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from models.building.complaints import Shape
from models.errors import Fault, InvalidSpec
from models.graph import Node

MOST_COPIES = 500
"""How many steps a layer may be written out for: each makes the graph larger, which takes time and memory."""

HEADS = {"MultiHeadAttention": "num_heads", "GroupQueryAttention": "num_query_heads"}


def check_copies(node: Node, shapes: Sequence[Shape]) -> None:
    """Refuse a layer that is written out for more steps than MOST_COPIES."""
    copies = count_copies({"type": node.layer.type, **node.layer.parameters}, shapes[0])
    if copies > MOST_COPIES:
        detail = f"{node.layer.type} would be written out for {copies:,} steps; {MOST_COPIES} are the most."
        raise InvalidSpec(Fault(f"{detail} Take shorter sequences, or no `unroll`.", f"#/layers/{node.index}"))


def count_copies(layer: Mapping[str, Any], shape: Shape) -> int:
    """How often a layer, or one within it, is written out for the shape that arrives."""
    steps = shape[1] or 1 if len(shape) > 2 else 1
    if layer["type"] == "TimeDistributed":
        return steps * count_copies(layer["layer"], (shape[0], *shape[2:]))
    if layer["type"] == "Bidirectional":
        return 2 * count_copies(layer["layer"], shape)
    return steps if layer.get("unroll") else 1


def inner_activations(node: Node, shapes: Sequence[Shape]) -> int:
    """The numbers that one row makes within an attention: a score of each step of the query for each of the value."""
    if "Attention" not in node.layer.type:
        return 0
    query, value = (math.prod(length or 1 for length in shape[1:-1]) for shape in shapes[:2])
    heads: int = node.layer.parameters.get(HEADS.get(node.layer.type, ""), 1)
    additive = node.layer.type == "AdditiveAttention" or node.layer.parameters.get("score_mode") == "concat"
    return heads * query * value * (shapes[0][-1] or 1 if additive else 1)
