"""Whether scores are probabilities: of the rows with a score of about 0.7, 70 % should be of the class."""

from typing import Any

import numpy as np

BINS = 10
EDGES = np.linspace(0, 1, BINS + 1)


class Calibration:
    """Counts decisions by their score, in ten bins of equal width; a score on an edge is in the lower bin.

    The means and shares of the bins with decisions equal those of scikit-learn's `calibration_curve` (a reliability
    diagram: DeGroot and Fienberg, "The comparison and evaluation of forecasters", 1983).
    """

    def __init__(self) -> None:
        self._decisions, self._true = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
        self._scores = np.zeros(BINS)
        self._is_finite = True

    def add(self, scores: np.ndarray, truth: np.ndarray) -> None:
        """Count decisions: their scores, from 0 to 1, and whether they were right; any shape, the same of both."""
        scores, truth = scores.ravel().astype(np.float64), truth.ravel()
        if not self._is_finite or not np.isfinite(scores).all():
            self._is_finite = False
            return
        bins = np.searchsorted(EDGES[1:-1], scores)
        self._decisions += np.bincount(bins, minlength=BINS)
        self._true += np.bincount(bins[truth], minlength=BINS)
        self._scores += np.bincount(bins, scores, BINS)

    def bins(self) -> list[dict[str, Any]] | None:
        """For each bin its bounds `lower` and `upper`, the number of decisions, their mean score, and the share that
        were right; the last two are None without decisions. None if a score isn't finite."""
        if not self._is_finite:
            return None
        edges, counts = EDGES.round(1).tolist(), self._decisions.tolist()
        return [
            {
                "lower": edges[i],
                "upper": edges[i + 1],
                "count": counts[i],
                "mean_score": float(self._scores[i] / counts[i]) if counts[i] else None,
                "share": float(self._true[i] / counts[i]) if counts[i] else None,
            }
            for i in range(BINS)
        ]
