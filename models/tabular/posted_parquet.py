"""Reads rows of a Parquet file as the columns of a table, with the types that the file's import gives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from models.allowance import PARSED_BYTES, Allowance
from models.errors import Fault, InvalidData, InvalidInstances
from models.tabular.csv_instances import CsvCell, CsvColumns, check_columns
from models.tabular.parquet_pages import BadParquet, metadata_bytes, page_bytes
from models.tabular.parquet_reader import reading, scan_posted_parquet
from models.tabular.raw_table import RawTable, number_columns
from models.tabular.reading import HOLDS, read_column
from models.values.columns import Texts, find_texts

if TYPE_CHECKING:
    import polars

PostedColumn = np.ndarray | Texts | list
"""A column's values: typed, or as in JSON with None where one is missing."""


@dataclass(frozen=True)
class TableColumns:
    """Rows of a table, by column. A missing column has no value in any row."""

    rows: int
    columns: dict[str, PostedColumn]
    extra: tuple[str, ...] = ()
    """The unknown columns, which are ignored."""

    def __len__(self) -> int:
        return self.rows


def read_posted_parquet(
    data: bytes, name: str, table: CsvColumns, types: Mapping[str, str], allowance: Allowance
) -> TableColumns:
    """The rows of a Parquet file in memory; `types` are those of the table's columns, by name.

    Other columns aren't read. Raises InvalidInstances, naming rows and columns; Excessive, TookTooLong.
    """
    try:
        allowance.take_values(metadata_bytes(data))
        allowance.reserve(page_bytes(data, types.keys(), allowance.check_time))
        raw = scan_posted_parquet(data, name)
        allowance.take_rows(raw.rows)
        allowance.take_cells(raw.rows * len(types))
        with reading(name):
            return read_frame(raw, table, types, allowance)
    except BadParquet as problem:
        raise InvalidInstances(Fault(f'The Parquet file "{name}" {problem}.')) from problem
    except InvalidData as problem:
        raise InvalidInstances(*problem.faults) from problem


def read_frame(raw: RawTable, table: CsvColumns, types: Mapping[str, str], allowance: Allowance) -> TableColumns:
    """The rows of a raw table. Raises InvalidInstances, naming rows and columns; Excessive."""
    check_columns(raw.columns, table)
    extra = tuple(table.find_extra(raw.columns))
    taken = _select(raw, [name for name in raw.columns if name in types])
    try:
        columns = {name: _read(taken, name, types[name], allowance) for name in taken.columns}
    except InvalidData as problem:
        raise InvalidInstances(*problem.faults) from problem
    return TableColumns(raw.rows, columns, extra)


def _select(raw: RawTable, names: Sequence[str]) -> RawTable:
    """The table with these columns only: no other is read."""
    places = dict(zip(raw.columns, number_columns(len(raw.columns)), strict=True))
    new = dict(zip((places[name] for name in names), number_columns(len(names)), strict=True))
    return replace(raw, frame=raw.frame.select(list(new)).rename(new), columns=tuple(names))


def _read(raw: RawTable, name: str, type_: str, allowance: Allowance) -> PostedColumn:
    """A column's values. Texts among numbers, booleans and dates stay text: their format is the training rows'."""
    import polars

    allowance.check_time()
    kind = raw.types[name]
    if kind == polars.Null:
        return [None] * raw.rows
    if kind.is_nested():
        raise InvalidInstances(_unsupported(name, HOLDS.get(str(kind.base_type()), str(kind)), type_))
    if type_ == "category" and (kind.is_integer() or kind.is_float() or kind == polars.Boolean):
        # A number means the category that equals it, however it is written.
        cells = raw.cells(name)
        return (cells.fill_nan(None) if kind.is_float() else cells).to_list()
    if type_ != "category" and kind == polars.String:
        cells = raw.cells(name)
        allowance.reserve(int(cells.str.len_bytes().sum()))
        return [None if text is None else CsvCell(text) for text in cells.to_list()]
    found, values = read_column(raw, name, type_)
    if found.type == "unsupported":
        raise InvalidInstances(_unsupported(name, found.holds or "other values", type_))
    return _as_held(values, type_, allowance)


def _unsupported(name: str, holds: str, type_: str) -> Fault:
    return Fault(f'The column "{name}" holds {holds}, but its values must each be a {type_}.', column=name)


def _as_held(values: "polars.Series", type_: str, allowance: Allowance) -> PostedColumn:
    """Values that were read, as the input takes them."""
    import polars

    if type_ in ("category", "text"):
        return find_texts(values)
    allowance.reserve(len(values) * PARSED_BYTES)
    return values.to_numpy() if type_ == "date" else values.cast(polars.Float64).to_numpy()
