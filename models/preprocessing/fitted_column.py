"""One column of a table, fitted to its training rows."""

import math
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cached_property
from typing import Any, Self

import numpy as np

from models.preprocessing.tensor_input import LARGEST_BYTE
from models.spec import Column, Missing, Scaling
from models.values.columns import ColumnValues, Texts, is_missing
from models.values.dates import write_dates
from models.values.numbers import find_format
from models.values.statistics import mean_and_deviation, usable_deviation

DAY = np.timedelta64(1, "D")
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
"""A category that a number can mean: `007` isn't the number 7."""
LONGEST_NUMBER = 1e20
"""From this size on, a number is shown with an exponent."""
FIRST_WEEKDAY = 3
"""1970-01-01, day 0, was a Thursday."""


@dataclass(frozen=True)
class FittedColumn:
    """Encodes a column's values as one or more numbers.

    Numbers and booleans become (value - mean) / std; a missing value becomes `fill`, by default the median. A category
    is one-hot encoded; the last position is for categories without a position of their own, and for missing values
    unless `usual` replaces them. A date becomes its day since 1970, scaled like a number, and for each of its `parts`,
    such as the year, the sine and cosine of the fraction that has passed. An indicator, 1 where the value was missing,
    is last.
    """

    name: str
    type: str
    fill: float = 0.0
    mean: float = 0.0
    std: float = 1.0
    minimum: float = -math.inf
    maximum: float = math.inf
    categories: tuple[str, ...] = ()
    """The categories with a position of their own: those of the dataset that the model was created for."""
    untrained: tuple[str, ...] = ()
    """The ones of them that aren't in the training rows."""
    grouped: tuple[str, ...] = ()
    """Categories of the training rows without a position of their own. They share the last position."""
    parts: tuple[str, ...] = ()
    format: str | None = None
    """The format of dates or numbers in the training rows, if known."""
    missing: Missing | None = None
    """How `fill` or `usual` was determined; None: the default."""
    usual: str | None = None
    """The category that replaces a missing one."""
    missing_indicator: bool = False

    @classmethod
    def fit(cls, column: Column, values: ColumnValues, scaling: Scaling) -> Self:
        if isinstance(values, Texts):
            counts = values.counts() if column.missing is Missing.MOST_FREQUENT else {}
            usual = max(counts, key=lambda name: counts[name], default=None)
            unseen = cls(
                column.name,
                column.type,
                categories=column.categories,
                untrained=column.categories,
                missing=column.missing,
                usual=usual,
            )
            return unseen._see(values)
        unfitted = cls(
            column.name,
            column.type,
            parts=column.parts,
            format=column.format,
            missing=column.missing,
            missing_indicator=column.missing_indicator,
        )
        numbers = _to_numbers(values)
        present = numbers[~is_missing(numbers)]
        fill = _find_fill(present, column.missing or Missing.MEDIAN)
        if column.type == "boolean" or not len(present):
            return replace(unfitted, fill=fill)
        mean, std = 0.0, 1.0
        if scaling is Scaling.UNIT and column.type == "number":
            std = float(LARGEST_BYTE)
        elif scaling is Scaling.STANDARD:
            means, deviations = mean_and_deviation(_fill(numbers, fill))
            mean, std = float(means), float(usable_deviation(means, deviations))
        lowest, highest = float(present.min()), float(present.max())
        return replace(unfitted, fill=fill, mean=mean, std=std, minimum=lowest, maximum=highest)

    def continued(self, values: ColumnValues, format_: str | None) -> Self:
        """The column for a training that continues on other rows, written in another format.

        Values are encoded as before. What counts as seen in the training rows is what the earlier or these rows have.
        """
        if isinstance(values, Texts):
            return self._see(values)
        numbers = _to_numbers(values)
        present = numbers[~is_missing(numbers)]
        column = replace(self, format=format_)
        if not math.isfinite(self.minimum) or not len(present):
            return column
        lowest, highest = min(self.minimum, float(present.min())), max(self.maximum, float(present.max()))
        return replace(column, minimum=lowest, maximum=highest)

    def _see(self, values: Texts) -> Self:
        """The column with the categories of these training rows among the seen ones."""
        present = set(values.counts())
        untrained = tuple(category for category in self.untrained if category not in present)
        grouped = tuple(sorted({*self.grouped, *(present - self.known)}))
        return replace(self, untrained=untrained, grouped=grouped)

    @cached_property
    def known(self) -> frozenset[str]:
        """The categories with a position of their own, as a set for lookups."""
        return frozenset(self.categories)

    @cached_property
    def seen(self) -> frozenset[str]:
        """The categories of the training rows."""
        return (self.known | frozenset(self.grouped)) - frozenset(self.untrained)

    @cached_property
    def is_amount(self) -> bool:
        """Whether numbers may be posted as texts, such as `$1,234.5`."""
        return self.type == "number" and self.format is not None and find_format(self.format).amount

    @property
    def unit(self) -> str | None:
        """The unit of numbers that are written with one."""
        return find_format(self.format).unit if self.type == "number" and self.format is not None else None

    @cached_property
    def numeric_categories(self) -> dict[Decimal, str]:
        """The categories that are numbers, by their values. Of equal ones, such as 3 and 3.0, the shortest."""
        numbers = (name for name in self.categories if NUMBER.fullmatch(name))
        return {Decimal(name): name for name in sorted(numbers, key=len, reverse=True)}

    def find_category(self, value: int | float | bool) -> str | None:
        """The category that equals a number or boolean; None if the categories are texts.

        A number that equals none of several numbers is an unseen category.
        """
        if isinstance(value, bool):
            return next((name for name in (str(value).lower(), str(value)) if name in self.known), None)
        if not self.numeric_categories or (isinstance(value, float) and not math.isfinite(value)):
            return None
        number = Decimal(str(value))
        return self.numeric_categories.get(number, f"{number:f}" if abs(value) < LONGEST_NUMBER else str(value))

    @property
    def width(self) -> int:
        """The number of numbers that encode the column."""
        if self.type == "category":
            return len(self.categories) + 1
        return 1 + 2 * len(self.parts) + self.missing_indicator

    def encode(self, values: ColumnValues, encoded: np.ndarray) -> None:
        """Write raw values (rows,) into zeros (rows, width), float32."""
        if isinstance(values, Texts):
            encoded[np.arange(len(values)), self.find_categories(values)] = 1
            return
        raw = _to_numbers(values)
        numbers = _fill(raw, self.fill)
        if self.missing_indicator:
            encoded[:, -1] = np.isnan(raw)
        with np.errstate(over="ignore"):  # a number far outside the training range becomes infinite
            encoded[:, 0] = (numbers - self.mean) / self.std
        for place, part in enumerate(self.parts):
            angle = 2 * np.pi * CYCLES[part](numbers)
            encoded[:, 1 + 2 * place] = np.sin(angle)
            encoded[:, 2 + 2 * place] = np.cos(angle)

    def find_categories(self, values: Texts) -> np.ndarray:
        """The index of each value's category; one past the last for unknown values."""
        places: dict[str | None, int] = {category: place for place, category in enumerate(self.categories)}
        unseen = len(places)
        # -1, the code of a missing value, selects the last entry
        names = (*values.names, self.usual)
        return np.array([places.get(name, unseen) for name in names], dtype=np.int64)[values.codes]

    def to_numbers(self, values: np.ndarray) -> np.ndarray:
        """Raw values as float64, dates as days since 1970; NaN where missing."""
        return _to_numbers(values)

    def show(self, number: float) -> str:
        """A number of this column, or the date that it stands for, for use in a sentence."""
        return write_dates(self.to_dates(np.array([number])))[0] if self.type == "date" else f"{number:g}"

    def to_column(self) -> Column:
        """The column as in a spec."""
        return Column(
            self.name, self.type, self.categories, self.parts, self.format, self.missing, self.missing_indicator
        )

    def to_dates(self, numbers: np.ndarray) -> np.ndarray:
        """Convert days since 1970 to dates."""
        return np.rint(numbers * (DAY / np.timedelta64(1, "us"))).astype("datetime64[us]")

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.missing is not None:
            document["missing"] = self.missing.value
        if self.missing_indicator:
            document["missing_indicator"] = True
        if self.type == "category":
            seen = {"untrained": list(self.untrained), "grouped": list(self.grouped)}
            usual = {} if self.usual is None else {"usual": self.usual}
            return (
                document | {"categories": list(self.categories)} | usual | {name: of for name, of in seen.items() if of}
            )
        document |= {"fill": self.fill, "mean": self.mean, "std": self.std}
        if self.type == "date":
            document["parts"] = list(self.parts)
        if self.format is not None:
            document["format"] = self.format
        bounded = math.isfinite(self.minimum)
        return document | {"min": self.minimum, "max": self.maximum} if bounded else document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        names = {"min": "minimum", "max": "maximum"}
        members = {names.get(name, name): value for name, value in document.items()}
        lists = {name: tuple(document.get(name, ())) for name in ("categories", "untrained", "grouped", "parts")}
        missing = {"missing": Missing(document["missing"])} if "missing" in document else {}
        return cls(**members | lists | missing)


