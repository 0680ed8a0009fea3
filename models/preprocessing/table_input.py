"""An input that is a table's row: numbers, booleans and categories become one vector."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from models.datasets.columns import is_missing
from models.datasets.sources import find_unknown
from models.datasets.statistics import mean_and_deviation
from models.datasets.tensors import FLOAT32_MAX, MAX_FAULTS, Place, Shape, describe, name_type
from models.errors import Fault, InvalidInstances
from models.preprocessing.tensor_input import LARGEST_BYTE, usable_deviation
from models.spec import Column, InputSpec, Scaling

MAX_WARNINGS = 100
EXPECTED = {"number": "a number", "boolean": "true or false", "category": "text"}


@dataclass(frozen=True)
class FittedColumn:
    """A column and what was learned from its training rows.

    Numbers and booleans become (value - mean) / std, with `fill`, the median, where the value is missing. A category
    becomes a 1 among zeros, the last place being for what is missing or wasn't among the training rows.
    """

    name: str
    type: str
    fill: float = 0.0
    mean: float = 0.0
    std: float = 1.0
    minimum: float = -math.inf
    maximum: float = math.inf
    categories: tuple[str, ...] = ()

    @classmethod
    def fit(cls, column: Column, values: np.ndarray, scaling: Scaling) -> Self:
        if column.type == "category":
            return cls(column.name, column.type, categories=column.categories)
        present = values[~is_missing(values)].astype(np.float64)
        fill = float(np.median(present)) if len(present) else 0.0
        if column.type == "boolean" or not len(present):
            return cls(column.name, column.type, fill)
        mean, std = 0.0, 1.0
        if scaling is Scaling.UNIT:
            std = float(LARGEST_BYTE)
        elif scaling is Scaling.STANDARD:
            filled = _fill(values.astype(np.float64), fill)
            means, deviations = mean_and_deviation(filled)
            mean, std = float(means), float(usable_deviation(means, deviations))
        return cls(column.name, column.type, fill, mean, std, float(present.min()), float(present.max()))

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Raw values (rows,) as numbers (rows, width)."""
        if self.type == "category":
            return np.eye(len(self.categories) + 1, dtype=np.float32)[self.find_categories(values)]
        numbers = (_fill(values.astype(np.float64), self.fill) - self.mean) / self.std
        return numbers.astype(np.float32)[:, None]

    def find_categories(self, values: np.ndarray) -> np.ndarray:
        """The place of each value among the categories; one past the last for what isn't among them."""
        places = {category: place for place, category in enumerate(self.categories)}
        return np.array([places.get(value, len(places)) for value in values], dtype=np.int64)

    def to_document(self) -> dict[str, Any]:
        document: dict[str, Any] = {"name": self.name, "type": self.type}
        if self.type == "category":
            return document | {"categories": list(self.categories)}
        document |= {"fill": self.fill, "mean": self.mean, "std": self.std}
        bounded = math.isfinite(self.minimum)
        return document | {"min": self.minimum, "max": self.maximum} if bounded else document

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        names = {"min": "minimum", "max": "maximum"}
        members = {names.get(name, name): value for name, value in document.items()}
        return cls(**members | {"categories": tuple(document.get("categories", ()))})


