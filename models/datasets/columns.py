"""Columns of a table: their types, read from JSON values."""

import math
from typing import Any

import numpy as np

from models.datasets.pointers import pointer_to
from models.datasets.tensors import FLOAT32_MAX, MAX_FAULTS, name_type
from models.errors import Fault, InvalidData

COLUMN_TYPES = {bool: "boolean", int: "number", float: "number", str: "category"}


def read_column(name: str, values: list, required: bool = False) -> np.ndarray:
    """A column as Examples has it, from JSON values, null where missing; raises InvalidData.

    The type is that of the values: all numbers, all booleans, or all text (a category). With `required` (a target)
    nothing may be missing.
    """
    present = [COLUMN_TYPES.get(type(value)) for value in values if value is not None]
    if not present:
        raise InvalidData(
            Fault(f'The column "{name}" has no value in any row.', pointer_to("rows", 0, name), column=name)
        )
    faults = []
    for number, value in enumerate(values):
        detail = _find_fault(value, present[0], required)
        if detail:
            faults.append(
                Fault(f'"{name}" in row {number}: {detail}', pointer_to("rows", number, name), row=number, column=name)
            )
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])
    if present[0] != "number":
        return np.array(values, dtype=object)
    if set(map(type, values)) == {int} and max(map(abs, values)) < 2**53:
        return np.array(values, dtype=np.int64)
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _find_fault(value: Any, column_type: str | None, required: bool) -> str | None:
    if value is None:
        return "the target may not be missing." if required else None
    if column_type is None or type(value) not in COLUMN_TYPES:
        return f"a number, a boolean or text belongs here, not {name_type(value)}."
    if COLUMN_TYPES[type(value)] != column_type:
        return f"it is {name_type(value)}, but the column's first value is a {column_type}; a column has one type."
    if column_type == "number" and not abs(value) <= FLOAT32_MAX:
        return "numbers must be finite, and at most 3.4e38 in size."
    return None


def column_type(values: np.ndarray) -> str:
    """`number`, `boolean` or `category`, by what the column's array holds."""
    if values.dtype != object:
        return "number"
    return COLUMN_TYPES[type(next(value for value in values if value is not None))]


def is_missing(values: np.ndarray) -> np.ndarray:
    """Which rows of a column have no value; booleans (rows,)."""
    if values.dtype == object:
        return np.array([value is None for value in values], dtype=bool)
    return np.isnan(values)
