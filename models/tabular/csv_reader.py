"""Reads CSV files as raw tables: in blocks, stored as Parquet until the types of the columns are known."""

import csv
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from models.dataset_descriptor import Note
from models.errors import Fault, InvalidData
from models.limits import Limits
from models.parquet_sink import parquet_sink
from models.progress import Progress
from models.tabular.csv_blocks import MAX_ROW_BYTES, CsvBlocks
from models.tabular.csv_dialect import DELIMITERS, Dialect, explain, name_columns, recognise
from models.tabular.raw_table import MAX_COLUMNS, RawTable, find_size_problem
from models.values.tensors import MAX_FAULTS
from models.values.wording import count_of, name_character
from models.values.words import WHITE_SPACE

if TYPE_CHECKING:
    import polars

MAX_HEADER_LINES = 1000
CHECKED_LINES = 100
"""The number of lines below a header of one column that are checked."""


def read_csv(
    path: Path, name: str, options: dict[str, Any], scratch: Path, limits: Limits, progress: Progress
) -> RawTable:
    """Read the table of a CSV file, stored in the folder `scratch`; `options` are the request's `csv`.

    Raises InvalidData, naming the file and the invalid row or column.
    """
    import polars

    dialect = recognise(path, name, options)
    columns, unnamed, lines_above = _read_header(path, name, dialect)
    blocks = CsvBlocks(path, name, dialect, columns, lines_above)
    size, parts = path.stat().st_size, []
    with ThreadPoolExecutor(1) as writer:
        written: Future[None] | None = None
        for number, frame in enumerate(blocks):
            if blocks.rows > limits.rows:
                raise InvalidData(Fault(f"The file has more than the limit of {limits.rows:,} rows.", file=name))
            if problem := find_size_problem(blocks.rows, len(columns), limits):
                raise InvalidData(Fault(problem, file=name))
            if written:
                written.result()
            parts.append(scratch / f"{number}.parquet")
            # concurrently with reading the next block
            written = writer.submit(_write_block, frame, parts[-1])
            progress(blocks.bytes_read / size)
    if written is None:
        raise InvalidData(Fault(f'The file "{name}" has no rows below its header.', file=name))
    written.result()
    return RawTable(
        polars.scan_parquet(parts),
        columns,
        blocks.rows,
        textual=True,
        file=name,
        decimal=dialect.decimal,
        fixed_decimal=options.get("decimal") is not None,
        unnamed=unnamed,
        facts=dialect.describe(),
        notes=_note_repeated_headers(blocks.repeated_headers),
    )


def _write_block(frame: "polars.DataFrame", path: Path) -> None:
    with path.open("wb") as file, parquet_sink(file) as sink:
        frame.write_parquet(sink, compression="uncompressed", statistics=False)


def _read_header(path: Path, name: str, dialect: Dialect) -> tuple[tuple[str, ...], frozenset[str], int]:
    """The names of the columns, which of them the file doesn't name, and the number of lines above the first row.

    Without a header the columns are called `column_1` and so on.
    """
    with path.open(encoding=dialect.encoding, newline="\n") as file:
        lines = _first_lines(file, name)
        above = list(islice(lines, dialect.above))
        reader = dialect.rows(lines)
        try:
            cells: list[str] = next((row for row in reader if row), [])
        except csv.Error as problem:
            raise InvalidData(
                Fault(f'The header of "{name}" is unreadable: {explain(problem)}.', file=name)
            ) from problem
        line = len(above) + reader.line_num
        if len(cells) == 1:
            _refuse_title(cells[0], islice(lines, CHECKED_LINES), line, name, dialect)
    if len(cells) > MAX_COLUMNS:
        raise InvalidData(Fault(f'"{name}" has {len(cells):,} columns; the limit is {MAX_COLUMNS:,}.', file=name))
    given = [cell.strip(WHITE_SPACE) if dialect.header else "" for cell in cells]
    columns = tuple(name_columns(given))
    doubled = list(islice((column for column, count in Counter(columns).items() if count > 1), MAX_FAULTS))
    if doubled:
        detail = 'The header names the column "{}" more than once: give each column a unique name.'
        raise InvalidData(*(Fault(detail.format(column), file=name, column=column) for column in doubled))
    unnamed = frozenset(column for column, cell in zip(columns, given, strict=True) if dialect.header and not cell)
    return columns, unnamed, line if dialect.header else dialect.above


def _refuse_title(first: str, lines: Iterator[str], above: int, name: str, dialect: Dialect) -> None:
    """Raise InvalidData if the first line is one field, but it or a row below it can be split into several."""
    texts = [(None, first), *((row, line) for row, line in enumerate(lines) if line.strip())]
    for row, text in texts:
        fields = {one: len(next(csv.reader([text], delimiter=one, quotechar=dialect.quote))) for one in DELIMITERS}
        delimiter = max(fields, key=lambda one: fields[one])
        if fields[delimiter] == 1:
            continue
        if row is None:
            ours, other = map(name_character, (dialect.delimiter, delimiter))
            detail = f'"{name}" has one column with {ours} as the delimiter, but {other} splits its first line into'
            advice = f'set "delimiter" in "csv" if {other} is the delimiter.'
            raise InvalidData(Fault(f"{detail} {fields[delimiter]}: {advice}", file=name, row=0))
        detail = f"Row {row} (line {above + row + 1}) has {fields[delimiter]} fields, but the first line has one,"
        advice = f'"{first[:100]}". If that is a title or a comment, remove it. Otherwise set "delimiter" in "csv".'
        raise InvalidData(Fault(f"{detail} {advice}", file=name, row=row))


def _first_lines(file: TextIO, name: str) -> Iterator[str]:
    """The lines of the first row; raises InvalidData if it is longer than a row may be."""
    left = MAX_ROW_BYTES
    for _ in range(MAX_HEADER_LINES):
        line = file.readline(left + 1)
        left -= len(line)
        if left < 0:
            most = f"more than the limit of {MAX_ROW_BYTES:,} characters: do its lines end in LF?"
            raise InvalidData(Fault(f'The first row of "{name}" has {most}', file=name, row=0))
        if not line:
            return
        yield line
    detail = f'The first row of "{name}" has more than {MAX_HEADER_LINES:,} lines: is a quote not closed?'
    raise InvalidData(Fault(detail, file=name, row=0))


def _note_repeated_headers(count: int) -> tuple[Note, ...]:
    if not count:
        return ()
    detail = f"The header occurs again in {count_of(count, 'row')}: dropped, and not counted as rows."
    return (Note("repeated_header", detail, count=count),)
