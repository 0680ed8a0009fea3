"""Means and standard deviations of arrays that may be larger than memory."""

from collections.abc import Iterator

import numpy as np

PIECE_BYTES = 8 << 20
"""Bytes that are summed in one step, as float64."""
NEARLY_CONSTANT = 1e-12
"""A standard deviation this small relative to the mean is only rounding."""


def mean_and_deviation(values: np.ndarray, axes: tuple[int, ...] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the population standard deviation over `axes` (which include the rows, axis 0; None: all axes).

    The sums are in float64 and read a few megabytes at a time.
    """
    axes = tuple(range(values.ndim)) if axes is None else axes
    count = np.prod([values.shape[axis] for axis in axes], dtype=np.float64)
    mean = np.asarray(sum(piece.astype(np.float64).sum(axis=axes) for piece in _cut(values, axes)) / count)
    around = np.expand_dims(mean, axes)

    def sum_squares(piece: np.ndarray) -> np.ndarray:
        distances = piece.astype(np.float64)
        distances -= around
        return np.asarray(np.square(distances, out=distances).sum(axis=axes))

    variance = sum(sum_squares(piece) for piece in _cut(values, axes)) / count
    return mean, np.sqrt(variance)


def usable_deviation(mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """The standard deviation to divide by: 1 where all values are equal."""
    varies = (deviation > NEARLY_CONSTANT * np.abs(mean)) & (deviation.astype(np.float32) > 0)
    return np.where(varies, deviation, 1.0)


def _cut(values: np.ndarray, axes: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Pieces of the array along `axes`, at most PIECE_BYTES each as float64 if those axes allow it."""
    size = values.size * np.dtype(np.float64).itemsize
    axis = next((axis for axis in axes if values.shape[axis] > 1), None)
    if size <= PIECE_BYTES or axis is None:
        yield values
        return
    step = max(1, values.shape[axis] * PIECE_BYTES // size)
    for start in range(0, values.shape[axis], step):
        yield from _cut(values[(slice(None),) * axis + (slice(start, start + step),)], axes)
