"""Reads the posted values of a table's column, and describes those that aren't of its type."""

import math
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np

from models.errors import Fault
from models.preprocessing.fitted_column import FittedColumn
from models.tabular.csv_instances import CsvCell, read_boolean
from models.tabular.posted_parquet import PostedColumn
from models.values.columns import ColumnValues, Texts
from models.values.dates import ISO, describe_format, read_date
from models.values.numbers import read_number
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS, describe

TEXTS = ("category", "text")
"""The types of columns whose values are texts of any form."""
EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "category": "text",
    "text": "text",
    "date": "a date in ISO 8601, such as 2024-01-31 or 2024-01-31T18:30:00",
}


def find_cell_fault(column: FittedColumn, row: int, value: object, pointer: str | None = None) -> Fault:
    """The fault of a value that isn't of its column's type."""
    detail = f'"{column.name}" must be {_describe_expected(column, value)}, not {_describe_posted(value)}.'
    return Fault(f"Row {row}: {detail}", pointer, row=row, column=column.name)


def read_values(column: FittedColumn, values: PostedColumn) -> tuple[ColumnValues, list[int]]:
    """A column's posted values as in a dataset, and the first MAX_FAULTS rows with an invalid one."""
    if not isinstance(values, list):
        return values, []
    read = READERS[column.type]
    found: list[Any] = [None if value is None else read(value, column) for value in values]
    pairs = enumerate(zip(values, found, strict=True))
    wrong = list(islice((row for row, (value, one) in pairs if one is None and value is not None), MAX_FAULTS))
    if column.type in TEXTS:
        return Texts.of(found), wrong
    if column.type == "date":
        return np.array([np.datetime64("NaT") if one is None else one for one in found], "datetime64[us]"), wrong
    return np.array([math.nan if one is None else one for one in found], dtype=np.float64), wrong


def _read_number(value: object, column: FittedColumn) -> float | None:
    if isinstance(value, CsvCell) or (isinstance(value, str) and column.is_amount):
        value = read_number(value, column.format)
    plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FLOAT32_MAX
    return value if plain else None  # type: ignore[return-value]


def _read_boolean(value: object, column: FittedColumn) -> float | None:
    if isinstance(value, str):
        value = read_boolean(value)
    return float(value) if isinstance(value, int | float) and value in (0, 1) else None


def _read_category(value: object, column: FittedColumn) -> str | None:
    if isinstance(value, str):
        return str(value)
    return column.find_category(value) if isinstance(value, int | float) else None


def _read_text(value: object, column: FittedColumn) -> str | None:
    return str(value) if isinstance(value, str) else None


def _read_date(value: object, column: FittedColumn) -> np.datetime64 | None:
    return read_date(value, column.format) if isinstance(value, str) else None


READERS: dict[str, Callable[[object, FittedColumn], Any]] = {
    "number": _read_number, "boolean": _read_boolean, "category": _read_category, "text": _read_text,
    "date": _read_date,
}  # fmt: skip


def _describe_expected(column: FittedColumn, value: object) -> str:
    written = " or a number" if column.type == "category" and column.numeric_categories else ""
    if column.type == "date" and column.format not in (None, ISO):
        written = f", or written as {describe_format(column.format)}"
    elif column.type == "number" and column.format is not None and (isinstance(value, CsvCell) or column.is_amount):
        written = f", such as {column.format}"
    return EXPECTED[column.type] + written


def _describe_posted(value: object) -> str:
    if isinstance(value, CsvCell):
        return f'"{value[:100]}"'
    return f'the text "{value[:100]}"' if isinstance(value, str) else describe(value)
