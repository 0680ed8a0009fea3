"""Reads rows posted to a prediction as CSV. Cells stay text; the input parses them by the types of its columns."""

import codecs
import csv
import io
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from models.allowance import CSV_BYTES, Allowance
from models.errors import Fault, InvalidInstances
from models.suggestions import unknown_name
from models.tabular.csv_dialect import (
    HEAD_BYTES,
    QUOTE,
    Dialect,
    explain,
    find_encoding,
    name_columns,
    recognise_text,
)
from models.tabular.raw_table import MAX_COLUMNS
from models.values.numbers import read_number
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS
from models.values.words import BOOLEANS, WHITE_SPACE

BYTE_ORDER_MARK = "\ufeff"
MOST_HEAD_LINES = 1000
"""Lines in which the first row ends."""
REFUSE, IGNORE = "refuse", "ignore"
"""What unknown columns are, as clients say it: a fault, or ignored."""
BLANK_LINES = frozenset(("\n", "\r", "\r\n"))
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class CsvCell(str):
    """A cell of a table in a CSV body, with its white space; its column determines its type."""

    __slots__ = ()


@dataclass(frozen=True)
class CsvColumns:
    """The columns of a table's files: those that the model reads and those that are ignored; and the dialect of the
    CSV that the table came from, which files have unless they show another one."""

    taken: tuple[str, ...]
    unused: tuple[str, ...] = ()
    quote: str = QUOTE
    complete: bool = False
    """Whether all columns that the model reads are required."""
    ignores_extra: bool = False
    """Whether unknown columns are allowed, and ignored."""
    header: bool = True
    """Whether the table's file had a header; without one its columns are called `column_1` and so on."""
    delimiter: str | None = None
    encoding: str | None = None

    @property
    def width(self) -> int:
        """The number of columns of a file without a header."""
        return len(self.taken) + len(self.unused)

    def find_extra(self, names: Iterable[str]) -> list[str]:
        """The unknown columns among these, in their order."""
        known = {*self.taken, *self.unused}
        return [name for name in dict.fromkeys(names) if name not in known]


def read_csv_instances(
    data: bytes, table: CsvColumns | None, encoding: str | None = "utf-8", allowance: Allowance | None = None
) -> list:
    """The instances of a CSV body in the encoding (one of ENCODINGS; None: UTF-8, UTF-16 with a byte order mark, or the
    encoding of the table's file).

    With `table` the body has a header with some of the table's columns in any order, and an instance is an object of
    CsvCell by column; if the table's file had no header, the body may have none either. Without `table` every line is
    numbers, with a decimal point or comma, and an instance is a list of numbers. The delimiter is detected. Blank lines
    are ignored; in a body with one column they are rows without a value, except at the end. Raises InvalidInstances,
    naming rows and columns; Excessive if there are too many cells.
    """
    above = 0 if table is None else 1
    allowance = allowance or Allowance()
    encoding = encoding or _find_encoding(data, None if table is None else table.encoding)
    if "\n".encode(encoding) == b"\n":
        allowance.take_values(data.count(b"\n"), 0)
    # First the text; then a line and the pieces of it, or all rows and the cells that are made of them.
    allowance.take_text(data, 2)
    if encoding == "utf-16" and not data.startswith(UTF16_MARKS):
        encoding = "utf-16-le"  # as bytes.decode assumes; a stream refuses UTF-16 without a byte order mark
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start)
        detail = f"Line {line + 1} of the CSV can't be decoded as {encoding}."
        row = None if line < above else line - above
        raise InvalidInstances(Fault(f"{detail} Set another charset in Content-Type.", row=row)) from problem
    is_marked = text.startswith(BYTE_ORDER_MARK)
    dialect = _recognise(text[:HEAD_BYTES].removeprefix(BYTE_ORDER_MARK), table)
    cells = text.count("\n") + text.count("\r") + text.count(dialect.delimiter) + 1
    allowance.take_values(cells, CSV_BYTES)
    del text
    # A stream decodes line by line; StringIO would take four bytes for each character.
    lines = io.TextIOWrapper(io.BytesIO(data), encoding, newline="")
    lines.read(1 if is_marked else 0)
    header, rows = _read_head(_without_blank_lines(_read_rows(dialect, iter(lines))), table)
    return list(chain.from_iterable(_read_blocks(rows, header, None if header is None else len(header), None)))


def names_columns(data: bytes, encoding: str | None, table: CsvColumns) -> bool:
    """Whether a CSV body begins with a header that names some of the table's columns, not with numbers. `encoding` is
    as for read_csv_instances."""
    encoding = encoding or _find_encoding(data, table.encoding)
    head = data[:HEAD_BYTES].decode(encoding, errors="ignore").removeprefix(BYTE_ORDER_MARK)
    dialect = recognise_text(head, True, table.quote)
    try:
        first = next(_without_blank_lines(_read_rows(dialect, io.StringIO(head, newline=""))), [])
    except InvalidInstances:
        return False
    plain = all(read_number(cell.strip(WHITE_SPACE), None) is not None for cell in first)
    return not plain and not set(table.taken).isdisjoint(name_columns(first))


