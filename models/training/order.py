"""The order in which an epoch takes the rows."""

import numpy as np


def epoch_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """Row numbers (rows,), int32, shuffled anew for each epoch: known without the earlier ones."""
    return np.random.default_rng([seed, epoch]).permutation(np.arange(rows, dtype=np.int32))


def stored_order(rows: int) -> np.ndarray:
    """Row numbers (rows,), int32, as the rows lie."""
    return np.arange(rows, dtype=np.int32)
