"""A table as its file has it, before anything is known about its columns."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from models.datasets.columns import ColumnReader
from models.datasets.pointers import pointer_to
from models.errors import Fault

if TYPE_CHECKING:
    import polars

MAX_COLUMNS = 10_000


@dataclass(frozen=True)
class RawTable:
    """Rows and columns that Polars reads when they are asked for."""

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

    @classmethod
    def of(cls, columns: dict[str, np.ndarray]) -> Self:
        """A table of arrays (rows,)."""
        import polars

        frame = polars.DataFrame(columns)
        return cls(frame.lazy(), tuple(columns), len(frame))

    def fault(self, detail: str, row: int | None = None, column: str | None = None) -> Fault:
        """What is wrong, and where: in the file, or in the posted rows."""
        if self.file is not None:
            return Fault(detail, file=self.file, row=row, column=column)
        pointer = pointer_to("rows") if column is None else pointer_to("rows", row or 0, column)
        return Fault(detail, pointer, row=row, column=column)

    def cells(self, name: str) -> "polars.Series":
        """A column's cells, null where missing."""
        return self._reader.read(name)

    @cached_property
    def _reader(self) -> ColumnReader:
        return ColumnReader(self.frame, self.columns, self.rows)
