"""The loss and the metrics of given outputs, without a network."""

import keras
import numpy as np

from models.building import make_measures, name_losses
from models.spec import NetworkSpec
from models.target_scale import TargetScale


class Measures:
    """The loss and the metrics of a spec, by the names that clients see. Losses have no penalties of regularizers."""

    def __init__(self, spec: NetworkSpec, units: int, scale: TargetScale | None) -> None:
        """`units` is the length of the outputs' last axis."""
        self._loss, self._metrics = make_measures(spec, units, scale)
        self._mean = keras.metrics.Mean(name="loss")

    def add(self, targets: np.ndarray, outputs: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Count rows: encoded targets and outputs as the network would give them; `weights` count in the loss."""
        self._mean.update_state(self._loss(targets, outputs, weights), sample_weight=len(targets))
        for metric in self._metrics:
            metric.update_state(targets, outputs)

    def results(self) -> dict[str, float]:
        """`loss` and the metrics over all rows; a value may be NaN or infinite."""
        found = {metric.name: float(np.mean(metric.result())) for metric in [self._mean, *self._metrics]}
        return name_losses(found)
