"""Appends posted rows to a table. The old rows keep their splits; the new ones are typed like the existing columns."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.dataset_descriptor import (
    DatasetDescriptor,
    InputDescriptor,
    LeftOut,
    Note,
    TargetDescriptor,
    ValuesDescriptor,
)
from models.datasets.examples import Examples
from models.datasets.sources import INLINE, SOURCES
from models.datasets.splits import SPLIT_NAMES, SPLITS, split_rows
from models.datasets.storage import Dataset, Split, StoredColumns
from models.datasets.tables.posted import PostedRows, are_whole
from models.datasets.tables.target import note_dropped
from models.datasets.target_options import drops_missing
from models.datasets.uploads import DEFAULT_SPLIT, UPLOAD
from models.errors import Fault, InvalidData
from models.parquet_sink import parquet_sink
from models.tabular.raw_table import RawTable, number_columns
from models.values.columns import Texts
from models.values.pointers import pointer_to
from models.values.tensors import MAX_FAULTS
from models.values.wording import count_of

if TYPE_CHECKING:
    import polars

APPEND = "append"
"""The source of rows that are appended, and the field that contains them."""
COMBINED_FILE = "combined.parquet"


def find_append_problem(descriptor: DatasetDescriptor, options: dict[str, Any]) -> str | None:
    """Why no rows can be appended to a dataset that was read with these options, as a sentence; None if they can."""
    if not descriptor.is_table:
        what = f'the dataset holds rows of the kind "{descriptor.kind}"'
        return f"Rows can be appended only to a table, but {what}. Send all data in a new file."
    split = options.get("split") or {}
    time = split.get("time_column")
    if time is not None and all(entry.name != time for entry in descriptor.inputs):
        return f'The rows are split by the time in "{time}", which isn\'t stored. Send all data in a new file.'
    if split.get("group") is not None:
        return "The rows are split by groups, which aren't stored. Send all data in a new file."
    return None


def append_options(options: dict[str, Any], source: str) -> dict[str, Any]:
    """The options with which rows are appended to a dataset of the source: the default shares are made explicit."""
    split = {name: value for name, value in (options.get("split") or {}).items() if value is not None}
    if {"validation", "test", "column"} & split.keys() or source == APPEND:
        return options
    shares = {INLINE: (0.0, 0.0), UPLOAD: DEFAULT_SPLIT}.get(source) or SOURCES[source].split
    return options | {"split": split | dict(zip(("validation", "test"), shares, strict=True))}


def read_appended(base: Dataset, request: dict[str, Any], scratch: Path) -> Examples:
    """The rows of a table, in their order, and the posted rows after them. `request` has these rows and the options of
    the table. Raises InvalidData, naming rows and columns; DamagedDataset."""
    descriptor = base.descriptor
    columns: tuple[ValuesDescriptor | LeftOut, ...] = (
        *descriptor.inputs,
        descriptor.target,
        *(descriptor.left_out or ()),
    )
    names = tuple(dict.fromkeys(column.name for column in columns))
    posted, dropped = PostedRows.check(request[APPEND], APPEND, names), list[Note]()
    if drops_missing(request):
        posted, dropped = _drop_missing(posted, descriptor.target.name)
    splits = [base.split(name) for name in SPLITS]
    order = np.argsort(np.concatenate([split.rows for split in splits]))
    new = _read_columns(posted, descriptor.inputs, splits)
    targets, classes = _join_targets(
        splits, order, _read_targets(posted, descriptor.target, splits[0]), descriptor.target
    )
    drawn = _draw(posted, targets[len(order) :], request, descriptor)
    places = np.repeat(np.arange(len(SPLITS)), [len(split.rows) for split in splits])
    guide = Texts(np.concatenate([places[order], drawn]), SPLITS)
    frame = _write_combined(splits, order, new, scratch / COMBINED_FILE)
    table = RawTable(frame, tuple(entry.name for entry in descriptor.inputs), len(guide))
    counts = np.bincount(drawn, minlength=len(SPLITS)).tolist()
    shares = ", ".join(f"{count:,} to {name}" for name, count in zip(SPLITS, counts, strict=True))
    note = Note("appended", f"{count_of(len(drawn), 'row')} appended: {shares}.", count=len(drawn))
    return Examples(
        "table",
        targets,
        table=table,
        target_name=descriptor.target.name,
        target_unit=descriptor.target.unit,
        classes=classes,
        guide=guide,
        notes=(note, *dropped),
        facts=descriptor.file,
        earlier=descriptor,
    )


def _write_combined(
    splits: Sequence[Split], order: np.ndarray, new: "polars.DataFrame", path: Path
) -> "polars.LazyFrame":
    """The stored rows of a table, in their order, and the new ones after them, in the file `path`."""
    import polars

    frames = [split.table.scan().collect() for split in splits if isinstance(split.table, StoredColumns)]
    with path.open("wb") as file, parquet_sink(file) as sink:
        polars.concat([polars.concat(frames)[order], new], how="vertical_relaxed").write_parquet(sink)
    return polars.scan_parquet(path)


def column_types(descriptor: DatasetDescriptor) -> dict[str, str]:
    """The types of a table's inputs, by name."""
    return {entry.name: entry.type for entry in descriptor.inputs}


def keep_known(descriptor: DatasetDescriptor, earlier: DatasetDescriptor) -> DatasetDescriptor:
    """The descriptor with what the earlier one says about the text of the file, the columns left out, and its notes."""
    known = {entry.name: entry for entry in earlier.inputs}
    noted = {(note.type, note.column) for note in descriptor.notes}
    notes = (note for note in earlier.notes if (note.type, note.column) not in noted)
    return replace(
        descriptor,
        inputs=tuple(_keep_written(entry, known[entry.name]) for entry in descriptor.inputs),
        left_out=(*(earlier.left_out or ()), *(descriptor.left_out or ())),
        notes=(*notes, *descriptor.notes),
    )


