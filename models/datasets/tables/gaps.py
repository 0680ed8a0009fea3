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
        """Replace each missing number with the feature's median over the rows of the training sequences, whose indices
        are given; returns the number of missing values and the medians, as in the description of the input."""
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
