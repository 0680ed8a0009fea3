"""Reads a CSV file in blocks of whole rows, each row with one field per column.

Polars is fast, but reads short rows as rows that end in missing values. So NumPy first counts each block's fields. A
block that isn't clearly valid is read with the csv module instead, which finds the invalid rows.
"""

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.errors import Fault, InvalidData
from models.tabular.csv_dialect import Dialect, explain
from models.tabular.raw_table import number_columns
from models.values.tensors import MAX_FAULTS
from models.values.wording import count_of
from models.values.words import MISSING

if TYPE_CHECKING:
    import polars

BLOCK_BYTES = 8 * 1024 * 1024
MAX_ROW_BYTES = 16 * 1024 * 1024
NEWLINE, RETURN = b"\n\r"
SPACE, RARE_SPACES, BEYOND_ASCII = ord(" "), b"\t\v\f", 128


@dataclass
class CsvBlocks:
    """The rows below the header, in frames of text columns; the columns are named by their positions."""

    path: Path
    name: str
    dialect: Dialect
    columns: tuple[str, ...]
    lines_above: int
    rows: int = 0
    bytes_read: int = 0
    repeated_headers: int = 0

    def __iter__(self) -> Iterator["polars.DataFrame"]:
        """Raises InvalidData, naming the invalid rows."""
        self.rows, self.bytes_read, self.repeated_headers, line = 0, 0, 0, self.lines_above
        for block in self._whole_rows():
            frame = self._without_headers(self._parse(block, line))
            line += block.count(b"\n")
            self.rows += len(frame)
            if len(frame):
                yield frame

    def _whole_rows(self) -> Iterator[bytes]:
        """Blocks of UTF-8 that end at the end of a row."""
        quote, carried = self.dialect.quote.encode(), b""
        for block in self._text_below_header():
            carried += block
            end = _end_of_rows(carried, quote)
            if end:
                yield carried[:end]
                carried = carried[end:]
            elif len(carried) > MAX_ROW_BYTES:
                detail = f"Row {self.rows} is longer than {MAX_ROW_BYTES:,} bytes: is a quote not closed?"
                raise InvalidData(Fault(detail, file=self.name, row=self.rows))
        if carried:
            yield carried if carried.endswith(b"\n") else carried + b"\n"

    def _text_below_header(self) -> Iterator[bytes]:
        above = self.lines_above
        for block in self._text():
            while above and block:
                _, newline, block = block.partition(b"\n")
                above -= bool(newline)
            if block:
                yield block

    def _text(self) -> Iterator[bytes]:
        """The file as UTF-8 without a byte order mark."""
        plain = self.dialect.encoding in ("utf-8", "ascii")
        decoder = codecs.getincrementaldecoder(self.dialect.encoding)()
        with self.path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                self.bytes_read += len(block)
                yield block if plain else decoder.decode(block).encode()

    def _parse(self, block: bytes, line: int) -> "polars.DataFrame":
        import polars

        layout = Layout(block, self.dialect)
        if not layout.is_regular(len(self.columns)):
            rows = self._parse_carefully(block.decode(), line)
            schema = dict.fromkeys(number_columns(len(self.columns)), polars.String)
            return self._without_missing(polars.DataFrame(rows, schema=schema, orient="row"), padded=True)
        frame = polars.read_csv(
            block,
            has_header=False,
            new_columns=number_columns(len(self.columns)),
            separator=self.dialect.delimiter,
            quote_char=self.dialect.quote,
            infer_schema=False,
        )
        return self._without_missing(frame, layout.may_be_padded())

    def _without_missing(self, frame: "polars.DataFrame", padded: bool) -> "polars.DataFrame":
        """The same texts without surrounding white space; null for the words that mean a missing value."""
        import polars

        if padded:
            frame = frame.with_columns(polars.all().str.strip_chars())
        words, texts = (*MISSING, *self.dialect.missing), polars.all()
        # comparing lengths is cheap, and few texts are as short as these words
        longest = max(len(word.encode()) for word in words)
        missing = (texts.str.len_bytes() <= longest) & texts.is_in(words)
        return frame.with_columns(polars.when(missing).then(None).otherwise(texts).name.keep())

    def _without_headers(self, frame: "polars.DataFrame") -> "polars.DataFrame":
        """The rows that don't repeat the header, as those of joined files may."""
        import polars

        if not self.dialect.header or not (frame["0"] == self.columns[0]).any():
            return frame
        names = zip(number_columns(len(self.columns)), self.columns, strict=True)
        repeated = polars.all_horizontal(polars.col(place) == column for place, column in names)
        kept = frame.filter(~repeated.fill_null(False))
        self.repeated_headers += len(frame) - len(kept)
        return kept

    def _parse_carefully(self, text: str, line: int) -> list[list[str]]:
        """The rows read with the csv module, without blank lines; raises InvalidData."""
        rows: list[list[str]] = []
        faults: list[Fault] = []
        reader = self.dialect.rows(io.StringIO(text, newline=""))
        begun = 0
        try:
            for cells in reader:
                before, begun = begun, reader.line_num
                if not cells:
                    continue
                if len(cells) != len(self.columns) and len(faults) < MAX_FAULTS:
                    row = self.rows + len(rows)
                    unclosed = _is_unclosed(text, before, begun, self.dialect.quote)
                    faults.append(
                        self._unclosed(row, line + before + 1)
                        if unclosed
                        else self._ragged(len(cells), row, line + begun)
                    )
                rows.append(cells)
        except csv.Error as problem:
            row = self.rows + len(rows)
            detail = f"Row {row} (line {line + reader.line_num}) is unreadable: {explain(problem)}."
            faults.append(Fault(detail, file=self.name, row=row))
        if faults:
            raise InvalidData(*faults)
        return rows

    def _unclosed(self, row: int, line: int) -> Fault:
        return Fault(f"Row {row}: the quote that opens in line {line} is never closed.", file=self.name, row=row)

    def _ragged(self, fields: int, row: int, line: int) -> Fault:
        has, wanted = count_of(fields, "field"), count_of(len(self.columns), "column")
        detail = f"Row {row} (line {line}) has {has}, but there {'is' if len(self.columns) == 1 else 'are'} {wanted}."
        if row == 0 and fields > len(self.columns) and self.dialect.header:
            detail += f' Is the first line, "{self.dialect.delimiter.join(self.columns)[:100]}", a title or a comment?'
        return Fault(detail, file=self.name, row=row)


