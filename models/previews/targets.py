"""The target of a preview: its classes with their counts, or its numbers."""

from typing import Any

import numpy as np

from models.dataset_descriptor import TargetDescriptor
from models.datasets import Dataset
from models.previews.histograms import bin_numbers
from models.values.columns import Texts

MOST_CLASSES = 24
"""The most classes that are listed: those with the most rows."""


def describe_target(dataset: Dataset, split: str | None) -> dict[str, Any]:
    """The target of a split, or of all splits: `name`, `type`, `unit`, and either `classes` (each a `label` and its
    `count`, in the order of the classes) with their number in `found`, or a histogram as `edges` and `counts`."""
    target = dataset.descriptor.target
    described = {
        "name": target.name, "type": target.type, "unit": target.unit,
        "classes": None, "found": 0, "edges": None, "counts": None,
    }  # fmt: skip
    if target.type == "number":
        return described | _describe_numbers(dataset, target, split)
    counts = target.counts or [] if split is None else _count(dataset, target, split)
    most = sorted(range(len(counts)), key=lambda place: -counts[place])[:MOST_CLASSES]
    classes = [{"label": target.labels[place], "count": int(counts[place])} for place in sorted(most)]
    return described | {"classes": classes, "found": len(counts)}


def name_target(targets: np.ndarray | Texts, target: TargetDescriptor, place: int) -> Any:
    """The class, the labels or the number of a row."""
    if isinstance(targets, Texts):
        return targets.names[targets.codes[place]]
    value = targets[place]
    if target.type == "labels":
        names = [str(target.labels[index]) for index in np.flatnonzero(value)]
        return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "none"
    if np.ndim(value):
        return None
    return value.item()


def _count(dataset: Dataset, target: TargetDescriptor, split: str) -> list[int]:
    """The rows of a split in each class."""
    targets = dataset.targets(split)
    if isinstance(targets, Texts):
        found: dict[Any, int] = dict(targets.counts())
    elif targets.ndim == 2:
        return [int(count) for count in targets.sum(axis=0)]
    else:
        found = dict(zip(*(values.tolist() for values in np.unique(targets, return_counts=True)), strict=True))
    return [found.get(class_, 0) for class_ in target.labels]


def _describe_numbers(dataset: Dataset, target: TargetDescriptor, split: str | None) -> dict[str, Any]:
    if split is None and target.histogram is not None:
        return dict(target.histogram)
    names = [name for name in dataset.descriptor.splits if split in (None, name)]
    return bin_numbers(np.concatenate([np.asarray(dataset.targets(name)).reshape(-1) for name in names]))
