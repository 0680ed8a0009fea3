"""Writes a dataset into its folder: its rows by split, synced to disk, and the descriptor. models/datasets/storage.py
reads it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from models.dataset_descriptor import DatasetDescriptor
from models.datasets.examples import Examples
from models.datasets.splits import SPLITS
from models.datasets.storage import (
    DESCRIPTOR_FILE,
    GROUPS_FILE,
    INPUTS_FOLDER,
    ROWS_FILE,
    TABLE_FOLDER,
    TARGETS_FILE,
    Dataset,
    Tensors,
    parquet_files,
    reading_files,
    tensor_file,
)  # fmt: skip
from models.datasets.tables.sequences import SlidingWindows
from models.errors import Fault, InvalidData
from models.limits import Limits
from models.parquet_sink import parquet_sink
from models.progress import Progress
from models.spec import SINGLE_INPUT
from models.tabular.table import Table
from models.values.columns import Texts
from models.values.pointers import pointer_to

FORMAT = 3
"""Format 2, which is still readable, stored the texts of class names; the current format stores class indices."""
CHUNK_BYTES = 16 * 1024 * 1024
"""Bytes of a tensor that are copied in one step."""


def write_dataset(
    folder: Path,
    examples: Examples,
    table: Table | None,
    splits: dict[str, np.ndarray],
    descriptor: DatasetDescriptor,
    limits: Limits,
    progress: Progress,
) -> DatasetDescriptor:
    """Write the dataset into the folder, synced to disk; returns the descriptor with `bytes` filled in.

    Raises InvalidData if a table takes more than `limits.dataset_bytes`.
    """
    tensors: Tensors = examples.tensors or {} if examples.windows is None else {SINGLE_INPUT: examples.windows}
    targets, numbers = examples.targets, examples.numbers
    if isinstance(targets, Texts):
        targets = targets.codes_among(descriptor.target.labels)
    arrays = {TARGETS_FILE: targets} | ({} if examples.groups is None else {GROUPS_FILE: examples.groups})
    parts = {name: {file: array[rows] for file, array in arrays.items()} for name, rows in splits.items()}
    if numbers is not None:
        splits = {name: numbers[rows] for name, rows in splits.items()}
    for name in SPLITS:
        _write_split(folder / name, tensors, splits[name], parts[name])
    if table is not None:
        try:
            _write_table(folder, table, splits, limits, progress)
        except InvalidData:
            for name in SPLITS:
                shutil.rmtree(folder / name)
            raise
    size = sum(path.stat().st_size for name in SPLITS for path in (folder / name).rglob("*") if path.is_file())
    descriptor = replace(descriptor, bytes=size)
    with _synced(folder / DESCRIPTOR_FILE) as file:
        document = {"format": FORMAT, "descriptor": descriptor.to_document()}
        file.write(json.dumps(document, ensure_ascii=False, allow_nan=False).encode())
    return descriptor


def write_parts(folder: Path, dataset: Dataset, split: str, parts: dict[str, np.ndarray]) -> Dataset:
    """Write a dataset into a new folder whose splits are `parts` of a split: for each of SPLITS, the ascending indices
    of its rows. Raises OSError, DamagedDataset."""
    source = dataset.split(split)
    targets = source.targets
    if isinstance(targets, Texts):
        targets = targets.codes_among(dataset.descriptor.target.labels)
    for name, rows in parts.items():
        _write_split(folder / name, source.tensors or {}, rows, {TARGETS_FILE: targets[rows]})
    if source.table is not None:
        _write_table_parts(folder, dataset.folder / split / TABLE_FOLDER, parts)
    sizes = {name: len(rows) for name, rows in parts.items()}
    return Dataset(folder, replace(dataset.descriptor, rows=sum(sizes.values()), splits=sizes))


def _write_table_parts(folder: Path, source: Path, parts: dict[str, np.ndarray]) -> None:
    import polars

    for name in parts:
        (folder / name / TABLE_FOLDER).mkdir()
    start = 0
    with reading_files():
        paths = parquet_files(source)
    for path in paths:
        with reading_files():
            frame = polars.read_parquet(path, glob=False)
        for name, rows in parts.items():
            first, last = np.searchsorted(rows, (start, start + len(frame)))
            with (folder / name / TABLE_FOLDER / path.name).open("wb") as file, parquet_sink(file) as sink:
                frame[rows[first:last] - start].write_parquet(sink)
        start += len(frame)


def _write_split(folder: Path, tensors: Tensors, rows: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
    """Write the rows of the tensors, and the arrays of these rows by the name of their file."""
    (folder / INPUTS_FOLDER).mkdir(parents=True)
    for name, array in {ROWS_FILE: rows, **arrays}.items():
        with _synced(folder / name) as file:
            np.save(file, array, allow_pickle=False)
    for number, tensor in enumerate(tensors.values()):
        with _synced(tensor_file(folder, number)) as file:
            _write_tensor(file, tensor, rows)


def _write_tensor(file: IO[bytes], tensor: np.ndarray | SlidingWindows, rows: np.ndarray) -> None:
    """Write rows of a tensor as `.npy` in small blocks: they may be larger than memory."""
    shape = (len(rows), *tensor.shape[1:])
    header = {"descr": np.lib.format.dtype_to_descr(tensor.dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    row_bytes = tensor.itemsize * int(np.prod(tensor.shape[1:]))
    step = max(1, CHUNK_BYTES // max(1, row_bytes))
    for start in range(0, len(rows), step):
        file.write(np.ascontiguousarray(tensor[rows[start : start + step]]).data)


def _write_table(folder: Path, table: Table, splits: dict[str, np.ndarray], limits: Limits, progress: Progress) -> None:
    """Write the rows of each split as Parquet files, `0.parquet` and so on; the first exists even without rows."""
    for name in SPLITS:
        (folder / name / TABLE_FOLDER).mkdir()
    start = size = 0
    for number, part in enumerate(table.parts()):
        for name, rows in splits.items():
            first, last = np.searchsorted(rows, (start, start + len(part)))
            if first < last or number == 0:
                with _synced(folder / name / TABLE_FOLDER / f"{number}.parquet") as file, parquet_sink(file) as sink:
                    part[rows[first:last] - start].write_parquet(sink)
                    size += file.tell()
        if size > limits.dataset_bytes:
            # a file may hold a long text once that is in every row
            detail = f"The table takes more than the limit of {limits.dataset_bytes:,} bytes. Use shorter texts."
            raise InvalidData(Fault(detail, pointer_to()))
        start += len(part)
        progress(start / max(1, table.rows))


@contextmanager
def _synced(path: Path) -> Iterator[IO[bytes]]:
    """A new file that is synced to disk when the block ends."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
