"""Reads a client's file as blocks. Its rows mean the same as the instances of a posted prediction."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.allowance import Allowance
from models.batches.arrays import read_inputs
from models.batches.blocks import MOST_ROWS, Block, Blocks, count_rows, renumber, renumber_warnings
from models.batches.series import SeriesReader
from models.batches.shards import Place, count_places
from models.errors import Fault, InvalidData, InvalidInstances
from models.files.compressed import inner_name, unpack_file, unpack_head
from models.files.formats import HEAD_BYTES as FORMAT_BYTES
from models.files.formats import TITLES, detect_head
from models.files.npy import BadArray, read_header
from models.files.zip_files import open_zip
from models.files.zipped_pictures import list_pictures, read_picture_file
from models.jobs.batch_prediction import Shard
from models.limits import Limits
from models.preprocessing import Instances, NamedFile, Preprocessing
from models.preprocessing.tensor_input import MAX_PIXELS_AT_ONCE, TensorInput
from models.tabular.csv_dialect import HEAD_BYTES, find_encoding
from models.tabular.csv_instances import CsvColumns, find_csv_rows, names_columns, read_csv_file
from models.tabular.json_reader import load_rows, read_lines
from models.tabular.parquet_reader import read_parquet
from models.tabular.posted_parquet import read_frame
from models.values.dates import dates_to_text, find_unsupported_dates

if TYPE_CHECKING:
    import polars

NPY, NPY_SIGNATURE = "npy", b"\x93NUMPY"
SEVERAL_INPUTS = ("json", "jsonl", "parquet", "npz")
"""The formats whose rows can have several inputs."""
UNPACKED = "unpacked"
"""The name of the temporary file with the content of a compressed one."""
LISTED_ROWS = 8192
"""The rows that are read as Python objects at a time at most. Objects take much more memory than arrays."""


@dataclass(frozen=True)
class _File:
    """A file, and what is needed to read it."""

    path: Path
    name: str
    preprocessing: Preprocessing
    limits: Limits
    scratch: Path
    ignores_extra: bool = False
    shard: Shard | None = None
    """The rows to read; None for all."""

    @property
    def table(self) -> CsvColumns | None:
        """The columns, all of which the file must have; None if the model's input isn't a table, nor sequences of rows
        of a table that the file holds."""
        input_ = self.preprocessing.table
        if input_ is None:
            return None
        table = replace(input_.csv_columns(), complete=True, ignores_extra=self.ignores_extra)
        return table if self.preprocessing.rows is None or _has_columns(self.path, self.name, table) else None

    @property
    def rows_at_once(self) -> int:
        return count_rows(self.preprocessing)

    @property
    def listed_at_once(self) -> int:
        return min(LISTED_ROWS, max(1, self.rows_at_once // 4))

    @property
    def pictures_at_once(self) -> int:
        """Images of the maximum size, at most as many as fit into the limit of one request."""
        return max(1, MAX_PIXELS_AT_ONCE // self.limits.pixels)

    def blocks(self, rows: int, at_once: int) -> Iterator[slice]:
        """The rows of each block of the shard, or of all `rows`."""
        first, last = (0, rows) if self.shard is None else (self.shard.first, self.shard.first + self.shard.rows)
        for start in range(first, last, at_once):
            yield slice(start, min(start + at_once, last))


@dataclass(frozen=True)
class _Piece:
    """Rows as instances, or an array for each input, and the fraction of the file up to their end."""

    instances: Instances | dict[str, np.ndarray]
    fraction: float
    files: Sequence[str] | None = None

    def __len__(self) -> int:
        if isinstance(self.instances, dict):
            return len(next(iter(self.instances.values())))
        return len(self.instances)  # type: ignore[arg-type] # a piece is never a whole CSV


def check_file(path: Path, name: str, document: dict[str, Any]) -> None:
    """Raise InvalidData if the file's format isn't supported for a version. Reads only the file's beginning.

    `document` is the version's `preprocessing.json`.
    """
    preprocessing, format_ = Preprocessing.from_document(document["inputs"]), _detect_unpacked(path, name)
    inputs = list(preprocessing.inputs.values())
    if len(inputs) > 1 and preprocessing.table is None and format_ not in SEVERAL_INPUTS:
        titles = ", ".join(TITLES[one] for one in SEVERAL_INPUTS)
        detail = f'The model has the inputs {", ".join(preprocessing.inputs)}. Send {titles}, not "{name}".'
        raise InvalidData(Fault(detail, file=name))
    takes_pictures = isinstance(inputs[0], TensorInput) and inputs[0].picture is not None
    if format_ == "zip" and not takes_pictures:
        raise InvalidData(Fault(f'"{name}" is a ZIP of images, but the model has no image input.', file=name))


def read_file(
    path: Path,
    name: str,
    preprocessing: Preprocessing,
    limits: Limits,
    scratch: Path,
    *,
    ignores_extra: bool = False,
    shard: Shard | None = None,
) -> Blocks:
    """The rows of the file at `path`, which may be compressed; only those of the shard if there is one. `name` is the
    client's name for it, `scratch` a folder for temporary files. `ignores_extra`: unknown columns of a table are
    ignored, with a warning, instead of refused.

    Raises InvalidInstances and InvalidData, which name the file and the invalid row and column.
    """
    with _unpacked(path, name, scratch, limits) as (path, name):
        yield from _read_unpacked(_File(path, name, preprocessing, limits, scratch, ignores_extra, shard))


def find_blocks(
    path: Path, name: str, preprocessing: Preprocessing, limits: Limits, scratch: Path, *, ignores_extra: bool = False
) -> Iterator[Place]:
    """The places after each of the blocks of read_file, found much faster than their rows are read. None for files that
    can't be divided: JSON, NPZ, and any file for a model of series.

    Raises InvalidInstances and InvalidData for some of the files that read_file refuses.
    """
    if preprocessing.rows is not None or _detect_unpacked(path, name) not in FINDERS:
        return
    with _unpacked(path, name, scratch, limits) as (path, name):
        yield from FINDERS[_detect(path, name)](_File(path, name, preprocessing, limits, scratch, ignores_extra))


@contextmanager
def _unpacked(path: Path, name: str, scratch: Path, limits: Limits) -> Iterator[tuple[Path, str]]:
    """The path and the name of a file that may be compressed, or of its content. Raises InvalidData."""
    unpacked = scratch / UNPACKED
    try:
        is_compressed = unpack_file(path, name, unpacked, limits) is not None
        yield (unpacked, inner_name(name)) if is_compressed else (path, name)
    finally:
        unpacked.unlink(missing_ok=True)


def _read_unpacked(file: _File) -> Blocks:
    name, preprocessing, limits = file.name, file.preprocessing, file.limits
    pieces = READERS[_detect(file.path, name)](file)
    series = None if preprocessing.rows is None else SeriesReader(preprocessing, limits, file.ignores_extra)
    extra: list[dict[str, Any]] = []
    done, in_series = 0 if file.shard is None else file.shard.first, False
    while True:
        try:
            piece = next(pieces, None)
            if piece is None:
                break
            before, in_series = in_series, series is not None and series.add(piece.instances)
            if done and in_series != before:
                detail = f'The file "{name}" holds both rows of a table and sequences; send two files.'
                raise InvalidData(Fault(detail, file=name))
            inputs, warnings = ({}, []) if in_series else _preprocess(piece.instances, file)
        except InvalidInstances as error:
            raise renumber(error, np.arange(done, done + MOST_ROWS), name) from error
        rows = np.arange(done, done + len(piece))
        done += len(piece)
        if done > limits.rows:
            raise InvalidData(Fault(f"The file has more rows than the limit of {limits.rows:,}.", file=name))
        warnings = [warning for warning in warnings if warning not in extra]  # each is about the whole file
        extra += [warning for warning in warnings if warning["row"] is None]
        if not in_series:
            fraction = piece.fraction if file.shard is None else (done - file.shard.first) / file.shard.rows
            yield Block(rows, inputs, renumber_warnings(warnings, rows), fraction, piece.files)
    if not done:
        raise InvalidData(Fault(f'The file "{name}" has no rows.', file=name))
    if series is not None:
        try:
            yield from series.blocks()
        except InvalidInstances as error:
            raise renumber(error, np.arange(done), name) from error


def _preprocess(
    instances: Instances | dict[str, np.ndarray], file: _File
) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    if isinstance(instances, dict):
        return file.preprocessing.read_arrays(instances)
    allowance = Allowance.for_blocks(file.limits)
    return file.preprocessing.read_instances(instances, allowance, ignores_extra=file.ignores_extra)


def _has_columns(path: Path, name: str, table: CsvColumns) -> bool:
    """Whether a CSV or Parquet file names some of the table's columns."""
    import polars

    if _detect(path, name) == "parquet":
        return not set(table.taken).isdisjoint(polars.read_parquet_schema(path))
    with path.open("rb") as file:
        return names_columns(file.read(HEAD_BYTES), find_encoding(path, name, None), table)


