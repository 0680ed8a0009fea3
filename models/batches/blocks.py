"""Blocks of rows for a network, of a size that limits memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.errors import Fault, InvalidInstances
from models.preprocessing import Preprocessing

MOST_ROWS = 65_536
MOST_NUMBERS = 4 * 1024 * 1024
"""The numbers of preprocessed inputs that a block has at most."""
Inputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Block:
    """Preprocessed rows: float32, shape (rows, …), by input."""

    rows: np.ndarray
    """The row numbers, int64."""
    inputs: Inputs
    warnings: list[dict[str, Any]]
    """Warnings with `row`, `column`, `type` and `detail`, like those of predictions."""
    fraction: float
    """The fraction of the work that is done after this block."""
    files: Sequence[str] | None = None
    """The file names of images in a ZIP file; None for other formats."""
    labels: Sequence[dict[str, Any]] | None = None
    """For rows of series: which series each sequence is of, and after which time."""


Blocks = Iterator[Block]
Predict = Callable[[Inputs], np.ndarray]


def count_rows(preprocessing: Preprocessing) -> int:
    """The number of rows of a block."""
    width = sum(int(np.prod(input_.shape)) for input_ in preprocessing.inputs.values())
    return max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, width)))


def renumber(error: InvalidInstances, rows: np.ndarray, file: str | None = None) -> InvalidInstances:
    """A block's error with the row numbers of `rows`. In `error`, the block's first row is 0."""
    return InvalidInstances(*(_renumber_fault(fault, rows, file) for fault in error.faults))


def _renumber_fault(fault: Fault, rows: np.ndarray, file: str | None) -> Fault:
    fault = replace(fault, pointer=None, file=fault.file or file)
    if fault.row is None or fault.row >= len(rows):
        return fault
    own, number = f"Row {fault.row}", int(rows[fault.row])
    detail = f"Row {number}{fault.detail.removeprefix(own)}" if fault.detail.startswith(own) else fault.detail
    return replace(fault, detail=detail, row=number)


def renumber_warnings(warnings: list[dict[str, Any]], rows: np.ndarray) -> list[dict[str, Any]]:
    """A block's warnings with the row numbers of `rows`. In `warnings`, the block's first row is 0; None stays None."""
    return [warning if warning["row"] is None else warning | {"row": int(rows[warning["row"]])} for warning in warnings]
