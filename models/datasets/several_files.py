"""Reads the files of an upload, of which a table may have several: their rows follow each other."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import Fault, InvalidData
from models.files.compressed import inner_name, unpack_file
from models.files.formats import TABLES, TITLES, detect
from models.limits import Limits
from models.progress import Progress
from models.tabular.csv_reader import read_csv
from models.tabular.json_reader import read_json, read_json_lines
from models.tabular.parquet_reader import read_parquet
from models.tabular.raw_table import RawTable, find_size_problem, number_columns
from models.values.tensors import MAX_FAULTS

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class UploadedFile:
    """A file of an upload, unpacked if it was compressed."""

    path: Path
    name: str
    format: str
    compression: str | None


def open_files(paths: list[Path], names: list[str], scratch: Path, limits: Limits) -> list[UploadedFile]:
    """The files of an upload in order. Compressed ones are unpacked into the folder `scratch`.

    Raises InvalidData for unsupported and damaged files, and for several files that aren't tables of one format.
    """
    files = []
    for number, (path, name) in enumerate(zip(paths, names, strict=True)):
        unpacked = scratch / f"unpacked-{number}"
        compression = unpack_file(path, name, unpacked, limits)
        inner = name if compression is None else inner_name(name)
        path = path if compression is None else unpacked
        files.append(UploadedFile(path, name, detect(path, inner), compression))
    if len(files) > 1:
        _check_formats(files)
    return files


def read_tables(
    files: list[UploadedFile], options: dict[str, Any], scratch: Path, limits: Limits, progress: Progress
) -> RawTable:
    """The rows of all files, one file after the other; `options` are the request's `csv`.

    Raises InvalidData, naming the file and the invalid row or column, also if columns differ between files.
    """
    tables = []
    for number, file in enumerate(files):
        folder = scratch / str(number)
        folder.mkdir()
        tables.append(_read_table(file, options, folder, limits, progress))
    first = replace(tables[0], facts=replace(tables[0].facts, compression=files[0].compression))
    return first if len(tables) == 1 else _concatenate([first, *tables[1:]], files, limits)


def _read_table(
    file: UploadedFile, options: dict[str, Any], scratch: Path, limits: Limits, progress: Progress
) -> RawTable:
    if file.format == "csv":
        return read_csv(file.path, file.name, options, scratch, limits, progress)
    if file.format == "json":
        return read_json(file.path, file.name, scratch, limits, progress)
    if file.format == "jsonl":
        return read_json_lines(file.path, file.name, scratch, limits, progress)
    return read_parquet(file.path, file.name, limits)


def _check_formats(files: list[UploadedFile]) -> None:
    first = files[0]
    if first.format not in TABLES:
        detail = f"Several files must be tables, but {first.name} is {TITLES[first.format]}. Send one file."
        raise InvalidData(Fault(detail, file=first.name))
    others = [file for file in files if file.format != first.format]
    detail = "{} is {}, but {} is {}: all files must have the same format."
    if others:
        raise InvalidData(
            *(
                Fault(detail.format(one.name, TITLES[one.format], first.name, TITLES[first.format]), file=one.name)
                for one in others[:MAX_FAULTS]
            )
        )


def _concatenate(tables: list[RawTable], files: list[UploadedFile], limits: Limits) -> RawTable:
    import polars

    first, rows = tables[0], sum(table.rows for table in tables)
    faults = [
        fault for table, file in zip(tables[1:], files[1:], strict=True) for fault in _compare(first, table, file)
    ]
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])
    if rows > limits.rows:
        raise InvalidData(Fault(f"The files have {rows:,} rows; the limit is {limits.rows:,}.", file=files[-1].name))
    if problem := find_size_problem(rows, len(first.columns), limits):
        raise InvalidData(Fault(problem, file=files[-1].name))
    starts, parts = 0, []
    for table, file in zip(tables, files, strict=True):
        parts.append((file.name, starts))
        starts += table.rows
    frame = polars.concat([_in_order(table, first.columns) for table in tables], how="vertical_relaxed")
    return replace(first, frame=frame, rows=rows, parts=tuple(parts), nested=_all_nested(tables))


def _all_nested(tables: list[RawTable]) -> dict[str, str]:
    return {name: held for table in tables for name, held in table.nested.items()}


def _in_order(table: RawTable, columns: tuple[str, ...]) -> "polars.LazyFrame":
    """A table's frame with the columns in this order."""
    import polars

    places = dict(zip(table.columns, number_columns(len(table.columns)), strict=True))
    return table.frame.select(
        polars.col(places[name]).alias(place) for name, place in zip(columns, number_columns(len(columns)), strict=True)
    )


def _compare(first: RawTable, other: RawTable, file: UploadedFile) -> list[Fault]:
    """How the columns of a file differ from those of the first."""
    lacking = '{} has no column "{}", which {} has.'
    given = [(file.name, name, first.file) for name in first.columns if name not in other.columns]
    given += [(first.file or "", name, file.name) for name in other.columns if name not in first.columns]
    faults = [Fault(lacking.format(*names), file=file.name, column=names[1]) for names in given]
    if first.textual and first.decimal != other.decimal:
        detail = f'{file.name} writes numbers with "{other.decimal}", {first.file} with "{first.decimal}": '
        faults.append(Fault(f'{detail}if that is a mistake, set "decimal" in "csv".', file=file.name))
    for name in () if faults else first.columns:
        kinds = first.types[name], other.types[name]
        if not _fit(*kinds):
            detail = f'The column "{name}" is {kinds[1]} in {file.name}, but {kinds[0]} in {first.file}.'
            faults.append(Fault(detail, file=file.name, column=name))
    return faults


def _fit(one: "polars.DataType", other: "polars.DataType") -> bool:
    """Whether the values of two columns can be in one: they have the same type, are numbers, or there are none."""
    import polars

    plain = one.is_integer() or one.is_float(), other.is_integer() or other.is_float()
    return one == other or all(plain) or polars.Null in (one, other)
