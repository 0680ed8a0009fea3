"""Rows in the order of their series and of time; the gaps between them, and the steps that fill these."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from models.values.columns import ColumnValues, Texts, number_rows
from models.values.dates import write_dates

A_GAP = 1.5
"""From this many usual steps on, a step is a gap: months and years differ in length by less."""
TOLERANCE = 0.25
"""How far, in usual steps, a step may be from a multiple of the usual one without being irregular."""
FILLED_BYTES = 80
"""The memory of a position while missing steps are inserted, with one column at a time."""
UNITS = (("day", 86_400_000_000), ("hour", 3_600_000_000), ("minute", 60_000_000), ("second", 1_000_000))
"""In microseconds."""


class TooManyRows(Exception):
    """The inserted steps exceed the limit; the message is how many rows there would be."""

    def __init__(self, rows: float) -> None:
        super().__init__(f"{rows:,.0f} rows" if math.isfinite(rows) else "infinitely many rows")


@dataclass(frozen=True)
class Timeline:
    """The rows of a table in order: each series in turn, and each of them in time order.

    A position counts these rows; a row is an index in the table.
    """

    rows: np.ndarray
    """The row at each position (positions,); at an inserted position, the row before it."""
    starts: np.ndarray
    """The first position of each series, ascending; each series has at least one row."""
    times: np.ndarray | None = None
    """The time at each position; dates as µs since 1970."""
    following: np.ndarray | None = None
    """The row after each inserted position; None if nothing was inserted."""
    shares: np.ndarray | None = None
    """The share of the way from `rows` to `following`; 0 at positions that weren't inserted."""

    @classmethod
    def of(cls, codes: np.ndarray, times: np.ndarray | None) -> Self:
        """Order rows by their series' numbers, `codes` (rows,), and by time; without times they keep their order."""
        order = np.argsort(codes, kind="stable") if times is None else np.lexsort((times, codes))
        ordered = codes[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        return cls(order, starts, None if times is None else times[order])

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def ends(self) -> np.ndarray:
        """The position after the last one of each series."""
        return np.r_[self.starts[1:], len(self.rows)]

    @cached_property
    def inserted(self) -> np.ndarray:
        """Whether each position was inserted."""
        return np.zeros(len(self.rows), bool) if self.shares is None else self.shares > 0

    def series_at(self, positions: np.ndarray) -> np.ndarray:
        """The number of the series at each position."""
        return np.searchsorted(self.starts, positions, side="right") - 1

    def find_repeated(self) -> np.ndarray:
        """The positions that have the same time as the position before them, in the same series."""
        return self._places[self._lengths == 0]

    def find_usual_step(self) -> float | None:
        """The median time between two rows of a series; None without times, or if no series has two."""
        positive = self._lengths[self._lengths > 0]
        return float(np.median(positive)) if len(positive) else None

    def find_gaps(self, step: float) -> np.ndarray:
        """The positions that follow a gap."""
        return self._places[self._lengths >= A_GAP * step]

    def count_irregular(self, step: float) -> int:
        """The number of steps that are no multiple of the usual one."""
        with np.errstate(over="ignore", invalid="ignore"):  # the step may be so short that others are infinitely long
            relative = self._lengths / step
            return int((np.abs(relative - np.maximum(1, np.rint(relative))) > TOLERANCE).sum())

    def fill(self, step: float, most: int, reserve: Callable[[int], None] = lambda size: None) -> Self:
        """The timeline with the missing steps inserted, evenly between the rows beside each gap.

        `reserve` is called with the bytes that it takes before they are allocated. Raises TooManyRows if it would have
        more than `most` rows.
        """
        if self.times is None:
            return self
        with np.errstate(over="ignore"):  # as in count_irregular
            missing = np.maximum(0, np.rint(self._lengths / step) - 1)
            total = len(self.rows) + float(missing.sum())
        if total > most:
            raise TooManyRows(total)
        reserve(int(total) * FILLED_BYTES)
        counts = np.ones(len(self.rows), np.int64)
        counts[self._places - 1] += missing.astype(np.int64)
        firsts = np.cumsum(counts) - counts
        before = np.repeat(np.arange(len(self.rows)), counts)
        after = np.minimum(before + 1, len(self.rows) - 1)
        shares = (np.arange(len(before)) - firsts[before]) / counts[before]
        between = shares * (self.times[after] - self.times[before])
        if self.times.dtype.kind == "i":
            between = np.rint(between).astype(self.times.dtype)
        return replace(
            self,
            rows=self.rows[before],
            starts=firsts[self.starts],
            times=self.times[before] + between,
            following=self.rows[after],
            shares=shares,
        )

    def take(self, values: ColumnValues, *, interpolate: bool) -> ColumnValues:
        """A table's column (rows,) at all positions. An inserted one has the value before it, or, with `interpolate`, a
        number between those beside it."""
        found = values[self.rows]
        if isinstance(found, Texts) or isinstance(values, Texts) or not interpolate or self.shares is None:
            return found
        assert self.following is not None
        return np.where(self.inserted, found + self.shares * (values[self.following] - found), found)

    @cached_property
    def _places(self) -> np.ndarray:
        """The positions that aren't the first of their series."""
        isnt_first = np.ones(len(self.rows), bool)
        isnt_first[self.starts] = False
        return np.flatnonzero(isnt_first)

    @cached_property
    def _lengths(self) -> np.ndarray:
        """The time between each of these positions and the one before; NaN without times."""
        if self.times is None:
            return np.full(len(self._places), np.nan)
        return self.times[self._places] - self.times[self._places - 1]


def number_series(columns: Sequence[ColumnValues], rows: int) -> np.ndarray:
    """The number of each row's series (rows,): rows with the same values in all columns are one series. The series are
    numbered in the order in which they first occur."""
    codes = number_rows(columns, rows)
    _, firsts = np.unique(codes, return_index=True)
    places = np.empty(len(firsts), np.int64)
    places[np.argsort(firsts)] = np.arange(len(firsts))
    return places[codes]


def name_series(group: Mapping[str, ColumnValues], row: int) -> str:
    """The series of a row for people, such as `symbol=A, market=NYSE`; `group` holds the columns that tell it."""
    labels = label_series(group, np.array([row]))[0]
    return ", ".join(f"{name}={value}" for name, value in labels.items())


def label_series(group: Mapping[str, ColumnValues], rows: np.ndarray) -> list[dict[str, Any]]:
    """The values of the group's columns in each of the rows, as in JSON."""
    columns = [_to_json(values[rows]) for values in group.values()]
    return [dict(zip(group, values, strict=True)) for values in zip(*columns, strict=True)]


def _to_json(values: ColumnValues) -> list[Any]:
    if isinstance(values, Texts):
        return values.tolist()
    if values.dtype.kind == "M":
        return write_dates(values)
    # One type for all: a file of predictions has one for a column.
    numbers = values.tolist()
    return list(map(int, numbers)) if all(number.is_integer() for number in numbers) else numbers


def write_times(times: np.ndarray, type_: str) -> list[str]:
    """Times of a timeline as text: dates in ISO 8601, numbers in decimal."""
    return write_dates(times.astype("datetime64[us]")) if type_ == "date" else [f"{time:.15g}" for time in times]


def describe_step(step: float, type_: str) -> str:
    """A time between two rows, such as `1 day`."""
    if type_ != "date":
        return f"{step:g}"
    name, size = next(((name, size) for name, size in UNITS if step >= size and step % size == 0), UNITS[-1])
    return f"{step / size:g} {name}{'s' * (step != size)}"
