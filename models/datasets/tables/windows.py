"""Reads a table as sequences: windows of rows that are consecutive in time, each with a target some rows later."""

from typing import Any

import numpy as np

from models.datasets.examples import Examples
from models.datasets.tables.examples import check_names, read_order
from models.datasets.tables.gaps import Gaps
from models.datasets.tables.target import read_target
from models.errors import Fault, InvalidData
from models.limits import Limits
from models.spec import SINGLE_INPUT
from models.tabular.describing import LeftOut, find_reason, note_left_out
from models.tabular.notes import Note
from models.tabular.raw_table import RawTable
from models.tabular.reading import read_column
from models.tabular.table import LEFT_OUT_DETAILS, refuse_unusable
from models.values.pointers import pointer_to
from models.values.wording import count_of

WHY = {"time": "It orders the rows.", "no_number": "A window accepts only numbers and booleans."}


def read_windows(raw: RawTable, request: dict[str, Any], limits: Limits) -> Examples:
    """Sequences of `steps` rows in time order, float32 (rows, steps, features). The target is the one in the row
    `horizon` (default 1) rows after the last. A window begins every `stride` (default 1) rows.

    The features are the columns of numbers and booleans; with a horizon the target's past values are a feature too,
    unless the target is ignored. Missing numbers are NaN until the Gaps are filled. Raises InvalidData.
    """
    target, window = check_names(raw, request), request["window"]
    steps, stride = window["steps"], window.get("stride") or 1
    horizon = 1 if window.get("horizon") is None else window["horizon"]
    windows = (raw.rows - steps - horizon) // stride + 1
    if windows < 1:
        size = f"{count_of(steps, 'step')} and a target {count_of(horizon, 'row')} later"
        detail = f"A window of {size} requires at least {steps + horizon:,} rows; there are {raw.rows:,}."
        raise InvalidData(Fault(detail, pointer_to("window", "steps")))
    order = _order(raw, request)
    names, matrix, left_out, notes = _read_features(raw, request, target, horizon > 0, order)
    size = windows * steps * len(names) * matrix.itemsize
    if size > limits.dataset_bytes:
        detail = f"{windows:,} windows of {steps:,} × {len(names):,} numbers become {size:,} bytes; the limit is"
        detail = f"{detail} {limits.dataset_bytes:,}. Use fewer steps or a larger stride."
        raise InvalidData(Fault(detail, pointer_to("window")))
    values, reading = read_target(raw, target, (request.get("types") or {}).get(target))
    targets = values[order]
    last = np.arange(windows) * stride + steps - 1
    sequences = np.lib.stride_tricks.sliding_window_view(matrix, steps, axis=0)[::stride][:windows].swapaxes(1, 2)
    return Examples(
        "sequence",
        targets[last + horizon],
        tensors={SINGLE_INPUT: sequences},
        target_name=target,
        guide=np.arange(windows),
        features=tuple(names),
        left_out=tuple(left_out),
        target_unit=reading.unit,
        notes=(*raw.notes, *reading.notes, *notes),
        gaps=Gaps(matrix, steps, stride),
        facts=raw.facts,
    )


def _order(raw: RawTable, request: dict[str, Any]) -> np.ndarray:
    """The row indices in time order; in file order if there is no time column."""
    column = request["window"].get("time_column")
    if column is None:
        return np.arange(raw.rows)
    return np.argsort(read_order(raw, column, (request.get("types") or {}).get(column)))


def _read_features(
    raw: RawTable, request: dict[str, Any], target: str, past: bool, order: np.ndarray
) -> tuple[list[str], np.ndarray, list[LeftOut], list[Note]]:
    """The names of the features, their values in time order (rows, features), NaN where missing, the columns that were
    left out, and notes on both; with `past` the target's own column may be a feature."""
    import polars

    types, ignored = request.get("types") or {}, request.get("ignore") or ()
    columns: dict[str, np.ndarray] = {}
    left_out: list[LeftOut] = []
    notes: list[Note] = []
    for name in raw.columns:
        if name == target and not past:
            continue
        reason: LeftOut | None
        if name in ignored:
            reason = LeftOut(name, types.get(name), "ignored", LEFT_OUT_DETAILS["ignored"])
        elif name == request["window"].get("time_column"):
            reason = LeftOut(name, read_column(raw, name, types.get(name))[0].type, "time", WHY["time"])
        else:
            reading, values = read_column(raw, name, types.get(name))
            reason = find_reason(reading, values, types.get(name), name in raw.unnamed)
            if name != target:
                notes += (*reading.notes, *(note_left_out(reason, types.get(name)) if reason else ()))
            if reason is None and reading.type not in ("number", "boolean"):
                reason = LeftOut(name, reading.type, "no_number", WHY["no_number"])
            if reason is None:
                columns[name] = values.cast(polars.Float32).fill_null(np.nan).to_numpy()[order]
        if reason is not None and name != target:
            left_out.append(reason)
    if not columns:
        refuse_unusable(raw, left_out)
    return list(columns), np.stack(list(columns.values()), axis=1), left_out, notes
