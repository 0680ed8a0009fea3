"""Reads an NPZ file of arrays as examples: `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`; several inputs
are `x_NAME` (`x_train_NAME`, `x_test_NAME`)."""

import math
import zipfile
from dataclasses import dataclass
from heapq import nsmallest
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from models.datasets.describing import MAX_CLASS_NAME, MAX_CLASSES
from models.datasets.examples import Examples
from models.datasets.inline import EXACT_IN_FLOAT64, numeric_targets
from models.errors import Fault, InvalidData
from models.files.npy import TEXT, NpyHeader
from models.files.npz import SUFFIX, NpzReader, find_misfit, list_arrays
from models.files.zip_files import open_zip
from models.limits import Limits
from models.progress import Progress
from models.spec import SINGLE_INPUT
from models.validation.inputs import find_name_problem
from models.values.columns import Texts
from models.values.tensors import KINDS, MAX_FAULTS

LAYOUTS = '"x" and "y", or "x_train" and "y_train" with "x_test" and "y_test"; "x_NAME" for several inputs'


@dataclass(frozen=True)
class _Part:
    """The arrays of the training or test rows: the array name of each input, and that of the targets."""

    inputs: dict[str, str]
    targets: str


def read_arrays(path: Path, request: dict[str, Any], limits: Limits, progress: Progress) -> Examples:
    """Read the arrays in the NPZ file at `path`, rows first; raises InvalidData, naming the invalid array and row."""
    name = request.get("file", {}).get("name", path.name)
    with open_zip(path, name, limits) as archive:
        entries = list_arrays(archive)
        reader = NpzReader(archive, entries, path.parent, progress)
        parts = _find_parts(entries, name)
        headers = {array: reader.header(array) for part in parts for array in (*part.inputs.values(), part.targets)}
        _check_shapes(parts, headers, limits)
        targets = _read_targets(reader, [(part.targets, headers[part.targets]) for part in parts])
        tensors = {
            input_: reader.tensor([(part.inputs[input_], headers[part.inputs[input_]]) for part in parts])
            for input_ in parts[0].inputs
        }
    kind = KINDS[max(tensor.ndim - 1 for tensor in tensors.values())]
    if kind == "sequence" and any(_is_grey(headers[array]) for array in parts[0].inputs.values()):
        kind = "image"
    test_rows = headers[parts[1].targets].shape[0] if len(parts) > 1 else 0
    return Examples(kind, targets, tensors=tensors, test_rows=test_rows)


def _is_grey(header: NpyHeader) -> bool:
    """Whether rows are matrices of bytes, that is grey images without channels; other matrices are sequences."""
    return len(header.shape) == 3 and header.dtype == np.uint8


def _find_parts(entries: dict[str, zipfile.ZipInfo], name: str) -> list[_Part]:
    """The training rows (or all rows), followed by the test rows, if any; raises InvalidData."""
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
            detail = f'{name} has no array "{missing}". An NPZ file holds {LAYOUTS}.'
            raise InvalidData(Fault(detail, file=name, allowed=tuple(sorted(left))[:MAX_FAULTS]))
        left -= {*inputs.values(), targets}
        parts.append(_Part(inputs, targets))
    faults = [
        Fault(f'The array "{array}" is unexpected. An NPZ file holds {LAYOUTS}.', file=entries[array].filename)
        for array in nsmallest(MAX_FAULTS, left)
    ]
    names = ((input_, array) for part in parts for input_, array in part.inputs.items())
    misnamed = ((array, problem) for input_, array in names if (problem := find_name_problem(input_)))
    faults += [
        Fault(f'The array "{array}": {problem}', file=entries[array].filename)
        for array, problem in islice(misnamed, MAX_FAULTS)
    ]
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])
    if len(parts) > 1 and parts[0].inputs.keys() != parts[1].inputs.keys():
        detail = (
            f"The training rows of {name} have the inputs {', '.join(parts[0].inputs)}, but the test rows have others."
        )
        raise InvalidData(Fault(detail, file=name))
    return parts


