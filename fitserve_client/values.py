"""Turns what Python programs hold into JSON: tables of pandas and Polars, NumPy's numbers and arrays, missing values.

Neither library is imported: only a program that has imported one can have a table of it.
"""

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

ROWS_AT_ONCE = 10_000


def is_table(value: object) -> bool:
    """Whether a value is a DataFrame of pandas or Polars, or a LazyFrame."""
    return any(isinstance(value, kind) for kind in _kinds("DataFrame", "LazyFrame"))


def table_lines(table: Any) -> Iterator[bytes]:
    """The rows of a table as JSON Lines, in pieces of many rows: objects by column, without pandas's index.

    Raises ValueError if two columns have the same name or if there are no rows.
    """
    frame = table.collect() if hasattr(table, "collect") else table
    names = [str(name) for name in frame.columns]
    doubled = [name for name, count in Counter(names).items() if count > 1]
    if doubled:
        raise ValueError(f'The table has the column "{doubled[0]}" {names.count(doubled[0])} times.')
    if not len(frame) or not names:
        raise ValueError("The table has no rows.")
    for start in range(0, len(frame), ROWS_AT_ONCE):
        columns = [_column(frame, place, start) for place in range(len(names))]
        rows = (dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
        yield b"".join(dump(row) + b"\n" for row in rows)


def dump(document: Any) -> bytes:
    """A value as JSON. Raises ValueError for values that JSON doesn't have."""
    return json.dumps(plain(document), ensure_ascii=False, allow_nan=False).encode()


def plain(value: Any) -> Any:
    """A value as JSON has it: NaN, NaT and NA become null; dates text; arrays and tuples lists.

    Raises ValueError for infinity and for types without a counterpart.
    """
    if value is None or isinstance(value, bool | str):
        return value if type(value) in (bool, str, type(None)) else _subclass(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isinf(value):
            raise ValueError("Infinity can't be sent: JSON has no such number.")
        return None if math.isnan(value) else float(value)
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    return _from_library(value)


def _subclass(value: Any) -> Any:
    """NumPy's texts and enumerations of texts are texts."""
    return str.__str__(value)


def _from_library(value: Any) -> Any:
    """The value of another library's type, or of one for dates."""
    if is_table(value):
        return [row for piece in table_lines(value) for row in map(json.loads, piece.splitlines())]
    if any(value is missing for missing in _missing()):
        return None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return plain(float(value))
    if hasattr(value, "dtype"):
        if getattr(value.dtype, "kind", "") == "M":  # nanoseconds would become integers
            value = value.astype("datetime64[us]")
        if hasattr(value, "tolist"):
            return plain(value.tolist())
    if hasattr(value, "to_list"):
        return plain(value.to_list())
    raise ValueError(f"{type(value).__module__}.{type(value).__qualname__} can't be sent: JSON has no such type.")


def _kinds(*names: str) -> Iterator[type]:
    """The types of these names in those of the libraries that are imported."""
    for library in ("pandas", "polars"):
        for name in names:
            kind = getattr(sys.modules.get(library), name, None)
            if isinstance(kind, type):
                yield kind


def _missing() -> Iterator[Any]:
    """What pandas puts where a value is missing, besides NaN."""
    pandas = sys.modules.get("pandas")
    return (getattr(pandas, name) for name in ("NaT", "NA") if hasattr(pandas, name))


def _column(frame: Any, place: int, start: int) -> list[Any]:
    """Some values of a column, which is chosen by its place, because two may have equal names in pandas."""
    rows = slice(start, start + ROWS_AT_ONCE)
    if hasattr(frame, "iloc"):
        values: list[Any] = frame.iloc[rows, place].tolist()
        return values
    return list(frame.to_series(place)[rows].to_list())
