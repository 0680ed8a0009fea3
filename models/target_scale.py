"""The scale of a regression's targets, fitted to the training rows. It uses only NumPy."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.spec import TargetScaling
from models.values.statistics import mean_and_deviation, usable_deviation

BELOW_LOG = -1
"""The number from which on downward the scaling `log` isn't defined."""


@dataclass(frozen=True)
class TargetScale:
    """z = (y - mean) / std for each number of a target's last axis; with `log`, y is log(1 + target)."""

    scaling: TargetScaling
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, scaling: TargetScaling, targets: np.ndarray) -> Self:
        """The scale of training targets (rows, …, numbers), all above -1 for `log`."""
        numbers = _straighten(scaling, targets)
        mean, deviation = mean_and_deviation(numbers, tuple(range(numbers.ndim - 1)))
        return cls(scaling, tuple(mean.tolist()), tuple(usable_deviation(mean, deviation).tolist()))

    def apply(self, numbers: np.ndarray) -> np.ndarray:
        """Targets (rows, …, numbers) as the network learns them, float32."""
        scaled = (_straighten(self.scaling, numbers) - self.mean) / self.std
        return scaled.astype(np.float32)

    def invert(self, outputs: np.ndarray) -> np.ndarray:
        """Outputs of the network (rows, …, numbers) in the target's own units, float64; infinity if one overflows."""
        straight = outputs.astype(np.float64) * self.std + self.mean
        with np.errstate(over="ignore"):
            return np.expm1(straight) if self.scaling is TargetScaling.LOG else straight

    def to_document(self) -> dict[str, Any]:
        return {"scaling": self.scaling.value, "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        return cls(TargetScaling(document["scaling"]), tuple(document["mean"]), tuple(document["std"]))


def _straighten(scaling: TargetScaling, numbers: np.ndarray) -> np.ndarray:
    """The numbers in which the scale is linear, float64."""
    numbers = numbers.astype(np.float64)
    return np.log1p(numbers) if scaling is TargetScaling.LOG else numbers
