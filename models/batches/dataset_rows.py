"""Reads a dataset's rows as blocks, in the order of the dataset, across its splits."""

import numpy as np

from models.batches.blocks import Block, Blocks, count_rows, renumber_warnings
from models.datasets import SPLITS, Dataset, Split
from models.jobs.batch_prediction import Shard
from models.preprocessing import Preprocessing


def read_dataset(
    dataset: Dataset, split: str | None, preprocessing: Preprocessing, shard: Shard | None = None
) -> Blocks:
    """The rows of a split, or of all splits if it's None; only those of the shard if there is one.

    The dataset must fit (compatibility.check_inputs_fit).
    """
    names = SPLITS if split is None else (split,)
    splits = [dataset.split(name) for name in names if dataset.descriptor.splits[name]]
    numbers, at_once = np.sort(np.concatenate([each.rows for each in splits])), count_rows(preprocessing)
    if shard is not None:
        numbers = numbers[shard.first : shard.first + shard.rows]
    for start in range(0, len(numbers), at_once):
        rows = numbers[start : start + at_once]
        parts = [part for each in splits if len((part := _between(each, rows[0], rows[-1])).rows)]
        found = np.concatenate([part.rows for part in parts])
        order = np.argsort(found)
        read = [preprocessing.network_inputs(part) for part in parts]
        inputs = {name: np.concatenate([each[name] for each in read])[order] for name in preprocessing.inputs}
        warnings = [
            warning for part in parts for warning in renumber_warnings(preprocessing.find_warnings(part), part.rows)
        ]
        yield Block(rows, inputs, warnings, (start + len(rows)) / len(numbers))


def _between(split: Split, first: int, last: int) -> Split:
    """The rows of a split with numbers from `first` to `last`. The split's row numbers are ascending."""
    begin, end = np.searchsorted(split.rows, (first, last + 1)).tolist()
    return split.page(slice(begin, end))
