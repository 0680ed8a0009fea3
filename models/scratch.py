"""Arrays that may be larger than memory, in files that are deleted automatically."""

import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike


def scratch_array(folder: Path, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An array on the disk of `folder`, in an unnamed file that is deleted with the array.

    Raises OSError if the disk is full: writing to a memory map without space would end the process.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, max(1, size))
        else:
            file.truncate(max(1, size))
        return np.memmap(file, dtype, "r+", shape=shape)
