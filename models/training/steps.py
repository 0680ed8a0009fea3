"""Runs whole stretches of steps as one graph call, with Keras's own `train_step` or `test_step`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from models.memory import aligned
from models.training.plan import Arrays

INTEGER = tf.TensorSpec((), tf.int32)
SIGNATURE = (tf.TensorSpec((None, None), tf.int32), INTEGER, INTEGER, INTEGER)


class Results(NamedTuple):
    """What is known after a call: the metrics since the epoch's first step, and the learning rate of its last one."""

    metrics: dict[str, float]
    learning_rate: float


class GraphSteps:
    """The steps of an epoch over `arrays`, of which a call runs as many as asked for.

    The rows lie in the graph's reach as tensors; a step gathers its batch from them, in the order last given, and hands
    it to `step`, which is the network's `train_step` or `test_step`. Batches are rows of a matrix of row numbers, so
    that one traced function serves the full batches and, in a call of its own, the smaller last one.
    """

    def __init__(
        self, network: keras.Model, step: Callable[[Any], Any], arrays: Arrays, batch_size: int, compiled: bool
    ) -> None:
        self._network = network
        self._step = step
        self._batch_size = batch_size
        self._inputs = {name: as_tensor(values) for name, values in arrays.inputs.items()}
        self._targets = as_tensor(arrays.targets)
        self._full_batches, rest = divmod(arrays.rows, batch_size)
        self.steps = self._full_batches + (rest > 0)
        build_state(network, self._gather(tf.zeros((1,), tf.int32)))
        self._run = self._run_rest = tf.function(
            self._run_batches, input_signature=SIGNATURE, autograph=False, jit_compile=False
        )
        if compiled:
            self._compile()

    def _compile(self) -> None:
        """Let XLA compile the function that was traced; it compiles anew for each shape, for which one step of an
        epoch is no reason, unless it is the only one."""
        traced = self._run
        self._run = tf.function(
            lambda *arguments: traced(*arguments), input_signature=SIGNATURE, autograph=False, jit_compile=True
        )
        if self._full_batches == 0:
            self._run_rest = self._run

    def set_order(self, order: np.ndarray) -> None:
        """Take the rows in this order from now on: row numbers (rows,), int32."""
        split = self._full_batches * self._batch_size
        self._batches = tf.constant(order[:split].reshape(-1, self._batch_size))
        self._rest = tf.constant(order[None, split:])

    def run(self, begin: int, end: int) -> Results:
        """Run the steps [begin, end) of the epoch."""
        full = self._full_batches
        if begin < full:
            results = self._run(self._batches, begin, min(end, full), begin)
        if end > full:
            results = self._run_rest(self._rest, 0, 1, max(begin, full))
        metrics, learning_rate = results
        return Results({name: float(value) for name, value in metrics.items()}, float(learning_rate))

    def _run_batches(self, batches: tf.Tensor, begin: tf.Tensor, end: tf.Tensor, steps_before: tf.Tensor) -> Any:
        """Run the batches [begin, end) as one loop; the metrics start anew with the epoch's first step."""

        def run_batch(index: tf.Tensor) -> tuple[tf.Tensor]:
            self._step(self._gather(batches[index]))
            return (index + 1,)

        def reset_metrics() -> tf.Operation:
            self._network.reset_metrics()
            return tf.no_op()

        tf.cond(steps_before == 0, reset_metrics, tf.no_op)
        tf.while_loop(lambda index: index < end, run_batch, (begin,))
        metrics = {name: tf.reduce_mean(value) for name, value in self._network.get_metrics_result().items()}
        return metrics, tf.convert_to_tensor(self._network.optimizer.learning_rate)

    def _gather(self, rows: tf.Tensor) -> tuple[Any, tf.Tensor]:
        inputs = {name: tf.gather(values, rows) for name, values in self._inputs.items()}
        if len(inputs) == 1:
            (inputs,) = inputs.values()
        return inputs, tf.gather(self._targets, rows)


def as_tensor(values: np.ndarray) -> tf.Tensor:
    """The array as a tensor on the same memory where that is possible; fractions as Keras computes with them."""
    values = aligned(values, keras.config.floatx() if values.dtype.kind == "f" else values.dtype)
    return tf.reshape(tf.experimental.dlpack.from_dlpack(values.reshape(-1).__dlpack__()), values.shape)


def build_state(network: keras.Model, batch: tuple[Any, tf.Tensor]) -> None:
    """Make the variables of metrics and optimizer, as `fit` does first: a graph that is traced can't make any."""
    network._symbolic_build(data_batch=batch)
