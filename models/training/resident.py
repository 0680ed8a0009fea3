"""Steps over rows in memory."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.memory import aligned
from models.training.graph_calls import INTEGER, Results, Step, TracedCall, build_state, only_or_all, run_batches
from models.training.plan import Arrays
from models.training.scaling import held_rows, make_scaling

SIGNATURE = (tf.TensorSpec((None, None), tf.int32), INTEGER, INTEGER, INTEGER)


class ResidentSteps:
    """The steps of an epoch over rows in memory.

    The rows are tensors that the graph captures; a step gathers its batch from them, in the order last set. Batches are
    rows of a matrix of row indices, so that one traced function serves the full batches and, in a separate call, the
    smaller last one.
    """

    def __init__(
        self,
        network: keras.Model,
        step: Step,
        arrays: Arrays,
        batch_size: int,
        compiled: bool,
        watched: Sequence[tf.Variable],
        rows: int,
    ) -> None:
        """`rows` is the number of rows in an epoch's order."""
        self._network = network
        self._watched = watched
        self._step = step
        self._batch_size = batch_size
        self._inputs = {name: as_tensor(held_rows(rows)[:]) for name, rows in arrays.inputs.items()}
        self._scalings = {name: make_scaling(rows) for name, rows in arrays.inputs.items()}
        self._targets = as_tensor(arrays.targets)
        self._weights = None if arrays.weights is None else as_tensor(arrays.weights)
        self._full_batches, rest = divmod(rows, batch_size)
        self.steps = self._full_batches + (rest > 0)
        build_state(network, self._gather(tf.zeros((1,), tf.int32)))
        traced = tf.function(self._run_batches, input_signature=SIGNATURE, autograph=False, jit_compile=False)
        self._run = self._run_rest = TracedCall(traced)
        if compiled:
            self._compile(traced)

    def _compile(self, traced: Any) -> None:
        """Compile the traced function with XLA. XLA compiles once per shape, so a smaller last batch isn't compiled
        unless it is the only one."""
        compiled = tf.function(
            lambda *arguments: traced(*arguments), input_signature=SIGNATURE, autograph=False, jit_compile=True
        )
        self._run = TracedCall(compiled)
        if self._full_batches == 0:
            self._run_rest = self._run

    def set_order(self, order: np.ndarray) -> None:
        split = self._full_batches * self._batch_size
        if split:
            self._batches = tf.constant(order[:split].reshape(-1, self._batch_size))
        if split < len(order):
            self._rest = tf.constant(order[None, split:])

    def run(self, begin: int, end: int) -> Results:
        full = self._full_batches
        if begin < full:
            results = self._run(self._batches, begin, min(end, full), begin)
        if end > full:
            results = self._run_rest(self._rest, 0, 1, max(begin, full))
        return Results.of(*results)

    def _run_batches(self, batches: tf.Tensor, begin: tf.Tensor, end: tf.Tensor, steps_before: tf.Tensor) -> Any:
        return run_batches(
            self._network,
            lambda index: self._step(self._gather(batches[index])),
            begin,
            end,
            steps_before,
            self._watched,
            is_only=self.steps == 1,
        )

    def _gather(self, rows: tf.Tensor) -> tuple[Any, ...]:
        inputs = {name: self._scalings[name](tf.gather(values, rows)) for name, values in self._inputs.items()}
        weights = () if self._weights is None else (tf.gather(self._weights, rows),)
        return only_or_all(inputs), tf.gather(self._targets, rows), *weights


def as_tensor(values: np.ndarray) -> tf.Tensor:
    """The array as a tensor, in the same memory if possible; floats in Keras's float type."""
    values = aligned(values, keras.config.floatx() if values.dtype.kind == "f" else values.dtype)
    return tf.reshape(tf.experimental.dlpack.from_dlpack(values.reshape(-1).__dlpack__()), values.shape)
