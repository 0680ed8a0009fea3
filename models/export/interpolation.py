"""The weights with which TensorFlow interpolates images, along one dimension.

The formulas are those of tensorflow/core/kernels/image: resize_nearest_neighbor_op.cc, resize_bilinear_op.cc,
resize_bicubic_op.cc and scale_and_translate_op.cc. ONNX's Resize has no Lanczos kernel and no averaging, and its cubic
interpolation differs at the borders. As in TensorFlow all positions are 32-bit floats, so that ties round equally.
"""

from collections.abc import Callable

import numpy as np

AGREEMENT = 1e-6
"""Cells by which positions may differ; a prediction differs by at most as much of the contrast."""
CUBIC_STEPS = 1024
"""TensorFlow looks its cubic kernel up at multiples of 1/1024."""


def nearest_cells(length: int, new_length: int) -> np.ndarray:
    """The index of the cell at the center of each new one."""
    centers = (np.arange(new_length, dtype=np.float32) + np.float32(0.5)) * scale(length, new_length)
    return np.minimum(np.floor(centers), length - 1).astype(np.int64)


def interpolation_matrix(length: int, new_length: int, method: str, antialias: bool) -> np.ndarray:
    """The weight of each cell in each new one (new_length, length), float32; each row sums to 1.

    `method` is "bilinear", "bicubic", "lanczos3" or "lanczos5". With `antialias` the kernel of a smaller image covers
    all cells.
    """
    if not antialias and method == "bilinear":
        return bilinear_matrix(length, new_length)
    if not antialias and method == "bicubic":
        return bicubic_matrix(length, new_length)
    return spanned_matrix(length, new_length, *KERNELS[method], antialias)


def scale(length: int, new_length: int) -> np.float32:
    return np.float32(length) / np.float32(new_length)


def half_pixel_positions(length: int, new_length: int) -> np.ndarray:
    """Where the center of each new cell is, in cells whose centers are at 0, 1, ..."""
    half = np.float32(0.5)
    return (np.arange(new_length, dtype=np.float32) + half) * scale(length, new_length) - half


def enlargement(length: int, new_length: int) -> np.float32:
    """The scale with which ONNX's Resize makes new_length cells, floor(scale · length): ONNX Runtime multiplies in 32
    bits, ONNX's shape inference in 64, where a quotient that was rounded down gives one cell less."""
    quotient = np.float32(new_length) / np.float32(length)
    return quotient if float(quotient) * length >= new_length else np.nextafter(quotient, np.float32(np.inf))


def onnx_agrees(length: int, new_length: int) -> bool:
    """Whether ONNX Runtime's Resize, which divides by the scale, finds the same positions to a millionth of a cell."""
    times, half = enlargement(length, new_length), np.float32(0.5)
    found = (np.arange(new_length, dtype=np.float32) + half) / times - half
    if np.floor(times * np.float32(length)) != new_length:
        return False
    return bool(np.abs(found - half_pixel_positions(length, new_length)).max() <= AGREEMENT)


def bilinear_matrix(length: int, new_length: int) -> np.ndarray:
    """Linear between the cells on both sides; beyond the first and last cell constant."""
    positions = half_pixel_positions(length, new_length)
    below = np.floor(positions)
    share = positions - below
    matrix = np.zeros((new_length, length), np.float32)
    rows = np.arange(new_length)
    np.add.at(matrix, (rows, np.maximum(below, 0).astype(int)), 1 - share)
    np.add.at(matrix, (rows, np.minimum(np.ceil(positions), length - 1).astype(int)), share)
    return matrix


def bicubic_matrix(length: int, new_length: int) -> np.ndarray:
    """The Keys kernel over four cells; those outside the image don't count, and the others' weights sum to 1."""
    positions = half_pixel_positions(length, new_length)
    below = np.floor(positions)
    share = np.rint((positions - below) * CUBIC_STEPS) / CUBIC_STEPS
    matrix = np.zeros((new_length, length), np.float32)
    for offset in (-1, 0, 1, 2):
        cells = below.astype(int) + offset
        inside = (cells >= 0) & (cells < length)
        matrix[np.flatnonzero(inside), cells[inside]] = keys(np.abs(offset - share))[inside]
    return matrix / matrix.sum(axis=1, keepdims=True)


def spanned_matrix(
    length: int, new_length: int, kernel: Callable[[np.ndarray], np.ndarray], radius: float, antialias: bool
) -> np.ndarray:
    """Any kernel over the cells within its radius, which grows with the reduction if `antialias` is set; the weights of
    a new cell sum to 1."""
    inverse = np.float32(1) / (np.float32(new_length) / np.float32(length))
    centers = (np.arange(new_length, dtype=np.float32) + np.float32(0.5)) * inverse
    spread = np.maximum(inverse, np.float32(1)) if antialias else np.float32(1)
    first = np.clip(np.ceil(centers - radius * spread - np.float32(0.5)), 0, length - 1)
    last = np.clip(np.floor(centers + radius * spread - np.float32(0.5)), 0, length - 1)
    cells = np.arange(length, dtype=np.float32)
    weights = kernel(np.abs((cells + np.float32(0.5) - centers[:, None]) / spread))
    within = (cells >= first[:, None]) & (cells <= last[:, None])
    matrix = np.where(within, weights, 0)
    return (matrix / matrix.sum(axis=1, keepdims=True)).astype(np.float32)


def triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - x, 0)


def keys(x: np.ndarray) -> np.ndarray:
    """R. Keys, "Cubic convolution interpolation for digital image processing" (1981), with a = -0.5."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    """sinc(x) · sinc(x / radius) within the radius."""
    return lambda x: np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0)


KERNELS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float]] = {
    "bilinear": (triangle, 1),
    "bicubic": (keys, 2),
    "lanczos3": (lanczos(3), 3),
    "lanczos5": (lanczos(5), 5),
}
"""The kernel of each method and its radius."""
