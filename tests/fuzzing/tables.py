"""Uploads of tables: CSV, JSON, JSON Lines and Parquet with unusual cells and options, and edited files."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import polars
from hypothesis import strategies as st

from tests.fuzzing.edits import STRANGE_TEXTS, edited, edited_document
from tests.fuzzing.request import Request, dataset

TARGET = "y"
CELLS: dict[str, tuple[Any, ...]] = {
    "number": ("0", "-1", "3.5", "1,234.5", "1.234,5", "€ 12", "12 %", "1e5", ".5", "+7", "1e400", "007", "9" * 30),
    "date": (
        "2024-01-03", "2024-02-29", "2023-02-29", "0000-00-00", "9999-12-31", "10000-01-01", "31/12/99", "1/2/2024",
        "2024-01-03T04:05:06Z", "2024-01-03 04:05:06.123456+14:00", "2024-01-03T24:00", "2024-06", "03.01.2024",
    ),
    "boolean": ("true", "false", "yes", "no", "ja", "nein", "1", "0", "T"),
    "category": ("red", "green", "blue", "Blue", " red ", "é", "a,b", 'say "x"', "two\nlines"),
    "plain": tuple(f"{number / 4}" for number in range(40)),
    "missing": ("", "NA", "?", "null", "-"),
    "strange": STRANGE_TEXTS,
}  # fmt: skip
USUAL_CELLS = ("number", "date", "boolean", "category", "missing", "plain") * 2
USUAL_TARGETS = ("category", "boolean", "plain") * 5
OPTIONS = (
    {"target": TARGET},
    {"target": "a"},
    {"target": TARGET, "split": {"validation": 0.2, "test": 0.2, "seed": 7}},
    {"target": TARGET, "split": {"time_column": "a"}},
    {"target": TARGET, "split": {"column": "a"}},
    {"target": TARGET, "types": {"a": "number"}, "ignore": ["b"]},
    {"target": TARGET, "types": {"a": "date", "b": "text"}},
    {"target": TARGET, "window": {"steps": 3, "horizon": 1, "stride": 2}},
    {"target": TARGET, "window": {"steps": 2, "time_column": "a"}},
)
CSV_OPTIONS = tuple(
    {"target": TARGET, "csv": csv_options}
    for csv_options in (
        {"delimiter": ";", "decimal": ","},
        {"encoding": "utf-16"},
        {"encoding": "cp1252", "header": False},
        {"missing": ["red", "0"]},
    )
)
OPTION_WORDS = ("a", "b", TARGET, "number", "date", "category", "text", "boolean", "identifier", ";", "latin-1", 0.5)
Table = dict[str, list[str]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """The texts of a table's columns. Most cells of a column are of one kind, and most targets can be learnt."""
    rows = draw(st.sampled_from((12, 1, 3, 40, 200)))
    names = ["a", "b", *draw(st.lists(st.sampled_from(("c", *STRANGE_TEXTS[:20])), max_size=2, unique=True))]
    names = draw(st.sampled_from((names, names[:2], names[:2], names[1:], [])))
    columns: Table = {}
    for name in [*names, TARGET]:
        kind = draw(st.sampled_from((*(USUAL_TARGETS if name == TARGET else USUAL_CELLS), *CELLS)))
        cells = [CELLS[kind][row % len(CELLS[kind])] for row in range(rows)]
        for _ in range(draw(st.sampled_from((0, 0, 1, 3)))):
            other = draw(st.sampled_from(list(CELLS)))
            cells[draw(st.integers(0, rows - 1))] = draw(st.sampled_from(CELLS[other]))
        columns[name] = cells
    return columns


def write_csv(table: Table, **options: Any) -> str:
    """The table as CSV; `options` are those of csv.writer."""
    file = io.StringIO()
    writer = csv.writer(file, **options)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return file.getvalue()


