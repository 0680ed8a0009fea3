"""The named tensors that a version takes and gives: what clients of other servers' protocols send instead of instances.

A table is a tensor for each column, a row of it one number or text; anything else is as it was trained on. Values are
raw: what was learned from the training rows is applied here, as it is to instances.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

import numpy as np

from models.errors import Fault, InvalidInstances
from models.limits import Limits
from models.preprocessing import Preprocessing
from models.preprocessing.preprocessing import NOT_JSON
from models.preprocessing.table_input import TableInput
from models.preprocessing.tensor_input import TensorInput
from models.spec import OUTPUT

ANY = -1
"""An axis of any length."""
ELEMENT_BYTES = 4
"""Of a number, and of the length before a text."""
TEXT_COLUMNS = ("category", "date")
"""The types of columns whose values are texts."""

Tensor = np.ndarray | list[Any]
"""Rows first: numbers (NaN where missing), or objects for texts (None where missing); or rows as JSON has them, some of
which are pictures' files (`{"b64": …}`)."""


class Datatype(StrEnum):
    """What a tensor's elements are, as the Open Inference Protocol names it."""

    FP32 = "FP32"
    BYTES = "BYTES"
    """Texts in UTF-8."""


@dataclass(frozen=True)
class TensorSpec:
    """A tensor's name, what it holds, and its shape, of which the first axis is the rows (-1)."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """The tensors of a network with its preprocessing: inputs by name, and its one output."""

    preprocessing: Preprocessing
    inputs: dict[str, TensorSpec]
    output: TensorSpec

    @classmethod
    def of(cls, preprocessing: Preprocessing, output_shape: tuple[int, ...], output_name: str = OUTPUT) -> Self:
        """From what the version has learned, and the shape of a row of the network's output."""
        table = _find_table(preprocessing)
        if table is None:
            specs = [
                TensorSpec(name, Datatype.FP32, (ANY, *input_.shape)) for name, input_ in preprocessing.inputs.items()
            ]
        else:
            specs = [
                TensorSpec(column.name, Datatype.BYTES if column.type in TEXT_COLUMNS else Datatype.FP32, (ANY, 1))
                for column in table.columns
            ]
        output = TensorSpec(output_name, Datatype.FP32, (ANY, *output_shape))
        return cls(preprocessing, {spec.name: spec for spec in specs}, output)

    @cached_property
    def row_bytes(self) -> int:
        """The bytes that a row of all inputs takes in binary, at least."""
        return sum(ELEMENT_BYTES * math.prod(spec.shape[1:]) for spec in self.inputs.values())

    def takes_missing(self, name: str) -> bool:
        """Whether values of an input may be missing: those of tables, and of sequences that were one."""
        input_ = self.preprocessing.inputs.get(name)
        return input_ is None or isinstance(input_, TableInput) or input_.fill is not None

    def takes_booleans(self, name: str) -> bool:
        """Whether an input is a table's column of booleans."""
        table = _find_table(self.preprocessing)
        return table is not None and any(column.name == name and column.type == "boolean" for column in table.columns)

    def takes_pictures(self, name: str) -> bool:
        """Whether rows of an input may be pictures' files."""
        input_ = self.preprocessing.inputs.get(name)
        return input_ is not None and not isinstance(input_, TableInput) and input_.picture is not None

    def read(self, tensors: Mapping[str, Tensor], max_pixels: int = Limits.pixels) -> dict[str, np.ndarray]:
        """Tensors as the network takes them: float32, rows first, by input; there may be none.

        Numbers that aren't finite go into the network, but stand for what is missing where values may be. Raises
        InvalidInstances where a tensor is missing or unknown, has another shape, or holds what its input doesn't take.
        """
        self._check(tensors)
        table = _find_table(self.preprocessing)
        if table is None:
            return {
                name: _read(input_, tensors[name], max_pixels)
                for name, input_ in self.preprocessing.inputs.items()
                if not isinstance(input_, TableInput)
            }
        ((name, _),) = self.preprocessing.inputs.items()
        return {name: table.read_columns({column: _list_cells(values) for column, values in tensors.items()})}

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        faults = [Fault(f'There is no input "{name}".') for name in tensors if name not in self.inputs]
        faults += [Fault(f'The input "{name}" is missing.') for name in self.inputs if name not in tensors]
        if faults:
            raise InvalidInstances(*faults)
        for name, values in tensors.items():
            wanted = self.inputs[name].shape
            if isinstance(values, np.ndarray) and (values.ndim != len(wanted) or values.shape[1:] != wanted[1:]):
                detail = f'The input "{name}" has the shape {list(values.shape)}, but {list(wanted)} is wanted.'
                raise InvalidInstances(Fault(detail))
        rows = {len(values) for values in tensors.values()}
        if len(rows) > 1:
            raise InvalidInstances(Fault("The inputs differ in how many rows they have."))


def _find_table(preprocessing: Preprocessing) -> TableInput | None:
    """The table that a network's only input is, if it is one."""
    first = next(iter(preprocessing.inputs.values()))
    return first if isinstance(first, TableInput) else None


def _read(input_: TensorInput, values: Tensor, max_pixels: int) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return input_.read_array(values)
    return input_.read(values, NOT_JSON, max_pixels)[0]


def _list_cells(values: Tensor) -> list[Any]:
    """A column's values, None where one is missing."""
    if isinstance(values, list) or values.dtype == object:
        return np.asarray(values, object).ravel().tolist()
    numbers = values.ravel().astype(np.float64)
    cells = numbers.astype(object)
    cells[np.isnan(numbers)] = None
    return cells.tolist()