def _check_shapes(parts: list[_Part], headers: dict[str, NpyHeader], limits: Limits) -> None:
    inputs = ((array, part.targets) for part in parts for array in part.inputs.values())
    misfits = (
        (array, detail)
        for array, targets in inputs
        if (detail := find_misfit(array, headers[array], targets, headers[targets].shape[0], limits))
    )
    faults = [Fault(detail, file=f"{array}{SUFFIX}") for array, detail in islice(misfits, MAX_FAULTS)]
    for first, other in zip(_names(parts[0]), _names(parts[-1]), strict=True):
        shape, wanted = headers[other].shape[1:], headers[first].shape[1:]
        if shape != wanted and len(faults) < MAX_FAULTS:
            detail = f'Rows of "{other}" have the shape {list(shape)}, but those of "{first}" have {list(wanted)}.'
            faults.append(Fault(detail, file=f"{other}{SUFFIX}"))
    targets = [headers[part.targets] for part in parts]
    rows, size = sum(header.shape[0] for header in targets), sum(map(_target_bytes, targets))
    if rows > limits.rows:
        detail = f"There are {rows:,} rows; the limit is {limits.rows:,}."
        faults.append(Fault(detail, file=f"{parts[0].targets}{SUFFIX}"))
    if size > limits.target_bytes:
        detail = f'"{parts[0].targets}" takes {size:,} bytes; the limit is {limits.target_bytes:,} for all targets.'
        faults.append(Fault(detail, file=f"{parts[0].targets}{SUFFIX}"))
    if faults:
        raise InvalidData(*faults[:MAX_FAULTS])


def _target_bytes(header: NpyHeader) -> int:
    """The memory that targets take at most, in bytes."""
    return math.prod(header.shape) * max(header.dtype.itemsize, np.dtype(np.float64).itemsize)


def _names(part: _Part) -> list[str]:
    return [*(part.inputs[input_] for input_ in sorted(part.inputs)), part.targets]


def _read_targets(reader: NpzReader, parts: list[tuple[str, NpyHeader]]) -> np.ndarray | Texts:
    """The targets of all parts as in Examples: texts, booleans, int64 or float64."""
    (first, header), (last, last_header) = parts[0], parts[-1]
    if (header.dtype.kind == TEXT) != (last_header.dtype.kind == TEXT):
        detail = f'"{first}" and "{last}" must both hold text, or both numbers.'
        raise InvalidData(Fault(detail, file=reader.file_of(last)))
    targets: np.ndarray | Texts
    if header.dtype.kind == TEXT:
        targets = _read_texts(reader, parts)
        same = len(targets.counts()) == 1
    else:
        targets = numeric_targets(np.concatenate([_read_numbers(reader, array, header) for array, header in parts]))
        same = bool((targets == targets[:1]).all())
    if same:
        detail = f'"{first}" is the same in every row: there is nothing to learn.'
        raise InvalidData(Fault(detail, file=reader.file_of(first)))
    return targets


def _read_numbers(reader: NpzReader, array: str, header: NpyHeader) -> np.ndarray:
    """Booleans, int64 or float64."""
    values = np.empty(header.shape, header.dtype)
    for first, block in reader.blocks(array, header):
        reader.check_finite(array, first, block)
        values[first : first + len(block)] = block
    if header.dtype.kind == "b":
        return values
    exact = header.dtype.kind in "iu" and _largest(values) < EXACT_IN_FLOAT64
    return values.astype(np.int64 if exact else np.float64, copy=False)


def _read_texts(reader: NpzReader, parts: list[tuple[str, NpyHeader]]) -> Texts:
    places: dict[str, int] = {}
    codes: list[np.ndarray] = []
    for array, header in parts:
        file = reader.file_of(array)
        if header.row_bytes != header.dtype.itemsize:
            detail = f'"{array}" holds text of the shape {list(header.shape)}; a row has one text.'
            raise InvalidData(Fault(detail, file=file))
        for first, block in reader.blocks(array, header):
            names, inverse = np.unique(block.reshape(-1), return_inverse=True)
            lengths = np.strings.str_len(names)
            if lengths.max() > MAX_CLASS_NAME:
                row = first + int(np.argmax(lengths[inverse]))
                detail = (
                    f'Row {row} of "{array}" has {lengths.max():,} characters; a class has at most {MAX_CLASS_NAME}.'
                )
                raise InvalidData(Fault(detail, file=file, row=row))
            own = [places.setdefault(name, len(places)) for name in names.tolist()]
            if len(places) > MAX_CLASSES:
                detail = f'"{array}" has more than {MAX_CLASSES:,} distinct texts, the limit for classes.'
                raise InvalidData(Fault(detail, file=file))
            codes.append(np.array(own, dtype=np.int32)[inverse])
    return Texts(np.concatenate(codes), tuple(places))


def _largest(values: np.ndarray) -> int:
    return max(abs(int(values.min())), abs(int(values.max())))
