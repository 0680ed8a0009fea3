"""Evaluates a network on rows: exact means over all of them, and the network's outputs."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from models.building import name_losses
from models.training.graph_calls import build_state, only_or_all
from models.training.plan import Arrays, StreamedArrays


class NetworkEvaluation:
    """Evaluates a network on batches: loss and metrics over all rows, as in `network.evaluate`.

    Every row has the same weight, whatever the size of its batch. The network is traced once for all evaluations, which
    is what takes time if there are few rows. The state of the metrics is in the network, so only one evaluation can run
    at a time.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._loss = keras.metrics.Mean()
        self._step: Callable[..., tf.Tensor] | None = None

    def evaluate(
        self, arrays: Arrays | StreamedArrays, batch_size: int, go_on: Callable[[], None] = lambda: None
    ) -> dict[str, float]:
        """`loss` and the network's metrics over all rows; their weights don't count.

        `batch_size` limits the memory. `go_on` is called after each batch.
        """
        self.begin()
        for batch in _read_ahead(arrays, batch_size):
            self.add(batch)
            go_on()
        return self.metrics()

    def begin(self) -> None:
        """Begin an evaluation."""
        self._network.reset_metrics()
        self._loss.reset_state()

    def add(self, arrays: Arrays) -> np.ndarray:
        """Count a batch; returns the network's raw outputs for it."""
        inputs = {name: tf.convert_to_tensor(values) for name, values in arrays.processed().items()}
        targets = tf.convert_to_tensor(arrays.targets)
        if self._step is None:
            self._step = self._trace(inputs, targets)
        return np.asarray(self._step(inputs, targets))

    def metrics(self) -> dict[str, float]:
        """`loss` and the network's metrics."""
        results = self._network.get_metrics_result() | {"loss": self._loss.result()}
        return {name: float(np.mean(value)) for name, value in name_losses(results).items()}

    def _trace(self, inputs: dict[str, tf.Tensor], targets: tf.Tensor) -> Callable[..., tf.Tensor]:
        """The step, as one graph for any number of rows."""
        build_state(self._network, (only_or_all(inputs), targets))
        signature = {name: tf.TensorSpec((None, *t.shape[1:]), t.dtype) for name, t in inputs.items()}
        target = tf.TensorSpec((None, *targets.shape[1:]), targets.dtype)
        return tf.function(self._run, input_signature=(signature, target), autograph=False)

    def _run(self, inputs: dict[str, tf.Tensor], targets: tf.Tensor) -> tf.Tensor:
        taken = only_or_all(inputs)
        outputs = self._network(taken, training=False)
        loss = self._network.compute_loss(taken, targets, outputs, training=False)
        self._loss.update_state(loss, sample_weight=tf.shape(targets)[0])
        self._network.compute_metrics(taken, targets, outputs)
        return outputs


def _read_ahead(arrays: Arrays | StreamedArrays, batch_size: int) -> Iterator[Arrays]:
    """The batches of all rows, each of which is read while the one before is evaluated."""
    batches = [slice(start, start + batch_size) for start in range(0, arrays.rows, batch_size)]
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(arrays.part, batches[0])
        for batch in batches[1:]:
            current, following = following, reader.submit(arrays.part, batch)
            yield current.result()
        yield following.result()
