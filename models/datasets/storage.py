"""Reads a dataset from its folder: `dataset.json`, and per split Parquet files for a table, `.npy` otherwise."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from models.dataset_descriptor import DatasetDescriptor, InputDescriptor
from models.datasets.tables.sequences import SlidingWindows
from models.errors import DamagedDataset
from models.files.sums import check_files
from models.spec import SINGLE_INPUT
from models.tabular.raw_table import number_columns
from models.values.columns import ColumnReader, ColumnValues, Texts, find_texts
from models.values.dates import dates_to_text

if TYPE_CHECKING:
    import polars

DESCRIPTOR_FILE = "dataset.json"
TABLE_FOLDER = "table"
ROWS_FILE = "rows.npy"
TARGETS_FILE = "targets.npy"
GROUPS_FILE = "groups.npy"
"""The number of each row's group, if the dataset was split by groups."""
INPUTS_FOLDER = "inputs"
PLACE = "place"
"""The column of a row's place, beside columns that are named by their positions."""
UNREADABLE = (OSError, ValueError, EOFError, LookupError, TypeError)
"""The errors of Python and NumPy for files that are missing or damaged."""
MAX_PAGE_NUMBERS = 1_000_000
"""The maximum of numbers or cells in a page of rows, unless it is a single row."""


Tensors = Mapping[str, np.ndarray | SlidingWindows]


@dataclass(frozen=True)
class Split:
    """The rows of a split: their indices in the whole dataset (int64), raw targets as in Examples, and raw inputs.

    The inputs are memory-mapped tensors by input, or a table's columns by name, which are read on demand.
    """

    name: str
    rows: np.ndarray
    targets: np.ndarray | Texts
    tensors: dict[str, np.ndarray] | None = None
    table: Mapping[str, ColumnValues] | None = None

    def page(self, page: slice) -> "Split":
        """A slice of its rows."""
        tensors = {name: tensor[page] for name, tensor in self.tensors.items()} if self.tensors is not None else None
        table = self.table.page(page) if isinstance(self.table, StoredColumns | PageColumns) else None
        return Split(self.name, self.rows[page], self.targets[page], tensors, table)

    def take(self, places: np.ndarray) -> "Split":
        """Some of its rows, in memory: those at these places, which increase."""
        tensors = {name: tensor[places] for name, tensor in self.tensors.items()} if self.tensors is not None else None
        table = self.table.take(places) if isinstance(self.table, StoredColumns | PageColumns) else None
        return Split(self.name, self.rows[places], self.targets[places], tensors, table)

    def pages(self, rows: int) -> Iterator["Split"]:
        """All of its rows in slices of at most `rows`; one slice even if there are no rows."""
        for start in range(0, max(1, len(self.rows)), rows):
            yield self.page(slice(start, min(start + rows, len(self.rows))))

    def texts(self, column: str) -> Texts:
        """A table's column of texts."""
        values = (self.table or {})[column]
        assert isinstance(values, Texts)
        return values


