"""Rows as a picture shows them: images, series, texts, or the values of a table."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor, InputDescriptor
from models.datasets import Split
from models.files.pictures import CHANNELS
from models.numeric_inputs import name_numbers
from models.predictor import Predictor
from models.preprocessing.dataset_inputs import by_input
from models.previews.picture_encoding import PictureEncoder, describe_frames, middle_frame
from models.values.columns import Texts
from models.values.rounding import rounded
from models.values.spacing import evenly

MOST_PIXELS = 160
"""The pixels of an image on each side, at most."""
MOST_VALUES = 6
"""The columns of a row, or the numbers of a vector, that are shown at most."""
MOST_CHARACTERS = 160
"""The characters of a text that are shown at most."""
MOST_STEPS, MOST_FEATURES = 120, 3
"""The steps and the features of a series that are shown at most."""

Row = tuple[Split, int]
"""A row, as a place in some rows."""


def show_instances(rows: Sequence[Row], predictor: Predictor, descriptor: DatasetDescriptor) -> dict[str, Any]:
    """What the rows of a dataset that fits a network are shown as: their `kind`, an object for each in `instances`, and
    in `notes` what isn't shown of them."""
    if descriptor.is_table:
        return _show_table(rows, predictor, descriptor)
    name, shown = _choose_tensor(descriptor)
    others = len(descriptor.inputs) - 1
    notes = [f"The network takes {others} more inputs than {name}, which are not shown."] if others else []
    arrays = [by_input((name,), {name: (split.tensors or {})[name]})[name][place] for split, place in rows]
    entry = next(entry for entry in descriptor.inputs if entry.name == name)
    if shown == "video":
        notes.append(describe_frames(len(arrays[0])))
        arrays = [middle_frame(array) for array in arrays]
    if shown in ("image", "video"):
        encoder = PictureEncoder.of(entry, MOST_PIXELS)
        instances = [{"picture": {"b64": encoder.encode(array)}} for array in arrays]
        return {
            "kind": "picture",
            "instances": instances,
            "notes": [*notes, *encoder.describe_changes(arrays[0].shape)],
        }
    if shown == "sequence":
        return {"kind": "series", **_show_series(arrays, entry, notes)}
    return {"kind": "values", **_show_vectors(arrays, notes)}


def _choose_tensor(descriptor: DatasetDescriptor) -> tuple[str, str]:
    """The input that is shown, and what it is: of several, the first that is an image."""
    kinds = {entry.name: _kind_of(entry.shape) for entry in descriptor.inputs}
    if len(kinds) == 1:
        kinds = dict.fromkeys(kinds, descriptor.kind)
    first = next(iter(kinds))
    name = next((name for name, kind in kinds.items() if kind in ("image", "video")), first)
    return name, kinds[name]


def _kind_of(shape: Sequence[int]) -> str:
    if len(shape) == 3 and shape[-1] in CHANNELS:
        return "image"
    return {0: "vector", 1: "vector", 2: "sequence"}.get(len(shape), "video")


def _show_series(arrays: Sequence[np.ndarray], entry: InputDescriptor, notes: list[str]) -> dict[str, Any]:
    steps, features = arrays[0].shape[0], math.prod(arrays[0].shape[1:])
    names = entry.features or [f"feature {number}" for number in range(1, features + 1)]
    chosen = evenly(steps, MOST_STEPS)
    if features > MOST_FEATURES:
        notes = [*notes, f"{MOST_FEATURES} of {features} features are shown."]
    if len(chosen) < steps:
        notes = [*notes, f"{len(chosen)} of {steps:,} steps are shown, evenly spaced."]
    series = []
    for array in arrays:
        lines = array.reshape(steps, features)[chosen, :MOST_FEATURES].T
        series.append([{"name": str(name), "values": rounded(line)} for name, line in zip(names, lines, strict=False)])
    return {"instances": [{"series": lines} for lines in series], "notes": notes}


def _show_vectors(arrays: Sequence[np.ndarray], notes: list[str]) -> dict[str, Any]:
    size = arrays[0].size
    if size > MOST_VALUES:
        notes = [*notes, f"{MOST_VALUES} of {size:,} numbers are shown."]
    names = name_numbers(size)
    shown = [rounded(array.reshape(-1)[:MOST_VALUES]) for array in arrays]
    values = [
        [{"name": name, "value": number} for name, number in zip(names, numbers, strict=False)] for numbers in shown
    ]
    return {"instances": [{"values": row} for row in values], "notes": notes}


def _show_table(rows: Sequence[Row], predictor: Predictor, descriptor: DatasetDescriptor) -> dict[str, Any]:
    """Texts, if the network takes a column of them; otherwise the values of its first columns."""
    table = predictor.preprocessing.table
    taken = set() if table is None else {column.name for column in table.columns}
    columns = [entry for entry in descriptor.inputs if entry.name in taken] or descriptor.inputs
    text = next((entry.name for entry in columns if entry.type == "text"), None)
    if text is not None:
        notes = [f"Of the columns that the network takes, only {text} is shown."] if len(columns) > 1 else []
        texts = [str(_cell(row, text) or "") for row in rows]
        if any(len(each) > MOST_CHARACTERS for each in texts):
            notes.append(f"The first {MOST_CHARACTERS} characters of a text are shown.")
        return {"kind": "text", "instances": [{"text": each[:MOST_CHARACTERS]} for each in texts], "notes": notes}
    notes = [f"{MOST_VALUES} of {len(columns):,} columns are shown."] if len(columns) > MOST_VALUES else []
    names = [entry.name for entry in columns[:MOST_VALUES]]
    instances = [{"values": [{"name": name, "value": _cell(row, name)} for name in names]} for row in rows]
    return {"kind": "values", "instances": instances, "notes": notes}


def _cell(row: Row, column: str) -> Any:
    """A value of a table: a number, a text (a date in ISO 8601), or None where it is missing."""
    split, place = row
    values = (split.table or {})[column]
    if isinstance(values, Texts):
        return values[place : place + 1].tolist()[0]
    if values.dtype.kind == "M":
        moment = values[place]
        return None if np.isnat(moment) else str(moment.astype("datetime64[s]"))
    return rounded(values[place : place + 1], digits=7)[0]
