"""One graph call: a loop over batches with Keras's `train_step` or `test_step`, and its results."""

from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow as tf

from models.building import name_losses

INTEGER = tf.TensorSpec((), tf.int32)

Step = Callable[[Any], Any]
"""The network's `train_step` or `test_step`, which takes a batch: inputs, targets, and row weights, if any."""


class Results(NamedTuple):
    """The results of a call: the metrics since the epoch's first step, the learning rate of its last step, and the
    values of watched variables after it, one after another."""

    metrics: dict[str, float]
    learning_rate: float
    watched: np.ndarray | None = None

    @classmethod
    def of(cls, metrics: dict[str, tf.Tensor], learning_rate: tf.Tensor, watched: tf.Tensor | None = None) -> Self:
        """Create the results from the tensors that run_batches returns."""
        values = {name: float(value) for name, value in metrics.items()}
        return cls(values, float(learning_rate), None if watched is None else watched.numpy())


class TracedCall:
    """Calls a function that is traced once, at its first call. TensorFlow's own way from a function to its only trace
    takes half the time of the smallest epochs."""

    def __init__(self, function: Any) -> None:
        """`function` is a tf.function with an input signature: a tensor, then integers."""
        self._function = function

    def __call__(self, tensor: tf.Tensor, *numbers: int) -> Any:
        return self._trace(tensor, *map(as_constant, numbers))

    @cached_property
    def _trace(self) -> Any:
        return self._function.get_concrete_function()


@lru_cache(256)
def as_constant(number: int) -> tf.Tensor:
    """The number as a tensor, which short epochs need many times."""
    return tf.constant(number)


def run_batches(
    network: keras.Model,
    run_batch: Callable[[tf.Tensor], Any],
    begin: tf.Tensor,
    end: tf.Tensor,
    steps_before: Any,
    watched: Sequence[tf.Variable] = (),
    is_only: bool = False,
) -> tuple[Any, ...]:
    """Run the batches [begin, end) as one loop of the traced graph; returns the metrics, the learning rate and, if
    there are any, the values of `watched` variables of one type.

    The first step of an epoch resets the metrics. `is_only` if an epoch has one step: tracing it without a loop takes
    little more than half the time.
    """

    def run_one(index: tf.Tensor) -> tuple[tf.Tensor]:
        run_batch(index)
        return (index + 1,)

    def reset_metrics() -> tf.Operation:
        network.reset_metrics()
        return tf.no_op()

    if is_only:
        reset_metrics()
        run_one(begin)
    else:
        tf.cond(steps_before == 0, reset_metrics, tf.no_op)
        tf.while_loop(lambda index: index < end, run_one, (begin,))
    results = name_losses(network.get_metrics_result())
    metrics = {name: tf.reduce_mean(value) for name, value in results.items()}
    values = [tf.concat([tf.reshape(variable, [-1]) for variable in watched], 0)] if watched else []
    return metrics, tf.convert_to_tensor(network.optimizer.learning_rate), *values


def only_or_all(inputs: dict[str, Any]) -> Any:
    """Inputs in the form that a network takes: a single one alone, several by name."""
    return next(iter(inputs.values())) if len(inputs) == 1 else inputs


def build_state(network: keras.Model, batch: tuple[Any, ...]) -> None:
    """Create the variables of metrics and optimizer before tracing, as `fit` does: a traced graph can't create any."""
    network._symbolic_build(data_batch=batch)
