"""Reads a table's target column, which a network learns to predict."""

from typing import TYPE_CHECKING

import numpy as np

from models.datasets.descriptor import MAX_CLASS_NAME, MAX_CLASSES
from models.errors import Fault, InvalidData
from models.suggestions import unknown_name
from models.tabular.raw_table import RawTable
from models.tabular.reading import Reading, read_column
from models.values.columns import Texts, find_texts
from models.values.pointers import pointer_to
from models.values.tensors import MAX_FAULTS

if TYPE_CHECKING:
    import polars


def find_target_faults(raw: RawTable, target: str | None) -> list[Fault]:
    """The fault of a target that isn't a column."""
    if target is None:
        detail = 'A table requires "target": the column to predict.'
        return [Fault(detail, pointer_to("target"), allowed=raw.columns)]
    return [] if target in raw.columns else [unknown_name(target, raw.columns, pointer_to("target"), "column")]


def read_target(raw: RawTable, name: str, wanted: str | None) -> tuple[np.ndarray | Texts, Reading]:
    """The target of every row (rows,): integers, numbers, booleans or texts; and how it was read.

    Raises InvalidData, naming rows.
    """
    reading, values = read_column(raw, name, wanted, target=True)
    if reading.type not in ("number", "boolean", "category"):
        what = f"is a {reading.type}" if reading.holds is None else f"holds {reading.holds}"
        detail = f'The target "{name}" {what}; a target must hold numbers, booleans or categories.'
        raise InvalidData(raw.fault(detail, column=name))
    _refuse_missing(raw, name, values)
    if wanted is None and reading.odd_row is not None:
        row = reading.odd_row
        detail = f'Row {row}: "{values[row][:100]}" in the target "{name}" isn\'t a number, but most values are.'
        raise InvalidData(raw.fault(detail, row, name))
    if raw.file is not None:
        _refuse_same(raw, name, values)
    if reading.type == "category":
        return _to_texts(raw, name, values), reading
    targets = values.to_numpy()
    # floats are never treated as classes
    return targets.astype(np.float64) if wanted == "number" else targets, reading


def _refuse_missing(raw: RawTable, name: str, values: "polars.Series") -> None:
    if values.null_count() == len(values):
        raise InvalidData(raw.fault(f'The target "{name}" has no value in any row.', column=name))
    rows = values.is_null().arg_true().head(MAX_FAULTS).to_list()
    detail = 'Row {}: the target "{}" is missing. Add it, or remove the row.'
    if rows:
        raise InvalidData(*(raw.fault(detail.format(row, name), row, name) for row in rows))


def _refuse_same(raw: RawTable, name: str, values: "polars.Series") -> None:
    """Raise InvalidData if there is nothing to learn."""
    if values.n_unique() == 1:
        value = f'"{values[0]}"' if isinstance(values[0], str) else str(values[0]).lower()
        detail = f'The target "{name}" is {value} in every row: there is nothing to learn.'
        raise InvalidData(raw.fault(detail, column=name))


def _to_texts(raw: RawTable, name: str, values: "polars.Series") -> Texts:
    different = values.n_unique()
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
