"""Rewrites Keras's errors about values and shapes in a client's terms."""

import re
from collections.abc import Sequence

from models.errors import Fault
from models.graph import Node

Shape = tuple[int | None, ...]


def shape_fault(node: Node, arrived: Sequence[Shape], error: Exception) -> Fault:
    """The fault of a layer that doesn't accept the shapes of its inputs."""
    what = f"inputs of the shapes {row_shapes(arrived)}" if len(arrived) > 1 else f"the shape {row_shapes(arrived)}"
    return Fault(f"{node.layer.type} can't take {what}: {first_sentence(error)}.", f"#/layers/{node.index}")


def row_shapes(shapes: Sequence[Shape]) -> str:
    """At most ten shapes in words."""
    listed = [row_shape(shape) for shape in shapes[:10]]
    return " and ".join(listed) + (" and others" if len(shapes) > len(listed) else "")


def row_shape(shape: Shape) -> str:
    """A shape without the batch."""
    return str(list(shape[1:]))


def first_sentence(error: Exception) -> str:
    """Keras's error message, without the names of its objects and its advice."""
    text = " ".join(str(error).split())
    text = re.sub(r"^Exception encountered when calling \w+\.\w+\(\)\. ", "", text)
    text = re.sub(r"Input \d+ (with name \S+ )?of layer \S+ is incompatible with the layer: ", "", text)
    text = re.sub(r"expected (min_|max_|)ndim=(\d+), found ndim=(\d+)", dimensions_in_words, text)
    text = re.sub(r"\{\{function_node [^{}]*\}\} |\bNone, ?", "", text)
    sentence = re.split(r"(?<=[.!]) (?=[A-Z])|\. Received: |Arguments received by| \[Op:", text)[0]
    return re.sub(r"\x1b\[[0-9;]*m", "", sentence).strip()[:300].rstrip(".")


def dimensions_in_words(match: re.Match[str]) -> str:
    """Rewrite dimensions: Keras counts the batch as one, but a client's shapes don't."""
    bound = {"min_": "at least ", "max_": "at most ", "": ""}[match[1]]
    return f"it takes rows of {bound}{int(match[2]) - 1} dimensions, not {int(match[3]) - 1}"
