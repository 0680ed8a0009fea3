"""An NPZ file of arrays as examples: `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`; `x_NAME` for several
inputs (`x_train_NAME`, `x_test_NAME`)."""

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.datasets.descriptor import MAX_CLASS_NAME, MAX_CLASSES
from models.datasets.examples import KINDS, Examples
from models.datasets.inline import EXACT_IN_FLOAT64, numeric_targets
from models.datasets.keras_cache import Progress
from models.datasets.zip_files import DAMAGE, open_zip
from models.errors import Fault, InvalidData
from models.limits import Limits
from models.spec import SINGLE_INPUT
from models.validation.inputs import find_name_problem
from models.values.columns import Texts
from models.values.npy import TEXT, BadArray, NpyHeader, read_header, shape_rows
from models.values.scratch import scratch_array
from models.values.tensors import MAX_FAULTS

SUFFIX = ".npy"
BLOCK_BYTES = 16 << 20
MAX_ROW_BYTES = 256 << 20
"""At least one row is held in memory at a time."""
MAX_TARGET_BYTES = 512 << 20
"""All targets are held in memory: numbers with 8 bytes each, text as NumPy keeps it."""
WAYS = '"x" and "y", or "x_train" and "y_train" with "x_test" and "y_test"; "x_NAME" for several inputs'


@dataclass(frozen=True)
class _Part:
    """The arrays of some of the rows: the names in the file of the inputs, by input, and of the targets."""

    inputs: dict[str, str]
    targets: str


def read_arrays(path: Path, request: dict[str, Any], limits: Limits, progress: Progress) -> Examples:
    """The arrays in the NPZ file at `path`, rows first; raises InvalidData, which names the array and row at fault."""
    name = request.get("file", {}).get("name", path.name)
    with open_zip(path, name, limits) as archive:
        entries = {entry.filename.removesuffix(SUFFIX): entry for entry in archive.infolist()}
        reader = _Reader(archive, entries, path.parent, progress)
        parts = _find_parts(entries, name)
        headers = {array: reader.header(array) for part in parts for array in (*part.inputs.values(), part.targets)}
        _check_shapes(parts, headers, limits)
        targets = reader.targets([(part.targets, headers[part.targets]) for part in parts])
        tensors = {
            input_: reader.tensor([(part.inputs[input_], headers[part.inputs[input_]]) for part in parts])
            for input_ in parts[0].inputs
        }
    kind = KINDS[max(tensor.ndim - 1 for tensor in tensors.values())]
    if kind == "sequence" and any(_is_grey(headers[array]) for array in parts[0].inputs.values()):
        kind = "image"
    test_rows = headers[parts[1].targets].shape[0] if len(parts) > 1 else 0
    return Examples(kind, targets, tensors=tensors, test_rows=test_rows)


def read_inputs(path: Path, name: str, scratch: Path, limits: Limits) -> dict[str, np.ndarray]:
    """The inputs by name in the NPZ file at `path`, rows first, as they are: `x`, or `x_NAME` for several. Targets
    don't count. They lie on the disk of the folder `scratch`. Raises InvalidData.
    """
    with open_zip(path, name, limits) as archive:
        entries = {entry.filename.removesuffix(SUFFIX): entry for entry in archive.infolist()}
        reader = _Reader(archive, entries, scratch, lambda share: None)
        arrays = {array.removeprefix("x_"): array for array in sorted(entries) if array.startswith("x_")}
        if "x" in entries:
            arrays = {SINGLE_INPUT: "x"}
        if not arrays or {"x_train", "x_test"} & set(arrays.values()):
            detail = f'{name} needs the rows as the array "x", or as "x_NAME" for several inputs.'
            raise InvalidData(Fault(detail, file=name, allowed=tuple(sorted(entries))[:MAX_FAULTS]))
        headers = {array: reader.header(array) for array in arrays.values()}
        first, *others = headers
        faults = [
            Fault(problem, file=f"{array}{SUFFIX}")
            for array in (first, *others)
            if (problem := _find_misfit(array, headers[array], first, headers[first].shape[0]))
        ]
        if faults:
            raise InvalidData(*faults)
        return {input_: reader.array(array, headers[array]) for input_, array in arrays.items()}