def _detect(path: Path, name: str) -> str:
    """Like models.files.formats.detect, and also detects a single array (NPY)."""
    with path.open("rb") as file:
        return _detect_head(file.read(FORMAT_BYTES), name)


def _detect_unpacked(path: Path, name: str) -> str:
    """As `_detect`, for a file that may be compressed."""
    head = unpack_head(path, name, FORMAT_BYTES)
    return _detect(path, name) if head is None else _detect_head(head, inner_name(name))


def _detect_head(head: bytes, name: str) -> str:
    return NPY if head.startswith(NPY_SIGNATURE) else detect_head(head, name)


def _read_csv(file: _File) -> Iterator[_Piece]:
    shard = file.shard
    at = None if shard is None or shard.at is None else int(shard.at)
    most = None if shard is None else shard.rows
    for instances, fraction in read_csv_file(file.path, file.name, file.table, file.listed_at_once, at, most):
        yield _Piece(instances, fraction)


def _find_csv_blocks(file: _File) -> Iterator[Place]:
    for rows, at in find_csv_rows(file.path, file.name, file.table, file.listed_at_once):
        yield Place(rows, str(at))


def _read_json(file: _File) -> Iterator[_Piece]:
    rows, at_once = load_rows(file.path, file.name), file.listed_at_once
    for start in range(0, len(rows), at_once):
        yield _Piece(rows[start : start + at_once], min(1.0, (start + at_once) / len(rows)))