@st.composite
def csv_files(draw: st.DrawFn) -> bytes:
    options = {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "quoting": draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))),
        "lineterminator": draw(st.sampled_from(("\n", "\n", "\r\n", "\r\n", "\r"))),
    }
    text = write_csv(draw(tables()), **options)
    return text.encode(draw(st.sampled_from(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"))), "replace")


@st.composite
def json_files(draw: st.DrawFn, lines: bool) -> bytes:
    table = draw(tables())
    columns = {name: _numbers(cells) for name, cells in table.items()}
    rows: list[Any] = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if draw(st.integers(0, 3)) == 3:
        rows = draw(edited_document([rows]))
    if lines:
        return "\n".join(json.dumps(row) for row in rows).encode() if isinstance(rows, list) else b""
    return json.dumps(rows).encode()


def _numbers(cells: list[str]) -> list[Any]:
    """The cells as numbers, if all of them are."""
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return cells


def _of_numbers(make: Callable[[int], Any]) -> list[Any]:
    return [make(number) for number in range(12)]


TYPED: tuple[polars.Series, ...] = (
    polars.Series(range(12)),
    polars.Series(_of_numbers(lambda number: number / 7)),
    polars.Series([float("nan"), float("inf"), None] * 4),
    polars.Series([2**63 + 5, 0, None] * 4, dtype=polars.UInt64),
    polars.Series([2**100, -(2**100), 1] * 4, dtype=polars.Int128),
    polars.Series(_of_numbers(str)),
    polars.Series(["red", "green", None] * 4, dtype=polars.Categorical),
    polars.Series([True, False, None] * 4),
    polars.Series(_of_numbers(lambda number: date(2024, 1, 1) + timedelta(number))),
    polars.Series([0, 2**31 - 1, -(2**31)] * 4, dtype=polars.Int32).cast(polars.Date),
    polars.Series([0, 2**63 - 1, -(2**63) + 1] * 4).cast(polars.Datetime("us")),
    polars.Series([0, 2**63 - 1, -(2**63) + 1] * 4).cast(polars.Datetime("ms", "Asia/Kathmandu")),
    polars.Series([0, 2**63 - 1, 5] * 4).cast(polars.Datetime("ns")),
    polars.Series(_of_numbers(lambda number: datetime(1, 1, 1) + timedelta(number))),
    polars.Series(_of_numbers(lambda number: timedelta(number))),
    polars.Series([0, 86_399_999_999_999, None] * 4).cast(polars.Time),
    polars.Series(_of_numbers(lambda number: [number] * number)),
    polars.Series(_of_numbers(lambda number: {"p": number, "q": [str(number)]})),
    polars.Series(_of_numbers(lambda number: bytes([number, 255]))),
    polars.Series([1, 2, 3] * 4).cast(polars.Decimal(38, 3)),
    polars.Series([None] * 12),
)

LEARNABLE = (
    polars.Series(["red", "green", "blue"] * 4),
    polars.Series([1.5, 2, 3, 4] * 3),
    polars.Series([True, False] * 6),
)


@st.composite
def parquet_files(draw: st.DrawFn) -> bytes:
    names = draw(st.lists(st.sampled_from(("b", "c", "", "\0", "é", "a.b")), max_size=3, unique=True))
    columns = {name: draw(st.sampled_from(TYPED)) for name in ["a", *names]}
    columns[TARGET] = draw(st.sampled_from((*LEARNABLE * 8, *TYPED)))
    file = io.BytesIO()
    options: Any = {
        "compression": draw(st.sampled_from(("zstd", "snappy", "gzip", "lz4", "uncompressed"))),
        "statistics": draw(st.booleans()),
        "row_group_size": draw(st.sampled_from((None, 5))),
    }
    polars.DataFrame(columns).write_parquet(file, **options)
    data = file.getvalue()
    return draw(st.one_of(st.just(data), edited([data], [b"PAR1", b"\x15\0", b"\xff" * 8])))


@st.composite
def _uploads(draw: st.DrawFn, files: st.SearchStrategy[bytes], ending: str, own: tuple[Any, ...] = ()) -> Request:
    data = draw(files)
    if draw(st.integers(0, 2)) == 2:
        data = draw(edited([data], [b'"', b",", b"\r", b"\0", b"\xff", b"[", b"{", b"e9", b"\n", b"\xef\xbb\xbf"]))
    options = draw(st.sampled_from((*OPTIONS, *own)))
    if draw(st.integers(0, 3)) == 3:
        options = draw(edited_document([options], OPTION_WORDS))
    return dataset(data, f"table.{ending}", options)


CSV = _uploads(csv_files(), "csv", CSV_OPTIONS)
JSON = _uploads(json_files(lines=False), "json")
JSON_LINES = _uploads(json_files(lines=True), "jsonl")
PARQUET = _uploads(parquet_files(), "parquet")
