"""The dialect of a CSV file (encoding, delimiter, quotes, header, decimal separator), from the client or detected."""

import codecs
import contextlib
import csv
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.dataset_descriptor import FileDescriptor
from models.errors import Fault, InvalidData
from models.values.words import LOOSE, MISSING, WHITE_SPACE

DELIMITERS = (",", ";", "\t", "|")
HEAD_BYTES = 256 * 1024
SAMPLE_ROWS = 200
BLOCK_BYTES = 8 * 1024 * 1024
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
WESTERN = "cp1252"
QUOTE = '"'
NUMBER = re.compile(r"[+-]?(\d+([.,]\d+)*|[.,]\d+)([eE][+-]?\d+)?")
POINT = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d*)\.\d+")
COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*),\d+")
EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
"""A number whose separator may be the decimal separator or the thousands separator."""
SEPARATOR = re.compile(r'"?sep=([^\w\s"\'.+-]|\t)"?\s*')
"""A first line that declares the delimiter, as in Excel."""
CROWDED = 0.3
"""In Western text accented letters stand alone. If a larger share of them is in runs of three or more, the file is text
in another script, or not text."""


@dataclass(frozen=True)
class Dialect:
    """The dialect of a file: `encoding` is Python's name; `decimal` is `.` or `,`."""

    delimiter: str
    quote: str
    encoding: str
    decimal: str
    header: bool
    above: int = 0
    """The number of lines above the header, or above the first row if there is no header."""
    missing: tuple[str, ...] = ()
    """Words that mean a missing value, besides those that always do."""

    def describe(self) -> FileDescriptor:
        return FileDescriptor(
            "csv",
            encoding="utf-8" if self.encoding == "utf-8-sig" else self.encoding,
            delimiter=self.delimiter,
            quote=self.quote,
            decimal=self.decimal,
            header=self.header,
            missing=list(self.missing) or None,
        )

    def rows(self, lines: Iterator[str]) -> Any:
        """A csv.reader over the lines."""
        return csv.reader(lines, delimiter=self.delimiter, quotechar=self.quote)


def recognise(path: Path, name: str, options: dict[str, Any]) -> Dialect:
    """Detect the dialect of a file; `options` (the request's `csv`) take precedence.

    Raises InvalidData if the bytes aren't text in the encoding.
    """
    encoding = find_encoding(path, name, options.get("encoding"))
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        complete = not file.read(1)
    text = codecs.getincrementaldecoder(encoding)().decode(head, complete)
    lines = text.splitlines(keepends=True)
    lines = lines if complete or len(lines) == 1 else lines[:-1]
    return _recognise_lines(lines, encoding, options, _find_quote(lines))


def recognise_text(text: str, header: bool, quote: str) -> Dialect:
    """Detect the dialect of decoded text with known quotes."""
    lines = text[:HEAD_BYTES].splitlines(keepends=True)
    return _recognise_lines(lines, "utf-8", {"header": header}, quote)


def explain(problem: csv.Error) -> str:
    """The csv module's error in plain words."""
    if "new-line" in str(problem):
        return "a line ends in CR alone instead of LF or CR LF"
    if "field limit" in str(problem):
        return f"a field has more than {csv.field_size_limit():,} characters; a quote may not be closed"
    return str(problem)


def _recognise_lines(lines: list[str], encoding: str, options: dict[str, Any], quote: str) -> Dialect:
    separator = SEPARATOR.fullmatch(lines[0]) if lines else None
    above = 0 if separator is None else 1
    lines = lines[above:]
    said = options.get("delimiter") or (separator and separator[1])
    delimiter = said or max(DELIMITERS, key=lambda one: _score_delimiter(lines, one, quote))
    rows = _sample(lines, delimiter, quote)
    sample = [[cell.strip(WHITE_SPACE) for cell in row] for row in rows if row]
    header = options.get("header")
    decimal = options.get("decimal") or _find_decimal(sample, delimiter)
    header = _find_header(sample) if header is None else header
    return Dialect(delimiter, quote, encoding, decimal, header, above, tuple(options.get("missing") or ()))


def find_encoding(path: Path, name: str, wanted: str | None) -> str:
    """The encoding in which the whole file is readable: the one given, or else UTF-8, UTF-16 with a byte order mark,
    or Windows-1252 if the text is plausible."""
    with path.open("rb") as file:
        head = file.read(4)
    mark = next((encoding for mark, encoding in MARKS.items() if head.startswith(mark)), None)
    encoding = codecs.lookup(wanted).name if wanted else mark or "utf-8"
    if encoding == "utf-8" and mark == "utf-8-sig":
        encoding = mark
    problem = _find_undecodable(path, encoding)
    if problem is None:
        return encoding
    if wanted is None and mark is None and not problem.multibyte and _is_western(path):
        return WESTERN
    detail = f'Line {problem.line} of "{name}" can\'t be decoded as {encoding}'
    advice = "another one" if wanted else "the encoding of the file"
    # the header isn't a row
    row = problem.line - 2 if problem.line > 1 else None
    raise InvalidData(Fault(f'{detail}: set "encoding" in "csv" to {advice}.', file=name, row=row))


