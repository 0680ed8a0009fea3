"""Arrays in memory that TensorFlow computes on where they lie."""

import numpy as np
from numpy.typing import DTypeLike

ALIGNMENT = 64
"""Bytes; TensorFlow copies what begins elsewhere, as NumPy's own arrays do, and page by page that takes a second for
200 MB."""


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An array like that of `np.empty`, which TensorFlow needn't copy."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + size].view(dtype).reshape(shape)


def aligned(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """The same values as `dtype`, copied only where they must be."""
    flags = values.flags
    if values.dtype == dtype and flags.c_contiguous and flags.writeable and values.ctypes.data % ALIGNMENT == 0:
        return values
    copy = aligned_empty(values.shape, dtype)
    np.copyto(copy, values, casting="same_kind")
    return copy
