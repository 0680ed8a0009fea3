"""Numbers of a document: plain, short, and finite or None."""

import math
from typing import Any

import numpy as np


def plain(values: np.ndarray, digits: int = 5) -> Any:
    """An array as nested lists, rounded to so many significant digits of its largest number. NaN and infinity become
    None."""
    numbers = np.asarray(values, np.float64)
    finite = np.isfinite(numbers)
    largest = float(np.abs(numbers[finite]).max()) if finite.any() else 0.0
    if largest:
        decimals = digits - 1 - math.floor(math.log10(largest))
        if abs(decimals) <= 300:  # beyond that, the powers of ten aren't numbers
            numbers = np.round(numbers, decimals) if decimals < 300 else numbers
    if finite.all():
        return numbers.tolist()
    rounded = numbers.astype(object)
    rounded[~finite] = None
    return rounded.tolist()
