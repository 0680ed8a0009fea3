"""Reads a table's target column, which a network learns to predict."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dataset_descriptor import Note
from models.datasets.describing import MAX_CLASS_NAME, MAX_CLASSES
from models.errors import Fault, InvalidData
from models.suggestions import unknown_name
from models.tabular.raw_table import RawTable
from models.tabular.reading import Reading, read_column
from models.values.columns import Texts, find_texts
from models.values.pointers import pointer_to
from models.values.wording import count_of

if TYPE_CHECKING:
    import polars


def find_target_faults(raw: RawTable, target: str | None) -> list[Fault]:
    """The fault of a target that isn't a column."""
    if target is None:
        detail = 'A table requires "target": the column to predict.'
        return [Fault(detail, pointer_to("target"), allowed=raw.columns)]
    return [] if target in raw.columns else [unknown_name(target, raw.columns, pointer_to("target"), "column")]


@dataclass(frozen=True)
class ReadTarget:
    """The target of every row."""

    values: np.ndarray | Texts
    """Integers, numbers, booleans or texts (rows,). What stands in for a missing target has no meaning."""
    present: np.ndarray
    """Whether the row has a target (rows,)."""
    reading: Reading
    """How it was read."""


def note_dropped(target: str, count: int, what: str) -> Note:
    """What happened to `count` rows, or windows of rows, without a target."""
    verb = "was" if count == 1 else "were"
    return Note("missing_target", f"{count_of(count, what)} without a target {verb} left out.", target, count)


def read_target(raw: RawTable, name: str, wanted: str | None, *, drop_missing: bool = False) -> ReadTarget:
    """The target of every row. Raises InvalidData, naming rows, also those without a target unless they are to be
    dropped.
    """
    reading, values = read_column(raw, name, wanted, target=True)
    if reading.type not in ("number", "boolean", "category"):
        what = f"is a {reading.type}" if reading.holds is None else f"holds {reading.holds}"
        detail = f'The target "{name}" {what}; a target must hold numbers, booleans or categories.'
        raise InvalidData(raw.fault(detail, column=name))
    _refuse_missing(raw, name, values, all_only=drop_missing)
    if wanted is None and reading.odd_row is not None:
        row = reading.odd_row
        detail = f'Row {row}: "{values[row][:100]}" in the target "{name}" isn\'t a number, but most values are.'
        raise InvalidData(raw.fault(detail, row, name))
    if raw.file is not None:
        _refuse_same(raw, name, values.drop_nulls())
    present = values.is_not_null().to_numpy()
    if reading.type == "category":
        return ReadTarget(_to_texts(raw, name, values), present, reading)
    targets = values.fill_null(False if reading.type == "boolean" else 0).to_numpy()
    # floats are never treated as classes
    return ReadTarget(targets.astype(np.float64) if wanted == "number" else targets, present, reading)


def _refuse_missing(raw: RawTable, name: str, values: "polars.Series", *, all_only: bool) -> None:
    if values.null_count() == len(values):
        raise InvalidData(raw.fault(f'The target "{name}" has no value in any row.', column=name))
    if not all_only:
        detail = f'the target "{name}" is missing. Add it, remove the row, or drop all such rows with'
        raw.refuse_missing(values, name, f'{detail} {{"missing": "drop"}} in `target_options`.')


def _refuse_same(raw: RawTable, name: str, values: "polars.Series") -> None:
    """Raise InvalidData if there is nothing to learn."""
    if values.n_unique() == 1:
        value = f'"{values[0]}"' if isinstance(values[0], str) else str(values[0]).lower()
        detail = f'The target "{name}" is {value} in every row: there is nothing to learn.'
        raise InvalidData(raw.fault(detail, column=name))


def _to_texts(raw: RawTable, name: str, values: "polars.Series") -> Texts:
    different = values.drop_nulls().n_unique()
    if different > MAX_CLASSES:
        detail = f'The target "{name}" has {different:,} distinct values; the limit is {MAX_CLASSES:,} classes.'
        raise InvalidData(raw.fault(detail, column=name))
    lengths = values.str.len_chars()
    if (lengths > MAX_CLASS_NAME).any():
        row = int(lengths.arg_max() or 0)
        detail = (
            f'Row {row}: the target "{name}" has {lengths[row]:,} characters; a class has at most {MAX_CLASS_NAME}.'
        )
        raise InvalidData(raw.fault(detail, row, name))
    return find_texts(values)