@dataclass(frozen=True)
class TableInput:
    """How rows of a table become what the network takes: the columns' numbers side by side, in order."""

    shape: Shape
    scaling: Scaling
    columns: tuple[FittedColumn, ...]

    @classmethod
    def fit(cls, spec: InputSpec, columns: tuple[Column, ...], table: dict[str, np.ndarray]) -> Self:
        """Learn from the training rows of a table."""
        fitted = tuple(FittedColumn.fit(column, table[column.name], spec.scaling) for column in columns)
        return cls(spec.shape, spec.scaling, fitted)

    def transform(self, table: dict[str, np.ndarray]) -> np.ndarray:
        """Raw columns by name as the network takes them: float32, (rows, *shape)."""
        encoded = np.concatenate([column.encode(table[column.name]) for column in self.columns], axis=1)
        return encoded.reshape(len(encoded), *self.shape)

    def read(self, instances: list, place: Place) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Posted rows, objects by column name or lists in column order, as the network takes them, and warnings.

        Raises InvalidInstances, naming rows and columns. What is null or left out counts as missing.
        """
        names = [column.name for column in self.columns]
        checked = [_cells(row, number, names, place) for number, row in enumerate(instances)]
        faults = [row for row in checked if isinstance(row, Fault)]
        rows = [row for row in checked if not isinstance(row, Fault)]
        table: dict[str, np.ndarray] = {}
        for index, column in enumerate(() if faults else self.columns):
            table[column.name], problems = _read_values(column, [row[index] for row in rows])
            for row, detail in problems.items():
                key = column.name if isinstance(instances[row], dict) else index
                faults.append(Fault(f"Row {row}: {detail}", place.pointer(row, (key,)), row=row, column=column.name))
        if faults:
            raise InvalidInstances(*sorted(faults, key=lambda fault: fault.row or 0)[:MAX_FAULTS])
        warnings = [warning for column in self.columns for warning in _warn(column, table[column.name])]
        return self.transform(table), sorted(warnings, key=lambda warning: warning["row"])[:MAX_WARNINGS]

    def to_document(self) -> dict[str, Any]:
        columns = [column.to_document() for column in self.columns]
        return {"type": "table", "shape": list(self.shape), "scaling": self.scaling.value, "columns": columns}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        columns = tuple(FittedColumn.from_document(column) for column in document["columns"])
        return cls(tuple(document["shape"]), Scaling(document["scaling"]), columns)


def _cells(row: object, number: int, names: list[str], place: Place) -> list | Fault:
    """A row's values in the columns' order, or what is wrong with the row as a whole."""
    if isinstance(row, dict):
        unknown = next((name for name in row if name not in names), None)
        if unknown is None:
            return [row.get(name) for name in names]
        fault = find_unknown(unknown, tuple(names), place.pointer(number, (unknown,)), "column")
        return replace(fault, detail=f"Row {number}: {fault.detail}", row=number, column=unknown)
    if not isinstance(row, list):
        detail = f"Row {number} is {name_type(row)}; it should be an object by column name, or a list."
    elif len(row) != len(names):
        detail = f"Row {number} has {len(row)} values, but there are {len(names)} columns: {', '.join(names[:20])}."
    else:
        return row
    return Fault(detail, place.pointer(number), row=number)


def _read_values(column: FittedColumn, values: list) -> tuple[np.ndarray, dict[int, str]]:
    """A column's posted values as a dataset has them, and by row what is wrong with them."""
    fits = {"number": _is_number, "boolean": _is_boolean, "category": _is_text}[column.type]
    problems = {
        row: f'"{column.name}" should be {EXPECTED[column.type]}, not {describe(value)}.'
        for row, value in enumerate(values)
        if not (value is None or fits(value))
    }
    if problems or column.type == "category":
        return np.array([*values, None], dtype=object)[:-1], problems
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64), problems


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= FLOAT32_MAX


def _is_boolean(value: object) -> bool:
    return isinstance(value, int | float) and value in (0, 1)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _warn(column: FittedColumn, values: np.ndarray) -> Iterator[dict[str, Any]]:
    """What is odd about posted values, though they can be used: missing, or unlike the training rows."""
    missing = is_missing(values)
    replacement = (
        "counts as unseen" if column.type == "category" else f"the training rows' median, {column.fill:g}, is used"
    )
    for row in np.flatnonzero(missing)[:MAX_WARNINGS].tolist():
        yield _warning(row, column, "missing", f'"{column.name}" is missing: {replacement}.')
    if column.type == "category":
        unseen = ~missing & (column.find_categories(values) == len(column.categories))
        for row in np.flatnonzero(unseen)[:MAX_WARNINGS].tolist():
            yield _warning(row, column, "unseen_category", f'"{values[row]}" was not among the training rows.')
    if column.type == "number":
        outside = (values < column.minimum) | (values > column.maximum)
        for row in np.flatnonzero(outside)[:MAX_WARNINGS].tolist():
            bounds = f"the training rows lie between {column.minimum:g} and {column.maximum:g}"
            yield _warning(row, column, "out_of_range", f"{values[row]:g} is out of range: {bounds}.")


def _warning(row: int, column: FittedColumn, kind: str, detail: str) -> dict[str, Any]:
    return {"row": row, "column": column.name, "type": kind, "detail": detail}


def _fill(values: np.ndarray, fill: float) -> np.ndarray:
    return np.where(np.isnan(values), fill, values)
