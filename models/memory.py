"""Arrays in memory that TensorFlow uses without copying."""

import numpy as np
from numpy.typing import DTypeLike

ALIGNMENT = 64
"""In bytes. TensorFlow copies arrays with another alignment, such as NumPy's own, which takes a second for 200 MB."""


def aligned_empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An array like `np.empty`, which TensorFlow doesn't copy."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    memory = np.empty(size + ALIGNMENT, np.uint8)
    begin = -memory.ctypes.data % ALIGNMENT
    return memory[begin : begin + size].view(dtype).reshape(shape)


def aligned(values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    """The same values as `dtype`, copied only if necessary."""
    flags = values.flags
    if values.dtype == dtype and flags.c_contiguous and flags.writeable and values.ctypes.data % ALIGNMENT == 0:
        return values
    copy = aligned_empty(values.shape, dtype)
    np.copyto(copy, values, casting="same_kind")
    return copy
