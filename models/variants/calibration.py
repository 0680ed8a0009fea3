"""The rows from which the ranges of activations are taken."""

import math
from collections.abc import Iterator

import numpy as np

from models.datasets import Split
from models.preprocessing import Preprocessing

MOST_ROWS = 512
MOST_NUMBERS = 2**26
"""The most numbers of processed inputs in all rows together."""
ROWS_AT_ONCE = 32
SEED = 0
"""Every variant of a version that is made with a dataset has the same rows."""


def choose_rows(preprocessing: Preprocessing, split: Split) -> np.ndarray:
    """The places of at most MOST_ROWS random rows in a split, increasing: fewer if they are large, but at least one."""
    numbers = sum(math.prod(input_.shape) for input_ in preprocessing.inputs.values())
    most = min(len(split.rows), MOST_ROWS, max(1, MOST_NUMBERS // max(1, numbers)))
    return np.sort(np.random.default_rng(SEED).choice(len(split.rows), most, replace=False))


def calibration_batches(
    preprocessing: Preprocessing, split: Split, places: np.ndarray, rows_at_once: int
) -> Iterator[dict[str, np.ndarray]]:
    """The rows at these places as network inputs, at most `rows_at_once` and ROWS_AT_ONCE of them in memory."""
    rows = min(rows_at_once, ROWS_AT_ONCE)
    for start in range(0, len(places), rows):
        yield preprocessing.network_inputs(split.take(places[start : start + rows]))
