"""Columns of a table in memory, as NumPy holds them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import polars

CELLS_AT_ONCE = 1_000_000
"""Cells of a table that are read together, unless a single column has more."""


@dataclass(frozen=True)
class Texts:
    """A column of texts. `codes` (rows,) hold the index of each row's text in `names`; -1 where it is missing."""

    codes: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Iterable[str | None]) -> Self:
        """Create a column from one text per row, None where missing."""
        places: dict[str, int] = {}
        codes = [-1 if value is None else places.setdefault(value, len(places)) for value in values]
        return cls(np.array(codes, dtype=np.int32), tuple(places))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: np.ndarray | slice) -> Self:
        """The column with the selected rows only."""
        return replace(self, codes=self.codes[rows])

    def codes_among(self, names: Sequence[str]) -> np.ndarray:
        """The index in these `names` of each row's text (rows,), int32; -1 where it isn't among them."""
        places = {name: number for number, name in enumerate(names)}
        return np.array([*(places.get(name, -1) for name in self.names), -1], dtype=np.int32)[self.codes]

    def counts(self) -> dict[str, int]:
        """The number of rows of each name that occurs, in the order of the names."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names)).tolist()
        return {name: count for name, count in sorted(zip(self.names, counts, strict=True)) if count}

    def tolist(self) -> list[str | None]:
        return [None if code < 0 else self.names[code] for code in self.codes.tolist()]


def find_texts(column: "polars.Series") -> Texts:
    """Create a column from a Polars series of strings, without a Python loop; the names are sorted."""
    import polars

    names = column.drop_nulls().unique().sort()
    codes = column.replace_strict(names, range(len(names)), default=-1, return_dtype=polars.Int32)
    return Texts(codes.to_numpy(), tuple(names.to_list()))


class ColumnReader:
    """Reads columns of a lazy table by name.

    Every read visits all of the table's files, so the next columns are read ahead. Each column is returned once and
    then dropped.
    """

    def __init__(self, frame: "polars.LazyFrame", names: Sequence[str], rows: int) -> None:
        self._frame = frame
        self._names = list(names)
        self._places = {name: place for place, name in enumerate(names)}
        self._at_once = max(1, CELLS_AT_ONCE // max(1, rows))
        self._ahead: dict[str, polars.Series] = {}

    def read(self, name: str) -> "polars.Series":
        if name not in self._ahead:
            self._ahead.clear()
            start = self._places[name]
            group = self._frame.select(self._names[start : start + self._at_once]).collect()
            self._ahead = {column.name: column for column in group.get_columns()}
        return self._ahead.pop(name)


ColumnValues = np.ndarray | Texts
"""A column's rows: numbers as int64, or float64 with NaN where missing; booleans as float64, 0 or 1; dates as
datetime64[us]; texts for a category."""


def join_columns(parts: Sequence[ColumnValues]) -> ColumnValues:
    """The rows of a column's parts, one after the other."""
    if not isinstance(parts[0], Texts):
        return np.concatenate([part for part in parts if isinstance(part, np.ndarray)])
    texts = [part for part in parts if isinstance(part, Texts)]
    names = tuple(dict.fromkeys(name for part in texts for name in part.names))
    return Texts(np.concatenate([part.codes_among(names) for part in texts]), names)


def number_rows(columns: Iterable[ColumnValues], rows: int) -> np.ndarray:
    """A number for each row (rows,), from 0, which rows share if they have equal values in all columns. The numbers are
    in the order of the values, of texts in that of their codes."""
    numbers = np.zeros(rows, np.int64)
    for column in columns:
        values = column.codes if isinstance(column, Texts) else column
        _, each = np.unique(values, return_inverse=True)
        _, numbers = np.unique(numbers * (int(each.max(initial=0)) + 1) + each, return_inverse=True)
    return numbers


def is_missing(values: ColumnValues) -> np.ndarray:
    """Whether each row of a column lacks a value; booleans (rows,)."""
    if isinstance(values, Texts):
        return values.codes < 0
    return np.isnat(values) if values.dtype.kind == "M" else np.isnan(values)