class Dataset:
    """An imported dataset, read from its folder."""

    def __init__(self, folder: Path, descriptor: DatasetDescriptor) -> None:
        self.folder = folder
        self.descriptor = descriptor

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises DamagedDataset."""
        check_files(folder, DESCRIPTOR_FILE, DamagedDataset)
        with reading_files():
            document = json.loads((folder / DESCRIPTOR_FILE).read_bytes())["descriptor"]
            return cls(folder, DatasetDescriptor.from_document(document))

    def split(self, name: str) -> Split:
        """The rows of `train`, `validation` or `test`; the split may be empty. Raises DamagedDataset."""
        check_files(self.folder, name, DamagedDataset)
        with reading_files():
            return self._open_split(name)

    def targets(self, name: str) -> np.ndarray | Texts:
        """The raw targets of a split, as in `split`, without reading its inputs. Raises DamagedDataset."""
        check_files(self.folder, f"{name}/{TARGETS_FILE}", DamagedDataset)
        with reading_files():
            return self._read_targets(np.load(self.folder / name / TARGETS_FILE))

    def _open_split(self, name: str) -> Split:
        folder = self.folder / name
        rows, targets = np.load(folder / ROWS_FILE), self._read_targets(np.load(folder / TARGETS_FILE))
        if self.descriptor.is_table:
            return Split(
                name, rows, targets, table=StoredColumns(folder / TABLE_FOLDER, self.descriptor.inputs, len(rows))
            )
        mode: Literal["r"] | None = "r" if len(rows) else None
        names = [entry.name for entry in self.descriptor.inputs]
        paths = {name: tensor_file(folder, number) for number, name in enumerate(names)}
        return Split(name, rows, targets, tensors={name: np.load(path, mmap_mode=mode) for name, path in paths.items()})

    def groups(self, name: str) -> np.ndarray | None:
        """The number of the group of each row of a split (rows,), if the dataset was split by groups. Raises
        DamagedDataset."""
        path = self.folder / name / GROUPS_FILE
        with reading_files():
            return np.load(path) if path.exists() else None

    def rows_page(self, split: str, offset: int, limit: int) -> list[dict[str, Any]]:
        """A page of a split's rows as `row`, `instance` (in the form of predictions), `target`, `split`.

        The page has at most `limit` rows, and fewer if rows are large, but at least one if there is a row at the
        offset. Lists of numbers are arrays in the type in which they are stored. Raises DamagedDataset.
        """
        check_files(self.folder, split, DamagedDataset)
        with reading_files():
            return self._read_page(split, offset, limit)

    def _read_page(self, split: str, offset: int, limit: int) -> list[dict[str, Any]]:
        count = min(limit, max(1, MAX_PAGE_NUMBERS // self._row_numbers()))
        page = slice(offset, min(offset + count, self.descriptor.splits[split]))
        if page.start >= page.stop:
            return []
        rows, targets = (np.load(self.folder / split / name, mmap_mode="r") for name in (ROWS_FILE, TARGETS_FILE))
        values = self._instances(split, page), self._target_values(self._read_targets(targets[page]))
        items = zip(rows[page].tolist(), *values, strict=True)
        return [{"row": row, "instance": instance, "target": target, "split": split} for row, instance, target in items]

    def _row_numbers(self) -> int:
        """The number of numbers in a row, including the target; of words in the longest text."""
        inputs, target = self.descriptor.inputs, self.descriptor.target
        words = sum((entry.tokens or {}).get("max", 0) for entry in inputs)
        return words + sum(math.prod(entry.shape or ()) for entry in (*inputs, target))

    def _instances(self, split: str, page: slice) -> list[Any]:
        folder = self.folder / split
        if self.descriptor.is_table:
            columns = StoredColumns(folder / TABLE_FOLDER, self.descriptor.inputs, self.descriptor.splits[split])
            return columns.rows(page)
        names = [entry.name for entry in self.descriptor.inputs]
        tensors = (np.load(tensor_file(folder, number), mmap_mode="r") for number in range(len(names)))
        values = [list(np.array(tensor[page])) for tensor in tensors]
        if names == [SINGLE_INPUT]:
            return values[0]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]

    def _read_targets(self, stored: np.ndarray) -> np.ndarray | Texts:
        """Targets from their stored form."""
        if stored.dtype.kind == "U":
            return Texts.of(stored.tolist())
        target = self.descriptor.target
        named = target.type == "category" and isinstance(target.labels[0], str)
        return Texts(stored, tuple(target.labels)) if named else stored

    def _target_values(self, targets: np.ndarray | Texts) -> list[Any]:
        if isinstance(targets, Texts):
            return targets.tolist()
        if self.descriptor.target.type != "labels":
            return list(np.array(targets)) if targets.ndim > 1 else targets.tolist()
        classes = self.descriptor.target.labels
        return [[classes[index] for index in np.flatnonzero(row)] for row in targets]


class StoredColumns(Mapping[str, ColumnValues]):
    """A split's columns by name, each read from disk on demand."""

    def __init__(self, folder: Path, inputs: Sequence[InputDescriptor], rows: int) -> None:
        self._folder = folder
        self._types = {entry.name: entry.type for entry in inputs}
        self._rows = rows
        self._places = dict(zip(self._types, number_columns(len(inputs)), strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def __getitem__(self, name: str) -> ColumnValues:
        return _column_to_numpy(self._reader.read(self._places[name]), self._types[name])

    def page(self, page: slice) -> "PageColumns":
        """A slice of the rows, in memory."""
        return PageColumns(self._slice(page), self._types, self._places)

    def take(self, places: np.ndarray) -> "PageColumns":
        """The rows at these places, which increase, in memory."""
        import polars

        wanted = polars.Series(places, dtype=polars.get_index_type()).implode()
        chosen = self.scan().with_row_index(PLACE).filter(polars.col(PLACE).is_in(wanted))
        return PageColumns(chosen.drop(PLACE).collect(), self._types, self._places)

    def rows(self, page: slice) -> list[dict[str, Any]]:
        """A slice of the rows as objects by column, with dates in ISO 8601."""
        frame = self._slice(page)
        dates = [self._places[name] for name, type_ in self._types.items() if type_ == "date"]
        rows = frame.with_columns(dates_to_text(frame[place]) for place in dates).iter_rows()
        return [dict(zip(self._types, row, strict=True)) for row in rows]

    @cached_property
    def _reader(self) -> ColumnReader:
        return ColumnReader(self.scan(), list(self._places.values()), self._rows)

    def _slice(self, page: slice) -> "polars.DataFrame":
        return self.scan().slice(page.start, page.stop - page.start).collect()

    def scan(self) -> "polars.LazyFrame":
        """All columns, named by their positions."""
        import polars

        frame = polars.scan_parquet(parquet_files(self._folder), glob=False)
        # older datasets store the names of the columns, in the same order
        return frame.rename(dict(zip(frame.collect_schema(), self._places.values(), strict=True)))


class PageColumns(Mapping[str, ColumnValues]):
    """Some rows of columns by name. A column is converted when it is read: a network may not take long texts."""

    def __init__(self, frame: "polars.DataFrame", types: dict[str, str], places: dict[str, str]) -> None:
        self._frame = frame
        self._types = types
        self._places = places
        self._read: dict[str, ColumnValues] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def __getitem__(self, name: str) -> ColumnValues:
        if name not in self._read:
            self._read[name] = _column_to_numpy(self._frame[self._places[name]], self._types[name])
        return self._read[name]

    def page(self, page: slice) -> "PageColumns":
        """A slice of the rows."""
        return PageColumns(self._frame[page], self._types, self._places)

    def take(self, places: np.ndarray) -> "PageColumns":
        """The rows at these places."""
        return PageColumns(self._frame[places], self._types, self._places)


@contextmanager
def reading_files() -> Iterator[None]:
    """Turn the errors of files that can't be read into DamagedDataset. Datasets of older releases have no checksums."""
    try:
        yield
    except Exception as error:
        # Polars is imported only for tables, so its errors are known by their module.
        if not isinstance(error, UNREADABLE) and not type(error).__module__.startswith("polars"):
            raise
        raise DamagedDataset(f"A file of the dataset is missing or damaged ({type(error).__name__}).") from error


def parquet_files(folder: Path) -> list[Path]:
    """The files of the rows of a table, in their order."""
    return sorted(folder.iterdir(), key=lambda path: int(path.stem))


def tensor_file(folder: Path, number: int) -> Path:
    """An input's file, named by its index: the name of an input may not be a valid file name."""
    return folder / INPUTS_FOLDER / f"{number}.npy"


def _column_to_numpy(column: "polars.Series", type_: str) -> ColumnValues:
    """Convert a Polars series to ColumnValues."""
    import polars

    if type_ == "category":
        return find_texts(column)
    if type_ == "text":
        return Texts.of(column.to_list())
    if type_ == "date":
        return column.to_numpy().astype("datetime64[us]")
    if type_ == "number" and column.dtype.is_integer() and not column.null_count():
        return column.to_numpy()
    return column.cast(polars.Float64).fill_null(float("nan")).to_numpy()
