"""Missing numbers of a table that becomes sequences."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Gaps:
    """The table's numbers in time order, float32 (rows, features), NaN where missing; the sequences are views of it.

    Sequence n begins at row `stride` · n and has `steps` rows.
    """

    matrix: np.ndarray
    steps: int
    stride: int

    def fill(self, training: np.ndarray) -> dict[str, object]:
        """Put each feature's median, of the rows within the training sequences (their numbers are given), where a
        number is missing; returns how many are, and the medians, as the description of the input has them."""
        covered = np.zeros(len(self.matrix), dtype=bool)
        starts = training * self.stride
        for step in range(self.steps):
            covered[starts + step] = True
        missing, medians = 0, []
        for column in self.matrix.T:
            absent = np.isnan(column)
            present = column[covered & ~absent]
            medians.append(float(np.median(present)) if len(present) else 0.0)
            column[absent] = medians[-1]
            missing += int(absent.sum())
        return {"missing": missing, "fill": medians}