def read_csv_file(
    path: Path, name: str, table: CsvColumns | None, rows_at_once: int, at: int | None = None, most: int | None = None
) -> Iterator[tuple[list, float]]:
    """The instances of a CSV file in blocks, each with the share of the file that has been read. Only `most` rows, from
    the place `at` that find_csv_rows found, unless they are None.

    As read_csv_instances, but the encoding is detected. Raises InvalidInstances, with rows counted from the start of
    the block, and InvalidData for a file that isn't text.
    """
    size = path.stat().st_size
    encoding = find_encoding(path, name, None)
    with path.open("rb") as file, io.TextIOWrapper(file, encoding, newline="") as text:
        rows = _without_blank_lines(_read_rows(_find_dialect(text, table), iter(text.readline, "")))
        header, after = _read_head(rows, table)
        if at is None:
            width = None if header is None else len(header)
        else:
            width = len(next(after) if header is None else header)
            text.seek(at)
            after = rows  # reads on from there, and so leaves out the row that is both the first one and the header
        for instances in _read_blocks(islice(after, most), header, width, rows_at_once):
            yield instances, file.tell() / size


def find_csv_rows(path: Path, name: str, table: CsvColumns | None, every: int) -> Iterator[tuple[int, int]]:
    """Places in a CSV file between its rows, after each `every` rows and at the end: the number of rows before, and the
    place for read_csv_file. There are none in a file with one column, whose blank lines may be rows.

    Raises as read_csv_file, but only for rows that can't be told apart.
    """
    encoding = find_encoding(path, name, None)
    with path.open("rb") as file, io.TextIOWrapper(file, encoding, newline="") as text:
        counter = _RowCounter(text, _find_dialect(text, table))
        header, rows = _read_head(counter.rows, table)
        first = next(rows, [])
        if not first or len(header or first) < 2:
            return
        found, read = 0, 1
        while read := read + counter.count(every - read):
            found += read
            yield found, text.tell()
            if read < every:
                return
            read = 0


class _RowCounter:
    """Counts the rows of a CSV file without parsing all of them: where no line has a quote, each line is a row, unless
    it is blank."""

    def __init__(self, text: io.TextIOWrapper, dialect: Dialect) -> None:
        self._lines = iter(text.readline, "")
        self._taken: deque[str] = deque()
        """Lines that were read, but not parsed."""
        self._quote = dialect.quote
        self.rows = _without_blank_lines(_read_rows(dialect, self._next_lines()))
        """The rows that aren't counted yet."""

    def count(self, most: int) -> int:
        """Count the next rows, at most so many. Raises InvalidInstances."""
        found = 0
        while lines := list(islice(self._lines, most - found)):
            if self._quote in "".join(lines) or max(map(len, lines)) > csv.field_size_limit():
                self._taken.extend(lines)
                while self._taken and next(self.rows, None) is not None:
                    found += 1
            else:
                found += len(lines) - sum(map(BLANK_LINES.__contains__, lines))
        return found

    def _next_lines(self) -> Iterator[str]:
        while line := self._taken.popleft() if self._taken else next(self._lines, ""):
            yield line


def _find_dialect(text: io.TextIOWrapper, table: CsvColumns | None) -> Dialect:
    """The dialect of a file, which is then at its beginning."""
    dialect = _recognise(text.read(HEAD_BYTES), table)
    text.seek(0)
    return dialect


def _read_head(rows: Iterator[list[str]], table: CsvColumns | None) -> tuple[list[str] | None, Iterator[list[str]]]:
    """The names of the columns, None without a table; and the rows that aren't a header."""
    if table is None:
        return None, rows
    first = next(rows, [])
    if len(first) > MAX_COLUMNS:
        detail = f"The first row has {len(first):,} columns; the limit is {MAX_COLUMNS:,}."
        raise InvalidInstances(Fault(detail))
    header = _read_header(first, table)
    if not table.header and not _names_columns(first, table):
        rows = chain([first], rows)
    return header, rows


def _read_blocks(
    rows: Iterator[list[str]], header: list[str] | None, width: int | None, rows_at_once: int | None
) -> Iterator[list]:
    """The instances in rows of `width` cells, that of the first row if it's None, in blocks."""
    while block := list(islice(rows, rows_at_once)):
        width = len(block[0]) if width is None else width
        _refuse_ragged(block, width)
        yield _read_numbers(block) if header is None else _read_cells(block, header)


