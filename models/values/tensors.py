"""Nested lists of numbers as arrays, and where exactly they go wrong."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from models.errors import Fault, InvalidInput
from models.values.pointers import pointer_to

MAX_FAULTS = 20
"""How many rows at fault are named."""

MAX_NESTING = 16
FLOAT32_MAX = float(np.finfo(np.float32).max)

KINDS = {0: "vector", 1: "vector", 2: "sequence", 3: "image", 4: "video"}
"""What rows are by the rank of one."""

Shape = tuple[int, ...]


def shapes_fit(shape: Shape, wanted: Shape) -> bool:
    """Whether a row of `shape` can become `wanted` without changing what it means: they differ only by trailing
    dimensions of 1, or one is the other flattened."""
    if math.prod(shape) != math.prod(wanted):
        return False
    return len(shape) <= 1 or len(wanted) <= 1 or _without_trailing_ones(shape) == _without_trailing_ones(wanted)


@dataclass(frozen=True)
class Place:
    """Where rows lie in the posted body: below `above`, and within each row below `within`.

    With None for `above` the body is no JSON, and nothing in it has a pointer.
    """

    above: tuple[str, ...] | None
    within: tuple[str, ...] = ()

    @property
    def whole(self) -> str | None:
        """The pointer to the rows together."""
        return None if self.above is None else pointer_to(*self.above)

    def pointer(self, row: int, path: tuple[str | int, ...] = ()) -> str | None:
        return None if self.above is None else pointer_to(*self.above, row, *self.within, *path)


def read_numbers(
    rows: list, place: Place, error: type[InvalidInput], wanted: Shape | None = None, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """The array, rows first, that nested lists of numbers are; each row fits the shape `wanted` if one is given.

    Booleans, text, null, numbers that
    are not finite as float32, and rows of different shapes are faults of `error`, which names the rows.
    """
    array = _read_at_once(rows, dtype)
    if array is None or not (wanted is None or shapes_fit(array.shape[1:], wanted)):
        raise error(*islice(_find_faults(rows, place, wanted), MAX_FAULTS))
    return array


def _read_at_once(rows: list, dtype: DTypeLike) -> np.ndarray | None:
    """The array, or None if anything at all is wrong; without a step of Python for each number."""
    try:
        if not all(issubclass(kind, int | float) and kind is not bool for kind in leaf_types(rows)):
            return None
        with np.errstate(over="ignore"):
            array = np.array(rows, dtype)
            finite = np.isfinite(array.astype(np.float32, copy=False)).all()
    except (TypeError, ValueError, OverflowError):
        return None
    return array if finite and array.size else None


def leaf_types(rows: list) -> set[type]:
    """The types of what lies innermost in nested lists, as deep as the first row is nested."""
    leaves: Any = rows
    first = rows[0] if rows else None
    while isinstance(first, list):
        leaves = chain.from_iterable(leaves)
        first = first[0] if first else None
    return set(map(type, leaves))


def _find_faults(rows: list, place: Place, wanted: Shape | None) -> Iterator[Fault]:
    """What is wrong with the rows one by one; the shape to keep to is `wanted`, else the first row's."""
    if not rows:
        yield Fault("There are no rows.", pointer=place.whole)
    expected: Shape | None = None
    inside = "/".join(place.within) or None
    where = f' of "{inside}"' if inside else ""
    for number, row in enumerate(rows):
        try:
            shape = _shape_of(row, ())
        except _NotNumbersError as problem:
            column = "/".join(map(str, place.within + problem.path)) or None
            pointer = place.pointer(number, problem.path)
            yield Fault(f"Row {number}: {problem}", pointer=pointer, row=number, column=column)
            continue
        expected = shape if expected is None else expected
        if wanted is not None and not shapes_fit(shape, wanted):
            detail = f"Row {number}{where} has the shape {list(shape)}, but {list(wanted)} is wanted."
        elif shape != expected:
            detail = f"Row {number}{where} has the shape {list(shape)}, but a row before it has {list(expected)}."
        else:
            continue
        yield Fault(detail, pointer=place.pointer(number), row=number, column=inside)


class _NotNumbersError(Exception):
    """Something in a row that can't be part of an array, and the path to it."""

    def __init__(self, detail: str, path: tuple[int, ...]) -> None:
        super().__init__(detail)
        self.path = path


def _shape_of(value: object, path: tuple[int, ...]) -> Shape:
    if isinstance(value, list):
        if len(path) >= MAX_NESTING:
            raise _NotNumbersError("the lists are nested too deeply.", path)
        if not value:
            raise _NotNumbersError("an empty list has no numbers.", path)
        shapes = [_shape_of(item, (*path, index)) for index, item in enumerate(value)]
        for index, shape in enumerate(shapes):
            if shape != shapes[0]:
                detail = f"the shape {list(shape)} differs from {list(shapes[0])} beside it; lists must be even."
                raise _NotNumbersError(detail, (*path, index))
        return (len(value), *shapes[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _NotNumbersError(f"a number belongs here, not {name_type(value)}.", path)
    if not abs(value) <= FLOAT32_MAX:
        raise _NotNumbersError("numbers must be finite, and at most 3.4e38 in size.", path)
    return ()


def name_type(value: object) -> str:
    """What JSON calls the value's type, for use in a sentence."""
    names = {bool: "a boolean", str: "text", type(None): "null", list: "a list", dict: "an object", bytes: "a picture"}
    return names.get(type(value), "a number")


def describe(value: object) -> str:
    """A value for use in a sentence: a number itself, of anything else the type."""
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return f"{value:.6g}" if abs(value) <= FLOAT32_MAX else "a number beyond 3.4e38"
    return name_type(value)


def _without_trailing_ones(shape: Shape) -> Shape:
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape
