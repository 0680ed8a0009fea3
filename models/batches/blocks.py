"""Rows on their way to a network, as many at a time as memory is meant for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.errors import Fault, InvalidInstances
from models.preprocessing import Preprocessing

MOST_ROWS = 65_536
MOST_NUMBERS = 4 * 1024 * 1024
"""Numbers of the processed inputs that are in memory at once."""
Inputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class Block:
    """Some rows, ready for the network: float32, rows first, by input."""

    rows: np.ndarray
    """Their numbers, int64."""
    inputs: Inputs
    warnings: list[dict[str, Any]]
    """`row`, `column`, `type`, `detail`, as those of predictions."""
    fraction: float
    """The share of all the work that is done with this block."""
    files: Sequence[str] | None = None
    """Of pictures in a ZIP: what they are called."""


Blocks = Iterator[Block]
Predict = Callable[[Inputs], np.ndarray]


def count_rows(preprocessing: Preprocessing) -> int:
    """How many rows a block has."""
    width = sum(int(np.prod(input_.shape)) for input_ in preprocessing.inputs.values())
    return max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, width)))


def renumber(error: InvalidInstances, rows: np.ndarray, file: str | None = None) -> InvalidInstances:
    """The error of a block, whose faults count rows from its first, with the rows' own numbers."""
    return InvalidInstances(*(_renumber_fault(fault, rows, file) for fault in error.faults))


def _renumber_fault(fault: Fault, rows: np.ndarray, file: str | None) -> Fault:
    fault = replace(fault, pointer=None, file=fault.file or file)
    if fault.row is None or fault.row >= len(rows):
        return fault
    own, number = f"Row {fault.row}", int(rows[fault.row])
    detail = f"Row {number}{fault.detail.removeprefix(own)}" if fault.detail.startswith(own) else fault.detail
    return replace(fault, detail=detail, row=number)


def renumber_warnings(warnings: list[dict[str, Any]], rows: np.ndarray) -> list[dict[str, Any]]:
    """The same with the rows' own numbers."""
    return [warning | {"row": int(rows[warning["row"]])} for warning in warnings]
