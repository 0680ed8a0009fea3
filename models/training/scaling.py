"""Scales batches within a graph, so that rows of small integers stay in memory as they are stored."""

from collections.abc import Callable

import tensorflow as tf

from models.preprocessing.rows import StoredRows
from models.training.plan import Rows


def make_scaling(rows: Rows) -> Callable[[tf.Tensor], tf.Tensor]:
    """What makes a batch as the network takes it from a batch of the rows as they are held: of StoredRows, the numbers
    of `TensorInput.transform` bit for bit; of other rows, the same batch."""
    if not isinstance(rows, StoredRows):
        return lambda batch: batch
    # Variables, because TensorFlow and XLA multiply by the reciprocal of a constant divisor, which rounds differently.
    shift, divisor = (None if scale is None else tf.Variable(scale, trainable=False) for scale in rows.input_.scales)

    def scale(batch: tf.Tensor) -> tf.Tensor:
        numbers = tf.cast(batch, tf.float32)
        if shift is not None:
            numbers -= shift
        return numbers if divisor is None else numbers / divisor

    return scale


def held_rows(rows: Rows) -> Rows:
    """The rows as they are held: those of StoredRows unscaled."""
    return rows.values if isinstance(rows, StoredRows) else rows
