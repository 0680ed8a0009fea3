"""A dataset as a folder of plain files: `dataset.json`, and for each split Parquet for a table, `.npy` for the rest."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Self

import numpy as np

from models.datasets.columns import column_type
from models.datasets.examples import Examples
from models.datasets.splits import SPLITS
from models.spec import SINGLE_INPUT

FORMAT = 1
DESCRIPTOR_FILE = "dataset.json"
TABLE_FILE = "table.parquet"
ROWS_FILE = "rows.npy"
TARGETS_FILE = "targets.npy"
INPUTS_FOLDER = "inputs"


@dataclass(frozen=True)
class Split:
    """The rows of a split: their numbers in the whole dataset (int64), raw targets as Examples has them, and raw
    inputs, which are memory-mapped tensors by input or a table's columns by name."""

    name: str
    rows: np.ndarray
    targets: np.ndarray
    tensors: dict[str, np.ndarray] | None = None
    table: dict[str, np.ndarray] | None = None


class Dataset:
    """A dataset that was imported, read from its folder."""

    def __init__(self, folder: Path, descriptor: dict[str, Any]) -> None:
        self.folder = folder
        self.descriptor = descriptor
        """`kind`, `rows`, `splits`, `bytes`, `inputs`, `target` as API.md has them."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        return cls(folder, json.loads((folder / DESCRIPTOR_FILE).read_bytes())["descriptor"])

    def split(self, name: str) -> Split:
        """The rows of `train`, `validation` or `test`, perhaps none."""
        folder = self.folder / name
        rows, targets = np.load(folder / ROWS_FILE), np.load(folder / TARGETS_FILE)
        if self.descriptor["kind"] == "table":
            return Split(name, rows, targets, table=self._read_table(folder))
        mode: Literal["r"] | None = "r" if len(rows) else None
        names = [entry["name"] for entry in self.descriptor["inputs"]]
        paths = {name: _tensor_file(folder, number) for number, name in enumerate(names)}
        return Split(name, rows, targets, tensors={name: np.load(path, mmap_mode=mode) for name, path in paths.items()})

    def _read_table(self, folder: Path) -> dict[str, np.ndarray]:
        import polars

        frame = polars.read_parquet(folder / TABLE_FILE)
        return {
            entry["name"]: _column_to_numpy(frame[entry["name"]], entry["type"]) for entry in self.descriptor["inputs"]
        }

    def rows_page(self, split: str, offset: int, limit: int) -> list[dict[str, Any]]:
        """Some rows of a split as `row`, `instance` (as it can be posted to predictions), `target`."""
        folder, page = self.folder / split, slice(offset, offset + limit)
        rows, targets = np.load(folder / ROWS_FILE)[page], np.load(folder / TARGETS_FILE, mmap_mode="r")[page]
        if not len(rows):
            return []
        items = zip(rows.tolist(), self._instances(split, page), self._target_values(targets), strict=True)
        return [{"row": row, "instance": instance, "target": target} for row, instance, target in items]

    def _instances(self, split: str, page: slice) -> list[Any]:
        if self.descriptor["kind"] == "table":
            import polars

            return polars.read_parquet(self.folder / split / TABLE_FILE)[page].to_dicts()
        tensors = self.split(split).tensors or {}
        values = {name: _to_lists(tensor[page]) for name, tensor in tensors.items()}
        if list(values) == [SINGLE_INPUT]:
            return values[SINGLE_INPUT]
        return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]

    def _target_values(self, targets: np.ndarray) -> list[Any]:
        if self.descriptor["target"]["type"] != "labels":
            return targets.tolist()
        classes = self.descriptor["target"]["classes"]
        return [[classes[index] for index in np.flatnonzero(row)] for row in targets]


def write_dataset(
    folder: Path, examples: Examples, splits: dict[str, np.ndarray], descriptor: dict[str, Any]
) -> dict[str, Any]:
    """Write everything into the empty folder, synced to the disk; returns the descriptor with `bytes` filled in."""
    for name in SPLITS:
        _write_split(folder / name, examples, splits[name])
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    descriptor = descriptor | {"bytes": size}
    with _synced(folder / DESCRIPTOR_FILE) as file:
        document = {"format": FORMAT, "descriptor": descriptor}
        file.write(json.dumps(document, ensure_ascii=False, allow_nan=False).encode())
    return descriptor


def _write_split(folder: Path, examples: Examples, rows: np.ndarray) -> None:
    (folder / INPUTS_FOLDER).mkdir(parents=True)
    arrays = {folder / ROWS_FILE: rows, folder / TARGETS_FILE: examples.targets[rows]}
    for number, tensor in enumerate((examples.tensors or {}).values()):
        arrays[_tensor_file(folder, number)] = tensor[rows]
    for path, array in arrays.items():
        with _synced(path) as file:
            np.save(file, array, allow_pickle=False)
    if examples.table is not None:
        with _synced(folder / TABLE_FILE) as file:
            _write_table(examples.table, rows, file)


@contextmanager
def _synced(path: Path) -> Iterator[IO[bytes]]:
    """A new file that is on the disk when the block ends."""
    with path.open("wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _tensor_file(folder: Path, number: int) -> Path:
    """An input's file, by its number: a client's name for an input need not be a file's name."""
    return folder / INPUTS_FOLDER / f"{number}.npy"


def _write_table(table: dict[str, np.ndarray], rows: np.ndarray, file: IO[bytes]) -> None:
    import polars

    types = {"boolean": polars.Boolean, "category": polars.String}
    columns = []
    for name, values in table.items():
        if values.dtype == object:
            columns.append(polars.Series(name, values[rows].tolist(), dtype=types[column_type(values)]))
        else:
            columns.append(polars.Series(name, values[rows], nan_to_null=True))
    polars.DataFrame(columns).write_parquet(file)


def _column_to_numpy(column: Any, kind: str) -> np.ndarray:
    """A Polars series as Examples has columns."""
    if kind != "number":
        return np.array([*column.to_list(), None], dtype=object)[:-1]
    return column.to_numpy() if column.dtype.is_integer() else column.fill_null(float("nan")).to_numpy()


def _to_lists(tensor: np.ndarray) -> list[Any]:
    """Nested lists of the shortest numbers that read back as the same: 0.1, not 0.10000000149011612."""
    return (tensor.astype(str).astype(np.float64) if tensor.dtype == np.float32 else tensor).tolist()
