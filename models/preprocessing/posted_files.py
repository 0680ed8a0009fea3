"""Reads files of rows that clients post, in the formats of uploads: every file that became a dataset can be posted."""

import io
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from models.allowance import Allowance
from models.errors import Fault, InvalidData, InvalidInstances
from models.files.compressed import find_compression, inner_name, unpack_bytes
from models.files.formats import HEAD_BYTES, TITLES, detect_head
from models.preprocessing.posted import TableFile, read_npy
from models.tabular.csv_instances import CsvCell, CsvColumns, read_csv_instances
from models.tabular.json_reader import parse_rows, read_lines
from models.tabular.posted_parquet import TableColumns, read_posted_parquet

NPY_SIGNATURE = b"\x93NUMPY"
SEPARATORS = (b",", b"[", b"{", b"\n")
"""Each of these precedes at most one value of JSON or JSON Lines."""
ESCAPE = b"\\u"


def read_table_file(
    file: TableFile, table: CsvColumns | None, types: Mapping[str, str], allowance: Allowance
) -> list | np.ndarray | TableColumns:
    """The rows of a file: objects, lists, an array, or a table's columns.

    `table` has the columns of the model's input if it is a table, `types` their types. Raises InvalidInstances, naming
    rows and columns; Excessive, TookTooLong.
    """
    try:
        file = _unpack(file, allowance)
        if file.format is None and file.data.startswith(NPY_SIGNATURE):
            return read_npy(file.data)
        format_ = file.format or detect_head(file.data[:HEAD_BYTES], file.name)
        if format_ == "csv":
            return read_csv_instances(file.data, table, None, allowance)
        if format_ in ("json", "jsonl"):
            return _as_cells(_read_json(file, format_, allowance), types)
        if format_ == "parquet" and table is not None:
            return read_posted_parquet(file.data, file.name, table, types, allowance)
    except InvalidData as problem:
        raise InvalidInstances(*problem.faults) from problem
    detail = f"{TITLES[format_]} files aren't supported here: send rows as JSON or JSON Lines, or an array as NPY."
    raise InvalidInstances(Fault(detail, pointer="#"))


def _unpack(file: TableFile, allowance: Allowance) -> TableFile:
    if file.format is not None or find_compression(file.data) is None:
        return file
    data = unpack_bytes(io.BytesIO(file.data), file.name, allowance.reserve)
    return replace(file, data=data, name=inner_name(file.name))


def _read_json(file: TableFile, format_: str, allowance: Allowance) -> list:
    allowance.take_values(sum(map(file.data.count, SEPARATORS)) + 1)
    allowance.take_text(file.data, 2, is_wide=ESCAPE in file.data)
    if format_ == "json":
        return parse_rows(file.data, file.name)
    return list(read_lines(io.BytesIO(file.data), file.name))


def _as_cells(rows: list, types: Mapping[str, str]) -> list:
    """The rows with texts in columns of numbers as cells, which are read as in the file that the numbers came from."""
    numbers = [name for name, type_ in types.items() if type_ == "number"]
    for row in rows:
        if isinstance(row, dict):
            for name in numbers:
                if type(row.get(name)) is str:
                    row[name] = CsvCell(row[name])
    return rows