@dataclass(frozen=True)
class _Undecodable:
    line: int
    multibyte: bool
    """Whether other non-ASCII characters were decoded."""


def _find_undecodable(path: Path, encoding: str) -> _Undecodable | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    line, multibyte = 1, False
    with path.open("rb") as file:
        while True:
            block = file.read(BLOCK_BYTES)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeError as problem:
                before = problem.object[: problem.start] if isinstance(problem, UnicodeDecodeError) else b""
                multibyte = multibyte or not before.isascii()
                return _Undecodable(line + before.count(b"\n"), multibyte)
            if "\0" in text:
                return _Undecodable(line + text[: text.index("\0")].count("\n"), multibyte=True)
            line += text.count("\n")
            multibyte = multibyte or not text.isascii()
            if not block:
                return None


def _is_western(path: Path) -> bool:
    """Whether the non-ASCII bytes look like Windows-1252: all of them are defined, and most stand alone."""
    crowded = total = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            try:
                block.decode(WESTERN)
            except UnicodeDecodeError:
                return False
            runs = re.findall(rb"[\x80-\xff]+", block)
            total += sum(map(len, runs))
            crowded += sum(len(run) for run in runs if len(run) > 2)
    return crowded <= CROWDED * total


def _find_quote(lines: list[str]) -> str:
    text = "".join(lines[:SAMPLE_ROWS])
    single = len(re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n])", text, re.MULTILINE))
    return "'" if QUOTE not in text and single else QUOTE


def _sample(lines: list[str], delimiter: str, quote: str) -> list[list[str]]:
    """The first rows, up to the first that is unreadable with these settings."""
    rows: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        rows.extend(itertools.islice(csv.reader(iter(lines), delimiter=delimiter, quotechar=quote), SAMPLE_ROWS))
    return rows


def _score_delimiter(lines: list[str], delimiter: str, quote: str) -> tuple[float, float, int]:
    """How well a delimiter fits the lines: the share of rows with as many fields as the first row, the share of fields
    that are numbers (in `1,5;2,5` the comma would leave `5;2`), and the number of fields. A delimiter that isn't in
    the first row fits nothing; of several such delimiters the best doesn't split any row."""
    rows = [row for row in _sample(lines, delimiter, quote) if row]
    if not rows:
        return 0, 0, 0
    even = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    if len(rows[0]) == 1:
        return 0, even, 0
    fields = [field.strip() for row in rows for field in row]
    return even, sum(bool(NUMBER.fullmatch(field)) for field in fields) / len(fields), len(rows[0])


def name_columns(header: list[str]) -> list[str]:
    """The names of the columns; a column without a name is called `column_1` and so on, by its position."""
    stripped = (cell.strip(WHITE_SPACE) for cell in header)
    return [name or f"column_{number}" for number, name in enumerate(stripped, 1)]


def _find_header(sample: list[list[str]]) -> bool:
    """Whether the first row is a header: it isn't if it has numbers, but no text, in columns of numbers."""
    if len(sample) < 2:
        return True
    first, others = sample[0], sample[1:]
    numeric_columns = [index for index in range(len(first)) if _is_numeric([row[index : index + 1] for row in others])]
    numbers = [NUMBER.fullmatch(first[index]) is not None for index in numeric_columns]
    return not any(numbers) or not all(numbers)


def _is_numeric(cells: list[list[str]]) -> bool:
    present = [cell[0] for cell in cells if cell and cell[0] not in (*MISSING, *LOOSE)]
    return bool(present) and all(NUMBER.fullmatch(cell) for cell in present)


def _find_decimal(sample: list[list[str]], delimiter: str) -> str:
    """A comma if more numbers have a decimal comma than a decimal point; `1.234` counts only if no others decide."""
    if delimiter == ",":
        return "."
    cells = [cell for row in sample for cell in row]
    for numbers in ([cell for cell in cells if not EITHER.fullmatch(cell)], cells):
        points, commas = (sum(bool(sign.fullmatch(cell)) for cell in numbers) for sign in (POINT, COMMA))
        if points != commas:
            return "," if commas > points else "."
    return "."
