"""Numbers that are stored or sent to be drawn, which needs no more digits than the eye can see."""

import math
from typing import Any

import numpy as np

DIGITS = 6
"""Their significant digits."""


def short_numbers(values: np.ndarray) -> list[float | None]:
    """Numbers (n,) with at most DIGITS significant digits; None for those that aren't finite."""
    return [short_number(value) for value in values.tolist()]


def short_number(value: float) -> float | None:
    """A number with at most DIGITS significant digits; None if it isn't finite."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def rounded(values: np.ndarray, digits: int = 5) -> Any:
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
