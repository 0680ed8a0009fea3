"""A table as read from its file, before the types of its columns are known."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from models.dataset_descriptor import FileDescriptor, Note
from models.errors import Fault, InvalidData
from models.limits import Limits
from models.values.columns import ColumnReader
from models.values.pointers import pointer_to
from models.values.tensors import MAX_FAULTS

if TYPE_CHECKING:
    import polars

MAX_COLUMNS = 10_000
NUMBER_BYTES = 8
"""Bytes of a number; a text takes at least as much."""


def find_size_problem(rows: int, columns: int, limits: Limits) -> str | None:
    """What is wrong with a table of this size, however few bytes its file has: its cells would fill the disk."""
    size = rows * columns * NUMBER_BYTES
    if size <= limits.dataset_bytes:
        return None
    return f"{rows:,} rows of {columns:,} columns become {size:,} bytes; the limit is {limits.dataset_bytes:,}."


def number_columns(count: int) -> list[str]:
    """The names of `count` columns in Polars: their positions. Polars treats `*` and `^…$` as patterns, not names."""
    return list(map(str, range(count)))


@dataclass(frozen=True)
class RawTable:
    """Rows and columns that Polars reads on demand; in the frame, columns are named by their positions."""

    frame: "polars.LazyFrame"
    columns: tuple[str, ...]
    rows: int
    textual: bool = False
    """Whether every value is text from the file, whose type must be inferred."""
    file: str | None = None
    """The name of the file; None for rows in the request."""
    decimal: str = "."
    fixed_decimal: bool = False
    """Whether the client gave the decimal separator."""
    unnamed: frozenset[str] = frozenset()
    """Columns without a name in the file."""
    facts: FileDescriptor = field(default_factory=FileDescriptor)
    """What was detected about the file, for the descriptor."""
    parts: tuple[tuple[str, int], ...] = ()
    """If the rows come from several files: the name of each and the index of its first row."""
    nested: dict[str, str] = field(default_factory=dict)
    """The columns of lists or objects, which are empty here, and which of the two they hold."""
    rounded: frozenset[str] = frozenset()
    """The columns of integers that have more digits than a number distinguishes, and are rounded here."""
    notes: tuple[Note, ...] = ()
    """What was assumed or dropped while the file was read."""

    @classmethod
    def of(cls, columns: dict[str, np.ndarray]) -> Self:
        """Create a table from arrays (rows,)."""
        import polars

        frame = polars.DataFrame(list(columns.values()), schema=number_columns(len(columns)))
        return cls(frame.lazy(), tuple(columns), len(frame))

    @cached_property
    def _places(self) -> dict[str, str]:
        return dict(zip(self.columns, number_columns(len(self.columns)), strict=True))

    def fault(self, detail: str, row: int | None = None, column: str | None = None) -> Fault:
        """A fault with its location in the file or in the posted rows."""
        if self.parts and row is not None:
            name, start = next(part for part in reversed(self.parts) if part[1] <= row)
            where = f" Of {name} it is row {row - start}." if start else ""
            return Fault(f"{detail}{where}", file=name, row=row - start, column=column)
        if self.file is not None:
            return Fault(detail, file=self.file, row=row, column=column)
        pointer = pointer_to("rows") if column is None else pointer_to("rows", row or 0, column)
        return Fault(detail, pointer, row=row, column=column)

    def refuse_missing(self, values: "polars.Series", column: str, detail: str) -> None:
        """Raise InvalidData, naming the first rows, if the column has no value in some. `detail` follows the row."""
        rows = values.is_null().arg_true().head(MAX_FAULTS).to_list()
        if rows:
            raise InvalidData(*(self.fault(f"Row {row}: {detail}", row, column) for row in rows))

    def cells(self, name: str) -> "polars.Series":
        """A column's cells, null where missing; the series has the same name as in the frame."""
        return self._reader.read(self._places[name])

    @cached_property
    def types(self) -> dict[str, "polars.DataType"]:
        """The columns' types in the file."""
        return dict(zip(self.columns, self.frame.collect_schema().dtypes(), strict=True))

    @cached_property
    def _reader(self) -> ColumnReader:
        return ColumnReader(self.frame, list(self._places.values()), self.rows)