def _is_unclosed(text: str, first: int, last: int, quote: str) -> bool:
    """Whether a row that spans the lines between these two ends within quotes."""
    return last - first > 1 and "".join(text.splitlines(keepends=True)[first:last]).count(quote) % 2 == 1


def _end_of_rows(text: bytes, quote: bytes) -> int:
    """The end of the last whole row of the text; 0 if there is none."""
    if quote not in text:
        return text.rfind(b"\n") + 1
    cells = np.frombuffer(text, np.uint8)
    outside = (cells == NEWLINE) & ~_inside_quotes(cells, quote[0])
    ends = np.flatnonzero(outside)
    return int(ends[-1]) + 1 if len(ends) else 0


def _inside_quotes(cells: np.ndarray, quote: int) -> np.ndarray:
    """Whether an odd number of quotes precedes each character; booleans."""
    return np.bitwise_xor.accumulate(cells == quote)


class Layout:
    """Finds where the rows and fields of a block end, without parsing it."""

    def __init__(self, block: bytes, dialect: Dialect) -> None:
        self._block, self._delimiter, self._quote = block, ord(dialect.delimiter), ord(dialect.quote)
        self._cells = np.frombuffer(block, np.uint8)
        self._newlines = self._cells == NEWLINE
        self._separators = self._newlines | (self._cells == self._delimiter)
        self._inside: np.ndarray | None = None
        """Whether each character is within quotes; None if there are no quotes."""
        if dialect.quote.encode() in block:
            self._inside = _inside_quotes(self._cells, self._quote)
            self._separators &= ~self._inside

    def is_regular(self, columns: int) -> bool:
        """Whether every line is a row with one field per column, quotes only around whole fields, and CR only before
        LF."""
        if self._inside is not None and (self._inside[-1] or not self._quotes_surround(self._inside)):
            return False
        if b"\r" in self._block and self._block.count(b"\r") != self._block.count(b"\r\n"):
            return False
        if columns == 1 and self._has_blank_lines():
            return False
        rows = self._newlines[np.flatnonzero(self._separators)]
        return len(rows) % columns == 0 and bool((rows.reshape(-1, columns) == _row_pattern(columns)).all())

    def _has_blank_lines(self) -> bool:
        return self._block.startswith((b"\n", b"\r\n")) or b"\n\n" in self._block or b"\n\r\n" in self._block

    def may_be_padded(self) -> bool:
        """Whether there may be white space around a field: next to a separator or a quote is white space, or a
        non-ASCII character, which may be white space."""
        edges, white = self._separators, self._white_space()
        if self._inside is not None:
            edges = edges | (self._cells == self._quote)
        if b"\r" in self._block:
            edges = edges | (self._cells == RETURN)
        return bool(white[0] or (edges[:-1] & white[1:]).any() or (edges[1:] & white[:-1]).any())

    def _white_space(self) -> np.ndarray:
        """Which bytes may be white space within a field; LF also represents CR in a line end within quotes."""
        white = self._cells == SPACE
        for rare in (character for character in RARE_SPACES if character in self._block):
            white |= (self._cells == rare) & ~self._separators
        if not self._block.isascii():
            white |= self._cells >= BEYOND_ASCII
        return white if self._inside is None else white | (self._newlines & self._inside)

    def _quotes_surround(self, inside: np.ndarray) -> bool:
        """Whether every quote opens or closes a field, or is doubled within a field."""
        quotes = np.flatnonzero(self._cells == self._quote)
        opening = inside[quotes]
        edges = np.array([NEWLINE, RETURN, self._delimiter, self._quote])
        padded = np.concatenate([[NEWLINE], self._cells, [NEWLINE]])
        before, after = padded[quotes[opening]], padded[quotes[~opening] + 2]
        return bool(np.isin(before, edges).all() and np.isin(after, edges).all())


def _row_pattern(columns: int) -> np.ndarray:
    """Which of a row's separators ends the row: the last one."""
    return np.arange(columns) == columns - 1
