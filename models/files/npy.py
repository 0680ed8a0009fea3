"""Reads NumPy's file format without executing anything in it."""

import io
import math
import tokenize
from dataclasses import dataclass
from typing import IO

import numpy as np

from models.values.tensors import MAX_NESTING

NUMBERS = "biuf"
TEXT = "U"


class BadArray(Exception):
    """A file that isn't a usable array; the text is the end of a sentence about it."""


@dataclass(frozen=True)
class NpyHeader:
    """The shape and type of an array in a `.npy` file, and the size of the header in bytes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool
    length: int

    @property
    def data_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def row_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.dtype.itemsize


START_BYTES = 10_012
"""NumPy reads headers of at most 10,000 bytes, after the signature, the version and the header's length."""
DAMAGE = (ValueError, LookupError, SyntaxError, TypeError, RecursionError, MemoryError, tokenize.TokenError)
"""What NumPy raises for an invalid header; a deeply nested one exhausts its parser."""


def read_header(file: IO[bytes], size: int) -> NpyHeader:
    """Read the header of a `.npy` file of `size` bytes, from its start (NEP 1).

    Raises BadArray for anything but rows of numbers or text, for an axis without a length, which would make any number
    of rows out of nothing, and if the size of the data differs from the header's.
    """
    start = io.BytesIO(file.read(START_BYTES))  # no more, because a header may claim to have gigabytes
    shape, fortran_order, dtype = _parse(start)
    if dtype.hasobject:
        raise BadArray("holds Python objects (a pickle), which are unsupported; save plain numbers or text")
    if dtype.kind not in NUMBERS + TEXT or not dtype.itemsize:
        raise BadArray(f"holds the type {dtype}, not numbers")
    if not shape:
        raise BadArray("is a single number, not rows")
    if len(shape) > MAX_NESTING:
        raise BadArray(f"has {len(shape)} dimensions; the limit is {MAX_NESTING}")
    if not all(length > 0 for length in shape):
        raise BadArray(f"has the shape {list(shape)}: it holds no numbers")
    header = NpyHeader(shape, dtype, fortran_order, start.tell())
    if header.length + header.data_bytes != size:
        raise BadArray("is truncated, or its size differs from its header")
    return header


def _parse(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        return readers[np.lib.format.read_magic(file)](file)
    except DAMAGE as problem:
        raise BadArray("is not in NumPy's format, is damaged, or has a header of more than 10,000 bytes") from problem


def shape_rows(data: bytes, header: NpyHeader) -> np.ndarray:
    """The array from its bytes, or some of its rows if it isn't in Fortran order."""
    values = np.frombuffer(data, header.dtype)
    if header.fortran_order:
        return values.reshape(header.shape[::-1]).T
    return values.reshape(-1, *header.shape[1:])
