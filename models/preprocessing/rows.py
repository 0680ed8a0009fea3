"""A split's rows as network inputs: all in memory, or processed on demand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.datasets import Split
from models.preprocessing.dataset_inputs import by_input
from models.preprocessing.preprocessing import Preprocessing
from models.preprocessing.tensor_input import TensorInput
from models.scratch import scratch_array
from models.targets import TargetEncoding
from models.values.columns import Texts

ROWS_AT_ONCE = 65_536


@dataclass(frozen=True)
class TensorRows:
    """Raw rows (rows, …) on disk, scaled on access: float32, (rows, *shape)."""

    values: np.ndarray
    input_: TensorInput

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray:
        return self.input_.transform(self.values[rows])


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
        tensors = by_input(preprocessing.inputs, split.tensors or {})
        return {
            name: TensorRows(tensors[name], input_)
            for name, input_ in preprocessing.inputs.items()
            if isinstance(input_, TensorInput)
        }
    rows = len(split.rows)
    encoded = {
        name: scratch_array(folder, (rows, *input_.shape), np.float32) for name, input_ in preprocessing.inputs.items()
    }
    for start in range(0, rows, ROWS_AT_ONCE):
        page = slice(start, start + ROWS_AT_ONCE)
        for name, values in preprocessing.network_inputs(split.page(page)).items():
            encoded[name][page] = values
    return dict(encoded)


def row_bytes(preprocessing: Preprocessing, encoding: TargetEncoding, split: Split) -> int:
    """The size in bytes of a processed row of the split, with its target."""
    numbers = sum(int(np.prod(input_.shape)) for input_ in preprocessing.inputs.values())
    return numbers * np.dtype(np.float32).itemsize + encoding.encode(split.targets[:1]).nbytes
