"""Reads how a functional network calls its layers: the arguments of each call, in the forms of Keras 2 and Keras 3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from models.model_files.keras.refusal import refusal, shown
from models.model_files.keras.serialized import config_of, plain

CONSTANT = "_CONSTANT_VALUE"
"""What Keras 2 writes in place of a layer's name for an argument that is a constant."""
MOST_ARGUMENTS = 100
ORDER = ("inputs", "x", "sequences", "query", "value", "key")
"""Named arguments that are tensors, in the order in which layers take them."""


@dataclass(frozen=True)
class Reference:
    """The output of a call of another layer."""

    layer: str
    call: int
    output: int


@dataclass(frozen=True)
class Call:
    """One call of a layer: its operands (references, lists of them, or constants) and its other arguments."""

    operands: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def read_calls(serialized: Mapping[str, Any], name: str) -> list[Call]:
    """The calls of a layer in a functional network. Raises InvalidSpec if they are not in a form that Keras writes."""
    nodes = serialized.get("inbound_nodes", [])
    if not isinstance(nodes, list) or len(nodes) > MOST_ARGUMENTS:
        raise _unreadable(name)
    return [_read_call(node, name) for node in nodes]


def read_references(value: Any, name: str) -> list[Reference]:
    """The outputs or inputs of a network: one reference, a list, or an object by names."""
    value = plain(value)
    if isinstance(value, Mapping):
        value = list(value.values())
    found = _decode([value] if _is_reference(value) else value)
    if not isinstance(found, list) or not all(isinstance(one, Reference) for one in found):
        raise _unreadable(name)
    return found


def references_in(value: Any) -> list[Reference]:
    """All references in a decoded argument."""
    if isinstance(value, list):
        return [found for item in value for found in references_in(item)]
    return [value] if isinstance(value, Reference) else []


def _read_call(node: Any, name: str) -> Call:
    if isinstance(node, Mapping):
        arguments, named = node.get("args", []), node.get("kwargs", {})
        if not isinstance(arguments, list) or not isinstance(named, Mapping):
            raise _unreadable(name)
        return _sort_arguments([_decode(argument) for argument in arguments], named)
    if not isinstance(node, list) or not 1 <= len(node) <= MOST_ARGUMENTS:
        raise _unreadable(name)
    listed = [node] if isinstance(node[0], str) else node
    if not all(isinstance(one, list) and 3 <= len(one) <= 4 and isinstance(one[0], str) for one in listed):
        raise _unreadable(name)
    operands = [_decode(one[2]) if one[0] == CONSTANT else _reference(one[:3], name) for one in listed]
    named = listed[0][3] if len(listed[0]) == 4 and isinstance(listed[0][3], Mapping) else {}
    return _sort_arguments([operands[0] if len(operands) == 1 else operands], named)


def _sort_arguments(operands: list[Any], named: Mapping[str, Any]) -> Call:
    """The call with tensors that are passed by name, and the second operand `y` of a function, among its operands."""
    options = {str(key): _decode(value) for key, value in named.items()}
    for key in ORDER:
        if references_in(options.get(key)):
            operands.append(options.pop(key))
    if "y" in options and options["y"] is not None:
        operands.append(options.pop("y"))
    return Call(operands, options)


def _decode(value: Any, depth: int = 0) -> Any:
    value = plain(value)
    if isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
        return _reference(config_of(value).get("keras_history"), "a tensor")
    if _is_reference(value):
        return _reference(value, "a tensor")
    if isinstance(value, list) and depth < 5:
        return [_decode(item, depth + 1) for item in value]
    return value


def _is_reference(value: Any) -> bool:
    is_triple = isinstance(value, list) and len(value) == 3 and isinstance(value[0], str)
    return is_triple and all(isinstance(item, int) for item in value[1:])


def _reference(value: Any, name: str) -> Reference:
    if not _is_reference(value):
        raise _unreadable(name)
    return Reference(*value)


def _unreadable(name: str) -> Exception:
    return refusal(f"The connections of `{shown(name)}` are not in a form that Keras writes.")
