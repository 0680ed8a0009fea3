"""Turns nested lists of numbers into arrays, and locates invalid values in them."""

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
"""Invalid rows that an error names."""

MAX_NESTING = 16
FLOAT32_MAX = float(np.finfo(np.float32).max)

KINDS = {0: "vector", 1: "vector", 2: "sequence", 3: "image", 4: "video"}
"""The kind of rows, by the rank of one row."""

Shape = tuple[int, ...]


def shapes_fit(shape: Shape, wanted: Shape) -> bool:
    """Whether a row of `shape` can be reshaped to `wanted` without changing its meaning.

    This holds if they differ only by trailing dimensions of 1, or one is the other flattened.
    """
    if shape == wanted:
        return True
    if math.prod(shape) != math.prod(wanted):
        return False
    return len(shape) <= 1 or len(wanted) <= 1 or _without_trailing_ones(shape) == _without_trailing_ones(wanted)


@dataclass(frozen=True)
class Place:
    """Where rows are in the posted body: below `above`, and within each row below `within`.

    If `above` is None, the body isn't JSON and has no pointers.
    """

    above: tuple[str, ...] | None
    within: tuple[str, ...] = ()

    @property
    def whole(self) -> str | None:
        """The pointer to the list of rows."""
        return None if self.above is None else pointer_to(*self.above)

    def pointer(self, row: int, path: tuple[str | int, ...] = ()) -> str | None:
        return None if self.above is None else pointer_to(*self.above, row, *self.within, *path)


def read_numbers(
    rows: list, place: Place, error: type[InvalidInput], wanted: Shape | None = None, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Convert nested lists of numbers into an array, rows first; each row must fit the shape `wanted`, if given.

    Raises `error`, naming the rows, for booleans, text, null, numbers that aren't finite as float32, and rows of
    different shapes.
    """
    array = _read_at_once(rows, dtype)
    if array is None or not (wanted is None or shapes_fit(array.shape[1:], wanted)):
        raise error(*islice(_find_faults(rows, place, wanted), MAX_FAULTS))
    return array


def _read_at_once(rows: list, dtype: DTypeLike) -> np.ndarray | None:
    """The array, or None if anything is invalid; without a Python loop over the numbers."""
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
    """The types of the innermost values of nested lists, at the depth of the first row."""
    leaves: Any = rows
    first = rows[0] if rows else None
    while isinstance(first, list):
        leaves = chain.from_iterable(leaves)
        first = first[0] if first else None
    return set(map(type, leaves))


def _find_faults(rows: list, place: Place, wanted: Shape | None) -> Iterator[Fault]:
    """The faults of each row; the expected shape is `wanted`, or else the first row's."""
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
            detail = f"Row {number}{where} has the shape {list(shape)}, but {list(wanted)} is expected."
        elif shape != expected:
            detail = f"Row {number}{where} has the shape {list(shape)}, but an earlier row has {list(expected)}."
        else:
            continue
        yield Fault(detail, pointer=place.pointer(number), row=number, column=inside)


class _NotNumbersError(Exception):
    """A value in a row that can't be part of an array, and its path."""

    def __init__(self, detail: str, path: tuple[int, ...]) -> None:
        super().__init__(detail)
        self.path = path


def _shape_of(value: object, path: tuple[int, ...]) -> Shape:
    if isinstance(value, list):
        if len(path) >= MAX_NESTING:
            raise _NotNumbersError("the lists are nested too deep.", path)
        if not value:
            raise _NotNumbersError("a list is empty.", path)
        shapes = [_shape_of(item, (*path, index)) for index, item in enumerate(value)]
        for index, shape in enumerate(shapes):
            if shape != shapes[0]:
                detail = (
                    f"the shape {list(shape)} differs from {list(shapes[0])} before it; lists must have equal shapes."
                )
                raise _NotNumbersError(detail, (*path, index))
        return (len(value), *shapes[0])
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _NotNumbersError(f"expected a number, not {name_type(value)}.", path)
    if not abs(value) <= FLOAT32_MAX:
        raise _NotNumbersError("numbers must be finite and at most 3.4e38 in magnitude.", path)
    return ()


def name_type(value: object) -> str:
    """The JSON name of the value's type, for use in a sentence."""
    names = {bool: "a boolean", str: "text", type(None): "null", list: "a list", dict: "an object", bytes: "an image"}
    return names.get(type(value), "a number")


def describe(value: object) -> str:
    """A value for use in a sentence: a number itself, or the type of anything else."""
    if isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool)):
        return f"{value:.6g}" if abs(value) <= FLOAT32_MAX else "a number beyond 3.4e38"
    return name_type(value)


def _without_trailing_ones(shape: Shape) -> Shape:
    while shape and shape[-1] == 1:
        shape = shape[:-1]
    return shape
