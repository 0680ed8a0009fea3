"""What a source yields before it is split: raw inputs and targets, rows first."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.datasets.tables.gaps import Gaps
from models.spec import SINGLE_INPUT
from models.tabular.describing import LeftOut
from models.tabular.raw_table import RawTable
from models.values.columns import Texts


@dataclass(frozen=True)
class Examples:
    """Raw rows: either `tensors`, one for each input, or a `table`, which still has the target among its columns.

    `targets` are numbers (rows, …), booleans (rows,), texts that name classes, or a boolean matrix (rows, classes)
    where a row may have several labels. The last `test_rows` rows are test rows of the source's own.
    """

    kind: str
    targets: np.ndarray | Texts
    tensors: dict[str, np.ndarray] | None = None
    table: RawTable | None = None
    target_name: str = "target"
    classes: tuple[Any, ...] | None = None
    """The classes in the source's own order; None: those that occur, sorted."""
    test_rows: int = 0
    guide: np.ndarray | Texts | None = None
    """What to split the rows by (rows,): their splits' names, or their places in time; None: by chance."""
    features: tuple[str, ...] = ()
    """Of sequences that were a table: what the last axis holds."""
    left_out: tuple[LeftOut, ...] = ()
    """The columns of that table that the sequences don't hold."""
    gaps: Gaps | None = None
    """Of sequences that were a table: what it doesn't say, to be filled once the training rows are known."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What was recognised about the file that the rows come from."""

    @property
    def rows(self) -> int:
        return len(self.targets)


def vectors(inputs: np.ndarray, targets: np.ndarray, classes: tuple[Any, ...] | None = None) -> Examples:
    """Examples with one input of shape (rows, features)."""
    return Examples("vector", targets, tensors={SINGLE_INPUT: inputs.astype(np.float32)}, classes=classes)
