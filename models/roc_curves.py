"""ROC curves of an evaluation: each class against the rest, thinned so that they can be stored and drawn."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from models.values.rounding import short_numbers

MOST_CURVES = 20
"""The most classes whose curve is stored: those with the smallest areas, where most is left to learn."""
MOST_POINTS = 200
"""The most points of a stored curve."""


@dataclass(frozen=True)
class RocCurve:
    """The rates of a class at all thresholds, from the highest threshold to the lowest, (points,) each."""

    false_positive_rates: np.ndarray
    true_positive_rates: np.ndarray
    thresholds: np.ndarray
    """A row counts as predicted from this score on. The first is infinite: no row is predicted."""

    @classmethod
    def fit(cls, truth: np.ndarray, scores: np.ndarray) -> Self:
        """The curve of whether rows are of the class (rows,) and of their scores (rows,), as scikit-learn's `roc_curve`
        computes it; some rows must be of the class, and some not."""
        from sklearn.metrics import roc_curve

        return cls(*roc_curve(truth, scores))

    @property
    def area(self) -> float:
        """The area under the curve, as scikit-learn's `roc_auc_score` computes it."""
        return float(np.trapezoid(self.true_positive_rates, self.false_positive_rates))

    def thinned(self) -> Self:
        """At most MOST_POINTS of its points, evenly along the curve, with both ends."""
        along = self.false_positive_rates + self.true_positive_rates
        wanted = np.searchsorted(along, np.linspace(0, along[-1], MOST_POINTS - 1))
        places = np.unique(np.concatenate([wanted, [len(along) - 1]]))
        return type(self)(self.false_positive_rates[places], self.true_positive_rates[places], self.thresholds[places])


class StoredCurves:
    """The curves with the smallest areas, at most MOST_CURVES, and how many there were."""

    def __init__(self) -> None:
        self._found = 0
        self._kept: list[tuple[float, int, RocCurve]] = []

    def add(self, number: int, curve: RocCurve) -> None:
        """Count the curve of the class with this index, whose indices increase."""
        self._found += 1
        self._kept.append((curve.area, number, curve.thinned()))
        if len(self._kept) > MOST_CURVES:
            self._kept.remove(max(self._kept, key=lambda kept: kept[:2]))

    def to_document(self) -> dict[str, Any]:
        """The stored `curves` in the order of their classes, each with `class` (its index), `area`,
        `false_positive_rates`, `true_positive_rates` and `thresholds`; `found` counts those of all classes."""
        curves = [
            {
                "class": number,
                "area": area,
                "false_positive_rates": short_numbers(curve.false_positive_rates),
                "true_positive_rates": short_numbers(curve.true_positive_rates),
                "thresholds": short_numbers(curve.thresholds),
            }
            for area, number, curve in self._kept
        ]
        return {"curves": curves, "found": self._found}
