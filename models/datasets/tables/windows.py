"""Reads a table as sequences: windows of rows that are consecutive in time, each with targets some rows later."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.dataset_descriptor import LeftOut, Note
from models.datasets.examples import Examples
from models.datasets.tables.options import check_columns
from models.datasets.tables.sequences import Sequences, TargetSpans
from models.datasets.tables.series import ReadSeries, read_series, to_values
from models.datasets.tables.target import ReadTarget, find_target_faults, note_dropped, read_target
from models.datasets.tables.window_options import WindowOptions
from models.datasets.target_options import drops_missing
from models.errors import Fault, InvalidData
from models.limits import Limits
from models.series.timeline import Timeline
from models.series.window import SeriesColumn, Window
from models.tabular.describing import find_reason, note_left_out
from models.tabular.raw_table import RawTable
from models.tabular.reading import Reading, read_column
from models.tabular.table import LEFT_OUT_DETAILS, refuse_unusable
from models.values.columns import ColumnValues, Texts
from models.values.pointers import pointer_to
from models.values.wording import count_of

WHY = {
    "time": "It orders the rows.",
    "group": "It distinguishes the series.",
    "no_number": "A window accepts only numbers, booleans and categories.",
}
USED = ("number", "boolean", "category")
MOST_NAMED = 3


@dataclass(frozen=True)
class _Columns:
    """The columns that become features, with their values in table order, and those that were left out."""

    columns: dict[str, tuple[SeriesColumn, ColumnValues]]
    left_out: list[LeftOut]
    notes: list[Note]
    missing: int


def read_windows(raw: RawTable, request: dict[str, Any], limits: Limits) -> Examples:
    """Sequences of `steps` rows of a series in time order. The targets are those `horizon` rows (default 1, or several)
    after the last row. A window begins every `stride` (default 1) rows of a series.

    The features are the columns of numbers, booleans and categories, and the `calendar`; if all horizons are positive,
    the targets' own past values are features too, unless they are ignored. Raises InvalidData.
    """
    _check_names(raw, request)
    options = WindowOptions.of(request)
    series = read_series(raw, request.get("types") or {}, options, limits)
    timeline = series.timeline
    starts = _find_starts(series, options)
    _check_any(raw, series, starts, options)
    types, drops = request.get("types") or {}, drops_missing(request)
    targets = {name: read_target(raw, name, types.get(name), drop_missing=drops) for name in options.targets}
    starts, dropped = _with_targets(starts, targets, timeline, options)
    read = _read_features(raw, request, series, options)
    window = _make_window(read, series, options)
    _check_size(starts, read, options, limits)
    values = {
        name: timeline.take(values, interpolate=column.type == "number")
        for name, (column, values) in read.columns.items()
    }
    readings = [target.reading for target in targets.values()]
    return Examples(
        "sequence",
        _take_targets(raw, {name: target.values for name, target in targets.items()}, timeline, starts, options),
        target_name=", ".join(options.targets),
        target_unit=readings[0].unit if len(readings) == 1 else None,
        left_out=tuple(read.left_out),
        notes=(
            *raw.notes,
            *(note for reading in readings for note in reading.notes),
            *read.notes,
            *series.notes,
            *_note_short(series, starts),
            *dropped,
        ),
        sequences=Sequences(window, timeline, values, starts, _find_spans(timeline, starts, options), read.missing),
        facts=raw.facts,
    )


def _make_window(read: _Columns, series: ReadSeries, options: WindowOptions) -> Window:
    """The window, whose columns aren't fitted yet."""
    return Window(
        options.steps,
        tuple(column for column, _ in read.columns.values()),
        options.horizons,
        options.targets,
        series.group,
        series.time,
        options.calendar,
        options.gaps,
        series.step,
    )


def _check_names(raw: RawTable, request: dict[str, Any]) -> None:
    """Raise InvalidData if an option names an unknown column, or the target for another purpose."""
    window = request["window"]
    faults = check_columns(request, raw.columns)
    if window.get("targets") is None:
        faults = [*find_target_faults(raw, request.get("target")), *faults]
    elif request.get("target") not in (None, *window["targets"]):
        detail = f'"{request["target"]}" isn\'t among the "targets" of the window. Omit it, or add it there.'
        faults.append(Fault(detail, pointer_to("target"), allowed=tuple(window["targets"])))
    if not faults and request.get("target") in WindowOptions.of(request).group:
        detail = f'"{request["target"]}" is the target: it can\'t distinguish the series.'
        faults.append(Fault(detail, pointer_to("window", "group")))
    if faults:
        raise InvalidData(*faults)


