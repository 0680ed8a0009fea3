"""How a model replaces the missing values of a table's columns, as a client chooses it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from models.errors import MOST_FAULTS, Fault
from models.spec import Column, Missing
from models.suggestions import unknown_name
from models.validation.values import member

CHOICES = tuple(choice.value for choice in Missing)
INAPPLICABLE = {
    ("category", "median"), ("category", "mean"), ("category", "zero"), ("date", "zero"),
}  # fmt: skip
"""Types of columns and what can't replace their missing values."""


def choose_missing(
    columns: Sequence[Column], missing: Any, indicator: Any, incomplete: frozenset[str]
) -> tuple[Column, ...]:
    """The columns with the `missing` and `missing_indicator` of a posted input, which find_missing_faults accepted.

    `missing` for the whole table applies to the columns that it can apply to. The `incomplete` columns are those with
    missing values, which get an indicator if it is true.
    """
    by_column = missing if isinstance(missing, Mapping) else {}
    for_all = missing if isinstance(missing, str) else None
    wanted = incomplete if indicator is True else frozenset(indicator or ())

    def choose(column: Column) -> Column:
        choice = by_column.get(column.name, for_all)
        if (column.type, choice) in INAPPLICABLE:
            choice = None
        indicated = column.name in wanted and column.type != "category"
        return replace(column, missing=None if choice is None else Missing(choice), missing_indicator=indicated)

    return tuple(map(choose, columns))


def find_missing_faults(columns: Sequence[Column], missing: Any, indicator: Any, pointer: str) -> list[Fault]:
    """The faults, at most MOST_FAULTS, of `missing` and `missing_indicator` of the input at `pointer`."""
    by_name = {column.name: column for column in columns}
    found = [*_find_choice_faults(by_name, missing, f"{pointer}/missing")]
    found += _find_indicator_faults(by_name, indicator, f"{pointer}/missing_indicator")
    return list(islice(found, MOST_FAULTS))


def _find_choice_faults(columns: Mapping[str, Column], missing: Any, pointer: str) -> Iterator[Fault]:
    if missing is None:
        return
    if not isinstance(missing, Mapping):
        if missing not in CHOICES:
            detail = f"`missing` must be one of {', '.join(CHOICES)}, or an object of these by column."
            yield Fault(detail, pointer, allowed=CHOICES)
        return
    for name, choice in missing.items():
        place = member(pointer, name)
        if name not in columns:
            yield unknown_name(name, tuple(columns), place, "column")
        elif choice not in CHOICES:
            yield Fault(f"`missing` must be one of {', '.join(CHOICES)}.", place, allowed=CHOICES)
        elif (columns[name].type, choice) in INAPPLICABLE:
            kind = columns[name].type
            usable = tuple(one for one in CHOICES if (kind, one) not in INAPPLICABLE)
            detail = f'"{name}" is a {kind}, whose missing values `{choice}` can\'t replace: use {" or ".join(usable)}.'
            yield Fault(detail, place, allowed=usable)


def _find_indicator_faults(columns: Mapping[str, Column], indicator: Any, pointer: str) -> Iterator[Fault]:
    if indicator is None or isinstance(indicator, bool):
        return
    if not isinstance(indicator, list):
        yield Fault("`missing_indicator` must be true, false or a list of columns.", pointer)
        return
    for place, name in enumerate(indicator):
        if not isinstance(name, str) or name not in columns:
            yield unknown_name(str(name), tuple(columns), f"{pointer}/{place}", "column")
        elif columns[name].type == "category":
            detail = f'"{name}" is a category, which already has a position for missing values.'
            yield Fault(detail, f"{pointer}/{place}")
