"""Some pictures of a dataset, small enough to be sent in JSON."""

import base64
from typing import Any

import numpy as np

from models.datasets import Split
from models.files.pictures import write_png
from models.previews.drawing_rows import evenly
from models.previews.targets import name_target

LARGEST_SIDE = 96
"""The longest side of a picture in pixels; larger ones are shrunk."""


def show_pictures(descriptor: dict[str, Any], split: Split, count: int, notes: list[str]) -> dict[str, Any]:
    """`items` with `row`, `target` (its class, labels or number) and `png` (in Base64), drawn at even distances from a
    split, and the `height`, `width` and `channels` of the dataset's pictures."""
    entry = max(descriptor["inputs"], key=lambda entry: len(entry["shape"]))
    if len(descriptor["inputs"]) > 1:
        notes.append(f'Shown is the input "{entry["name"]}" of {len(descriptor["inputs"])}.')
    shape = entry["shape"][1:] if len(entry["shape"]) == 4 else entry["shape"]
    height, width, channels = (*shape, 1) if len(shape) == 2 else shape
    _note_changes(entry["shape"], height, width, channels, notes)
    tensor = (split.tensors or {})[entry["name"]]
    items = [
        {
            "row": int(split.rows[place]),
            "target": name_target(split.targets, descriptor["target"], place),
            "png": _encode(np.asarray(tensor[place]), entry),
        }
        for place in evenly(len(split.rows), count).tolist()
    ]
    return {"items": items, "height": height, "width": width, "channels": channels}


def _note_changes(shape: list[int], height: int, width: int, channels: int, notes: list[str]) -> None:
    if len(shape) == 4:
        notes.append(f"Of each video, the first of {shape[0]:,} frames is shown.")
    if channels not in (1, 3):
        notes.append(f"Pictures have {channels} channels; the first is shown.")
    if max(height, width) > LARGEST_SIDE:
        notes.append(f"Pictures have {width:,} × {height:,} pixels; they are shrunk to {LARGEST_SIDE}.")


def _encode(values: np.ndarray, entry: dict[str, Any]) -> str:
    """A picture as PNG in Base64. The smallest number of the dataset is black, the largest is white."""
    frame = values[0] if len(entry["shape"]) == 4 else values
    planes = frame[..., None] if frame.ndim == 2 else frame
    planes = planes if planes.shape[2] in (1, 3) else planes[..., :1]
    lowest, highest = float(entry["min"]), float(entry["max"])
    scaled = (planes.astype(np.float64) - lowest) * (255 / ((highest - lowest) or 1))
    pixels = np.nan_to_num(scaled).clip(0, 255).round().astype(np.uint8)
    return base64.b64encode(write_png(pixels, LARGEST_SIDE)).decode()
