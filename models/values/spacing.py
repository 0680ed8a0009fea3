"""Places that stand for many."""

import numpy as np


def evenly(total: int, wanted: int) -> np.ndarray:
    """At most `wanted` of the places 0 to `total` - 1, ascending and at even distances, with the first and the last."""
    return np.unique(np.linspace(0, max(0, total - 1), min(total, wanted)).round().astype(np.int64))
