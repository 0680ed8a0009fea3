"""Reads arrays from an NPZ file, a few megabytes at a time."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from models.errors import Fault, InvalidData, describe_problem
from models.files.npy import TEXT, BadArray, NpyHeader, read_header, shape_rows
from models.files.zip_files import DAMAGE
from models.limits import Limits
from models.progress import Progress
from models.scratch import scratch_array
from models.values.tensors import KINDS, MAX_FAULTS

SUFFIX = ".npy"
BLOCK_BYTES = 16 << 20


def list_arrays(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The arrays of an open NPZ file by name."""
    return {entry.filename.removesuffix(SUFFIX): entry for entry in archive.infolist()}


def find_misfit(array: str, header: NpyHeader, targets: str, rows: int, limits: Limits) -> str | None:
    """Why an array can't be an input of targets with this number of rows; None if it can."""
    if header.shape[0] != rows:
        return f'"{array}" has {header.shape[0]:,} rows, but "{targets}" has {rows:,}.'
    if header.dtype.kind == TEXT:
        return f'"{array}" holds text, but inputs are numbers.'
    if len(header.shape) - 1 not in KINDS:
        most = f"the limit is {max(KINDS)} (frames, height, width, channels)"
        return f'A row of "{array}" has {len(header.shape) - 1} dimensions; {most}.'
    if header.row_bytes > limits.row_bytes:
        return f'A row of "{array}" has {header.row_bytes:,} bytes; the limit is {limits.row_bytes:,}.'
    return None


class NpzReader:
    """Reads arrays from an open NPZ file, a few megabytes at a time."""

    def __init__(
        self, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], folder: Path, progress: Progress
    ) -> None:
        self._archive = archive
        self._entries = entries
        self._folder = folder
        self._progress = progress
        self._bytes = max(1, sum(entry.file_size for entry in entries.values()))
        self._read = 0

    def file_of(self, array: str) -> str:
        """The name of the array's file in the NPZ."""
        return self._entries[array].filename

    def header(self, array: str) -> NpyHeader:
        """The array's header; raises InvalidData if it is unreadable."""
        entry = self._entries[array]
        try:
            with self._archive.open(entry) as file:
                return read_header(file, entry.file_size)
        except BadArray as problem:
            raise InvalidData(Fault(f'The array "{array}" {problem}.', file=entry.filename)) from problem
        except DAMAGE as problem:
            raise InvalidData(Fault(_damage(array, problem), file=entry.filename)) from problem

    def array(self, array: str, header: NpyHeader) -> np.ndarray:
        """All rows of an array, unchanged, on disk."""
        values = scratch_array(self._folder, header.shape, header.dtype)
        for first, block in self.blocks(array, header):
            values[first : first + len(block)] = block
        return values

    def tensor(self, parts: list[tuple[str, NpyHeader]]) -> np.ndarray:
        """The rows of all parts as one input, in the smallest type that is as exact as float32."""
        shape = parts[0][1].shape[1:] or (1,)
        rows = sum(header.shape[0] for _, header in parts)
        tensor = scratch_array(self._folder, (rows, *shape), _type_of_input([header.dtype for _, header in parts]))
        start = 0
        for array, header in parts:
            for first, block in self.blocks(array, header):
                self.check_finite(array, first, block)
                place = start + first
                tensor[place : place + len(block)] = block.reshape(len(block), *shape)
            start += header.shape[0]
        return tensor

    def blocks(self, array: str, header: NpyHeader) -> Iterator[tuple[int, np.ndarray]]:
        """The array's rows in blocks, each with the index of its first row."""
        rows = max(1, BLOCK_BYTES // header.row_bytes)
        if header.fortran_order:
            whole = self._unpack(array, header)
            for first in range(0, header.shape[0], rows):
                yield first, np.ascontiguousarray(whole[first : first + rows])
            return
        for number, data in enumerate(self._pieces(array, header, rows * header.row_bytes)):
            yield number * rows, shape_rows(data, header)

    def _unpack(self, array: str, header: NpyHeader) -> np.ndarray:
        """An array in Fortran order, whose rows are scattered over the file, on disk."""
        values, place = scratch_array(self._folder, (header.data_bytes,), np.uint8), 0
        for data in self._pieces(array, header, BLOCK_BYTES):
            values[place : place + len(data)] = np.frombuffer(data, np.uint8)
            place += len(data)
        return values.view(header.dtype).reshape(header.shape[::-1]).T

    def _pieces(self, array: str, header: NpyHeader, size: int) -> Iterator[bytes]:
        """The bytes of the array's numbers, in pieces."""
        try:
            with self._archive.open(self._entries[array]) as file:
                file.read(header.length)
                for offset in range(0, header.data_bytes, size):
                    data = file.read(min(size, header.data_bytes - offset))
                    self._read += len(data)
                    yield data
                    self._progress(min(1.0, self._read / self._bytes))
        except DAMAGE as problem:
            detail = _damage(array, problem)
            raise InvalidData(Fault(detail, file=self.file_of(array))) from problem

    def check_finite(self, array: str, first: int, block: np.ndarray) -> None:
        """Raise InvalidData for rows with values that float32 can't hold: NaN, infinity, more than 3.4e38."""
        if block.dtype.kind != "f":
            return
        with np.errstate(over="ignore"):
            within = np.isfinite(block.astype(np.float32))
        if within.all():
            return
        bad = np.flatnonzero(~within.reshape(len(block), -1).all(axis=1))[:MAX_FAULTS]
        file = self.file_of(array)
        faults = []
        for index in bad.tolist():
            value = block[index][~within[index]].flat[0]
            detail = f'Row {first + index} of "{array}" holds {value}: numbers must be finite and at most 3.4e38.'
            faults.append(Fault(detail, file=file, row=first + index))
        raise InvalidData(*faults)


def _type_of_input(dtypes: list[np.dtype]) -> np.dtype:
    """The smallest type that holds all of these as exactly as float32, which the network computes with."""
    for kept in (np.dtype(np.uint8), np.dtype(np.int32)):
        if all(np.can_cast(dtype, kept) for dtype in dtypes):
            return kept
    return np.dtype(np.float32)


def _damage(array: str, problem: Exception) -> str:
    return f'The array "{array}" is damaged ({describe_problem(problem)}).'