def _read_rows(dialect: Dialect, lines: Iterator[str]) -> Iterator[list[str]]:
    reader = dialect.rows(lines)
    try:
        yield from islice(reader, dialect.above, None)
    except csv.Error as problem:
        detail = f"Line {reader.line_num} of the CSV is unreadable: {explain(problem)}."
        raise InvalidInstances(Fault(detail)) from problem


def _without_blank_lines(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    width, blank = 0, 0
    for row in rows:
        if not row:
            blank += 1
            continue
        if width == 1:
            yield from ([""] for _ in range(blank))
        width, blank = width or len(row), 0
        yield row


def _find_encoding(data: bytes, own: str | None) -> str:
    """The encoding of a body whose Content-Type doesn't give it; `own` is that of the table's file."""
    if data.startswith(UTF16_MARKS):
        return "utf-16"
    return "utf-8" if own in (None, "utf-8") or _is_utf8(data) else own


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _recognise(head: str, table: CsvColumns | None) -> Dialect:
    """The dialect of a file that begins with this text; the delimiter is that of the table's file if it splits the
    first line into the table's columns."""
    found = recognise_text(head, table is not None, QUOTE if table is None else table.quote)
    if table is None or found.above or table.delimiter in (None, found.delimiter):
        return found
    own = replace(found, delimiter=table.delimiter)
    first = next(_without_blank_lines(_read_rows(own, iter(head.splitlines(keepends=True)[:MOST_HEAD_LINES]))), [])
    return own if _names_columns(first, table) or (not table.header and len(first) == table.width) else found


def _names_columns(row: list[str], table: CsvColumns) -> bool:
    """Whether a row is a header of the table."""
    return not set(table.taken).isdisjoint(name_columns(row))


def _read_header(row: list[str], table: CsvColumns) -> list[str]:
    """The names of the columns of a file whose first row this is. Without a header they are those of the table's file,
    or only those that the model reads."""
    if not table.header and not _names_columns(row, table):
        if len(row) == table.width:
            return [f"column_{number}" for number in range(1, table.width + 1)]
        if len(row) == len(table.taken):
            return list(table.taken)
        detail = f"The first row has {len(row)} fields. Without a header it has one for each of the table's"
        raise InvalidInstances(Fault(f"{detail} {table.width} columns, or the model's: {', '.join(table.taken[:20])}."))
    if not _names_columns(row, table):
        detail = "The CSV of a table starts with a header that names its columns"
        raise InvalidInstances(Fault(f"{detail}: {', '.join(table.taken[:20])}.", allowed=table.taken))
    header = name_columns(row)
    check_columns(header, table)
    return header


def check_columns(names: Sequence[str], table: CsvColumns) -> None:
    """Raise InvalidInstances for duplicate columns, for unknown ones unless they are ignored, and for missing ones if
    all are required."""
    faults = list(islice(_find_column_faults(names, table), MAX_FAULTS))
    if faults:
        raise InvalidInstances(*faults)


def _find_column_faults(names: Sequence[str], table: CsvColumns) -> Iterator[Fault]:
    counts = Counter(names)
    for name, count in counts.items():
        if count > 1:
            yield Fault(f'The header names "{name}" more than once.', column=name)
    for name in () if table.ignores_extra else table.find_extra(names):
        yield replace(unknown_name(name, table.taken, None, "column"), column=name)
    for name in table.taken if table.complete else ():
        if name not in counts:
            yield Fault(f'There is no column "{name}", which the model requires.', column=name)


def _read_cells(rows: list[list[str]], header: list[str]) -> list[dict[str, CsvCell]]:
    return [dict(zip(header, map(CsvCell, row), strict=True)) for row in rows]


def _read_numbers(rows: list[list[str]]) -> list[list[float]]:
    found = [[read_number(cell.strip(WHITE_SPACE), None) for cell in row] for row in rows]
    wrong = (
        (number, place)
        for number, row in enumerate(found)
        for place, value in enumerate(row)
        if value is None or not abs(value) <= FLOAT32_MAX
    )
    faults = [
        Fault(f'Row {number}: "{rows[number][place][:100]}" isn\'t a number.', row=number, column=str(place))
        for number, place in islice(wrong, MAX_FAULTS)
    ]
    if faults:
        raise InvalidInstances(*faults)
    return found  # type: ignore[return-value]


def _refuse_ragged(rows: list[list[str]], fields: int) -> None:
    wrong = [(number, len(row)) for number, row in enumerate(rows) if len(row) != fields]
    if wrong:
        detail = "Row {} has {} fields, but the first line has {}."
        faults = (Fault(detail.format(number, count, fields), row=number) for number, count in wrong[:MAX_FAULTS])
        raise InvalidInstances(*faults)


def read_boolean(text: str) -> bool | None:
    return BOOLEANS.get(text.lower())
