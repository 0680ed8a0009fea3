"""Rows posted to a prediction as CSV: the cells stay text, to be read as what their columns are."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, replace

from models.datasets.sources import find_unknown
from models.datasets.tables.dialect import QUOTE, explain, name_columns, recognise_text
from models.datasets.tables.numbers import read_number
from models.datasets.tables.words import BOOLEANS, WHITE_SPACE
from models.datasets.tensors import FLOAT32_MAX, MAX_FAULTS
from models.errors import Fault, InvalidInstances


class CsvCell(str):
    """A table's cell as a CSV body has it, white space and all: what it is only its column knows."""

    __slots__ = ()


@dataclass(frozen=True)
class CsvColumns:
    """What a table's CSV bodies hold: columns that are taken, and columns that may be there but don't count; and the
    quotes that they are in."""

    taken: tuple[str, ...]
    unused: tuple[str, ...] = ()
    quote: str = QUOTE


def read_csv_instances(data: bytes, table: CsvColumns | None, encoding: str = "utf-8") -> list:
    """The instances that a CSV body in the encoding (one of ENCODINGS) holds.

    With `table` the body has a header with some of its columns in any order, and an instance is an object by column
    of CsvCell. Without, every line is numbers, with a decimal point or comma, and an instance is a list of them. The
    delimiter is recognised. Blank lines don't count, but in a body of one column are a row without a value, except at
    the end. Raises InvalidInstances, naming rows and columns.
    """
    above = 0 if table is None else 1
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start)
        detail = f"Line {line + 1} of the CSV is no text in {encoding}."
        row = None if line < above else line - above
        raise InvalidInstances(Fault(f"{detail} Content-Type may name another charset.", row=row)) from problem
    quote = QUOTE if table is None else table.quote
    dialect = recognise_text(text, table is not None, quote)
    reader = dialect.rows(io.StringIO(text, newline=""))
    try:
        rows = list(reader)
    except csv.Error as problem:
        detail = f"Line {reader.line_num} of the CSV can't be read: {explain(problem)}."
        raise InvalidInstances(Fault(detail)) from problem
    rows = _without_blank_lines(rows[dialect.above :])
    return _read_numbers(rows) if table is None else _read_cells(rows, table)


def _without_blank_lines(rows: list[list[str]]) -> list[list[str]]:
    while rows and not rows[-1]:
        rows.pop()
    start = next((number for number, row in enumerate(rows) if row), 0)
    if rows and len(rows[start]) == 1:
        return [row or [""] for row in rows[start:]]
    return [row for row in rows if row]


def _read_cells(rows: list[list[str]], table: CsvColumns) -> list[dict[str, CsvCell]]:
    header = name_columns(rows[0]) if rows else []
    if not set(header) & set(table.taken):
        detail = "A table's CSV begins with a header that names its columns"
        raise InvalidInstances(Fault(f"{detail}: {', '.join(table.taken[:20])}.", allowed=table.taken))
    faults = [
        Fault(f'The header names "{name}" more than once.', column=name)
        for name, count in Counter(header).items()
        if count > 1
    ]
    known = {*table.taken, *table.unused}
    faults += [
        replace(find_unknown(name, table.taken, None, "column"), column=name) for name in header if name not in known
    ]
    if faults:
        raise InvalidInstances(*faults[:MAX_FAULTS])
    _refuse_ragged(rows[1:], len(header))
    return [dict(zip(header, map(CsvCell, row), strict=True)) for row in rows[1:]]


def _read_numbers(rows: list[list[str]]) -> list[list[float]]:
    _refuse_ragged(rows, len(rows[0]) if rows else 0)
    found = [[read_number(cell.strip(WHITE_SPACE), None) for cell in row] for row in rows]
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
