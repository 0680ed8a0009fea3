"""Keras's part of scaled targets: metrics and outputs in the target's own units."""

from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

import keras
import numpy as np

from models.spec import TargetScaling
from models.target_scale import TargetScale

UNSCALED_LOSS = "unscaled_loss"
"""The name of UnscaledLoss among a network's metrics, which no other metric may have."""
SCALED_LOSS = "scaled_loss"
"""The name of the loss that the training minimizes, where targets are scaled."""
PRECISE = "float64"
"""Targets may vary little around a large mean: in float32 the variance of a million ± 1,000 has three wrong digits."""


class TargetUnits:
    """Converts a network's scaled targets and outputs, (rows, …, numbers), to the target's own units."""

    def __init__(self, scale: TargetScale, dtype: str = PRECISE, taken: Iterable[str] = ()) -> None:
        """`taken` are names that the layers must not have."""
        names, is_log = _free_names(taken), scale.scaling is TargetScaling.LOG
        straighten = keras.layers.Rescaling(np.array(scale.std), np.array(scale.mean), name=next(names), dtype=dtype)
        self._layers = [straighten]
        if is_log:
            self._layers.append(keras.layers.Activation("exponential", name=next(names), dtype=dtype))
            self._layers.append(keras.layers.Rescaling(1.0, -1.0, name=next(names), dtype=dtype))

    def __call__(self, scaled: Any) -> Any:
        for layer in self._layers:
            scaled = layer(scaled)
        return scaled


class InTargetUnits(keras.metrics.Metric):
    """A metric of a network with scaled targets, computed in the target's own units."""

    def __init__(self, metric: keras.metrics.Metric, scale: TargetScale) -> None:
        super().__init__(name=metric.name)
        self._metric = type(metric).from_config(metric.get_config() | {"dtype": PRECISE})
        self._convert = TargetUnits(scale)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self._metric.update_state(self._convert(y_true), self._convert(y_pred), sample_weight)

    def result(self) -> Any:
        return self._metric.result()

    def reset_state(self) -> None:
        self._metric.reset_state()


class UnscaledLoss(keras.metrics.Mean):
    """The loss function on targets and outputs in the target's own units, without penalties of regularizers.

    As Keras's own loss, it is the mean over batches, weighted by their rows.
    """

    def __init__(self, loss: keras.Loss, scale: TargetScale) -> None:
        super().__init__(name=UNSCALED_LOSS, dtype=PRECISE)
        self._loss = type(loss).from_config(loss.get_config() | {"dtype": PRECISE})
        self._convert = TargetUnits(scale)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        loss = self._loss(self._convert(y_true), self._convert(y_pred))
        super().update_state(loss, sample_weight=keras.ops.shape(y_true)[0])


def name_losses(results: dict[str, Any]) -> dict[str, Any]:
    """A network's results by the names that clients see: with scaled targets, `loss` is in the target's own units, and
    `scaled_loss` is what the training minimizes."""
    if UNSCALED_LOSS not in results:
        return results
    others = {name: value for name, value in results.items() if name not in (UNSCALED_LOSS, "loss")}
    return {"loss": results[UNSCALED_LOSS], SCALED_LOSS: results["loss"], **others}


def with_target_units(network: keras.Model, scale: TargetScale) -> keras.Model:
    """The network, followed by built-in layers that convert its outputs to the target's own units. Not compiled."""
    convert = TargetUnits(scale, "float32", {layer.name for layer in network.layers})
    inputs = network.inputs if len(network.inputs) > 1 else network.inputs[0]
    return keras.Model(inputs, convert(network.outputs[0]), name=network.name)


def _free_names(taken: Iterable[str]) -> Iterator[str]:
    used = set(taken)
    return (name for number in count() if (name := f"target_units_{number}" if number else "target_units") not in used)
