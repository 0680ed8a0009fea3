"""Reads posted rows, objects by column, as rows of a dataset that exists: its columns have their types already."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from models.dataset_descriptor import InputDescriptor
from models.errors import Fault, InvalidData
from models.suggestions import unknown_name
from models.values.dates import ISO, describe_format, read_date
from models.values.numbers import read_number
from models.values.pointers import pointer_to
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS, describe, name_type
from models.values.words import BOOLEANS

EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "category": "text",
    "text": "text",
    "date": "a date in ISO 8601",
}

BEYOND_INTEGERS = 2**63
"""The number from which on the integers of a stored column hold none."""


@dataclass(frozen=True)
class PostedRows:
    """Posted rows, each an object, and the field of the request that they are in."""

    rows: list[dict[str, Any]]
    member: str
    numbers: Sequence[int]
    """The number of each row in the field."""

    @classmethod
    def check(cls, posted: Any, member: str, known: tuple[str, ...]) -> "PostedRows":
        """Posted rows that have only known columns. Raises InvalidData, naming rows and columns."""
        if not isinstance(posted, list) or not posted:
            what = "There are no rows." if posted == [] else f"Expected a list of rows, not {name_type(posted)}."
            raise InvalidData(Fault(what, pointer_to(member)))
        faults = list(islice(_find_row_faults(posted, member, known), MAX_FAULTS))
        if faults:
            raise InvalidData(*faults)
        return cls(posted, member, range(len(posted)))

    def with_value(self, name: str) -> "PostedRows":
        """The rows that have a value in a column."""
        taken = [place for place, value in enumerate(self.values(name)) if value is not None]
        return PostedRows([self.rows[place] for place in taken], self.member, [self.numbers[place] for place in taken])

    def values(self, name: str) -> list[Any]:
        """A column's values, None where a row doesn't have it."""
        return [row.get(name) for row in self.rows]

    def read(self, entry: InputDescriptor, *, required: bool = False) -> list[Any]:
        """A column's values, of the type of its `entry` in the descriptor; None is missing, unless `required`.

        Raises InvalidData, naming rows and the column.
        """
        read, values = READERS[entry.type], self.values(entry.name)
        found = [None if value is None else read(value, entry.format) for value in values]
        faults = [
            self._fault(row, entry, value)
            for row, (value, one) in enumerate(zip(values, found, strict=True))
            if one is None and (value is not None or required)
        ]
        if faults:
            raise InvalidData(*faults[:MAX_FAULTS])
        return found

    def fault(self, row: int, column: str, detail: str) -> Fault:
        """The fault of a value in the column; `row` is an index in `rows`."""
        row = self.numbers[row]
        return Fault(f"Row {row}: {detail}", pointer_to(self.member, row, column), row=row, column=column)

    def _fault(self, row: int, entry: InputDescriptor, value: Any) -> Fault:
        if value is None:
            return self.fault(row, entry.name, f'"{entry.name}" is missing.')
        expected, format_ = EXPECTED[entry.type], entry.format
        if entry.type == "date" and format_ not in (None, ISO):
            expected = f"{expected}, or written as {describe_format(format_)}"
        elif entry.type == "number" and format_ is not None and entry.unit is not None:
            expected = f"{expected}, such as {format_}"
        found = f'the text "{value[:100]}"' if isinstance(value, str) else describe(value)
        return self.fault(row, entry.name, f'"{entry.name}" must be {expected}, not {found}.')


def _find_row_faults(rows: list[Any], member: str, known: tuple[str, ...]) -> Iterator[Fault]:
    names = set(known)
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            detail = f"Row {number} is {name_type(row)}, not an object by column."
            yield Fault(detail, pointer_to(member, number), row=number)
        elif not names.issuperset(row):
            for name in row:
                if name not in names:
                    fault = unknown_name(name, known, pointer_to(member, number, name), "column")
                    yield replace(fault, detail=f"Row {number}: {fault.detail}", row=number, column=name)


def _read_number(value: Any, format_: str | None) -> float | None:
    if isinstance(value, str):
        value = read_number(value, format_)
    plain = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FLOAT32_MAX
    return value if plain else None


def _read_boolean(value: Any, format_: str | None) -> bool | None:
    if isinstance(value, str):
        return BOOLEANS.get(value.lower())
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _read_text(value: Any, format_: str | None) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _read_date(value: Any, format_: str | None) -> np.datetime64 | None:
    return read_date(value, format_) if isinstance(value, str) else None


READERS: dict[str, Callable[[Any, str | None], Any]] = {
    "number": _read_number, "boolean": _read_boolean, "category": _read_text, "text": _read_text, "date": _read_date,
}  # fmt: skip


def are_whole(values: Iterable[Any]) -> bool:
    """Whether all present numbers are integers of 64 bits."""
    return all(value is None or (abs(value) < BEYOND_INTEGERS and float(value).is_integer()) for value in values)
