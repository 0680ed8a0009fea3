"""A network's inputs as one or two plain numbers, so that its predictions can be drawn as a curve or as a plane."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.datasets import Split
from models.errors import NoPicture
from models.preprocessing import Preprocessing
from models.preprocessing.dataset_inputs import by_input
from models.preprocessing.table_input import TableInput
from models.preprocessing.tensor_input import TensorInput
from models.spec import Scaling

MOST_AXES = 2
NUMBER = "number"
NEED = "The picture needs a network that takes one or two numbers"


@dataclass(frozen=True)
class Axis:
    """A range of raw numbers, inclusive."""

    name: str
    minimum: float
    maximum: float

    def points(self, count: int) -> np.ndarray:
        """Evenly spaced numbers from the minimum to the maximum."""
        return np.linspace(self.minimum, self.maximum, count)


@dataclass(frozen=True)
class NumericInputs:
    """The one or two numbers that a network takes: the features of a vector, or a table's columns of numbers."""

    name: str
    """The name of the network's input."""
    names: tuple[str, ...]
    """The names of the numbers: `x`, `x1` and `x2`, or those of the columns."""
    input_: TensorInput | TableInput

    @classmethod
    def of(cls, preprocessing: Preprocessing) -> Self:
        """The numbers that a network takes. Raises NoPicture if it takes something else."""
        if len(preprocessing.inputs) > 1:
            raise NoPicture(f"{NEED}; this one has {len(preprocessing.inputs)} inputs.")
        ((name, input_),) = preprocessing.inputs.items()
        if isinstance(input_, TableInput):
            other = next((column for column in input_.columns if column.type != NUMBER), None)
            if other is not None:
                raise NoPicture(f'{NEED}; the column "{other.name}" of this one is a {other.type}.')
            names = tuple(column.name for column in input_.columns)
        elif isinstance(input_, TensorInput) and len(input_.shape) <= 1:
            names = name_numbers(math.prod(input_.shape))
        else:
            shape = " × ".join(map(str, input_.shape))
            raise NoPicture(f"{NEED}; a row of this one has the shape {shape}.")
        if len(names) > MOST_AXES:
            raise NoPicture(f"{NEED}; this one takes {len(names)}.")
        return cls(name, names, input_)

    def read(self, split: Split) -> np.ndarray:
        """The raw numbers of a split's rows: float64, (rows, numbers), NaN where one is missing."""
        if isinstance(self.input_, TableInput):
            return read_columns(split.table or {}, self.names)
        (values,) = by_input((self.name,), split.tensors or {}).values()
        return np.asarray(values, np.float64).reshape(len(split.rows), len(self.names))

    def to_network(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Raw numbers (rows, numbers) as the network's inputs by name."""
        if isinstance(self.input_, TableInput):
            columns = dict(zip(self.names, values.T, strict=True))
            return {self.name: self.input_.transform(columns)}
        return {self.name: self.input_.transform(values)}

    def usual_axes(self) -> tuple[Axis, ...]:
        """The ranges in which the network learned, as far as its preprocessing knows: -1 to 1 if it doesn't."""
        found: Iterable[tuple[float, float]]
        if isinstance(self.input_, TableInput):
            found = ((column.minimum, column.maximum) for column in self.input_.columns)
        elif self.input_.scaling is Scaling.STANDARD:
            means, spreads = (np.resize(each, len(self.names)) for each in (self.input_.mean, 2 * self.input_.std))
            found = zip((means - spreads).tolist(), (means + spreads).tolist(), strict=True)
        else:
            found = ((-1.0, 1.0) for _ in self.names)
        return tuple(axis_over(name, *range_) for name, range_ in zip(self.names, found, strict=True))


def have_boundary(inputs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a network with these inputs, as a model, a version or a dataset that isn't a table describes them, takes
    one or two numbers: what `NumericInputs.of` decides for a loaded network."""
    if len(inputs) != 1 or inputs[0].get("text") is not None:
        return False
    (one,) = inputs
    columns = one.get("columns")
    if columns is None:
        return len(one["shape"]) <= 1 and math.prod(one["shape"]) <= MOST_AXES
    return len(columns) <= MOST_AXES and all(column["type"] == NUMBER for column in columns)


def name_numbers(count: int) -> tuple[str, ...]:
    """The names of the numbers of a vector."""
    return ("x",) if count == 1 else tuple(f"x{number}" for number in range(1, count + 1))


def read_columns(table: Mapping[str, Any], names: tuple[str, ...]) -> np.ndarray:
    """Columns of numbers side by side: float64, (rows, columns)."""
    return np.stack([np.asarray(table[name], np.float64) for name in names], axis=1)


def axis_over(name: str, lowest: float, highest: float, margin: float = 0.0) -> Axis:
    """An axis over a range with a margin, a share of it, on both sides. A range without a length gets one of 2, and
    one that isn't finite is -1 to 1."""
    if not (math.isfinite(lowest) and math.isfinite(highest)):
        return Axis(name, -1.0, 1.0)
    width = (highest - lowest) * margin if highest > lowest else 1.0
    return Axis(name, lowest - width, highest + width)
