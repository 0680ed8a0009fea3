"""One column of a table, fitted to its training rows."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from models.preprocessing.tensor_input import LARGEST_BYTE
from models.spec import Column, Scaling
from models.values.columns import ColumnValues, Texts, is_missing
from models.values.statistics import mean_and_deviation, usable_deviation

DAY = np.timedelta64(1, "D")
FIRST_WEEKDAY = 3
"""1970-01-01, day 0, was a Thursday."""


@dataclass(frozen=True)
class FittedColumn:
    """Encodes a column's values as one or more numbers.

    Numbers and booleans become (value - mean) / std; a missing value becomes `fill`, the median. A category is one-hot
    encoded; the last position is for missing values and those that weren't in the training rows. A date becomes its
    day since 1970, scaled like a number, and for each of its `parts`, such as the year, the sine and cosine of the
    fraction that has passed.
    """

    name: str
    type: str
    fill: float = 0.0
    mean: float = 0.0
    std: float = 1.0
    minimum: float = -math.inf
    maximum: float = math.inf
    categories: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    format: str | None = None
    """The format of dates or numbers in the training rows, if known."""

    @classmethod
    def fit(cls, column: Column, values: ColumnValues, scaling: Scaling) -> Self:
        if isinstance(values, Texts):
            return cls(column.name, column.type, categories=column.categories)
        unfitted = cls(column.name, column.type, parts=column.parts, format=column.format)
        numbers = _to_numbers(values)
        present = numbers[~is_missing(numbers)]
        fill = float(np.median(present)) if len(present) else 0.0
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

    @cached_property
    def known(self) -> frozenset[str]:
        """The categories as a set, for lookups."""
        return frozenset(self.categories)

    @property
    def width(self) -> int:
        """The number of numbers that encode the column."""
        return len(self.categories) + 1 if self.type == "category" else 1 + 2 * len(self.parts)

    def encode(self, values: ColumnValues, encoded: np.ndarray) -> None:
        """Write raw values (rows,) into zeros (rows, width), float32."""
        if isinstance(values, Texts):
            encoded[np.arange(len(values)), self.find_categories(values)] = 1
            return
        numbers = _fill(_to_numbers(values), self.fill)
        with np.errstate(over="ignore"):  # a number far outside the training range becomes infinite
            encoded[:, 0] = (numbers - self.mean) / self.std
        for place, part in enumerate(self.parts):
            angle = 2 * np.pi * CYCLES[part](numbers)
            encoded[:, 1 + 2 * place] = np.sin(angle)
            encoded[:, 2 + 2 * place] = np.cos(angle)

    def find_categories(self, values: Texts) -> np.ndarray:
        """The index of each value's category; one past the last for unknown values."""
        places = {category: place for place, category in enumerate(self.categories)}
        unseen = len(places)
        # -1, the code of a missing value, selects the last entry
        return np.array([*(places.get(name, unseen) for name in values.names), unseen], dtype=np.int64)[values.codes]

    def to_numbers(self, values: np.ndarray) -> np.ndarray:
        """Raw values as float64, dates as days since 1970; NaN where missing."""
        return _to_numbers(values)

    def to_dates(self, numbers: np.ndarray) -> np.ndarray:
        """Convert days since 1970 to dates."""
        return np.rint(numbers * (DAY / np.timedelta64(1, "us"))).astype("datetime64[us]")

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.type == "category":
            return document | {"categories": list(self.categories)}
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
        lists = {name: tuple(document.get(name, ())) for name in ("categories", "parts")}
        return cls(**members | lists)


def _to_numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind != "M":
        return values.astype(np.float64)
    # NaT divided by a day is NaN
    return (values - np.datetime64(0, "us")) / DAY


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
