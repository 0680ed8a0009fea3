"""Replaces parts of layers that ONNX can't represent during an export."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from tensorflow.lookup.experimental import DenseHashTable

TABLES = (tf.lookup.StaticHashTable, DenseHashTable)


class Comparisons:
    """Replaces a hash table by comparing each number with all of its keys."""

    def __init__(self, table: Any) -> None:
        keys, values = table.export()
        self._keys, self._values, self._default = keys.numpy(), values.numpy(), table.default_value.numpy()

    def lookup(self, inputs: tf.Tensor) -> tf.Tensor:
        """The value of each number, or the table's default, in the shape of the inputs."""
        same = tf.cast(inputs[..., None] == self._keys, self._values.dtype)
        return tf.reduce_sum(same * (self._values - self._default), axis=-1) + self._default


@contextmanager
def exportable(network: keras.Model) -> Iterator[None]:
    """Replace hash tables and the tensors that layers hold besides their weights, which tf2onnx treats as inputs; omit
    losses on outputs, which only training needs."""
    replaced = []
    for layer in network._flatten_layers():
        for name, value in list(vars(layer).items()):
            if isinstance(value, (tf.Tensor, *TABLES)):
                replaced.append((layer, name, value))
                vars(layer)[name] = value.numpy() if isinstance(value, tf.Tensor) else Comparisons(value)
            elif name == "activity_regularizer":
                replaced.append((layer, name, value))
                vars(layer)[name] = None
    try:
        yield
    finally:
        for layer, name, value in replaced:
            vars(layer)[name] = value
