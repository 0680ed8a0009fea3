"""The rows of a dataset with one or two numeric inputs, as points."""

import math
from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor, TargetDescriptor
from models.datasets import Split
from models.previews.histograms import features, name_features
from models.previews.sampling import blocks, column
from models.values.columns import Texts
from models.values.rounding import short_numbers

MOST_POINTS = 1000
MOST_CLASSES = 8
"""The most classes that have a colour of their own: those with the most points."""
OTHER = -1
"""The class index of all other classes."""


def show_points(descriptor: DatasetDescriptor, split: Split, notes: list[str]) -> dict[str, Any]:
    """At most MOST_POINTS rows as `x`, `y` and `target`, lists of numbers, of which null is missing.

    With two inputs, `x` and `y` are these. With one, `y` is null, and the target is drawn above `x`. `names` and
    `units` are those of `x`, `y` and `target`. For classes, `target` has their indices in `classes`; OTHER for all
    classes beyond MOST_CLASSES, which `left_out` counts.
    """
    parts = blocks(split, MOST_POINTS)
    inputs = _inputs(descriptor, parts)
    names = [name for entry in descriptor.inputs for name in name_features(entry)]
    units = [entry.unit for entry in descriptor.inputs for _ in name_features(entry)]
    if len(inputs[0]) < len(split.rows):
        notes.append(f"Drawn are {len(inputs[0]):,} of {len(split.rows):,} rows, at even distances.")
    target = descriptor.target
    found = {
        "x": short_numbers(inputs[0]),
        "y": short_numbers(inputs[1]) if len(inputs) > 1 else None,
        "names": [names[0], names[1] if len(inputs) > 1 else None, target.name],
        "units": [units[0], units[1] if len(inputs) > 1 else None, target.unit],
    }
    if target.type == "number":
        return found | {"target": _numbers(target, parts, notes), "classes": None, "left_out": 0}
    return found | _classes(target, parts, notes)


def _inputs(descriptor: DatasetDescriptor, parts: list[Split]) -> list[np.ndarray]:
    if descriptor.is_table:
        return [np.asarray(column(parts, entry.name), float) for entry in descriptor.inputs]
    return list(features(descriptor, parts, sum(math.prod(entry.shape) for entry in descriptor.inputs)).T)


def _numbers(target: TargetDescriptor, parts: list[Split], notes: list[str]) -> list[float | None]:
    size = math.prod(target.shape or ())
    values = np.concatenate([np.asarray(part.targets).reshape(len(part.targets), size) for part in parts])
    if values.shape[1] > 1:
        notes.append(f"Shown is the first of the target's {values.shape[1]:,} numbers.")
    return short_numbers(values[:, 0].astype(float))


def _classes(target: TargetDescriptor, parts: list[Split], notes: list[str]) -> dict[str, Any]:
    indices = np.concatenate([_class_indices(target, part.targets) for part in parts])
    counts = np.bincount(indices, minlength=len(target.labels))
    shown = sorted(np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist())
    left_out = len(target.labels) - len(shown)
    if left_out:
        notes.append(f"{left_out:,} of {len(target.labels):,} classes share a colour.")
    places = {number: place for place, number in enumerate(shown)}
    return {
        "target": [places.get(index, OTHER) for index in indices.tolist()],
        "classes": [target.labels[number] for number in shown],
        "left_out": left_out,
    }


def _class_indices(target: TargetDescriptor, targets: np.ndarray | Texts) -> np.ndarray:
    """The class index of each row, or of several labels the first one's."""
    if isinstance(targets, Texts):
        return targets.codes_among(target.labels).astype(np.int64)
    if targets.ndim == 2:
        return targets.argmax(axis=1)
    places = {class_: place for place, class_ in enumerate(target.labels)}
    return np.array([places[value] for value in targets.tolist()], np.int64)
