"""The steps of an epoch, over rows in memory or on disk: the same arithmetic on the same batches."""

from collections.abc import Sequence
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from models.training.graph_calls import Results, Step
from models.training.plan import Arrays, StreamedArrays
from models.training.resident import ResidentSteps
from models.training.streaming import StreamedSteps


class EpochSteps(Protocol):
    """The steps of an epoch over rows; each call runs a range of them."""

    steps: int

    def set_order(self, order: np.ndarray) -> None:
        """Use this order of rows from now on: row indices (rows,), int32."""

    def run(self, begin: int, end: int) -> Results:
        """Run the steps [begin, end) of the epoch."""


def make_steps(
    network: keras.Model,
    step: Step,
    arrays: Arrays | StreamedArrays,
    batch_size: int,
    compiled: bool = False,
    watched: Sequence[tf.Variable] = (),
    rows: int | None = None,
) -> EpochSteps:
    """The steps that pass batches of `arrays` to `step`, as a plain graph or compiled by XLA.

    Over rows in memory, their results have the values of `watched` variables. `rows` is the number of rows in an
    epoch's order; None: all.
    """
    rows = arrays.rows if rows is None else rows
    if isinstance(arrays, StreamedArrays):
        return StreamedSteps(network, step, arrays, batch_size, compiled, rows)
    return ResidentSteps(network, step, arrays, batch_size, compiled, watched, rows)
