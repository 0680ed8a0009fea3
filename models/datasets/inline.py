"""Reads data in the request: nested lists of numbers with targets, or rows of a table."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from models.datasets.describing import MAX_CLASS_NAME
from models.datasets.examples import Examples
from models.datasets.tables.examples import read_examples
from models.errors import MOST_FAULTS, Fault, InvalidData
from models.limits import Limits
from models.spec import SINGLE_INPUT
from models.suggestions import unknown_name
from models.tabular.json_reader import read_posted_rows
from models.validation.inputs import find_name_problem
from models.values.columns import Texts
from models.values.pointers import pointer_to
from models.values.tensors import KINDS, Place, leaf_types, name_type, read_numbers

EXACT_IN_FLOAT32 = 2**24
EXACT_IN_FLOAT64 = 2**53
"""Floats represent every integer up to this one exactly."""


def check_inline(request: dict[str, Any]) -> list[Fault]:
    """The faults in the structure of inline data: missing fields, and unequal numbers of rows."""
    if "rows" in request:
        return _check_rows(request)
    found = [
        Fault(f'"{member}" is for the columns of "rows", not for "inputs".', pointer_to(member))
        for member in ("target", "types", "ignore")
        if request.get(member) is not None
    ]
    absent = [member for member in ("inputs", "targets") if request.get(member) in (None, {})]
    if absent:
        detail = 'Inline data requires either "inputs" and "targets", or "rows" and "target".'
        return [Fault(detail, pointer_to(absent[0])), *found]
    inputs, targets = request["inputs"], request["targets"]
    named = inputs if isinstance(inputs, dict) else {"": inputs}
    faults = list(islice(_find_list_faults(named, targets, isinstance(inputs, dict)), MOST_FAULTS))
    lengths = {len(rows) for rows in named.values()} if not faults else set()
    found += faults
    if len(lengths) > 1:
        found.append(Fault("Every input needs the same number of rows.", pointer_to("inputs")))
    elif lengths and len(targets) not in lengths:
        detail = f"There are {len(targets):,} targets for {lengths.pop():,} rows of inputs: give one per row."
        found.append(Fault(detail, pointer_to("targets")))
    return found


def _find_list_faults(inputs: dict[str, Any], targets: Any, named: bool) -> Iterator[Fault]:
    """The faults of inputs and targets that aren't lists of rows, and of the inputs' names, if they are `named`."""
    for name, rows in inputs.items():
        if fault := _check_list(rows, "inputs", name):
            yield fault
    if fault := _check_list(targets, "targets"):
        yield fault
    for name in inputs if named else ():
        if problem := find_name_problem(name):
            yield Fault(problem, pointer_to("inputs", name))


def _check_rows(request: dict[str, Any]) -> list[Fault]:
    rows, target = request["rows"], request.get("target")
    if {"inputs", "targets"} & request.keys():
        return [Fault('Give either "inputs" and "targets", or "rows" and "target", not both.', pointer_to("rows"))]
    fault = _check_list(rows, "rows")
    if fault:
        return [fault]
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            return [Fault(f"Row {number} is {name_type(row)}, not an object.", pointer_to("rows", number), row=number)]
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    if not isinstance(target, str):
        detail = 'A table requires "target": the column to predict.'
        return [Fault(detail, pointer_to("target"), allowed=columns)]
    if target not in columns:
        return [unknown_name(target, columns, pointer_to("target"), "column")]
    if len(columns) == 1:
        return [Fault(f'There is no column besides the target, "{target}".', pointer_to("rows"))]
    return []


def _check_list(rows: object, member: str, name: str = "") -> Fault | None:
    pointer = pointer_to(member, name) if name else pointer_to(member)
    if not isinstance(rows, list):
        return Fault(f"Expected a list of rows, not {name_type(rows)}.", pointer)
    return None if rows else Fault("There are no rows.", pointer)


def read_inline(request: dict[str, Any], limits: Limits) -> Examples:
    """The examples in a request that check_inline has accepted; raises InvalidData."""
    member = "rows" if "rows" in request else "targets"
    if len(request[member]) > limits.rows:
        detail = f"There are {len(request[member]):,} rows; the limit is {limits.rows:,}."
        raise InvalidData(Fault(detail, pointer_to(member)))
    if member == "rows":
        return read_examples(read_posted_rows(request["rows"], limits), request)
    inputs = request["inputs"]
    if isinstance(inputs, dict):
        tensors = {name: _read_input(rows, ("inputs", name)) for name, rows in inputs.items()}
    else:
        tensors = {SINGLE_INPUT: _read_input(inputs, ("inputs",))}
    kind = KINDS[max(tensor.ndim - 1 for tensor in tensors.values())]
    targets, classes = _read_targets(request["targets"])
    return Examples(kind, targets, tensors=tensors, classes=classes)


def _read_input(rows: list, where: tuple[str, ...]) -> np.ndarray:
    array = compact(read_numbers(rows, Place(where), InvalidData, dtype=np.float64))
    if array.ndim - 1 not in KINDS:
        detail = f"A row has {array.ndim - 1} dimensions; the limit is {max(KINDS)} (frames, height, width, channels)."
        raise InvalidData(Fault(detail, pointer_to(*where)))
    return array[:, None] if array.ndim == 1 else array


def compact(array: np.ndarray) -> np.ndarray:
    """The same numbers in the smallest type that is as exact as float32."""
    smallest, largest = array.min(), array.max()
    if max(-smallest, largest) <= EXACT_IN_FLOAT32 and np.array_equal(array, np.rint(array)):
        return array.astype(np.uint8 if smallest >= 0 and largest <= 255 else np.int32)
    return array.astype(np.float32)


def _read_targets(targets: list) -> tuple[np.ndarray | Texts, tuple[Any, ...] | None]:
    """The targets as in Examples, and the classes if they are names of labels."""
    types = set(map(type, targets))
    if types == {list} and all(set(map(type, row)) <= {str} for row in targets):
        return _read_labels(targets)
    if types == {str}:
        row = max(range(len(targets)), key=lambda number: len(targets[number]))
        if len(targets[row]) > MAX_CLASS_NAME:
            detail = f"Target {row} has {len(targets[row]):,} characters; a class has at most {MAX_CLASS_NAME}."
            raise InvalidData(Fault(detail, pointer_to("targets", row), row=row))
        return Texts.of(targets), None
    if types == {bool}:
        return np.array(targets), None
    if str in types or bool in types:
        odd = next(number for number, value in enumerate(targets) if type(value) is not type(targets[0]))
        detail = f"Target {odd} is {name_type(targets[odd])}, but earlier ones are {name_type(targets[0])}."
        raise InvalidData(Fault(detail, pointer_to("targets", odd), row=odd))
    array = read_numbers(targets, Place(("targets",)), InvalidData, dtype=np.float64)
    whole = leaf_types(targets) == {int} and np.abs(array).max() < EXACT_IN_FLOAT64
    return numeric_targets(array.astype(np.int64) if whole else array), None


def numeric_targets(array: np.ndarray) -> np.ndarray:
    """Targets (rows, …) as in Examples: one number per row without an axis of its own, rows of 0 and 1 as labels."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    return array.astype(bool) if array.ndim == 2 and np.isin(array, (0, 1)).all() else array


def _read_labels(targets: list[list[str]]) -> tuple[np.ndarray, tuple[str, ...]]:
    """A boolean matrix (rows, classes) from lists of label names, and the sorted names."""
    classes = tuple(sorted({label for row in targets for label in row}))
    if not classes:
        raise InvalidData(Fault("No row has a label.", pointer_to("targets")))
    position = {label: index for index, label in enumerate(classes)}
    matrix = np.zeros((len(targets), len(classes)), dtype=bool)
    for number, row in enumerate(targets):
        matrix[number, [position[label] for label in row]] = True
    return matrix, classes
