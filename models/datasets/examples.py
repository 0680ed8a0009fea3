"""What a source yields before it is split: raw inputs and targets, rows first."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.dataset_descriptor import DatasetDescriptor, FileDescriptor, LeftOut, Note
from models.datasets.tables.sequences import Sequences, SlidingWindows
from models.spec import SINGLE_INPUT
from models.tabular.raw_table import RawTable
from models.values.columns import Texts


@dataclass(frozen=True)
class Examples:
    """Raw rows: either `tensors`, one per input, or a `table`, whose columns include the target.

    `targets` are numbers (rows, …), booleans (rows,), texts that name classes, or a boolean matrix (rows, classes)
    if a row may have several labels. The last `test_rows` rows are the source's own test rows. Rows of the table or the
    tensors that have no target are no examples.
    """

    kind: str
    targets: np.ndarray | Texts
    tensors: dict[str, np.ndarray] | None = None
    table: RawTable | None = None
    target_name: str = "target"
    target_unit: str | None = None
    """The unit of numbers that are written with it in a table."""
    classes: tuple[Any, ...] | None = None
    """The classes in the source's order; None: the classes that occur, sorted."""
    test_rows: int = 0
    guide: np.ndarray | Texts | None = None
    """What to split the rows by (rows,): the names of their splits, or their positions in time; None: randomly."""
    groups: np.ndarray | None = None
    """The number of each row's group (rows,), from 0; the rows of a group stay in one split. None: no groups."""
    numbers: np.ndarray | None = None
    """The indices of the rows in the table or the tensors (rows,), ascending; None: they are all of its rows."""
    left_out: tuple[LeftOut, ...] = ()
    """The columns of a table that aren't in its sequences."""
    notes: tuple[Note, ...] = ()
    """What was assumed or changed while the rows were read."""
    sequences: Sequences | None = None
    """The sequences of a table, which become windows once the training rows are known."""
    windows: SlidingWindows | None = None
    """These windows, in place of tensors."""
    facts: FileDescriptor = field(default_factory=FileDescriptor)
    """What was detected about the file that the rows come from."""
    earlier: DatasetDescriptor | None = None
    """For rows that were appended to a table: the descriptor of that table."""

    @property
    def rows(self) -> int:
        return len(self.targets)


def vectors(inputs: np.ndarray, targets: np.ndarray, classes: tuple[Any, ...] | None = None) -> Examples:
    """Examples with one input of shape (rows, features)."""
    return Examples("vector", targets, tensors={SINGLE_INPUT: inputs.astype(np.float32)}, classes=classes)
