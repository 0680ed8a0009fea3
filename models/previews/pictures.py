"""Some pictures of a dataset, small enough to be sent in JSON."""

from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor
from models.datasets import Split
from models.previews.picture_encoding import PictureEncoder, describe_frames, middle_frame
from models.previews.targets import name_target
from models.values.spacing import evenly

LARGEST_SIDE = 96
"""The longest side of a picture in pixels; larger ones are shrunk."""


def show_pictures(descriptor: DatasetDescriptor, split: Split, count: int, notes: list[str]) -> dict[str, Any]:
    """`items` with `row`, `target` (its class, labels or number) and `png` (in Base64), drawn at even distances from a
    split, and the `height`, `width` and `channels` of the dataset's pictures."""
    entry = max(descriptor.inputs, key=lambda entry: len(entry.shape))
    if len(descriptor.inputs) > 1:
        notes.append(f'Shown is the input "{entry.name}" of {len(descriptor.inputs)}.')
    is_video = len(entry.shape) == 4
    shape = tuple(entry.shape[1:] if is_video else entry.shape)
    height, width, channels = (*shape, 1)[:3]
    encoder = PictureEncoder.of(entry, LARGEST_SIDE)
    notes += [describe_frames(entry.shape[0])] if is_video else []
    notes += encoder.describe_changes(shape)
    tensor = (split.tensors or {})[entry.name]
    items = [
        {
            "row": int(split.rows[place]),
            "target": name_target(split.targets, descriptor.target, place),
            "png": encoder.encode(middle_frame(tensor[place]) if is_video else np.asarray(tensor[place])),
        }
        for place in evenly(len(split.rows), count).tolist()
    ]
    return {"items": items, "height": height, "width": width, "channels": channels}
