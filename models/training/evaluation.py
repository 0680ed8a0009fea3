"""Measures a network on rows: exact means over all of them."""

import keras

from models.training.order import stored_order
from models.training.plan import Arrays, StreamedArrays
from models.training.steps import make_steps


def evaluate(network: keras.Model, arrays: Arrays | StreamedArrays, batch_size: int) -> dict[str, float]:
    """`loss` and the network's metrics over all rows, as `network.evaluate` gives them.

    `batch_size` bounds the memory; every row counts the same, whichever batch it falls into.
    """
    steps = make_steps(network, network.test_step, arrays, min(batch_size, arrays.rows))
    steps.set_order(stored_order(arrays.rows))
    return steps.run(0, steps.steps).metrics
