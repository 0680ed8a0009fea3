"""Rows as a picture shows them: images, series, texts, or the values of a table."""

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.datasets import Split
from models.files.pictures import CHANNELS, write_png
from models.predictor import Predictor
from models.preprocessing.dataset_inputs import by_input
from models.values.columns import Texts
from service.operations.pictures.rounding import plain

MOST_PIXELS = 160
"""The pixels of an image on each side, at most."""
MOST_VALUES = 6
"""The columns of a row, or the numbers of a vector, that are shown at most."""
MOST_CHARACTERS = 160
"""The characters of a text that are shown at most."""
MOST_STEPS, MOST_FEATURES = 120, 3
"""The steps and the features of a series that are shown at most."""
LARGEST_BYTE = 255

Row = tuple[Split, int]
"""A row, as a place in some rows."""


def show_instances(rows: Sequence[Row], predictor: Predictor, descriptor: dict[str, Any]) -> dict[str, Any]:
    """What the rows of a dataset that fits a network are shown as: their `kind`, an object for each in `instances`, and
    in `notes` what isn't shown of them."""
    if descriptor["kind"] == "table":
        return _show_table(rows, predictor, descriptor)
    name, shown = _choose_tensor(descriptor)
    others = len(descriptor["inputs"]) - 1
    notes = [f"The network takes {others} more inputs than {name}, which are not shown."] if others else []
    arrays = [by_input((name,), {name: (split.tensors or {})[name]})[name][place] for split, place in rows]
    entry = next(entry for entry in descriptor["inputs"] if entry["name"] == name)
    if shown == "video":
        notes.append(f"The middle one of {arrays[0].shape[0]} frames is shown.")
        arrays = [array[len(array) // 2] for array in arrays]
    if shown in ("image", "video"):
        return {"kind": "picture", **_show_pictures(arrays, entry, notes)}
    if shown == "sequence":
        return {"kind": "series", **_show_series(arrays, entry, notes)}
    return {"kind": "values", **_show_vectors(arrays, notes)}


def _choose_tensor(descriptor: dict[str, Any]) -> tuple[str, str]:
    """The input that is shown, and what it is: of several, the first that is an image."""
    kinds = {entry["name"]: _kind_of(entry["shape"]) for entry in descriptor["inputs"]}
    if len(kinds) == 1:
        kinds = dict.fromkeys(kinds, descriptor["kind"])
    first = next(iter(kinds))
    name = next((name for name, kind in kinds.items() if kind in ("image", "video")), first)
    return name, kinds[name]


def _kind_of(shape: Sequence[int]) -> str:
    if len(shape) == 3 and shape[-1] in CHANNELS:
        return "image"
    return {0: "vector", 1: "vector", 2: "sequence"}.get(len(shape), "video")


def _show_pictures(arrays: Sequence[np.ndarray], entry: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    lowest, highest = entry["min"], entry["max"]
    if lowest >= 0 and 1 < highest <= LARGEST_BYTE:
        lowest, highest = 0, LARGEST_BYTE
    elif lowest >= 0 and highest <= 1:
        lowest, highest = 0, 1
    else:
        notes = [*notes, f"Black is {lowest:.3g} and white is {highest:.3g}."]
    images = [_to_bytes(array, lowest, highest) for array in arrays]
    height, columns, *channels = arrays[0].shape
    if channels and channels[0] not in CHANNELS:
        notes = [*notes, f"The first of {channels[0]} channels is shown."]
    if max(height, columns) > MOST_PIXELS:
        notes = [*notes, f"Images of {columns:,} × {height:,} pixels are shrunk to {MOST_PIXELS} at most."]
    encoded = (base64.b64encode(write_png(image, MOST_PIXELS)).decode() for image in images)
    return {"instances": [{"picture": {"b64": image}} for image in encoded], "notes": notes}


def _to_bytes(array: np.ndarray, lowest: float, highest: float) -> np.ndarray:
    """An image (height, width, channels) as bytes, with 1 or 3 channels. Of a large one, every nth pixel is enough."""
    pixels = array if array.ndim == 3 else array[..., None]
    step = max(1, max(pixels.shape[:2]) // (2 * MOST_PIXELS))
    pixels = pixels[::step, ::step, :]
    if pixels.shape[-1] not in CHANNELS:
        pixels = pixels[..., :1]
    scaled = np.clip((pixels.astype(np.float64) - lowest) / ((highest - lowest) or 1), 0, 1)
    return np.nan_to_num(scaled * LARGEST_BYTE).astype(np.uint8)


def _show_series(arrays: Sequence[np.ndarray], entry: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    steps, features = arrays[0].shape[0], math.prod(arrays[0].shape[1:])
    names = entry.get("features") or [f"feature {number}" for number in range(1, features + 1)]
    chosen = np.unique(np.linspace(0, steps - 1, min(steps, MOST_STEPS)).round().astype(int))
    if features > MOST_FEATURES:
        notes = [*notes, f"{MOST_FEATURES} of {features} features are shown."]
    if len(chosen) < steps:
        notes = [*notes, f"{len(chosen)} of {steps:,} steps are shown, evenly spaced."]
    series = []
    for array in arrays:
        lines = array.reshape(steps, features)[chosen, :MOST_FEATURES].T
        series.append([{"name": str(name), "values": plain(line)} for name, line in zip(names, lines, strict=False)])
    return {"instances": [{"series": lines} for lines in series], "notes": notes}


def _show_vectors(arrays: Sequence[np.ndarray], notes: list[str]) -> dict[str, Any]:
    size = arrays[0].size
    if size > MOST_VALUES:
        notes = [*notes, f"{MOST_VALUES} of {size:,} numbers are shown."]
    names = ["x"] if size == 1 else [f"x{number}" for number in range(1, size + 1)]
    shown = [plain(array.reshape(-1)[:MOST_VALUES]) for array in arrays]
    values = [
        [{"name": name, "value": number} for name, number in zip(names, numbers, strict=False)] for numbers in shown
    ]
    return {"instances": [{"values": row} for row in values], "notes": notes}


def _show_table(rows: Sequence[Row], predictor: Predictor, descriptor: dict[str, Any]) -> dict[str, Any]:
    """Texts, if the network takes a column of them; otherwise the values of its first columns."""
    table = predictor.preprocessing.table
    taken = set() if table is None else {column.name for column in table.columns}
    columns = [entry for entry in descriptor["inputs"] if entry["name"] in taken] or descriptor["inputs"]
    text = next((entry["name"] for entry in columns if entry["type"] == "text"), None)
    if text is not None:
        notes = [f"Of the columns that the network takes, only {text} is shown."] if len(columns) > 1 else []
        texts = [str(_cell(row, text) or "") for row in rows]
        if any(len(each) > MOST_CHARACTERS for each in texts):
            notes.append(f"The first {MOST_CHARACTERS} characters of a text are shown.")
        return {"kind": "text", "instances": [{"text": each[:MOST_CHARACTERS]} for each in texts], "notes": notes}
    notes = [f"{MOST_VALUES} of {len(columns):,} columns are shown."] if len(columns) > MOST_VALUES else []
    names = [entry["name"] for entry in columns[:MOST_VALUES]]
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
    return plain(values[place : place + 1], digits=7)[0]