def _to_numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "M":
        return values.astype(np.float64)
    # NaT divided by a day is NaN
    return (values - np.datetime64(0, "us")) / DAY


def _find_fill(present: np.ndarray, missing: Missing) -> float:
    """What replaces a missing number, from the others; of several that are most frequent, the smallest."""
    if missing is Missing.ZERO or not len(present):
        return 0.0
    if missing is Missing.MOST_FREQUENT:
        distinct, counts = np.unique(present, return_counts=True)
        return float(distinct[counts.argmax()])
    return float(np.mean(present) if missing is Missing.MEAN else np.median(present))


def _fill(numbers: np.ndarray, fill: float) -> np.ndarray:
    return np.where(np.isnan(numbers), fill, numbers)


def _of_year(days: np.ndarray) -> np.ndarray:
    """The fraction of the year that has passed, from 0 to 1."""
    years = np.floor(days).astype("datetime64[D]").astype("datetime64[Y]")
    start, end = (year.astype("datetime64[D]").astype(np.float64) for year in (years, years + 1))
    return (days - start) / (end - start)


def _of_week(days: np.ndarray) -> np.ndarray:
    """The fraction of the week, from Monday, that has passed when the day begins."""
    return (np.floor(days) + FIRST_WEEKDAY) % 7 / 7


def _of_day(days: np.ndarray) -> np.ndarray:
    return days % 1


CYCLES = {"year": _of_year, "week": _of_week, "day": _of_day}
