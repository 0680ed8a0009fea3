"""The fault of times that occur more than once in a series: the table probably holds several series."""

from collections.abc import Iterator
from itertools import chain, combinations, islice

import numpy as np

from models.errors import Fault, InvalidData
from models.series.timeline import Timeline, number_series, write_times
from models.tabular.raw_table import RawTable
from models.values.columns import ColumnValues, find_texts
from models.values.pointers import pointer_to

MOST_TIMES = 3
"""The repeated times that the fault names."""
MOST_CANDIDATES = 3
MOST_COMBINED = 8
"""The columns of which pairs are tried."""


def refuse_repeated(
    raw: RawTable, timeline: Timeline, time: tuple[str, str], group: tuple[str, ...], others: tuple[str, ...]
) -> None:
    """Raise InvalidData if a series has a time twice. It names the first times, and the columns among `others` that,
    added to the `group`, would distinguish the rows. `time` is the name and the type of the time column."""
    positions = timeline.find_repeated()
    if not len(positions) or timeline.times is None:
        return
    name, type_ = time
    repeated = list(dict.fromkeys(write_times(timeline.times[positions], type_)))
    quoted = ", ".join(f'"{one}"' for one in repeated[:MOST_TIMES])
    more = f" and {len(repeated) - MOST_TIMES:,} more" if len(repeated) > MOST_TIMES else ""
    each = "Series have" if group else "The table has"
    detail = f'{each} several rows at the same time in the column "{name}": {quoted}{more}.'
    codes = timeline.series_at(np.arange(len(timeline)))[np.argsort(timeline.rows)]
    times = timeline.times[np.argsort(timeline.rows)]
    found = list(islice(_find_candidates(raw, codes, times, others), MOST_CANDIDATES))
    if found:
        whole = [[*group, *names] for names in found]
        written = " or ".join(", ".join(f'"{one}"' for one in names) for names in whole)
        fix = f'If it holds several series, set "group" to the columns that distinguish them: {written}.'
    else:
        fix = "No other column distinguishes these rows: remove the repetitions, or combine them."
    rows = np.sort(timeline.rows[[positions[0] - 1, positions[0]]]).tolist()
    where = f"Rows {rows[0]} and {rows[1]} are the first."
    allowed = tuple(dict.fromkeys(chain.from_iterable(found)))
    place = pointer_to("window", "group")
    raise InvalidData(Fault(f"{detail} {where} {fix}", place, row=rows[1], column=name, allowed=allowed))


def _find_candidates(
    raw: RawTable, codes: np.ndarray, times: np.ndarray, others: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    """Columns with which no series has a time twice, else pairs of columns; the fewest series first."""
    columns: dict[str, tuple[int, ColumnValues]] = {}
    for name in others:
        values = _read_labels(raw, name)
        if values is not None:
            columns[name] = (int(number_series([values], raw.rows).max()) + 1, values)
    names = sorted((name for name in columns if 2 * columns[name][0] <= raw.rows), key=lambda name: columns[name][0])
    for candidates in (combinations(names, 1), combinations(names[:MOST_COMBINED], 2)):
        found = False
        for chosen in candidates:
            series = number_series([codes, *(columns[name][1] for name in chosen)], raw.rows)
            if not len(Timeline.of(series, times).find_repeated()):
                found = True
                yield chosen
        if found:
            return


def _read_labels(raw: RawTable, name: str) -> ColumnValues | None:
    """A column's cells if they may name series: texts, booleans and integers, none of them missing."""
    import polars

    cells = raw.cells(name)
    if name in raw.nested or cells.null_count() or not len(cells):
        return None
    if cells.dtype == polars.String:
        return find_texts(cells)
    return cells.cast(polars.Int64).to_numpy() if cells.dtype.is_integer() or cells.dtype == polars.Boolean else None
