"""The order of the rows in an epoch."""

import numpy as np


def epoch_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """Row indices (rows,), int32, shuffled for each epoch independently of earlier epochs."""
    return np.random.default_rng([seed, epoch]).permutation(np.arange(rows, dtype=np.int32))


def stored_order(rows: int) -> np.ndarray:
    """Row indices (rows,), int32, in stored order."""
    return np.arange(rows, dtype=np.int32)
