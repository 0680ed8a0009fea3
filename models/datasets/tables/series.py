"""Reads which series the rows of a table belong to, their order in time, and the gaps between them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from models.dataset_descriptor import Note
from models.datasets.tables.examples import read_times
from models.datasets.tables.repeated_times import refuse_repeated
from models.datasets.tables.window_options import WindowOptions
from models.errors import Fault, InvalidData
from models.limits import Limits
from models.series.timeline import Timeline, TooManyRows, describe_step, name_series, number_series, write_times
from models.series.window import BREAK, FILL, REFUSE, SeriesColumn
from models.tabular.raw_table import RawTable
from models.tabular.reading import read_column
from models.values.columns import ColumnValues, find_texts
from models.values.pointers import pointer_to
from models.values.wording import count_of

if TYPE_CHECKING:
    import polars

MOST_GAPS = 3
"""The gaps that a fault names."""
NO_BREAKS = np.zeros(0, np.int64)


@dataclass(frozen=True)
class ReadSeries:
    """The series of a table: their rows in order, and how these are told apart."""

    group: tuple[SeriesColumn, ...]
    time: SeriesColumn | None
    step: float | None
    """The usual time between two rows."""
    timeline: Timeline
    breaks: np.ndarray
    """The positions that follow a gap that no window may span."""
    notes: tuple[Note, ...]
    labels: dict[str, ColumnValues]
    """The columns of the group (rows,), in table order."""

    def name(self, position: int) -> str:
        """The series at a position, for people, such as `symbol=A`."""
        return name_series(self.labels, int(self.timeline.rows[position]))


def read_series(raw: RawTable, types: dict[str, str], options: WindowOptions, limits: Limits) -> ReadSeries:
    """The series of a table, with the gaps in time handled as the options say. Raises InvalidData."""
    group = {name: _read_group(raw, name, types.get(name)) for name in options.group}
    labels = {name: values for name, (_, values) in group.items()}
    columns = tuple(column for column, _ in group.values())
    codes = number_series(list(labels.values()), raw.rows)
    if options.time_column is None:
        return ReadSeries(columns, None, None, Timeline.of(codes, None), NO_BREAKS, (), labels)
    time, times = _read_time(raw, options.time_column, types.get(options.time_column), options)
    timeline = Timeline.of(codes, times)
    known = {time.name, *options.group, *options.targets}
    others = tuple(name for name in raw.columns if name not in known)
    refuse_repeated(raw, timeline, (time.name, time.type), options.group, others)
    step = timeline.find_usual_step()
    series = ReadSeries(columns, time, step, timeline, NO_BREAKS, (), labels)
    return series if step is None else _handle_gaps(raw, series, _Clock(time, step), options.gaps, limits)


@dataclass(frozen=True)
class _Clock:
    """A time column, and the usual time between two rows."""

    column: SeriesColumn
    step: float

    @property
    def usual(self) -> str:
        return describe_step(self.step, self.column.type)


def _read_group(raw: RawTable, name: str, wanted: str | None) -> tuple[SeriesColumn, ColumnValues]:
    """A column whose values distinguish series. Raises InvalidData if one is missing."""
    reading, values = read_column(raw, name, wanted)
    if reading.holds is not None:
        detail = f'The column "{name}" holds {reading.holds}; the columns of a group must hold single values.'
        raise InvalidData(raw.fault(detail, column=name))
    raw.refuse_missing(values, name, f'the column "{name}" is empty, so the row belongs to no series.')
    return SeriesColumn(name, reading.type, reading.format), to_values(reading.type, values)


def _read_time(raw: RawTable, name: str, wanted: str | None, options: WindowOptions) -> tuple[SeriesColumn, np.ndarray]:
    """The time column, and its values: dates as µs since 1970. Raises InvalidData."""
    reading, values = read_times(raw, name, wanted)
    if options.calendar and reading.type != "date":
        detail = f'The time column "{name}" holds numbers, but a calendar requires dates.'
        raise InvalidData(Fault(detail, pointer_to("window", "calendar"), column=name))
    times = values.to_numpy()
    if reading.type == "date":
        times = times.astype("datetime64[us]").astype(np.int64)
    return SeriesColumn(name, reading.type, reading.format), times


def to_values(type_: str, values: "polars.Series") -> ColumnValues:
    """The values of a column of this type; numbers and booleans as float64, NaN where missing."""
    import polars

    if type_ == "date":
        return values.to_numpy().astype("datetime64[us]")
    if type_ in ("number", "boolean"):
        return values.cast(polars.Float64).fill_null(np.nan).to_numpy()
    return find_texts(values)


def _handle_gaps(raw: RawTable, series: ReadSeries, clock: _Clock, gaps: str | None, limits: Limits) -> ReadSeries:
    """The series with their gaps noted, filled, or as breaks.

    Raises InvalidData if gaps are refused, or if the missing steps are too many.
    """
    timeline, time, usual = series.timeline, clock.column, clock.usual
    notes: list[Note] = []
    irregular = timeline.count_irregular(clock.step)
    if irregular:
        detail = f"{count_of(irregular, 'step')} in time not a multiple of the usual step, {usual}: windows count rows."
        notes.append(Note("irregular_steps", detail, time.name, irregular))
    positions = timeline.find_gaps(clock.step)
    if not len(positions):
        return replace(series, notes=tuple(notes))
    if gaps == REFUSE:
        raise InvalidData(*_find_gap_faults(raw, series, clock, positions))
    first = f"The first is {_describe_gap(series, clock, int(positions[0]))}."
    if gaps == FILL:
        filled = _fill(timeline, clock.step, limits)
        count = len(filled) - len(timeline)
        detail = (
            f"{count_of(count, 'missing step')} of {usual} inserted in {count_of(len(positions), 'gap')}: numbers are"
        )
        detail = f"{detail} interpolated, other values carried forward. {first}"
        notes.append(Note("filled_gaps", detail, time.name, count))
        return replace(series, timeline=filled, notes=tuple(notes))
    handled = "no window spans them" if gaps == BREAK else "windows span them"
    detail = f"{count_of(len(positions), 'gap')} in time (a step is usually {usual}); {handled}. {first}"
    notes.append(Note("gaps", detail, time.name, len(positions)))
    return replace(series, breaks=positions if gaps == BREAK else NO_BREAKS, notes=tuple(notes))


def _find_gap_faults(raw: RawTable, series: ReadSeries, clock: _Clock, positions: np.ndarray) -> Iterator[Fault]:
    """The faults of the first gaps."""
    for position in positions[:MOST_GAPS].tolist():
        row, gap = int(series.timeline.rows[position]), _describe_gap(series, clock, position)
        detail = f"Row {row} follows a gap {gap}; a step is usually {clock.usual}."
        yield raw.fault(f"{detail} The table has {count_of(len(positions), 'gap')}.", row, clock.column.name)


def _describe_gap(series: ReadSeries, clock: _Clock, position: int) -> str:
    """The gap before a position, such as `from "2024-01-03" to "2024-01-08" in symbol=A`."""
    assert series.timeline.times is not None
    start, end = write_times(series.timeline.times[position - 1 : position + 1], clock.column.type)
    return f'from "{start}" to "{end}"' + (f" in {series.name(position)}" if series.group else "")


def _fill(timeline: Timeline, step: float, limits: Limits) -> Timeline:
    try:
        return timeline.fill(step, limits.rows)
    except TooManyRows as error:
        detail = f"With the missing steps the table would have {error}; the limit is {limits.rows:,}."
        detail = f'{detail} Correct the times, or use "break".'
        raise InvalidData(Fault(detail, pointer_to("window", "gaps"))) from error
