"""Reads Parquet files as raw tables: in place, column by column."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from models.dataset_descriptor import FileDescriptor
from models.errors import Fault, InvalidData, describe_problem
from models.limits import Limits
from models.tabular.raw_table import MAX_COLUMNS, RawTable, find_size_problem, number_columns

if TYPE_CHECKING:
    import polars


def read_parquet(path: Path, name: str, limits: Limits, *, is_checked: bool = False) -> RawTable:
    """Read the table of a Parquet file. `is_checked`: its data was found undamaged before.

    Raises InvalidData if it is damaged, too large or has no rows.
    """
    import polars

    frame, columns, rows = _scan(path, name)
    if rows > limits.rows:
        raise InvalidData(Fault(f'"{name}" has {rows:,} rows; the limit is {limits.rows:,}.', file=name))
    if len(columns) > MAX_COLUMNS:
        raise InvalidData(Fault(f'"{name}" has {len(columns):,} columns; the limit is {MAX_COLUMNS:,}.', file=name))
    if problem := find_size_problem(rows, len(columns), limits):
        raise InvalidData(Fault(problem, file=name))
    if not is_checked:
        with reading(name):
            # the metadata is at the end of the file; damage in the data before it shows only when they are read
            frame.select(polars.all().null_count()).collect(engine="streaming")
    return RawTable(_with_plain_types(frame, columns), columns, rows, file=name, facts=FileDescriptor("parquet"))


def scan_posted_parquet(data: bytes, name: str) -> RawTable:
    """The table of a Parquet file in memory. Only its metadata is read before its columns are.

    Raises InvalidData if it is damaged or has no rows.
    """
    frame, columns, rows = _scan(io.BytesIO(data), name)
    return RawTable(_with_plain_types(frame, columns), columns, rows, file=name)


def _scan(source: Path | io.BytesIO, name: str) -> tuple["polars.LazyFrame", tuple[str, ...], int]:
    """A file's table, its columns and the number of its rows; raises InvalidData."""
    import polars

    with reading(name):
        frame = polars.scan_parquet(source, glob=False)
        columns = tuple(frame.collect_schema().names())
        rows = int(frame.select(polars.len()).collect().item())
    if not rows or not columns:
        raise InvalidData(Fault(f'The Parquet file "{name}" has no rows.', file=name))
    return frame, columns, rows


def _with_plain_types(frame: "polars.LazyFrame", columns: tuple[str, ...]) -> "polars.LazyFrame":
    """The table with columns named by their positions, and with types that Polars fully supports."""
    import polars

    frame = frame.rename(dict(zip(columns, number_columns(len(columns)), strict=True)))
    wanted = {place: _plain_type(type_) for place, type_ in frame.collect_schema().items()}
    return frame.with_columns(polars.col(place).cast(type_) for place, type_ in wanted.items() if type_ is not None)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn Polars's errors in the block into InvalidData."""
    from polars.exceptions import PanicException, PolarsError

    try:
        yield
    except (PolarsError, PanicException, OSError) as problem:
        detail = f'The Parquet file "{name}" is damaged: {describe_problem(problem)}.'
        raise InvalidData(Fault(detail, file=name)) from problem


def _plain_type(type_: "polars.DataType") -> "type[polars.DataType] | None":
    """The type to cast a column to if Polars doesn't fully support its own; None if no cast is needed."""
    import polars

    if type_ in (polars.Categorical, polars.Enum):
        return polars.String
    return polars.Float64 if type_ in (polars.Int128, polars.UInt128, polars.Float16) else None