def _read_json_lines(file: _File) -> Iterator[_Piece]:
    size, shard = file.path.stat().st_size, file.shard
    with file.path.open("rb") as stream:
        if shard is None:
            lines = read_lines(stream, file.name)
        else:
            stream.seek(int(shard.at or 0))
            lines = islice(read_lines(stream, file.name, shard.first, shard.line), shard.rows)
        while rows := list(islice(lines, file.listed_at_once)):
            yield _Piece(rows, stream.tell() / size)


def _find_json_blocks(file: _File) -> Iterator[Place]:
    rows = at = line = 0
    with file.path.open("rb") as stream:
        for line, text in enumerate(stream, 1):
            at += len(text)
            if text.strip():
                rows += 1
                if rows % file.listed_at_once == 0:
                    yield Place(rows, str(at), line)
    if rows % file.listed_at_once:
        yield Place(rows, str(at), line)


def _read_parquet(file: _File) -> Iterator[_Piece]:
    is_checked = file.shard is not None  # when the file was divided
    raw, table = read_parquet(file.path, file.name, file.limits, is_checked=is_checked), file.table
    input_ = file.preprocessing.table
    for block in file.blocks(raw.rows, file.listed_at_once):
        frame = raw.frame.slice(block.start, block.stop - block.start).collect()
        fraction = block.stop / raw.rows
        if table is not None and input_ is not None:
            part = replace(raw, frame=frame.lazy(), rows=len(frame))
            yield _Piece(read_frame(part, table, input_.types, Allowance.for_blocks(file.limits)), fraction)
        else:
            frame = _as_posted(frame, raw.columns)
            named = len(file.preprocessing.inputs) > 1
            rows = [dict(zip(raw.columns, row, strict=True)) if named else list(row) for row in frame.iter_rows()]
            yield _Piece(rows, fraction)


