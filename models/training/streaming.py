"""Steps over rows that may be larger than memory: `tf.data` reads the next batches while the network trains."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.training.graph_calls import INTEGER, Results, Step, build_state, only_or_all, run_batches
from models.training.plan import Rows, StreamedArrays
from models.training.scaling import held_rows, make_scaling

READERS = 2
"""Threads that read batches; they mostly wait for the disk or run NumPy code without Python's lock."""
BATCHES_AHEAD = 4


class StreamedSteps:
    """Steps over rows that are read in the order last set; the arithmetic is that of ResidentSteps.

    Compiled steps run one full batch per call of the machine code: XLA can't read the disk within a loop.
    """

    def __init__(
        self,
        network: keras.Model,
        step: Step,
        arrays: StreamedArrays,
        batch_size: int,
        compiled: bool,
        rows: int,
    ) -> None:
        """`rows` is the number of rows in an epoch's order."""
        self._network = network
        self._step = step
        self._full_step = tf.function(step, autograph=False, jit_compile=True) if compiled else step
        weights = () if arrays.weights is None else (arrays.weights,)
        held = map(held_rows, arrays.inputs.values())
        self._sources: list[Rows | np.ndarray] = [*held, arrays.targets, *weights]
        self._scalings = {name: make_scaling(rows) for name, rows in arrays.inputs.items()}
        self._batch_size = batch_size
        self._full_batches = rows // batch_size
        self.steps = math.ceil(rows / batch_size)
        first = [source[:1] for source in self._sources]
        self._specs = [tf.TensorSpec((None, *values.shape[1:]), values.dtype) for values in first]
        build_state(network, self._as_batch([tf.constant(values) for values in first]))
        signature = (tf.data.IteratorSpec(tuple(self._specs)), INTEGER, INTEGER)
        self._run = tf.function(self._run_batches, input_signature=signature, autograph=False)

    def set_order(self, order: np.ndarray) -> None:
        self._order = order
        self._next_step = -1

    def run(self, begin: int, end: int) -> Results:
        if begin != self._next_step:
            self._batches = iter(self._read_from(begin))
        self._next_step = end
        return Results.of(*self._run(self._batches, begin, end))

    def _read_from(self, begin: int) -> tf.data.Dataset:
        """The epoch's batches, starting at a step."""
        order = self._order
        types = [spec.dtype for spec in self._specs]

        def read(step: np.ndarray) -> list[np.ndarray]:
            rows = order[step * self._batch_size : (step + 1) * self._batch_size]
            return [source[rows] for source in self._sources]

        def load(step: tf.Tensor) -> tuple[tf.Tensor, ...]:
            arrays = tf.numpy_function(read, [step], types, stateful=False)
            return tuple(tf.ensure_shape(values, spec.shape) for values, spec in zip(arrays, self._specs, strict=True))

        steps = tf.data.Dataset.range(begin, self.steps)
        return steps.map(load, num_parallel_calls=READERS, deterministic=True).prefetch(BATCHES_AHEAD)

    def _run_batches(self, batches: Any, begin: tf.Tensor, end: tf.Tensor) -> Any:
        def run_next(index: tf.Tensor) -> None:
            batch = self._as_batch(batches.get_next())
            if self._step is self._full_step:
                self._step(batch)
            else:
                tf.cond(index < self._full_batches, lambda: self._full_step(batch), lambda: self._step(batch))

        return run_batches(self._network, run_next, begin, end, steps_before=begin)

    def _as_batch(self, tensors: Any) -> tuple[Any, ...]:
        count = len(self._scalings)
        held = zip(self._scalings.items(), tensors[:count], strict=True)
        return only_or_all({name: scale(batch) for (name, scale), batch in held}), *tensors[count:]
