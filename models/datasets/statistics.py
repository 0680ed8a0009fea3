"""Means and deviations of arrays that may be larger than memory."""

import numpy as np

CHUNK_ROWS = 4096


def mean_and_deviation(values: np.ndarray, axes: tuple[int, ...] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the population's standard deviation over `axes` (which hold the rows, axis 0; None: all),
    added up in float64, some thousand rows at a time."""
    axes = tuple(range(values.ndim)) if axes is None else axes
    count = np.prod([values.shape[axis] for axis in axes], dtype=np.float64)
    starts = range(0, len(values), CHUNK_ROWS)

    def chunk(start: int) -> np.ndarray:
        return np.asarray(values[start : start + CHUNK_ROWS], dtype=np.float64)

    mean = np.asarray(sum(chunk(start).sum(axis=axes) for start in starts) / count)
    around = np.expand_dims(mean, axes)
    variance = sum(np.square(chunk(start) - around).sum(axis=axes) for start in starts) / count
    return mean, np.sqrt(variance)
