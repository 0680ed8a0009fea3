"""Numbers that are stored or sent to be drawn, which needs no more digits than the eye can see."""

import math

import numpy as np

DIGITS = 6
"""Their significant digits."""


def short_numbers(values: np.ndarray) -> list[float | None]:
    """Numbers (n,) with at most DIGITS significant digits; None for those that aren't finite."""
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values.tolist()]
