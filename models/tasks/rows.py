"""Decides whether a network's rows stay in memory during training and evaluation, or are read from the disk."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from models.datasets import Dataset, Split
from models.preprocessing import Preprocessing
from models.preprocessing.rows import TargetRows, input_rows, load_inputs, row_bytes
from models.targets import TargetEncoding
from models.training.plan import Arrays, StreamedArrays


def load_rows(
    dataset: Dataset,
    preprocessing: Preprocessing,
    encoding: TargetEncoding,
    splits: Iterable[str],
    most_bytes: int,
    folder: Path,
) -> dict[str, Arrays | StreamedArrays]:
    """The rows of each split that has rows, as the network takes them or as StoredRows.

    If all of them together take more than `most_bytes`, they are read from the disk in chunks. Files that have to be
    converted for this are written into `folder`. In both cases the network gets the same numbers.
    """
    found = [known_targets(dataset, encoding, name) for name in splits if dataset.descriptor.splits[name]]
    total = sum(len(split.rows) * row_bytes(preprocessing, encoding, split) for split in found)
    if total <= most_bytes:
        return {
            split.name: Arrays(load_inputs(preprocessing, split), encoding.encode(split.targets)) for split in found
        }
    return {
        split.name: StreamedArrays(input_rows(preprocessing, split, folder), TargetRows(split.targets, encoding))
        for split in found
    }


def known_targets(dataset: Dataset, encoding: TargetEncoding, name: str) -> Split:
    """A split of a dataset whose classes may have another order or type than the network's, with the network's."""
    split = dataset.split(name)
    return replace(split, targets=encoding.translate(split.targets, dataset.descriptor.target.classes))
