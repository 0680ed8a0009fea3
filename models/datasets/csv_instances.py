"""Rows posted to a prediction as CSV: the cells stay text, to be read as what their columns are."""

import csv
import io
from collections import Counter

from models.datasets.tables.dialect import name_columns, recognise_text
from models.datasets.tables.numbers import read_number
from models.datasets.tables.words import BOOLEANS, MISSING, WHITE_SPACE
from models.datasets.tensors import FLOAT32_MAX, MAX_FAULTS
from models.errors import Fault, InvalidInstances


class CsvCell(str):
    """A table's cell as a CSV body has it: a number, a boolean or a date that is still text."""

    __slots__ = ()


def read_csv_instances(data: bytes, columns: list[str] | None) -> list:
    """The instances that a CSV body holds.

    With `columns`, a table's, the body has a header with some of them in any order, and an instance is an object by
    column: CsvCell, None where missing. Without, every line is numbers, with a decimal point or comma, and an
    instance is a list of them. The delimiter is recognised. Raises InvalidInstances, naming rows and columns.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        row = data.count(b"\n", 0, problem.start)
        raise InvalidInstances(Fault(f"Line {row + 1} of the CSV is no text in UTF-8.", row=row)) from problem
    dialect = recognise_text(text, header=columns is not None)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter, quotechar=dialect.quote)
    try:
        rows = [[cell.strip(WHITE_SPACE) for cell in row] for row in reader if row]
    except csv.Error as problem:
        raise InvalidInstances(Fault(f"Line {reader.line_num} of the CSV: {problem}.")) from problem
    if columns is None:
        return _read_numbers(rows)
    return _read_cells(rows, columns)


def _read_cells(rows: list[list[str]], columns: list[str]) -> list[dict[str, CsvCell | None]]:
    header = name_columns(rows[0]) if rows else []
    doubled = [name for name, count in Counter(header).items() if count > 1]
    if doubled:
        raise InvalidInstances(Fault(f'The header names "{doubled[0]}" more than once.', column=doubled[0]))
    if not set(header) & set(columns):
        detail = "A table's CSV begins with a header that names its columns"
        raise InvalidInstances(Fault(f"{detail}: {', '.join(columns[:20])}.", allowed=tuple(columns)))
    _refuse_ragged(rows[1:], len(header))
    cells = ([None if cell in MISSING else CsvCell(cell) for cell in row] for row in rows[1:])
    return [dict(zip(header, row, strict=True)) for row in cells]


def _read_numbers(rows: list[list[str]]) -> list[list[float]]:
    _refuse_ragged(rows, len(rows[0]) if rows else 0)
    found = [[read_number(cell, None) for cell in row] for row in rows]
    faults = [
        Fault(f'Row {number}: "{rows[number][place][:100]}" is no number.', row=number, column=str(place))
        for number, row in enumerate(found)
        for place, value in enumerate(row)
        if value is None or not abs(value) <= FLOAT32_MAX
    ]
    if faults:
        raise InvalidInstances(*faults[:MAX_FAULTS])
    return found  # type: ignore[return-value]


def _refuse_ragged(rows: list[list[str]], fields: int) -> None:
    wrong = [(number, len(row)) for number, row in enumerate(rows) if len(row) != fields]
    if wrong:
        detail = "Row {} has {} fields, but the first line has {}."
        faults = (Fault(detail.format(number, count, fields), row=number) for number, count in wrong[:MAX_FAULTS])
        raise InvalidInstances(*faults)


def read_boolean(text: str) -> bool | None:
    return BOOLEANS.get(text.lower())