def _is_grey(header: NpyHeader) -> bool:
    """Whether rows are matrices of bytes: pictures without channels, where other matrices are sequences."""
    return len(header.shape) == 3 and header.dtype == np.uint8


def _find_parts(entries: dict[str, zipfile.ZipInfo], name: str) -> list[_Part]:
    """The training rows, or all, and then the test rows if there are any; raises InvalidData."""
    left = set(entries)
    parts = []
    for ending in ("_train", "_test") if {"x_train", "y_train"} & left else ("",):
        single, targets = f"x{ending}", f"y{ending}"
        inputs = {array.removeprefix(f"{single}_"): array for array in sorted(left) if array.startswith(f"{single}_")}
        if single in left:
            inputs = {SINGLE_INPUT: single} | inputs
        if ending == "_test" and not inputs and targets not in left:
            continue
        missing = single if not inputs else targets if targets not in left else None
        if missing is not None:
            detail = f'{name} has no array "{missing}". An NPZ file holds {WAYS}.'
            raise InvalidData(Fault(detail, file=name, allowed=tuple(sorted(left))[:MAX_FAULTS]))
        left -= {*inputs.values(), targets}
        parts.append(_Part(inputs, targets))
    faults = [
        Fault(f'The array "{array}" has no place here. An NPZ file holds {WAYS}.', file=entries[array].filename)
        for array in sorted(left)
    ]
    faults += [
        Fault(f'The array "{array}": {problem}', file=entries[array].filename)
        for part in parts
        for input_, array in part.inputs.items()
        if (problem := find_name_problem(input_))
    ]
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])
    if len(parts) > 1 and parts[0].inputs.keys() != parts[1].inputs.keys():
        detail = f"The training rows of {name} have the inputs {', '.join(parts[0].inputs)}, the test rows others."
        raise InvalidData(Fault(detail, file=name))
    return parts


def _check_shapes(parts: list[_Part], headers: dict[str, NpyHeader], limits: Limits) -> None:
    faults = [
        Fault(detail, file=f"{array}{SUFFIX}")
        for part in parts
        for array in part.inputs.values()
        if (detail := _find_misfit(array, headers[array], part.targets, headers[part.targets].shape[0]))
    ]
    for first, other in zip(_names(parts[0]), _names(parts[-1]), strict=True):
        shape, wanted = headers[other].shape[1:], headers[first].shape[1:]
        if shape != wanted:
            detail = f'Rows of "{other}" have the shape {list(shape)}, but those of "{first}" have {list(wanted)}.'
            faults.append(Fault(detail, file=f"{other}{SUFFIX}"))
    targets = [headers[part.targets] for part in parts]
    for part, header in zip(parts, targets, strict=True):
        if header.shape[0] and not header.row_bytes:
            detail = f'"{part.targets}" has the shape {list(header.shape)}: there is no target in it.'
            faults.append(Fault(detail, file=f"{part.targets}{SUFFIX}"))
    rows, size = sum(header.shape[0] for header in targets), sum(map(_target_bytes, targets))
    if rows > limits.rows:
        detail = f"There are {rows:,} rows; the limit is {limits.rows:,}."
        faults.append(Fault(detail, file=f"{parts[0].targets}{SUFFIX}"))
    if size > MAX_TARGET_BYTES:
        detail = f'"{parts[0].targets}" takes {size:,} bytes; the limit is {MAX_TARGET_BYTES:,} for all targets.'
        faults.append(Fault(detail, file=f"{parts[0].targets}{SUFFIX}"))
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])