def _keep_written(entry: InputDescriptor, known: InputDescriptor) -> InputDescriptor:
    """The entry with what the known one says about the text of the column, which the stored values don't have."""
    return replace(
        entry,
        note=entry.note if known.note is None else known.note,
        format=entry.format if known.format is None else known.format,
        unit=entry.unit if known.unit is None else known.unit,
    )


def _drop_missing(posted: PostedRows, target: str) -> tuple[PostedRows, list[Note]]:
    """The rows that have a target, and a note about the others. Raises InvalidData if no row has one."""
    kept = posted.with_value(target)
    if not kept.rows:
        raise InvalidData(Fault(f'The target "{target}" has no value in any row.', pointer_to(APPEND), column=target))
    dropped = len(posted.rows) - len(kept.rows)
    # Without a column, so that the note about the rows of the table itself stays.
    return kept, [replace(note_dropped(target, dropped, "appended row"), column=None)] if dropped else []


def _read_columns(posted: PostedRows, inputs: Sequence[InputDescriptor], splits: Sequence[Split]) -> "polars.DataFrame":
    """The posted inputs, in the types in which the table is stored; whole numbers may become fractions."""
    import polars

    table = splits[0].table
    assert isinstance(table, StoredColumns)
    stored = table.scan().collect_schema()
    columns: list[polars.Series] = []
    faults: list[Fault] = []
    for place, entry in zip(number_columns(len(inputs)), inputs, strict=True):
        try:
            values: Any = posted.read(entry)
        except InvalidData as problem:
            faults += problem.faults
            continue
        type_ = stored[place]
        if type_.is_integer():
            type_ = polars.Int64() if are_whole(values) else polars.Float64()
        if entry.type == "date":
            values = np.array([np.datetime64("NaT") if one is None else one for one in values], "datetime64[us]")
        columns.append(polars.Series(place, values, dtype=type_, strict=False))
    if faults:
        raise InvalidData(*sorted(faults, key=lambda fault: fault.row or 0)[:MAX_FAULTS])
    return polars.DataFrame(columns)


def _read_targets(posted: PostedRows, target: TargetDescriptor, train: Split) -> np.ndarray | Texts:
    stored = train.targets
    if isinstance(stored, Texts):
        return Texts.of(posted.read(InputDescriptor(target.name, "category"), required=True))
    if stored.dtype.kind == "b":
        return np.array(posted.read(InputDescriptor(target.name, "boolean"), required=True), dtype=bool)
    values = posted.read(InputDescriptor(target.name, "number"), required=True)
    if stored.dtype.kind in "iu" and target.type == "category" and not are_whole(values):
        row = next(row for row, value in enumerate(values) if not are_whole([value]))
        detail = f'"{target.name}" must be an integer of 64 bits, as the classes are, not {values[row]:g}.'
        raise InvalidData(posted.fault(row, target.name, detail))
    return np.array(values, dtype=np.int64 if stored.dtype.kind in "iu" and are_whole(values) else np.float64)


def _join_targets(
    splits: Sequence[Split], order: np.ndarray, new: np.ndarray | Texts, target: TargetDescriptor
) -> tuple[np.ndarray | Texts, tuple[Any, ...] | None]:
    """The targets of the old rows, in their order, and of the new ones; and the classes, new ones after the old."""
    known = tuple(target.labels) if target.type == "category" else None
    if isinstance(new, Texts):
        assert known is not None
        classes = known + tuple(sorted(name for name in new.names if name not in known))
        texts = [split.targets for split in splits if isinstance(split.targets, Texts)]
        old = np.concatenate([one.codes_among(classes) for one in texts])
        return Texts(np.concatenate([old[order], new.codes_among(classes)]), classes), classes
    arrays = [np.asarray(split.targets) for split in splits]
    joined = np.concatenate([np.concatenate(arrays)[order], new])
    if known is None:
        return joined, None
    return joined, known + tuple(value for value in np.unique(new).tolist() if value not in known)


def _draw(
    posted: PostedRows, targets: np.ndarray | Texts, request: dict[str, Any], descriptor: DatasetDescriptor
) -> np.ndarray:
    """The split of each new row, as an index in SPLITS: as a new dataset of these rows would have it."""
    split = request.get("split") or {}
    examples = Examples("table", targets)
    if split.get("column") is not None:
        examples = replace(examples, guide=_read_splits(posted, split["column"]))
    elif split.get("time_column") is not None:
        entry = next(entry for entry in descriptor.inputs if entry.name == split["time_column"])
        times = np.array(posted.read(entry, required=True))
        places = np.empty(len(times), dtype=np.int64)
        places[np.argsort(times, kind="stable")] = np.arange(len(times))
        examples = replace(examples, guide=places)
    drawn = np.empty(len(targets), dtype=np.int64)
    for place, rows in enumerate(split_rows(examples, split, (0, 0)).values()):
        drawn[rows] = place
    return drawn


def _read_splits(posted: PostedRows, column: str) -> Texts:
    values = posted.values(column)
    found = [SPLIT_NAMES.get(value.strip().lower()) if isinstance(value, str) else None for value in values]
    faults: list[Fault] = []
    for row, name in enumerate(found):
        if name is None:
            detail = f'the column "{column}" must name the row\'s split: one of {", ".join(SPLITS)}.'
            faults.append(posted.fault(row, column, detail))
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])
    return Texts.of(found)
