"""Evaluates a network on rows: exact means over all of them."""

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
    """`loss` and the network's metrics over all rows, as in `network.evaluate`.

    `batch_size` limits the memory; every row has the same weight, whatever the size of its batch. `go_on` is called
    about every 0.3 s.
    """
    steps = make_steps(network, network.test_step, arrays, min(batch_size, arrays.rows))
    steps.set_order(stored_order(arrays.rows))
    pace, done = Pace(), 0
    while True:
        done, results = pace.run(steps, done)
        go_on()
        if done == steps.steps:
            return results.metrics
