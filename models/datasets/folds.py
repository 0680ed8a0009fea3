"""Folds for cross-validation: parts of the training rows, each of which is held out once."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from models.dataset_descriptor import TargetDescriptor
from models.datasets.storage import Dataset, Split
from models.datasets.writing import write_parts
from models.errors import Fault, InvalidData
from models.values.columns import Texts

MOST_FOLDS = 20
POINTER = "#/folds"


def assign_folds(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """The fold of each training row (rows,), from 0; the same for the same seed.

    Rows with classes are dealt out class by class. If the dataset was split by groups, the rows of a group are in one
    fold. Windows of a series stay in time order, in blocks. Raises InvalidData if there are fewer groups than folds.
    """
    training, groups = dataset.split("train"), dataset.groups("train")
    rng = np.random.default_rng(seed)
    if groups is not None:
        return _deal_groups(groups, count, rng)
    rows = len(training.rows)
    if any(entry.features is not None for entry in dataset.descriptor.inputs):
        return np.arange(rows) * count // rows
    order = rng.permutation(rows)
    if dataset.descriptor.target.type == "category":
        order = order[np.argsort(_classes(training)[order], kind="stable")]
    folds = np.empty(rows, np.int64)
    folds[order] = np.arange(rows) % count
    return folds


def _classes(split: Split) -> np.ndarray:
    return split.targets.codes if isinstance(split.targets, Texts) else split.targets


def _deal_groups(groups: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The fold of each row: each group, the largest first, goes to the smallest fold."""
    _, numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < count:
        raise InvalidData(Fault(f"The training rows have {len(sizes)} groups, too few for {count} folds.", POINTER))
    shuffled = rng.permutation(len(sizes))
    places, held = np.empty(len(sizes), np.int64), np.zeros(count, np.int64)
    for group in shuffled[np.argsort(-sizes[shuffled], kind="stable")]:
        places[group] = held.argmin()
        held[places[group]] += sizes[group]
    return places[numbers]


def _target_span(target: TargetDescriptor) -> int:
    """How many windows after one the last is that may have a target of it: with several horizons, targets overlap."""
    horizons = target.horizons or [0]
    return max(horizons) - min(horizons)


def _widen(rows: np.ndarray, by: int) -> np.ndarray:
    """The rows (rows,), booleans, and as many rows on both sides of each."""
    before = np.cumsum(np.r_[0, rows])
    places = np.arange(len(rows))
    return before[np.minimum(places + by + 1, len(rows))] > before[np.maximum(places - by, 0)]


@contextmanager
def fold_dataset(dataset: Dataset, held_out: np.ndarray, folder: Path) -> Iterator[Dataset]:
    """A dataset whose validation rows are the training rows `held_out` (rows,), booleans, and whose training rows are
    the others, without windows that may share a target with those held out. Its files, in the new `folder`, are
    removed after the block. Raises InvalidData if no training row is left; OSError, DamagedDataset."""
    trained = ~_widen(held_out, _target_span(dataset.descriptor.target))
    if not trained.any():
        detail = "The targets of all training windows overlap with those of a fold: use fewer folds or horizons."
        raise InvalidData(Fault(detail, POINTER))
    parts = {"train": np.flatnonzero(trained), "validation": np.flatnonzero(held_out), "test": np.arange(0)}
    try:
        yield write_parts(folder, dataset, "train", parts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
