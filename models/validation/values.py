"""Checks the values of parameters: their types, lengths and ranges."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from models.catalogue import KINDS, Parameter
from models.errors import Fault

MOST_DIMENSIONS = 8
LONGEST_LIST = 4096
LONGEST_STRING = 256
LARGEST_INTEGER = 2**31 - 1
LARGEST_NUMBER = 3.4e38
"""The largest 32-bit float."""

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}")

WORDS = {
    "integer": "an integer",
    "number": "a finite number",
    "boolean": "true or false",
    "string": "a string",
    "name": "1 to 64 letters, digits, `_`, `.` and `-`, beginning with a letter or digit",
    "integer_list": "a list of integers",
    "integers": "an integer, or a list of integers",
    "numbers": "a finite number, or a list of them",
    "shape": "a list of integers",
    "margins": "an integer, or a list of integers or of pairs",
    "learning_rate": "a finite number, or an object with the `type` of a schedule",
    "layer": "an object with the `type` of a layer and its parameters",
    "cell": "an object with the `type` of a cell and its parameters",
    "layers": "a list of layers",
    "cells": "a list of cells",
}


def value_faults(parameter: Parameter, value: Any, pointer: str) -> Iterator[Fault]:
    """The faults of a value that isn't a component: its type, its length, its range."""
    wrong = Fault(f"`{parameter.name}` must be {expected(parameter)}.", pointer, allowed=parameter.allowed)
    is_list = isinstance(value, list | tuple)
    if parameter.type in ("shape", "integer_list") or (parameter.type in ("integers", "numbers") and is_list):
        longest = parameter.length or (MOST_DIMENSIONS if parameter.type == "shape" else LONGEST_LIST)
        if not is_list or not (parameter.length or 1) <= len(value) <= longest:
            yield wrong
            return
        kind = "number" if parameter.type == "numbers" else "integer"
        for index, element in enumerate(value):
            if not is_element(kind, element) or not in_range(parameter, element):
                yield Fault(wrong.detail, f"{pointer}/{index}")
    elif parameter.type == "boolean":
        if not isinstance(value, bool):
            yield wrong
    elif parameter.type == "margins":
        if not is_margins(parameter, value):
            yield wrong
    elif parameter.type in ("string", "name"):
        if not is_string(parameter, value):
            yield wrong
    elif not is_element(parameter.type.removesuffix("s"), value) or not in_range(parameter, value):
        yield wrong


def is_string(parameter: Parameter, value: Any) -> bool:
    if not isinstance(value, str) or len(value) > LONGEST_STRING:
        return False
    if parameter.type == "name":
        return NAME.fullmatch(value) is not None
    return not parameter.allowed or value in parameter.allowed


def is_margins(parameter: Parameter, value: Any) -> bool:
    """Whether a value is a valid cropping or padding: one for all dimensions, one per dimension, or one per end.

    With a single dimension, a list is the pair of its ends.
    """
    if not isinstance(value, list | tuple):
        return is_integer(value) and in_range(parameter, value)
    if len(value) != max(parameter.length or 1, 2):
        return False
    pairs = parameter.length != 1 and all(isinstance(ends, list | tuple) and len(ends) == 2 for ends in value)
    numbers = [end for ends in value for end in ends] if pairs else value
    return all(is_integer(number) and in_range(parameter, number) for number in numbers)


def is_element(type_: str, value: Any) -> bool:
    return is_integer(value) if type_ == "integer" else is_number(value)


def is_integer(value: Any) -> bool:
    """Whether a value is a 32-bit integer; true and false aren't."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER


def is_number(value: Any) -> bool:
    """Whether a value is a number that a 32-bit float can hold; NaN and infinity aren't."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def in_range(parameter: Parameter, value: float) -> bool:
    if parameter.minimum is not None and value < parameter.minimum:
        return False
    return parameter.maximum is None or value <= parameter.maximum


def expected(parameter: Parameter) -> str:
    """The valid values of a parameter, in words."""
    if parameter.type in KINDS and parameter.type not in WORDS:
        return f"{article(parameter.type).lower()}: a name, or an object with a `type`"
    if parameter.allowed and parameter.type == "string":
        return "one of " + ", ".join(f"`{value}`" for value in parameter.allowed)
    words = WORDS[parameter.type]
    if parameter.length and parameter.type != "margins":
        kind = "an integer" if parameter.type == "integers" else "a finite number"
        words = f"{kind}, or a list of {parameter.length} of them"
    if parameter.minimum is not None and parameter.maximum is not None:
        return f"{words}, from {parameter.minimum:g} to {parameter.maximum:g}"
    if parameter.minimum is not None:
        return f"{words}, at least {parameter.minimum:g}"
    return words if parameter.maximum is None else f"{words}, at most {parameter.maximum:g}"


def member(pointer: str, name: Any) -> str:
    """The pointer to a field, escaped for RFC 6901 and URI fragments."""
    return f"{pointer}/{quote(str(name)[:64].replace('~', '~0').replace('/', '~1'), safe='~')}"


def article(kind: str) -> str:
    return f"{'An' if kind[0] in 'aio' else 'A'} {kind}"