def _find_misfit(array: str, header: NpyHeader, targets: str, rows: int) -> str | None:
    """Why an array can't be an input whose targets have so many rows, if it can't."""
    if header.shape[0] != rows:
        return f'"{array}" has {header.shape[0]:,} rows, but "{targets}" has {rows:,}.'
    if header.dtype.kind == TEXT:
        return f'"{array}" holds text, but inputs are numbers.'
    if math.prod(header.shape) == 0:
        return f'"{array}" has the shape {list(header.shape)}: there is no number in it.'
    if len(header.shape) - 1 not in KINDS:
        most = f"{max(KINDS)} are the most (frames, height, width, channels)"
        return f'A row of "{array}" has {len(header.shape) - 1} dimensions; {most}.'
    if header.row_bytes > MAX_ROW_BYTES:
        return f'A row of "{array}" has {header.row_bytes:,} bytes; the limit is {MAX_ROW_BYTES:,}.'
    return None


def _target_bytes(header: NpyHeader) -> int:
    """What targets take in memory at most."""
    return math.prod(header.shape) * max(header.dtype.itemsize, np.dtype(np.float64).itemsize)


def _names(part: _Part) -> list[str]:
    return [*(part.inputs[input_] for input_ in sorted(part.inputs)), part.targets]


class _Reader:
    """Reads arrays from an open NPZ file, some megabytes at a time."""

    def __init__(
        self, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], folder: Path, progress: Progress
    ) -> None:
        self._archive = archive
        self._entries = entries
        self._folder = folder
        self._progress = progress
        self._bytes = max(1, sum(entry.file_size for entry in entries.values()))
        self._read = 0

    def header(self, array: str) -> NpyHeader:
        entry = self._entries[array]
        try:
            with self._archive.open(entry) as file:
                return read_header(file, entry.file_size)
        except BadArray as problem:
            raise InvalidData(Fault(f'The array "{array}" {problem}.', file=entry.filename)) from problem
        except DAMAGE as problem:
            raise InvalidData(Fault(_damage(array, problem), file=entry.filename)) from problem

    def array(self, array: str, header: NpyHeader) -> np.ndarray:
        """All rows of an array as they are, on the disk."""
        values = scratch_array(self._folder, header.shape, header.dtype)
        for first, block in self._blocks(array, header):
            values[first : first + len(block)] = block
        return values

    def tensor(self, parts: list[tuple[str, NpyHeader]]) -> np.ndarray:
        """The rows of all parts together as an input, in the smallest type that holds them as float32 does."""
        shape = parts[0][1].shape[1:] or (1,)
        rows = sum(header.shape[0] for _, header in parts)
        tensor = scratch_array(self._folder, (rows, *shape), _type_of_input([header.dtype for _, header in parts]))
        start = 0
        for array, header in parts:
            for first, block in self._blocks(array, header):
                self._check_finite(array, first, block)
                place = start + first
                tensor[place : place + len(block)] = block.reshape(len(block), *shape)
            start += header.shape[0]
        return tensor

    def targets(self, parts: list[tuple[str, NpyHeader]]) -> np.ndarray | Texts:
        """The targets of all parts together as Examples has them: texts, booleans, int64 or float64."""
        (first, header), (last, last_header) = parts[0], parts[-1]
        if (header.dtype.kind == TEXT) != (last_header.dtype.kind == TEXT):
            detail = f'"{first}" and "{last}" must both hold text, or both numbers.'
            raise InvalidData(Fault(detail, file=self._entries[last].filename))
        targets: np.ndarray | Texts
        if header.dtype.kind == TEXT:
            targets = self._texts(parts)
            same = len(targets.counts()) == 1
        else:
            targets = numeric_targets(np.concatenate([self._numbers(array, header) for array, header in parts]))
            same = bool((targets == targets[:1]).all())
        if same:
            detail = f'"{first}" is the same in every row: there is only one class, or number, to predict.'
            raise InvalidData(Fault(detail, file=self._entries[first].filename))
        return targets

    def _numbers(self, array: str, header: NpyHeader) -> np.ndarray:
        """Booleans, int64 or float64."""
        values = np.empty(header.shape, header.dtype)
        for first, block in self._blocks(array, header):
            self._check_finite(array, first, block)
            values[first : first + len(block)] = block
        if header.dtype.kind == "b":
            return values
        exact = header.dtype.kind in "iu" and (not values.size or _largest(values) < EXACT_IN_FLOAT64)
        return values.astype(np.int64 if exact else np.float64, copy=False)

    def _texts(self, parts: list[tuple[str, NpyHeader]]) -> Texts:
        places: dict[str, int] = {}
        codes: list[np.ndarray] = []
        for array, header in parts:
            file = self._entries[array].filename
            if header.row_bytes != header.dtype.itemsize:
                detail = f'"{array}" holds text of the shape {list(header.shape)}; there may be one text a row.'
                raise InvalidData(Fault(detail, file=file))
            for first, block in self._blocks(array, header):
                names, inverse = np.unique(block.reshape(-1), return_inverse=True)
                lengths = np.strings.str_len(names)
                if lengths.max() > MAX_CLASS_NAME:
                    row = first + int(np.argmax(lengths[inverse]))
                    detail = f'Row {row} of "{array}" has {lengths.max():,} characters; a class has {MAX_CLASS_NAME}.'
                    raise InvalidData(Fault(detail, file=file, row=row))
                own = [places.setdefault(name, len(places)) for name in names.tolist()]
                if len(places) > MAX_CLASSES:
                    detail = f'"{array}" has more than {MAX_CLASSES:,} different texts, which is the limit for classes.'
                    raise InvalidData(Fault(detail, file=file))
                codes.append(np.array(own, dtype=np.int32)[inverse])
        return Texts(np.concatenate(codes), tuple(places))

    def _blocks(self, array: str, header: NpyHeader) -> Iterator[tuple[int, np.ndarray]]:
        """The array's rows in blocks, each with the number of its first row."""
        if not header.data_bytes:
            return
        rows = max(1, BLOCK_BYTES // header.row_bytes)
        if header.fortran_order:
            whole = self._unpack(array, header)
            for first in range(0, header.shape[0], rows):
                yield first, np.ascontiguousarray(whole[first : first + rows])
            return
        for number, data in enumerate(self._pieces(array, header, rows * header.row_bytes)):
            yield number * rows, shape_rows(data, header)

    def _unpack(self, array: str, header: NpyHeader) -> np.ndarray:
        """An array in Fortran's order, whose rows are scattered over the file, on the disk."""
        values, place = scratch_array(self._folder, (header.data_bytes,), np.uint8), 0
        for data in self._pieces(array, header, BLOCK_BYTES):
            values[place : place + len(data)] = np.frombuffer(data, np.uint8)
            place += len(data)
        return values.view(header.dtype).reshape(header.shape[::-1]).T

    def _pieces(self, array: str, header: NpyHeader, size: int) -> Iterator[bytes]:
        """The bytes of the array's numbers, some at a time."""
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
            raise InvalidData(Fault(detail, file=self._entries[array].filename)) from problem

    def _check_finite(self, array: str, first: int, block: np.ndarray) -> None:
        """Raise InvalidData for rows that hold what float32 can't: NaN, infinity, more than 3.4e38."""
        if block.dtype.kind != "f":
            return
        with np.errstate(over="ignore"):
            within = np.isfinite(block.astype(np.float32))
        if within.all():
            return
        bad = np.flatnonzero(~within.reshape(len(block), -1).all(axis=1))[:MAX_FAULTS]
        file = self._entries[array].filename
        faults = []
        for index in bad.tolist():
            value = block[index][~within[index]].flat[0]
            detail = (
                f'Row {first + index} of "{array}" holds {value}: numbers must be finite, and at most 3.4e38 in size.'
            )
            faults.append(Fault(detail, file=file, row=first + index))
        raise InvalidData(*faults)


def _type_of_input(dtypes: list[np.dtype]) -> np.dtype:
    """The type that keeps all of these as well as float32, which the network takes, does."""
    for kept in (np.dtype(np.uint8), np.dtype(np.int32)):
        if all(np.can_cast(dtype, kept) for dtype in dtypes):
            return kept
    return np.dtype(np.float32)


def _largest(values: np.ndarray) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))


def _damage(array: str, problem: Exception) -> str:
    return f'The array "{array}" can\'t be read from the file: it is damaged ({problem}).'