def _find_parquet_blocks(file: _File) -> Iterator[Place]:
    return count_places(read_parquet(file.path, file.name, file.limits).rows, file.listed_at_once)


def _as_posted(frame: "polars.DataFrame", names: Sequence[str]) -> "polars.DataFrame":
    """The frame with values as in JSON: dates as text, and null for NaN. Its columns are named by their indices."""
    import polars

    posted = []
    for name, column in zip(names, frame.get_columns(), strict=True):
        if column.dtype == polars.Date or column.dtype == polars.Datetime:
            _refuse_unsupported_dates(column, name)
            if getattr(column.dtype, "time_zone", None):
                column = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
            column = dates_to_text(column.cast(polars.Datetime("us")))
        elif column.dtype.is_decimal():
            column = column.cast(polars.Float64)
        elif column.dtype.is_float():
            column = column.fill_nan(None)
        posted.append(column)
    return polars.DataFrame(posted)


def _refuse_unsupported_dates(column: "polars.Series", name: str) -> None:
    rows = find_unsupported_dates(column)
    if rows:
        detail = f'the date in the column "{name}" is beyond the years 1 to 9999.'
        raise InvalidInstances(*(Fault(f"Row {row}: {detail}", row=row, column=name) for row in rows))


def _read_npz(file: _File) -> Iterator[_Piece]:
    arrays = read_inputs(file.path, file.name, file.scratch, file.limits)
    alone = len(arrays) == len(file.preprocessing.inputs) == 1
    (first, *_) = arrays.values()
    for start in range(0, len(first), file.rows_at_once):
        part = {name: array[start : start + file.rows_at_once] for name, array in arrays.items()}
        (rows, *_) = part.values()
        yield _Piece(rows if alone else part, (start + len(rows)) / len(first))


def _read_npy(file: _File) -> Iterator[_Piece]:
    _count_npy_rows(file)
    rows = np.load(file.path, mmap_mode="r", allow_pickle=False)
    for block in file.blocks(len(rows), file.rows_at_once):
        yield _Piece(np.array(rows[block]), block.stop / len(rows))


def _find_npy_blocks(file: _File) -> Iterator[Place]:
    return count_places(_count_npy_rows(file), file.rows_at_once)


def _count_npy_rows(file: _File) -> int:
    """The rows of an array; raises InvalidData if it isn't one."""
    with file.path.open("rb") as stream:
        try:
            return read_header(stream, file.path.stat().st_size).shape[0]
        except BadArray as problem:
            detail = f'The array "{file.name}" {problem}.'
            raise InvalidData(Fault(detail, file=file.name)) from problem


def _read_pictures(file: _File) -> Iterator[_Piece]:
    with open_zip(file.path, file.name, file.limits) as archive:
        entries = list_pictures(archive)
        for block in file.blocks(len(entries), file.pictures_at_once):
            part = entries[block]
            rows = [NamedFile.of(read_picture_file(archive, entry, file.limits), entry.filename) for entry in part]
            yield _Piece(rows, block.stop / len(entries), [entry.filename for entry in part])


def _find_picture_blocks(file: _File) -> Iterator[Place]:
    with open_zip(file.path, file.name, file.limits) as archive:
        yield from count_places(len(list_pictures(archive)), file.pictures_at_once)


READERS: dict[str, Callable[[_File], Iterator[_Piece]]] = {
    "csv": _read_csv,
    "json": _read_json,
    "jsonl": _read_json_lines,
    "parquet": _read_parquet,
    "npz": _read_npz,
    "npy": _read_npy,
    "zip": _read_pictures,
}
FINDERS: dict[str, Callable[[_File], Iterator[Place]]] = {
    "csv": _find_csv_blocks,
    "jsonl": _find_json_blocks,
    "parquet": _find_parquet_blocks,
    "npy": _find_npy_blocks,
    "zip": _find_picture_blocks,
}
"""Find the blocks of those formats whose rows can be read from any block on."""
