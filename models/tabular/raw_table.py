"""A table as its file has it, before anything is known about its columns."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from models.errors import Fault
from models.values.columns import ColumnReader
from models.values.pointers import pointer_to

if TYPE_CHECKING:
    import polars

MAX_COLUMNS = 10_000


def number_columns(count: int) -> list[str]:
    """What Polars calls so many columns: their places. To it `*` and `^…$` are no names, but patterns of names."""
    return list(map(str, range(count)))


@dataclass(frozen=True)
class RawTable:
    """Rows and columns that Polars reads when they are asked for; in the frame a column is called by its place."""

    frame: "polars.LazyFrame"
    columns: tuple[str, ...]
    rows: int
    textual: bool = False
    """Whether every value is the file's own text, of which the types are still to be found."""
    file: str | None = None
    """The file's name; None for rows posted within the request."""
    decimal: str = "."
    unnamed: frozenset[str] = frozenset()
    """Columns without a name of their own."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What was recognised about the file, for the descriptor."""
    nested: dict[str, str] = field(default_factory=dict)
    """The columns of lists or of objects, which are empty here, and which of the two they hold."""

    @classmethod
    def of(cls, columns: dict[str, np.ndarray]) -> Self:
        """A table of arrays (rows,)."""
        import polars

        frame = polars.DataFrame(list(columns.values()), schema=number_columns(len(columns)))
        return cls(frame.lazy(), tuple(columns), len(frame))

    @cached_property
    def _places(self) -> dict[str, str]:
        return dict(zip(self.columns, number_columns(len(self.columns)), strict=True))

    def fault(self, detail: str, row: int | None = None, column: str | None = None) -> Fault:
        """What is wrong, and where: in the file, or in the posted rows."""
        if self.file is not None:
            return Fault(detail, file=self.file, row=row, column=column)
        pointer = pointer_to("rows") if column is None else pointer_to("rows", row or 0, column)
        return Fault(detail, pointer, row=row, column=column)

    def cells(self, name: str) -> "polars.Series":
        """A column's cells, null where missing; the series is called as in the frame."""
        return self._reader.read(self._places[name])

    @cached_property
    def _reader(self) -> ColumnReader:
        return ColumnReader(self.frame, list(self._places.values()), self.rows)
