"""A table with types: every column is typed and described, or left out with the reason."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from models.dataset_descriptor import InputDescriptor, LeftOut, Note
from models.errors import MOST_FAULTS, Fault, InvalidData
from models.progress import Progress
from models.tabular.describing import (
    TEXT,
    describe_column,
    find_reason,
    note_left_out,
    note_text,
    note_unseen_categories,
)
from models.tabular.raw_table import RawTable, number_columns
from models.tabular.reading import Reading, read_column

if TYPE_CHECKING:
    import polars

PART_ROWS, PART_CELLS = 65_536, 4_000_000
"""The number of rows and cells in memory while a table is written."""


@dataclass(frozen=True)
class Table:
    """Typed columns, named by their positions, that Polars computes on demand; the descriptions of the inputs, in the
    same order; the columns that were left out; and what was assumed or changed."""

    frame: "polars.LazyFrame"
    rows: int
    inputs: list[InputDescriptor]
    left_out: list[LeftOut]
    notes: tuple[Note, ...] = ()

    def parts(self) -> Iterator["polars.DataFrame"]:
        """The rows in order, in parts; one part even if there are no rows."""
        rows = min(PART_ROWS, max(1, PART_CELLS // len(self.inputs)))
        for start in range(0, max(1, self.rows), rows):
            yield self.frame.slice(start, rows).collect()


@dataclass(frozen=True)
class ColumnPlan:
    """Which of a table's columns may become inputs, and their types."""

    types: dict[str, str]
    """The types that the request gives, by column."""
    excluded: dict[str, str]
    """Columns that aren't inputs, with the reason: `target`, `ignored`, `split`, `group`."""


LEFT_OUT_DETAILS = {
    "ignored": "The request ignores it.",
    "split": "It assigns the rows to splits.",
    "group": "The split keeps its groups together.",
}


def describe_table(
    raw: RawTable, plan: ColumnPlan, training: np.ndarray, progress: Progress, used: np.ndarray | None = None
) -> Table:
    """Determine every column's type and describe it.

    `used` holds the indices of the rows that are described, by default all, and `training` those of the training rows
    among them. Raises InvalidData if a cell isn't of the type that the request gives, or if no column is left.
    """
    readings: list[Reading] = []
    inputs: list[InputDescriptor] = []
    left_out: list[LeftOut] = []
    notes: list[Note] = []
    names = [name for name in raw.columns if plan.excluded.get(name) != "target"]
    for done, name in enumerate(names):
        if name in plan.excluded:
            left_out.append(
                LeftOut(name, plan.types.get(name), plan.excluded[name], LEFT_OUT_DETAILS[plan.excluded[name]])
            )
            continue
        try:
            reading, values = read_column(raw, name, plan.types.get(name))
        except InvalidData:
            raise InvalidData(*find_wrong_cells(raw, plan)) from None
        reason = find_reason(reading, values, plan.types.get(name), name in raw.unnamed)
        if used is not None and (reason is None or reason.reason == TEXT):
            # a column may have values only in the other rows
            values = values.gather(used)
            reason = find_reason(replace(reading, odd_row=None), values, plan.types.get(name), name in raw.unnamed)
        if reason is not None and reason.reason == TEXT:
            reading = replace(reading, type=TEXT, notes=(*reading.notes, *note_text(reason, plan.types.get(name))))
            reason = None
        if reason is None:
            readings.append(reading)
            inputs.append(describe_column(reading, values, training))
            notes += (*reading.notes, *note_unseen_categories(inputs[-1], len(values)))
        else:
            left_out.append(reason)
            notes += (*reading.notes, *note_left_out(reason, plan.types.get(name)))
        progress((done + 1) / len(names))
    if not inputs:
        refuse_unusable(raw, left_out)
    frame = raw.frame.select(
        reading.expression.alias(place) for place, reading in zip(number_columns(len(readings)), readings, strict=True)
    )
    return Table(frame, raw.rows, inputs, left_out, tuple(notes))


def find_wrong_cells(raw: RawTable, plan: ColumnPlan) -> list[Fault]:
    """The faults, at least the first MOST_FAULTS, of the cells of all columns that may become inputs."""
    faults: list[Fault] = []
    for name in raw.columns:
        if len(faults) >= MOST_FAULTS:
            break
        if name not in plan.excluded:
            try:
                read_column(raw, name, plan.types.get(name))
            except InvalidData as problem:
                faults.extend(problem.faults)
    return faults


def refuse_unusable(raw: RawTable, left_out: Collection[LeftOut]) -> None:
    """Raise InvalidData with the reasons why the columns can't be used."""
    if not left_out:
        raise InvalidData(raw.fault("There is no column besides the target."))
    detail = 'No column besides the target can be used. "{}": {}'
    first = islice(left_out, MOST_FAULTS)
    raise InvalidData(*(raw.fault(detail.format(one.name, one.detail), column=one.name) for one in first))
