"""Reads rows that are JSON objects: in a list in a file, one per line of a file, or in the request."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from models.errors import MOST_FAULTS, Fault, InvalidData
from models.limits import Limits
from models.parquet_sink import parquet_sink
from models.progress import Progress
from models.tabular.raw_table import MAX_COLUMNS, RawTable, find_size_problem, number_columns
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS, name_type

if TYPE_CHECKING:
    import polars

NESTED: dict[type, str] = {list: "lists", dict: "objects"}
TYPES: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "text"}
MEMBER = re.compile(rb'"\s*:')
"""What ends the name of a field; texts may contain it too."""
NOT_FINITE = re.compile(rb"\b(NaN|Infinity)\b")
BATCH_ROWS, BATCH_CELLS = 20_000, 4_000_000
EXACT = 2**53
"""Floats represent every integer up to this one exactly."""

Rows = Iterable[Any]


def read_json(path: Path, name: str, scratch: Path, limits: Limits, progress: Progress) -> RawTable:
    """Read the table of a file with a list of objects; the whole file is in memory. Raises InvalidData."""
    rows = load_rows(path, name)
    return _read_rows(rows, len(rows), RawTable(_nothing(), (), 0, file=name), scratch, limits, progress)


def load_rows(path: Path, name: str) -> list[Any]:
    """The list in a file, with rows of any type. Raises InvalidData."""
    return parse_rows(path.read_bytes(), name)


def parse_rows(text: bytes, name: str) -> list[Any]:
    """The list in JSON, with rows of any type. Raises InvalidData."""
    try:
        rows = _parse(text.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as problem:
        raise InvalidData(Fault(f'"{name}" isn\'t valid JSON: {problem}.', file=name)) from problem
    if not isinstance(rows, list):
        detail = f'"{name}" holds {name_type(rows)}; expected a list of rows, each an object by column.'
        raise InvalidData(Fault(detail, file=name))
    return rows


def read_json_lines(path: Path, name: str, scratch: Path, limits: Limits, progress: Progress) -> RawTable:
    """Read the table of a file with an object on every line; blank lines are ignored. Raises InvalidData."""
    size = path.stat().st_size
    reader = RawTable(_nothing(), (), 0, file=name)
    with path.open("rb") as file:
        rows = read_lines(file, name)
        # the number of rows isn't known beforehand, but the lines of a table have similar lengths
        return _read_rows(rows, max(1, size // 200), reader, scratch, limits, progress)


def read_posted_rows(rows: list, limits: Limits) -> RawTable:
    """Read the table of rows in the request. Raises InvalidData with pointers to them."""
    posted = RawTable(_nothing(), (), 0)
    return _read_rows(rows, len(rows), posted, None, limits, lambda share: None)


def _parse(text: bytes) -> Any:
    """Parse JSON; NaN and Infinity (Python's output) become null. Raises ValueError, also for duplicate fields and for
    too many levels of nesting."""
    try:
        document = orjson.loads(text)
    except ValueError:
        if not NOT_FINITE.search(text):
            raise
        return _parse_slowly(text)
    rows = document if isinstance(document, list) else [document]
    if len(MEMBER.findall(text)) != sum(len(row) for row in rows if isinstance(row, dict)):
        _parse_slowly(text)
    return document


def _parse_slowly(text: bytes) -> Any:
    try:
        return json.loads(text, parse_constant=lambda _: None, object_pairs_hook=_refuse_doubles)
    except RecursionError:
        raise ValueError("it has too many levels of nesting") from None


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        doubled = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'an object has the field "{doubled}" twice')
    return members


def _nothing() -> "polars.LazyFrame":
    import polars

    return polars.LazyFrame()


def read_lines(lines: Iterable[bytes], name: str, row: int = 0, line: int = 0) -> Iterator[Any]:
    """The values in the lines of a file; blank lines are ignored. `row` and `line` are how many come before them.

    Raises InvalidData.
    """
    for text in lines:
        line += 1
        if not text.strip():
            continue
        try:
            yield _parse(text.removeprefix(b"\xef\xbb\xbf"))
        except ValueError as problem:
            detail = f"Row {row} (line {line}) isn't valid JSON: {problem}."
            raise InvalidData(Fault(detail, file=name, row=row)) from problem
        row += 1


@dataclass
class _Columns:
    """The columns of the rows so far: their types (of TYPES or NESTED), and whether all numbers were integers."""

    raw: RawTable
    types: dict[str, str | None] = field(default_factory=dict)
    whole: dict[str, bool] = field(default_factory=dict)
    rounded: set[str] = field(default_factory=set)
    """Columns with integers that a float rounds."""

    def find(self, rows: list, first: int, limits: Limits) -> None:
        """Find the columns of a batch of rows, the first of which has the index `first`; raises InvalidData."""
        self._check_rows(rows, first)
        for name in dict.fromkeys(chain.from_iterable(rows)):
            self.types.setdefault(name, None)
        if len(self.types) > MAX_COLUMNS:
            raise InvalidData(self.raw.fault(f"The rows have more than the limit of {MAX_COLUMNS:,} columns."))
        if problem := find_size_problem(first + len(rows), len(self.types), limits):
            raise InvalidData(self.raw.fault(problem))

    def read(self, rows: list, first: int) -> "polars.DataFrame":
        """Convert some rows of the batch, the first of which has the index `first`; raises InvalidData."""
        import polars

        columns = []
        faults: list[Fault] = []
        for place, name in zip(number_columns(len(self.types)), self.types, strict=True):
            values = [row.get(name) for row in rows]
            faults += self._find_faults(name, values, first)
            if self.types[name] in NESTED.values():
                values = [None] * len(rows)
            if len(faults) >= MOST_FAULTS:
                break
            if not faults:
                columns.append(polars.Series(place, values, dtype=_stored_type(self.types[name]), strict=False))
        if faults:
            raise InvalidData(*faults)
        return polars.DataFrame(columns)

    def _check_rows(self, rows: list, first: int) -> None:
        for number, row in enumerate(rows, first):
            if not isinstance(row, dict):
                raise InvalidData(self.raw.fault(f"Row {number} is {name_type(row)}, not an object.", number))

    def _find_faults(self, name: str, values: list, first: int) -> list[Fault]:
        """The faults of a column's values; records their type."""
        kinds = set(map(type, values)) - {type(None)}
        if not kinds:
            return []
        if self.types[name] is None:
            types = NESTED if kinds <= NESTED.keys() else TYPES
            self.types[name] = next(types[type(value)] for value in values if type(value) in types)
        if self.types[name] in NESTED.values() and kinds <= NESTED.keys():
            return []
        self.whole[name] = self.whole.get(name, True) and kinds == {int}
        plain = {TYPES.get(kind) for kind in kinds} == {self.types[name]}
        if plain and (self.types[name] != "number" or self._are_finite(name, values)):
            return []
        details = ((row, self._find_fault(name, value)) for row, value in enumerate(values, first))
        found = ((row, detail) for row, detail in details if detail)
        return [
            self.raw.fault(f'"{name}" in row {row}: {detail}', row, name) for row, detail in islice(found, MAX_FAULTS)
        ]

    def _are_finite(self, name: str, values: list) -> bool:
        largest = max(abs(value) for value in values if value is not None)
        if self.whole[name] and largest > EXACT:
            self.rounded.add(name)
        self.whole[name] = self.whole[name] and largest < EXACT
        # NaN hides from max, but not from sum
        return largest <= FLOAT32_MAX and not math.isnan(sum(value for value in values if value is not None))

    def _find_fault(self, name: str, value: Any) -> str | None:
        wanted = self.types[name]
        if value is None:
            return None
        if wanted in NESTED.values():
            before = f"but earlier rows hold {wanted}; a column has one type."
            return None if type(value) in NESTED else f"it is {name_type(value)}, {before}"
        if type(value) not in TYPES:
            return f"expected a number, a boolean or text, not {name_type(value)}."
        if TYPES[type(value)] != wanted:
            return f"it is {name_type(value)}, but the column's first value is a {wanted}; a column has one type."
        if wanted == "number" and not abs(value) <= FLOAT32_MAX:
            return "numbers must be finite and at most 3.4e38 in magnitude."
        return None


def _read_rows(
    rows: Rows, expected: int, raw: RawTable, scratch: Path | None, limits: Limits, progress: Progress
) -> RawTable:
    """Read a table of objects in batches, which are stored in the folder `scratch`, if given."""
    import polars

    columns, frames, count = _Columns(raw), [], 0
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        columns.find(batch, count, limits)
        if count + len(batch) > limits.rows:
            rows_found = max(count + len(batch), expected)
            raise InvalidData(raw.fault(f"There are {rows_found:,} rows; the limit is {limits.rows:,}."))
        # rows with fields of their own have few bytes, but as a table many cells
        at_once = max(1, BATCH_CELLS // max(1, len(columns.types)))
        for start in range(0, len(batch), at_once):
            part = batch[start : start + at_once]
            frame = columns.read(part, count)
            count += len(part)
            if scratch is None:
                frames.append(frame.lazy())
            else:
                path = scratch / f"{len(frames)}.parquet"
                with path.open("wb") as file, parquet_sink(file) as sink:
                    frame.write_parquet(sink, compression="uncompressed", statistics=False)
                frames.append(polars.scan_parquet(path))
            progress(min(1.0, count / expected))
    if not count or not columns.types:
        raise InvalidData(raw.fault("There are no rows."))
    return _combine(frames, columns, raw, count)


def _stored_type(type_: str | None) -> "type[polars.DataType]":
    """The type in which a column is stored; numbers if it has no value yet, or only values that aren't stored."""
    import polars

    if type_ == "boolean":
        return polars.Boolean
    return polars.String if type_ == "text" else polars.Float64


def _combine(frames: list["polars.LazyFrame"], columns: _Columns, raw: RawTable, count: int) -> RawTable:
    import polars

    # a column that had no value yet when a batch was written was stored as numbers
    kinds = {"boolean": polars.Boolean, "text": polars.String}
    places = number_columns(len(columns.types))
    wanted = {
        place: kinds.get(type_ or "", polars.Float64)
        for place, type_ in zip(places, columns.types.values(), strict=True)
    }
    even = []
    for frame in frames:
        present = frame.collect_schema().names()
        values = [
            (polars.col(place) if place in present else polars.lit(None)).cast(kind).alias(place)
            for place, kind in wanted.items()
        ]
        even.append(frame.select(values))
    whole = [
        place
        for place, name in zip(places, columns.types, strict=True)
        if columns.whole.get(name) and columns.types[name] == "number"
    ]
    frame = polars.concat(even).with_columns(polars.col(whole).cast(polars.Int64))
    nested = {name: type_ for name, type_ in columns.types.items() if type_ is not None and type_ in NESTED.values()}
    return RawTable(
        frame, tuple(columns.types), count, file=raw.file, nested=nested, rounded=frozenset(columns.rounded)
    )
