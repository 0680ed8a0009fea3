"""The named input and output tensors of a version, for clients that use other servers' protocols instead of instances.

A table has a tensor for each column, with one number or text in each row. Other inputs have the shape of the training
data. Values are raw: preprocessing is applied here, as it is to instances.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Any, Self

import numpy as np

from models.allowance import Allowance
from models.errors import Fault, InvalidInstances
from models.preprocessing import Preprocessing
from models.preprocessing.preprocessing import NOT_JSON
from models.preprocessing.table_input import TableInput
from models.preprocessing.tensor_input import TensorInput
from models.spec import OUTPUT
from models.values.tensors import FLOAT32_MAX, MAX_FAULTS

ANY = -1
"""An axis of any length."""
ELEMENT_BYTES = 4
"""The bytes of a number, and of the length before a text."""
TEXT_COLUMNS = ("category", "date", "text")
"""The types of columns whose values are texts."""

Tensor = np.ndarray | list[Any]
"""Shape (rows, …): numbers (NaN if missing), or objects for texts (None if missing); or a list of rows as in JSON,
which may be files of images (`{"b64": …}`)."""


class Datatype(StrEnum):
    """The datatype of a tensor's elements, as named by the Open Inference Protocol."""

    FP32 = "FP32"
    BYTES = "BYTES"
    """Texts in UTF-8."""


@dataclass(frozen=True)
class TensorSpec:
    """A tensor's name, datatype and shape. The first axis is the rows (-1)."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """The tensors of a network with its preprocessing: its inputs by name, and its one output."""

    preprocessing: Preprocessing
    inputs: dict[str, TensorSpec]
    output: TensorSpec

    @classmethod
    def of(cls, preprocessing: Preprocessing, output_shape: tuple[int, ...], output_name: str = OUTPUT) -> Self:
        """The signature of a version with this preprocessing, and `output_shape` as the shape of an output row."""
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
        """The minimum bytes of a row of all inputs in binary form."""
        return sum(ELEMENT_BYTES * math.prod(spec.shape[1:]) for spec in self.inputs.values())

    def takes_missing(self, name: str) -> bool:
        """Whether values of an input may be missing: in tables, and in sequences made from tables."""
        input_ = self.preprocessing.inputs.get(name)
        return not isinstance(input_, TensorInput) or input_.fill is not None

    def takes_booleans(self, name: str) -> bool:
        """Whether an input is a table's column of booleans."""
        table = _find_table(self.preprocessing)
        return table is not None and any(column.name == name and column.type == "boolean" for column in table.columns)

    def takes_pictures(self, name: str) -> bool:
        """Whether rows of an input may be files of images."""
        input_ = self.preprocessing.inputs.get(name)
        return isinstance(input_, TensorInput) and input_.picture is not None

    def read(self, tensors: Mapping[str, Tensor], allowance: Allowance | None = None) -> dict[str, np.ndarray]:
        """Convert tensors into the network's inputs: float32, shape (rows, …), by input. There may be no rows.

        NaN and infinity are passed to the network; if values of the input may be missing, they mean a missing value.
        Raises InvalidInstances if a tensor is missing or unknown, has another shape, or has invalid values; Excessive
        and TookTooLong if the tensors exceed the allowance.
        """
        allowance = allowance or Allowance()
        self._check(tensors)
        rows = len(next(iter(tensors.values())))
        allowance.take_rows(rows)
        table, shared = _find_table(self.preprocessing), self.preprocessing.shared
        if table is None:
            return {
                name: _read(input_, tensors[name], allowance)
                for name, input_ in self.preprocessing.inputs.items()
                if isinstance(input_, TensorInput)
            }
        columns = {
            column.name: _read_column(tensors[column.name], column.type == "number", allowance)
            for column in table.columns
        }
        if shared is not None:
            return shared.read_columns(columns, allowance)
        ((name, _),) = self.preprocessing.inputs.items()
        return {name: table.read_columns(columns, allowance)}

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        unknown = islice((name for name in tensors if name not in self.inputs), MAX_FAULTS)
        faults = [Fault(f'There is no input "{name}".') for name in unknown]
        faults += [Fault(f'The input "{name}" is missing.') for name in self.inputs if name not in tensors]
        if faults:
            raise InvalidInstances(*faults)
        for name, values in tensors.items():
            wanted = self.inputs[name].shape
            if isinstance(values, np.ndarray) and (values.ndim != len(wanted) or values.shape[1:] != wanted[1:]):
                detail = f'The input "{name}" has the shape {list(values.shape)}, but {list(wanted)} is expected.'
                raise InvalidInstances(Fault(detail))
        rows = {len(values) for values in tensors.values()}
        if len(rows) > 1:
            raise InvalidInstances(Fault("The inputs have different numbers of rows."))


def _find_table(preprocessing: Preprocessing) -> TableInput | None:
    """What reads the tensors of a table's columns; None if the inputs are tensors, also if these are sequences of a
    table's rows."""
    return preprocessing.table if preprocessing.rows is None else None


def _read(input_: TensorInput, values: Tensor, allowance: Allowance) -> np.ndarray:
    if isinstance(values, np.ndarray):
        return input_.read_array(values)
    return input_.read(values, NOT_JSON, allowance)[0]


def _read_column(values: Tensor, is_number: bool, allowance: Allowance) -> np.ndarray | list[Any]:
    """A column's values: numbers (float64, NaN if missing) if all are valid, or a list with None for missing ones."""
    if is_number and isinstance(values, np.ndarray) and values.dtype != object:
        allowance.take_numbers(values.size)
        numbers = values.ravel().astype(np.float64)
        if np.fmax.reduce(np.abs(numbers), initial=0) <= FLOAT32_MAX:
            return numbers
    allowance.take_cells(len(values))
    return _list_cells(values)


def _list_cells(values: Tensor) -> list[Any]:
    """The values of a column, with None for missing ones."""
    if isinstance(values, list) or values.dtype == object:
        return np.asarray(values, object).ravel().tolist()
    numbers = values.ravel().astype(np.float64)
    cells = numbers.astype(object)
    cells[np.isnan(numbers)] = None
    return cells.tolist()
