"""Measures a network on rows: exact means over all of them."""

from collections.abc import Callable

import keras

from models.training.order import stored_order
from models.training.pace import Pace
from models.training.plan import Arrays, StreamedArrays
from models.training.steps import make_steps


def evaluate(
    network: keras.Model,
    arrays: Arrays | StreamedArrays,
    batch_size: int,
    go_on: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """`loss` and the network's metrics over all rows, as `network.evaluate` gives them.

    `batch_size` bounds the memory; every row counts the same, whichever batch it falls into. `go_on` is called again
    and again, 0.3 s apart or so.
    """
    steps = make_steps(network, network.test_step, arrays, min(batch_size, arrays.rows))
    steps.set_order(stored_order(arrays.rows))
    pace, done = Pace(), 0
    while True:
        done, results = pace.run(steps, done)
        go_on()
        if done == steps.steps:
            return results.metrics
