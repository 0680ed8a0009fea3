"""Makes sequences from posted rows of the table that a network's sequences come from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np

from models.allowance import Allowance
from models.dataset_descriptor import DatasetDescriptor
from models.errors import Fault, InvalidInstances
from models.preprocessing.fitted_column import FittedColumn
from models.preprocessing.table_input import PostedTable, TableInput, warn_of_extra
from models.series.timeline import Timeline, TooManyRows, label_series, name_series, number_series, write_times
from models.series.window import BREAK, FILL, REFUSE, SeriesColumn, Window
from models.spec import Column, Scaling
from models.tabular.posted_parquet import TableColumns
from models.values.columns import ColumnValues, is_missing
from models.values.tensors import MAX_FAULTS, Place
from models.values.wording import count_of


@dataclass(frozen=True)
class SeriesSequences:
    """A sequence for each series, in the order in which the series first occur in the rows."""

    values: np.ndarray
    """Raw features: float32, (series, steps, features)."""
    labels: list[dict[str, Any]]
    """For each series `group`, the values of the group's columns, and `after`, the time of its last row, if the window
    has them."""
    warnings: list[dict[str, Any]]
    """Warnings about the rows in sequences, with `row`, `column`, `type` and `detail`."""


@dataclass(frozen=True)
class WindowRows:
    """The window of a dataset, and what its rows may hold besides the window's columns."""

    window: Window
    posted: PostedTable

    @classmethod
    def of(cls, descriptor: DatasetDescriptor) -> Self | None:
        """None if the dataset isn't made of a table's windows."""
        if descriptor.window is None:
            return None
        columns = tuple(Column(column.name, column.type) for column in _all_columns(descriptor.window))
        return cls(descriptor.window, PostedTable.of(descriptor, columns))

    def continued(self, descriptor: DatasetDescriptor) -> Self:
        """The rows for a training that continues on another dataset of the same features: its formats, and what else
        its rows may hold."""
        other = WindowRows.of(descriptor)
        if other is None:
            return self
        formats = {column.name: column.format for column in _all_columns(other.window)}

        def adopt(column: SeriesColumn) -> SeriesColumn:
            return replace(column, format=formats.get(column.name, column.format))

        window, time = self.window, self.window.time
        written = replace(
            window,
            columns=tuple(map(adopt, window.columns)),
            group=tuple(map(adopt, window.group)),
            time=None if time is None else adopt(time),
        )
        return replace(self, window=written, posted=other.posted)

    @cached_property
    def table(self) -> TableInput:
        """Reads the cells of the rows."""
        columns = tuple(map(_to_fitted, _all_columns(self.window)))
        return TableInput((len(columns),), Scaling.NONE, columns, self.posted)

    def read(
        self, posted: list | TableColumns, place: Place, allowance: Allowance, ignores_extra: bool = False
    ) -> SeriesSequences:
        """The last `steps` rows of each series in posted rows, which may be in any order.

        Raises InvalidInstances, naming rows, columns and series; Excessive, TookTooLong.
        """
        allowance.take_cells(len(posted) * len(self.table.columns))
        table = self.table.read_raw(posted, place, allowance, ignores_extra)
        extra = self.table.find_extra(posted, ignores_extra)
        try:
            sequences = self.cut(table, allowance, allowance.limits.prediction_numbers)
        except InvalidInstances as error:
            faults = (_point(fault, place) for fault in error.faults)
            raise InvalidInstances(*faults) from error
        return replace(sequences, warnings=[warn_of_extra(extra), *sequences.warnings]) if extra else sequences

    def cut(self, table: Mapping[str, ColumnValues], allowance: Allowance, most: int) -> SeriesSequences:
        """As `read`, from raw columns by name. With missing steps filled, there may be at most `most` rows."""
        window = self.window
        group = {column.name: table[column.name] for column in window.group}
        self._refuse_missing(table)
        rows = len(next(iter(table.values())))
        timeline = Timeline.of(number_series(list(group.values()), rows), self._read_times(table))
        self._refuse_repeated(timeline, group)
        firsts = timeline.starts
        if window.usual_step is not None and window.gaps == FILL:
            timeline = _fill(timeline, window.usual_step, most, allowance)
        elif window.usual_step is not None and window.gaps in (BREAK, REFUSE):
            firsts = np.union1d(firsts, timeline.find_gaps(window.usual_step))
        self._refuse_short(timeline, firsts, group)
        last = timeline.ends - 1
        allowance.take_rows(len(last))
        positions = (last[:, None] - np.arange(window.steps - 1, -1, -1)).ravel()
        values = {
            column.name: timeline.take(table[column.name], interpolate=column.type == "number")[positions]
            for column in window.columns
        }
        times = None if timeline.times is None else timeline.times[positions]
        features = window.encode(values, times).reshape(len(last), window.steps, -1)
        used = np.unique(timeline.rows[positions[~timeline.inserted[positions]]])
        return SeriesSequences(features, self._label(timeline, group), self._find_warnings(table, used))

    def _read_times(self, table: Mapping[str, ColumnValues]) -> np.ndarray | None:
        if self.window.time is None:
            return None
        times = table[self.window.time.name]
        assert isinstance(times, np.ndarray)
        return times.astype(np.int64) if times.dtype.kind == "M" else times

    def _refuse_missing(self, table: Mapping[str, ColumnValues]) -> None:
        """Raise InvalidInstances if a row has no time, or doesn't say to which series it belongs."""
        columns = [*self.window.group, *([] if self.window.time is None else [self.window.time])]
        faults: list[Fault] = []
        for column in columns:
            purpose = "gives the row its place in time" if column is self.window.time else "names the row's series"
            for row in np.flatnonzero(is_missing(table[column.name]))[:MAX_FAULTS].tolist():
                detail = f'Row {row}: "{column.name}" is missing; it {purpose}.'
                faults.append(Fault(detail, row=row, column=column.name))
        if faults:
            raise InvalidInstances(*faults[:MAX_FAULTS])

    def _refuse_repeated(self, timeline: Timeline, group: Mapping[str, ColumnValues]) -> None:
        def find_faults() -> Iterator[Fault]:
            assert timeline.times is not None
            assert self.window.time is not None
            for position in timeline.find_repeated().tolist():
                row, earlier = int(timeline.rows[position]), int(timeline.rows[position - 1])
                (time,) = write_times(timeline.times[position : position + 1], self.window.time.type)
                detail = f'Row {row} has the same time as row {earlier}{_whose(group, row)}: "{time}".'
                yield Fault(detail, row=row, column=self.window.time.name)

        faults = [] if timeline.times is None else list(islice(find_faults(), MAX_FAULTS))
        if faults:
            raise InvalidInstances(*faults)

    def _refuse_short(self, timeline: Timeline, firsts: np.ndarray, group: Mapping[str, ColumnValues]) -> None:
        """Raise InvalidInstances, naming the series, if one has fewer rows than a window since its last break."""
        begins = firsts[np.searchsorted(firsts, timeline.ends - 1, side="right") - 1]
        lengths = timeline.ends - begins
        faults = []
        for one in np.flatnonzero(lengths < self.window.steps)[:MAX_FAULTS].tolist():
            row, count = int(timeline.rows[timeline.ends[one] - 1]), int(lengths[one])
            whose = f"The series {name_series(group, row)} has" if group else "There are"
            since = " after its last gap in time" if begins[one] > timeline.starts[one] else ""
            detail = f"{whose} {count_of(count, 'row')}{since}, but the model needs the last {self.window.steps:,}."
            faults.append(Fault(detail, row=row))
        if faults:
            raise InvalidInstances(*faults)

    def _label(self, timeline: Timeline, group: Mapping[str, ColumnValues]) -> list[dict[str, Any]]:
        last = timeline.ends - 1
        labels: list[dict[str, Any]] = [{} for _ in last]
        if group:
            labels = [{"group": values} for values in label_series(group, timeline.rows[last])]
        if timeline.times is None or self.window.time is None:
            return labels
        times = timeline.times.astype("datetime64[us]" if self.window.time.type == "date" else np.float64)
        return [label | after for label, after in zip(labels, label_series({"after": times}, last), strict=True)]

    def _find_warnings(self, table: Mapping[str, ColumnValues], rows: np.ndarray) -> list[dict[str, Any]]:
        columns = tuple(map(_to_fitted, self.window.columns))
        checked = TableInput((len(columns),), Scaling.NONE, columns)
        warnings = checked.find_warnings({name: values[rows] for name, values in table.items()})
        return [warning | {"row": int(rows[warning["row"]])} for warning in warnings]

    def to_document(self) -> dict[str, Any]:
        return {"window": self.window.to_document(), "posted": self.posted.to_document()}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return cls(Window.from_document(document["window"]), PostedTable.from_document(document["posted"]))


def _all_columns(window: Window) -> tuple[SeriesColumn, ...]:
    """The columns of a row: those that tell its series and its time, and those of the window."""
    return (*window.group, *(() if window.time is None else (window.time,)), *window.columns)


def _to_fitted(column: SeriesColumn) -> FittedColumn:
    return FittedColumn(
        column.name,
        column.type,
        fill=column.fill,
        minimum=column.minimum,
        maximum=column.maximum,
        categories=column.categories,
        format=column.format,
    )


def _whose(group: Mapping[str, ColumnValues], row: int) -> str:
    return f" of the series {name_series(group, row)}" if group else ""


def _fill(timeline: Timeline, step: float, most: int, allowance: Allowance) -> Timeline:
    try:
        return timeline.fill(step, most, allowance.reserve)
    except TooManyRows as error:
        detail = f"With the missing steps there would be {error}; the limit is {most:,}. Correct the times."
        raise InvalidInstances(Fault(detail)) from error


def _point(fault: Fault, place: Place) -> Fault:
    """The fault with a pointer, if the rows are JSON."""
    if fault.row is None or fault.column is None:
        return replace(fault, pointer=place.whole)
    return replace(fault, pointer=place.pointer(fault.row, (fault.column,)))
