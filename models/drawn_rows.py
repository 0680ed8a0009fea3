"""Some rows of a regression's evaluation, evenly drawn: what was predicted, and what is true."""

from typing import Any

import numpy as np

from models.values.rounding import short_numbers

MOST_ROWS = 1000
MOST_NUMBERS = 4000
"""The most predicted numbers: of several outputs, fewer rows are drawn."""
MOST_OUTPUTS = 9
"""The most outputs whose numbers are kept: the first ones."""


class DrawnRows:
    """Keeps the targets and the predictions of evenly drawn rows, in the target's units."""

    def __init__(self, rows: int, outputs: int) -> None:
        """How many rows there are, and how many numbers a row's target has."""
        self._total, self._outputs = rows, outputs
        self._kept = min(outputs, MOST_OUTPUTS)
        drawn = min(rows, MOST_ROWS, MOST_NUMBERS // max(1, self._kept))
        self._rows = np.unique(np.linspace(0, max(0, rows - 1), drawn).round().astype(np.int64))
        self._true, self._predicted = (np.empty((len(self._rows), self._kept)) for _ in range(2))
        self._seen = 0

    def add(self, targets: np.ndarray, predicted: np.ndarray) -> None:
        """Look at rows: targets and predictions, (rows, …) both."""
        first, last = np.searchsorted(self._rows, [self._seen, self._seen + len(targets)])
        places = self._rows[first:last] - self._seen
        for kept, values in ((self._true, targets), (self._predicted, predicted)):
            kept[first:last] = values.reshape(len(values), -1)[places, : self._kept]
        self._seen += len(targets)

    def to_document(self) -> dict[str, Any]:
        """`rows` (the indices in the split), in `true` and `predicted` a list for each kept output, and in `total` and
        `outputs` how many rows and outputs there are."""
        return {
            "rows": self._rows.tolist(),
            "total": self._total,
            "true": [short_numbers(column) for column in self._true.T],
            "predicted": [short_numbers(column) for column in self._predicted.T],
            "outputs": self._outputs,
        }