def _find_starts(series: ReadSeries, options: WindowOptions) -> np.ndarray:
    """The first position of every window: within a series, not across a break, and every `stride` positions.

    Neither the last row of a window nor its targets may be inserted: the former would be computed from a later row, the
    latter are unknown.
    """
    timeline, stride = series.timeline, options.stride
    firsts = np.union1d(timeline.starts, series.breaks)
    lengths = np.diff(np.r_[firsts, len(timeline)])
    span = options.steps + max(options.horizons)
    counts = np.maximum(0, (lengths - span) // stride + 1)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(firsts, counts) + stride * (np.arange(counts.sum()) - before)
    last = starts + options.steps - 1
    known = ~timeline.inserted[last]
    for horizon in options.horizons:
        known &= ~timeline.inserted[last + horizon]
    return starts[known]


def _with_targets(
    starts: np.ndarray, targets: dict[str, ReadTarget], timeline: Timeline, options: WindowOptions
) -> tuple[np.ndarray, list[Note]]:
    """The windows that have all their targets, and the note of the others."""
    last = starts + options.steps - 1
    present = np.ones(len(starts), bool)
    for target in targets.values():
        for horizon in options.horizons:
            present &= target.present[timeline.rows[last + horizon]]
    missing = len(starts) - int(present.sum())
    return starts[present], [note_dropped(", ".join(targets), missing, "window")] if missing else []


def _check_any(raw: RawTable, series: ReadSeries, starts: np.ndarray, options: WindowOptions) -> None:
    """Raise InvalidData if there is no window."""
    if len(starts):
        return
    steps, last = options.steps, max(options.horizons)
    detail = f"A window of {count_of(steps, 'step')} and a target {count_of(last, 'row')} later requires at least"
    detail = f"{detail} {steps + last:,} rows; there are {raw.rows:,}"
    if series.group or len(series.breaks):
        longest = int(np.diff(np.r_[np.union1d(series.timeline.starts, series.breaks), len(series.timeline)]).max())
        detail = f"{detail}, at most {longest:,} of them consecutive rows of a series"
    raise InvalidData(Fault(f"{detail}.", pointer_to("window", "steps")))


def _note_short(series: ReadSeries, starts: np.ndarray) -> list[Note]:
    """The note of the series that have no window."""
    timeline = series.timeline
    used = np.zeros(len(timeline.starts), bool)
    used[timeline.series_at(starts)] = True
    short = np.flatnonzero(~used)
    if not len(short):
        return []
    named = "; ".join(series.name(int(timeline.starts[one])) for one in short[:MOST_NAMED])
    more = "; …" if len(short) > MOST_NAMED else "."
    detail = f"{len(short):,} of {len(used):,} series with too few consecutive rows for a window: {named}{more}"
    return [Note("short_series", detail, count=len(short))]


def _find_spans(timeline: Timeline, starts: np.ndarray, options: WindowOptions) -> TargetSpans:
    """When the targets of each window are: at points in time that all series share; without a time column, the share of
    the series that has passed."""
    last = starts + options.steps - 1
    found = []
    for horizon in (min(options.horizons), max(options.horizons)):
        at = last + horizon
        if timeline.times is not None:
            found.append(timeline.times[at])
        else:
            series = timeline.series_at(at)
            begin, end = timeline.starts[series], timeline.ends[series]
            found.append((at - begin) / (end - begin))
    return TargetSpans(*found)


def _take_targets(
    raw: RawTable,
    columns: dict[str, np.ndarray | Texts],
    timeline: Timeline,
    starts: np.ndarray,
    options: WindowOptions,
) -> np.ndarray | Texts:
    """The targets of every window: one value, or float64 (windows, *options.shape)."""
    last = starts + options.steps - 1
    rows = [timeline.rows[last + horizon] for horizon in options.horizons]
    if not options.shape:
        (column,) = columns.values()
        return column[rows[0]]
    for name, column in columns.items():
        if isinstance(column, Texts):
            detail = f'The target "{name}" is text: several targets or horizons must be numbers.'
            raise InvalidData(raw.fault(detail, column=name))
    numbers = [[np.asarray(column[each], np.float64) for column in columns.values()] for each in rows]
    return np.array(numbers).transpose(2, 0, 1).reshape(len(starts), *options.shape)


def _check_size(starts: np.ndarray, read: _Columns, options: WindowOptions, limits: Limits) -> None:
    """Raise InvalidData if the sequences would be larger than a dataset may be."""
    widths = [len(values.names) + 1 if isinstance(values, Texts) else 1 for _, values in read.columns.values()]
    features = sum(widths) + 2 * len(options.calendar)
    size = len(starts) * options.steps * features * np.dtype(np.float32).itemsize
    if size > limits.dataset_bytes:
        detail = f"{len(starts):,} windows of {options.steps:,} × {features:,} numbers become {size:,} bytes; the limit"
        detail = f"{detail} is {limits.dataset_bytes:,}. Use fewer steps or a larger stride."
        raise InvalidData(Fault(detail, pointer_to("window")))


def _read_features(raw: RawTable, request: dict[str, Any], series: ReadSeries, options: WindowOptions) -> _Columns:
    """The columns that become features, in table order."""
    types, ignored, past = request.get("types") or {}, request.get("ignore") or (), min(options.horizons) > 0
    roles = {column.name: (column.type, "group") for column in series.group}
    if series.time is not None:
        roles[series.time.name] = series.time.type, "time"
    columns: dict[str, tuple[SeriesColumn, ColumnValues]] = {}
    left_out: list[LeftOut] = []
    notes: list[Note] = []
    missing = 0
    for name in raw.columns:
        if name in options.targets and not past:
            continue
        reason: LeftOut | None
        if name in ignored:
            reason = LeftOut(name, types.get(name), "ignored", LEFT_OUT_DETAILS["ignored"])
        elif name in roles:
            reason = LeftOut(name, *roles[name], WHY[roles[name][1]])
        else:
            reading, values = read_column(raw, name, types.get(name))
            reason = _find_reason(reading, values, types.get(name), name in raw.unnamed)
            if name not in options.targets:
                notes += (*reading.notes, *(note_left_out(reason, types.get(name)) if reason else ()))
            if reason is None:
                columns[name] = SeriesColumn(name, reading.type, reading.format), to_values(reading.type, values)
                missing += values.null_count()
        if reason is not None and name not in options.targets:
            left_out.append(reason)
    if not columns:
        refuse_unusable(raw, left_out)
    return _Columns(columns, left_out, notes, missing)


def _find_reason(reading: Reading, values: Any, wanted: str | None, unnamed: bool) -> LeftOut | None:
    reason = find_reason(reading, values, wanted, unnamed)
    if reason is None and reading.type not in USED:
        return LeftOut(reading.name, reading.type, "no_number", WHY["no_number"])
    return reason
