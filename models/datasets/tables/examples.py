"""Reads a raw table as examples: its target, the splits of its rows, and the columns that may become inputs."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from models.datasets.examples import Examples
from models.datasets.splits import SPLIT_NAMES, SPLITS, group_columns
from models.datasets.tables.options import check_columns
from models.datasets.tables.target import find_target_faults, note_dropped, read_target
from models.datasets.target_options import drops_missing
from models.errors import Fault, InvalidData
from models.tabular.raw_table import RawTable
from models.tabular.reading import Reading, read_column
from models.tabular.table import ColumnPlan, find_wrong_cells
from models.values.columns import Texts, find_texts, number_rows
from models.values.pointers import pointer_to
from models.values.tensors import MAX_FAULTS

if TYPE_CHECKING:
    import polars


def read_examples(raw: RawTable, request: dict[str, Any]) -> Examples:
    """The examples of a table with independent rows; raises InvalidData."""
    target = check_names(raw, request)
    wanted = (request.get("types") or {}).get(target)
    try:
        read = read_target(raw, target, wanted, drop_missing=drops_missing(request))
    except InvalidData as problem:
        raise InvalidData(*problem.faults, *find_wrong_cells(raw, plan_columns(target, request))) from problem
    examples = Examples(
        "table",
        read.values,
        table=raw,
        target_name=target,
        target_unit=read.reading.unit,
        guide=_read_guide(raw, request),
        groups=_read_groups(raw, group_columns(request.get("split"))),
        notes=(*raw.notes, *read.reading.notes),
        facts=raw.facts,
    )
    return examples if read.present.all() else _keep_rows(examples, np.flatnonzero(read.present))


def _keep_rows(examples: Examples, rows: np.ndarray) -> Examples:
    """The examples with a target, which are in these rows."""
    guide, groups = examples.guide, examples.groups
    if isinstance(guide, np.ndarray):
        guide = np.argsort(np.argsort(guide[rows]))
    elif guide is not None:
        guide = guide[rows]
    return replace(
        examples,
        targets=examples.targets[rows],
        guide=guide,
        groups=None if groups is None else np.unique(groups[rows], return_inverse=True)[1],
        numbers=rows,
        notes=(*examples.notes, note_dropped(examples.target_name, examples.rows - len(rows), "row")),
    )


def check_names(raw: RawTable, request: dict[str, Any]) -> str:
    """The name of the target; raises InvalidData if an option names an unknown column, or the target."""
    target = request.get("target") or ""
    faults = [*find_target_faults(raw, request.get("target")), *check_columns(request, raw.columns)]
    if target in (request.get("ignore") or ()):
        place = pointer_to("ignore", request["ignore"].index(target))
        faults.append(Fault(f'"{target}" is the target: it can\'t be ignored.', place))
    split = request.get("split") or {}
    for option, columns in (("column", [split.get("column")]), ("group", group_columns(split))):
        if target in columns:
            detail = f'"{target}" is the target: it can\'t determine the splits.'
            faults.append(Fault(detail, pointer_to("split", option)))
    if faults:
        raise InvalidData(*faults)
    return target


def plan_columns(target: str, request: dict[str, Any]) -> ColumnPlan:
    """The plan of the columns that may become inputs."""
    excluded = dict.fromkeys(request.get("ignore") or (), "ignored")
    split = request.get("split") or {}
    if split.get("column") is not None:
        excluded[split["column"]] = "split"
    excluded |= dict.fromkeys(group_columns(split), "group")
    return ColumnPlan(request.get("types") or {}, excluded | {target: "target"})


def _read_guide(raw: RawTable, request: dict[str, Any]) -> np.ndarray | Texts | None:
    """What the rows are split by, if the request names a column: each row's split, or its position in time."""
    split = request.get("split") or {}
    if split.get("column") is not None:
        return _read_splits(raw, split["column"])
    if split.get("time_column") is not None:
        return read_order(raw, split["time_column"], (request.get("types") or {}).get(split["time_column"]))
    return None


def _read_groups(raw: RawTable, columns: list[str]) -> np.ndarray | None:
    """The number of each row's group (rows,), from 0: rows with equal values in these columns are a group. None without
    columns. Raises InvalidData, naming rows whose group is missing."""
    groups: list[Texts] = []
    for column in columns:
        reading, values = read_column(raw, column, "category")
        if reading.holds is not None:
            detail = f'The column "{column}" holds {reading.holds}; the names of groups must be text.'
            raise InvalidData(raw.fault(detail, column=column))
        raw.refuse_missing(values, column, f'the group in the column "{column}" is missing.')
        groups.append(find_texts(values))
    return number_rows(groups, raw.rows) if groups else None


def _read_splits(raw: RawTable, column: str) -> Texts:
    reading, values = read_column(raw, column, "category")
    if reading.holds is not None:
        detail = f'The column "{column}" holds {reading.holds}; the names of splits must be text.'
        raise InvalidData(raw.fault(detail, column=column))
    found = {value: SPLIT_NAMES.get((value or "").strip().lower()) for value in values.unique().to_list()}
    invalid = values.is_in([value for value in found if value and not found[value]]) | values.is_null()
    rows = invalid.fill_null(True).arg_true().head(MAX_FAULTS).to_list()
    wanted = ", ".join(SPLITS)
    details = (
        f'"{values[row][:100]}" in the column "{column}" isn\'t a split: expected one of {wanted}.'
        if values[row] is not None
        else f'the split in the column "{column}" is missing: expected one of {wanted}.'
        for row in rows
    )
    faults = [raw.fault(f"Row {row}: {detail}", row, column) for row, detail in zip(rows, details, strict=True)]
    if faults:
        raise InvalidData(*faults)
    texts = find_texts(values)
    return Texts(texts.codes, tuple(str(found[name]) for name in texts.names))


def read_order(raw: RawTable, column: str, wanted: str | None) -> np.ndarray:
    """Each row's position in time (rows,), from 0; of equal times the earlier row comes first. Raises InvalidData."""
    values = read_times(raw, column, wanted)[1]
    places = np.empty(len(values), dtype=np.int64)
    places[np.argsort(values.to_numpy(), kind="stable")] = np.arange(len(values))
    return places


def read_times(raw: RawTable, column: str, wanted: str | None) -> tuple[Reading, "polars.Series"]:
    """A time column: dates or numbers, none of them missing. Raises InvalidData."""
    reading, values = read_column(raw, column, wanted)
    if reading.type not in ("date", "number"):
        what = f"is a {reading.type}" if reading.holds is None else f"holds {reading.holds}"
        detail = f'The column "{column}" {what}; a time column must hold dates or numbers.'
        if reading.type == "category" and values.len():
            detail = f'{detail} Row 0 has "{str(values[0])[:100]}".'
        raise InvalidData(raw.fault(detail, column=column))
    raw.refuse_missing(values, column, f'the time in the column "{column}" is missing.')
    return reading, values
