"""The description of a window: which columns of a table it is made of, and how they become a network's features."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import numpy as np

from models.documents import Document
from models.series.calendar import encode_calendar, name_features
from models.values.columns import ColumnValues, Texts

BREAK, FILL, REFUSE = "break", "fill", "refuse"
GAPS = (BREAK, FILL, REFUSE)
"""What can happen to gaps in time: no window spans them, the missing steps are inserted, or the table is refused."""


@dataclass(frozen=True)
class SeriesColumn(Document):
    """A column, as in the rows of the training windows."""

    name: str
    type: str
    """`number`, `boolean`, `category` or `date`."""
    format: str | None = None
    """The format of dates or numbers, if known."""
    categories: tuple[str, ...] = ()
    fill: float = 0.0
    """What replaces a missing number: the median."""
    minimum: float = -math.inf
    maximum: float = math.inf

    @property
    def width(self) -> int:
        """The number of features: a category has one for each category, and one for unknown and missing ones."""
        return len(self.categories) + 1 if self.type == "category" else 1

    def encode(self, values: ColumnValues) -> np.ndarray:
        """The features of raw values (rows,): float32, (rows, width)."""
        if isinstance(values, Texts):
            encoded = np.zeros((len(values), self.width), np.float32)
            # -1, the code of a missing or unknown value, is the last place
            encoded[np.arange(len(values)), values.codes_among(self.categories)] = 1
            return encoded
        return np.where(np.isnan(values), self.fill, values).astype(np.float32)[:, None]

    def to_document(self) -> dict[str, Any]:
        """The members that differ from their defaults: JSON has no infinity."""
        usual = {field.name: field.default for field in fields(self)}
        document = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return document | {"categories": list(self.categories)} if self.categories else document

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return replace(super()._read(document), categories=tuple(document.get("categories", ())))


@dataclass(frozen=True)
class Window(Document):
    """`steps` consecutive rows of a series as features: the columns in order, then the calendar of the time column."""

    steps: int
    columns: tuple[SeriesColumn, ...]
    horizons: tuple[int, ...] = (1,)
    """How many rows after the last row of the window its targets are."""
    targets: tuple[str, ...] = ()
    """The columns to predict. Those that are also among `columns` show the window their past."""
    group: tuple[SeriesColumn, ...] = ()
    """The columns whose values distinguish series; none if the table is a single series."""
    time: SeriesColumn | None = None
    """The column that orders rows; None: they are in the order of the table."""
    calendar: tuple[str, ...] = ()
    gaps: str | None = None
    """One of GAPS; None: windows span gaps."""
    usual_step: float | None = None
    """The usual time between two rows: µs if the time is a date."""

    @property
    def features(self) -> list[str]:
        """The names of the features."""
        names: list[str] = []
        for column in self.columns:
            if column.type == "category":
                names += [f"{column.name}: {category}" for category in column.categories]
            names.append(f"{column.name}: other" if column.type == "category" else column.name)
        return names + name_features(self.calendar)

    @property
    def fills(self) -> list[float]:
        """What replaces a missing number of each feature."""
        fills = [[0.0] * column.width if column.type == "category" else [column.fill] for column in self.columns]
        return [*(fill for each in fills for fill in each), *([0.0] * 2 * len(self.calendar))]

    @property
    def scaled(self) -> np.ndarray:
        """Which features are raw numbers, which a network may need scaled; the others are between -1 and 1."""
        raw = [np.full(column.width, column.type != "category") for column in self.columns]
        return np.concatenate([*raw, np.zeros(2 * len(self.calendar), bool)])

    @property
    def past(self) -> list[int | None]:
        """The feature that holds each target's own past (for a category, the first one); None if there is none."""
        ends = np.cumsum([column.width for column in self.columns])
        places = {column.name: int(end) - column.width for column, end in zip(self.columns, ends.tolist(), strict=True)}
        return [places.get(target) for target in self.targets]

    def encode(self, columns: Mapping[str, ColumnValues], times: np.ndarray | None) -> np.ndarray:
        """The features of rows: float32, (rows, features), from raw columns by name and the times (rows,)."""
        parts = [column.encode(columns[column.name]) for column in self.columns]
        if self.calendar and times is not None:
            parts.append(encode_calendar(times, self.calendar))
        return np.concatenate(parts, axis=1)

    def to_document(self) -> dict[str, Any]:
        """As JSON, with `past` for readers of the document."""
        return {
            "steps": self.steps,
            "columns": [column.to_document() for column in self.columns],
            "horizons": list(self.horizons),
            "targets": list(self.targets),
            "past": self.past,
            "group": [column.to_document() for column in self.group],
            "time": None if self.time is None else self.time.to_document(),
            "calendar": list(self.calendar),
            "gaps": self.gaps,
            "usual_step": self.usual_step,
        }

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        columns, group = (tuple(map(SeriesColumn.from_document, document[name])) for name in ("columns", "group"))
        return replace(
            super()._read(document),
            columns=columns,
            horizons=tuple(document["horizons"]),
            targets=tuple(document["targets"]),
            group=group,
            time=None if document["time"] is None else SeriesColumn.from_document(document["time"]),
            calendar=tuple(document["calendar"]),
        )
