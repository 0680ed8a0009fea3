"""Some sequences of a dataset, as lines."""

from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor
from models.datasets import Split
from models.previews.targets import name_target
from models.values.rounding import short_numbers
from models.values.spacing import evenly

MOST_STEPS = 100
MOST_FEATURES = 4


def show_sequences(descriptor: DatasetDescriptor, split: Split, count: int, notes: list[str]) -> dict[str, Any]:
    """`items` with `row`, `target` and `values` (a list of numbers for each of the `features`), drawn at even distances
    from a split, and the drawn `steps`, from 0."""
    entry = max(descriptor.inputs, key=lambda entry: len(entry.shape))
    if len(descriptor.inputs) > 1:
        notes.append(f'Shown is the input "{entry.name}" of {len(descriptor.inputs)}.')
    length, width = (*entry.shape, 1)[:2]
    names = entry.features or [f"feature {number}" for number in range(1, width + 1)]
    if width > MOST_FEATURES:
        notes.append(f"Shown are the first {MOST_FEATURES} of {width:,} features.")
    steps = evenly(length, MOST_STEPS)
    if len(steps) < length:
        notes.append(f"Of {length:,} steps, {len(steps)} are shown, at even distances.")
    tensor = (split.tensors or {})[entry.name]
    items = [
        {
            "row": int(split.rows[place]),
            "target": name_target(split.targets, descriptor.target, place),
            "values": _lines(np.asarray(tensor[place]), steps),
        }
        for place in evenly(len(split.rows), count).tolist()
    ]
    return {"items": items, "features": names[:MOST_FEATURES], "steps": steps.tolist()}


def _lines(sequence: np.ndarray, steps: np.ndarray) -> list[list[float | None]]:
    return [short_numbers(line) for line in sequence.reshape(len(sequence), -1)[steps, :MOST_FEATURES].T.astype(float)]
