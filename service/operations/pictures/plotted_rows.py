"""The rows of a dataset that a picture draws: a sample of a bounded size, remembered because versions of datasets never
change."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np

from models.dataset_descriptor import TargetDescriptor
from models.datasets import SPLITS, Dataset, Split
from models.numeric_inputs import Axis, NumericInputs, axis_over
from models.targets import class_name
from models.values.columns import Texts
from models.values.rounding import rounded
from service.context import Context
from service.operations.stored_files import unless_deleted
from service.storage import datasets
from service.storage.records import DatasetVersion

MOST_ROWS = 2000
MARGIN = 0.08
"""The margin around the rows, as a share of their range."""
MOST_REMEMBERED = 64
SEED = 0
"""Rows are drawn at random, but always the same ones."""


@dataclass(frozen=True)
class PlottedRows:
    """Rows as lists of the same length, and the axes that they span."""

    axes: tuple[Axis, ...]
    inputs: list[list[float]]
    """The numbers of each row."""
    targets: list[Any]
    """The index of each row's class, or its number; None for a class that the network doesn't know."""
    splits: list[str]
    total: int
    """The rows of the dataset."""
    incomplete: int
    """The sampled rows that lack a number, which are left out."""


Key = tuple[str, tuple[str, ...], tuple[str, ...] | None]


class RememberedRows:
    """The rows of the datasets that were drawn last. Thread-safe."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._rows: OrderedDict[Key, PlottedRows] = OrderedDict()
        self._lock = Lock()

    def read(
        self, context: Context, version: DatasetVersion, numbers: NumericInputs, classes: list[Any] | None
    ) -> PlottedRows:
        """The rows of a version of a dataset that is ready. Raises NotFound, DamagedDataset."""
        folder = version.folder or ""
        key = folder, numbers.names, None if classes is None else tuple(map(class_name, classes))
        with self._lock:
            known = self._rows.get(key)
            if known is not None:
                self._rows.move_to_end(key)
                return known
        with unless_deleted(context, "The dataset", lambda session: datasets.version_by_id(session, version.id)):
            rows = _read(Dataset.open(context.artifacts.folder(folder)), numbers, classes)
        with self._lock:
            self._rows[key] = rows
            if len(self._rows) > self._most:
                self._rows.popitem(last=False)
        return rows


def _read(dataset: Dataset, numbers: NumericInputs, classes: list[Any] | None) -> PlottedRows:
    descriptor = dataset.descriptor
    total = sum(descriptor.splits.values())
    values, targets, splits = [np.empty((0, len(numbers.names)))], [], []
    for split in _sample(dataset, total):
        values.append(numbers.read(split))
        targets += read_targets(split.targets, descriptor.target, classes)
        splits += [split.name] * len(split.rows)
    points = np.concatenate(values)
    complete = np.isfinite(points).all(axis=1)
    kept, points = np.flatnonzero(complete).tolist(), points[complete]
    axes = tuple(
        axis_over(name, float(column.min()), float(column.max()), MARGIN) if len(column) else axis_over(name, -1, 1)
        for name, column in zip(numbers.names, points.T, strict=True)
    )
    return PlottedRows(
        axes,
        rounded(points, digits=7),
        [targets[place] for place in kept],
        [splits[place] for place in kept],
        total,
        int((~complete).sum()),
    )


def _sample(dataset: Dataset, total: int) -> Iterator[Split]:
    """At most MOST_ROWS rows, of each split in proportion."""
    choose = np.random.default_rng(SEED)
    for name in SPLITS:
        count = dataset.descriptor.splits[name]
        if count:
            split = dataset.split(name)
            share = count if total <= MOST_ROWS else max(1, MOST_ROWS * count // total)
            yield split.take(np.sort(choose.choice(count, share, replace=False)))


def read_targets(targets: np.ndarray | Texts, target: TargetDescriptor, classes: list[Any] | None) -> list[Any]:
    """The index in the network's `classes` of each row's class; its first number if there are no classes."""
    if classes is None:
        return rounded(np.asarray(targets, np.float64).reshape(len(targets), -1)[:, 0], digits=7)
    places = {class_name(value): place for place, value in enumerate(classes)}
    if not isinstance(targets, Texts) and targets.ndim > 1:
        own = [places.get(class_name(value)) for value in target.labels]
        return [own[place] for place in targets.argmax(axis=1).tolist()]
    return [places.get(class_name(value)) for value in targets.tolist()]
