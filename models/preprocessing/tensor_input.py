"""An input of plain numbers: vectors, sequences, pictures, video."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.datasets.statistics import mean_and_deviation
from models.datasets.tensors import Place, Shape, read_numbers
from models.errors import InvalidInstances
from models.memory import aligned_empty
from models.spec import InputSpec, Scaling

LARGEST_BYTE = 255
NEARLY_CONSTANT = 1e-12
"""A deviation this small beside the mean is nothing but rounding."""


@dataclass(frozen=True)
class TensorInput:
    """How raw rows become (value - mean) / std in float32, in the network's shape.

    `mean` and `std` (float64) broadcast against a row: one number, or one for each feature or channel.
    """

    shape: Shape
    scaling: Scaling
    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def fit(cls, spec: InputSpec, values: np.ndarray, kind: str) -> Self:
        """Learn from raw training rows (rows, …) of a dataset of this kind.

        Standard scaling takes a mean and deviation for each feature of a vector, and for each index of the last axis
        of anything else (features of a step, channels), but only one for pictures without channels.
        """
        mean, std = np.zeros(()), np.ones(())
        if spec.scaling is Scaling.UNIT:
            std = np.full((), float(LARGEST_BYTE))
        elif spec.scaling is Scaling.STANDARD:
            rows = values.reshape(len(values), *spec.shape)
            without_channels = kind == "image" and len(spec.shape) == 2
            axes = None if without_channels else tuple(range(max(1, len(spec.shape))))
            mean, deviation = mean_and_deviation(rows, axes)
            std = usable_deviation(mean, deviation)
        return cls(spec.shape, spec.scaling, mean, std)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Raw rows as the network takes them: float32, (rows, *shape)."""
        rows = aligned_empty((len(values), *self.shape), np.float32)
        np.copyto(rows, values.reshape(rows.shape), casting="unsafe")
        if self.mean.any():
            rows -= self.mean.astype(np.float32)
        if (self.std != 1).any():
            rows /= self.std.astype(np.float32)
        return rows

    def read(self, instances: list, place: Place) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Posted rows as the network takes them, and no warnings; raises InvalidInstances."""
        return self.transform(read_numbers(instances, place, InvalidInstances, self.shape)), []

    def to_document(self) -> dict[str, Any]:
        return {
            "type": "tensor",
            "shape": list(self.shape),
            "scaling": self.scaling.value,
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        shape, scaling = tuple(document["shape"]), Scaling(document["scaling"])
        return cls(shape, scaling, np.asarray(document["mean"], float), np.asarray(document["std"], float))


def usable_deviation(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The deviation to divide by: 1 where the values are all the same."""
    varies = (deviation > NEARLY_CONSTANT * np.abs(mean)) & (deviation.astype(np.float32) > 0)
    return np.where(varies, deviation, 1.0)
