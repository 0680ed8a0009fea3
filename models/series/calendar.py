"""Calendar features: where a point in time is in its day, week and year, as a sine and a cosine."""

from collections.abc import Sequence

import numpy as np

DAY = 86_400_000_000
"""Microseconds."""
FIRST_WEEKDAY = 3
"""1970-01-01, day 0, was a Thursday."""
MONTHS = 12


def encode_calendar(times: np.ndarray, parts: Sequence[str]) -> np.ndarray:
    """Times in µs since 1970 (rows,) as float32 (rows, 2 · parts): sine and cosine of each part's cycle.

    `hour` is the fraction of the day, `weekday` the day of the week from Monday, `month` the month of the year, each
    from 0 (inclusive) to 1 (exclusive) of its cycle.
    """
    encoded = np.empty((len(times), 2 * len(parts)), np.float32)
    for place, part in enumerate(parts):
        angle = 2 * np.pi * CYCLES[part](times)
        encoded[:, 2 * place] = np.sin(angle)
        encoded[:, 2 * place + 1] = np.cos(angle)
    return encoded


def name_features(parts: Sequence[str]) -> list[str]:
    """The names of the features of encode_calendar."""
    return [f"{part}_{function}" for part in parts for function in ("sin", "cos")]


def _of_day(times: np.ndarray) -> np.ndarray:
    return times % DAY / DAY


def _of_week(times: np.ndarray) -> np.ndarray:
    return (times // DAY + FIRST_WEEKDAY) % 7 / 7


def _of_year(times: np.ndarray) -> np.ndarray:
    # months since 1970-01; NumPy's remainder has the sign of the divisor
    return times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % MONTHS / MONTHS


CYCLES = {"hour": _of_day, "weekday": _of_week, "month": _of_year}
