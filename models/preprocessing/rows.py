"""A split's rows as network inputs: all in memory, or processed on demand."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from models.datasets import Split
from models.memory import aligned_empty
from models.preprocessing.dataset_inputs import by_input
from models.preprocessing.preprocessing import Preprocessing
from models.preprocessing.tensor_input import FLOAT32, TensorInput
from models.scratch import scratch_array
from models.targets import TargetEncoding
from models.values.columns import Texts

ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class TensorRows:
    """Raw rows (rows, *shape) on disk, scaled on access: float32, (rows, *shape)."""

    values: np.ndarray
    input_: TensorInput

    @classmethod
    def of(cls, values: np.ndarray, input_: TensorInput) -> "TensorRows":
        """The rows of an input of a dataset (rows, …); StoredRows if they are small integers."""
        small = values.dtype.kind in "iu" and np.can_cast(values.dtype, FLOAT32) and input_.dtype == FLOAT32
        return (StoredRows if small else TensorRows)(values.reshape(len(values), *input_.shape), input_)

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        return self.input_.transform(self.values[rows])

    @property
    def row_bytes(self) -> int:
        """The size in bytes of a row in memory."""
        return math.prod(self.input_.shape) * np.dtype(self.input_.dtype).itemsize

    def load(self) -> "np.ndarray | StoredRows":
        """All rows, in memory."""
        return self[:]


class StoredRows(TensorRows):
    """As TensorRows, for integers of one or two bytes, such as images. They stay as they are stored, in memory too: a
    graph scales each batch (models/training/scaling.py), to the same numbers."""

    @property
    def row_bytes(self) -> int:
        return math.prod(self.input_.shape) * self.values.itemsize

    def load(self) -> "StoredRows":
        values = aligned_empty(self.values.shape, self.values.dtype)
        np.copyto(values, self.values)
        return replace(self, values=values)


@dataclass(frozen=True)
class TargetRows:
    """Raw targets (rows, …), encoded on access; raises InvalidData if one isn't a known class."""

    values: np.ndarray | Texts
    encoding: TargetEncoding

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        return self.encoding.encode(self.values[rows])


def input_rows(preprocessing: Preprocessing, split: Split, folder: Path) -> dict[str, np.ndarray | TensorRows]:
    """The inputs of a split that may be larger than memory, by name.

    Tensors are read and scaled row by row. A table is encoded once, into an array on the disk of `folder`: it is stored
    column by column, so each row would have to be gathered from all columns.
    """
    if split.table is None:
        return dict(_tensor_rows(preprocessing, split))
    rows = len(split.rows)
    encoded = {
        name: scratch_array(folder, (rows, *input_.shape), np.float32) for name, input_ in preprocessing.inputs.items()
    }
    for start in range(0, rows, ROWS_AT_ONCE):
        page = slice(start, start + ROWS_AT_ONCE)
        for name, values in preprocessing.network_inputs(split.page(page)).items():
            encoded[name][page] = values
    return dict(encoded)


def load_inputs(preprocessing: Preprocessing, split: Split) -> dict[str, np.ndarray | StoredRows]:
    """The inputs of a split in memory, by name: small integers as they are stored, else as the network takes them.

    Nothing depends on the dataset's files afterwards.
    """
    if split.table is not None:
        return dict(preprocessing.network_inputs(split))
    return {name: rows.load() for name, rows in _tensor_rows(preprocessing, split).items()}


def row_bytes(preprocessing: Preprocessing, encoding: TargetEncoding, split: Split) -> int:
    """The size in bytes of a row of the split as `load_inputs` holds it, with its encoded target."""
    if split.table is None:
        inputs = sum(rows.row_bytes for rows in _tensor_rows(preprocessing, split).values())
    else:
        numbers = sum(math.prod(input_.shape) for input_ in preprocessing.inputs.values())
        inputs = numbers * np.dtype(np.float32).itemsize
    return inputs + encoding.encode(split.targets[:1]).nbytes


def _tensor_rows(preprocessing: Preprocessing, split: Split) -> dict[str, TensorRows]:
    """The inputs of a split that isn't a table, by name."""
    tensors = by_input(preprocessing.inputs, split.tensors or {})
    return {
        name: TensorRows.of(tensors[name], input_)
        for name, input_ in preprocessing.inputs.items()
        if isinstance(input_, TensorInput)
    }
