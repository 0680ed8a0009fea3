"""Assigns whole groups of rows, such as all rows of a patient, to the training, validation and test splits."""

import numpy as np

from models.dataset_descriptor import Note
from models.errors import Fault, InvalidData
from models.values.pointers import pointer_to


def split_groups(
    groups: np.ndarray, classes: np.ndarray, shares: tuple[float, float], rng: np.random.Generator
) -> np.ndarray:
    """The split of each row (rows,), so that all rows of a group are in the same one: 0 for training, 1 for validation,
    2 for test.

    `groups` and `classes` (rows,) number the rows' groups and classes from 0; `shares` are those of validation and test
    rows, which are approximate. In a random order, each group joins the split that then is closest to its share of each
    class: the sum over the classes of (held - share)² / share increases least, where held is the fraction of the
    class's rows in the split. A split with a share gets at least one group. Raises InvalidData if there are too few.
    """
    wanted = np.array([1 - sum(shares), *shares])
    asked = np.flatnonzero(wanted > 0)
    sizes = np.bincount(groups)
    if len(sizes) < len(asked):
        detail = f"There are {len(sizes)} groups, too few for {len(asked)} splits: a group isn't divided."
        raise InvalidData(Fault(detail, pointer_to("split", "group")))
    places = np.empty(len(sizes), np.int64)
    held = np.zeros((len(asked), int(classes.max()) + 1))
    starts, members, fractions = _count_members(groups, classes)
    for group in rng.permutation(len(sizes)):
        part = slice(starts[group], starts[group + 1])
        own, added = members[part], fractions[part]
        share = wanted[asked][:, None]
        places[group] = choice = ((2 * (held[:, own] - share) + added) * added / share).sum(axis=1).argmin()
        held[choice, own] += added
    _fill_empty(places, sizes, len(asked))
    return asked[places[groups]]


def _count_members(groups: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The classes of all groups, group by group, each with the fraction of the class's rows that are in the group, and
    where each group begins and the last one ends."""
    width = int(classes.max()) + 1
    pairs, counts = np.unique(groups * width + classes, return_counts=True)
    starts = np.searchsorted(pairs, np.arange(int(groups.max()) + 2) * width)
    return starts, pairs % width, counts / np.bincount(classes)[pairs % width]


def _fill_empty(places: np.ndarray, sizes: np.ndarray, splits: int) -> None:
    """Move the smallest group of the split with the most groups into each split without one."""
    for place in range(splits):
        if not (places == place).any():
            fullest = np.flatnonzero(places == np.bincount(places).argmax())
            places[fullest[sizes[fullest].argmin()]] = place


def describe_groups(groups: np.ndarray, splits: dict[str, np.ndarray], columns: list[str]) -> Note:
    """How many groups each split has."""
    counts = {name: len(np.unique(groups[rows])) for name, rows in splits.items()}
    listed = ", ".join(f"{count:,} for {name}" for name, count in counts.items())
    named = " and ".join(f'"{column}"' for column in columns)
    total = sum(counts.values())
    detail = f"The rows of each of the {total:,} groups of {named} are in one split: {listed}."
    return Note("groups", detail, columns[0] if len(columns) == 1 else None, total)
