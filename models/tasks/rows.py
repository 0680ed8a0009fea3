"""Decides where a network's rows lie while it trains or is measured: in memory, or on the disk."""

from collections.abc import Iterable
from pathlib import Path

from models.datasets import Dataset
from models.preprocessing import Preprocessing
from models.preprocessing.rows import TargetRows, input_rows, row_bytes
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
    """What the network takes of each of the splits that has rows.

    If all of it together has more than `most_bytes` it is read from the disk bit by bit; `folder` is on a disk with
    room for what has to be rewritten for that. Either way the network sees the same numbers.
    """
    found = [dataset.split(name) for name in splits if dataset.descriptor["splits"][name]]
    total = sum(len(split.rows) * row_bytes(preprocessing, encoding, split) for split in found)
    if total <= most_bytes:
        return {
            split.name: Arrays(preprocessing.network_inputs(split), encoding.encode(split.targets)) for split in found
        }
    return {
        split.name: StreamedArrays(input_rows(preprocessing, split, folder), TargetRows(split.targets, encoding))
        for split in found
    }
