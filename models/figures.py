"""The figures of an evaluation besides the loss and the network's own metrics, from rows in blocks.

A row's predicted classes are those of a prediction (models/scores.py). Figures of classes equal scikit-learn's, with
None where scikit-learn warns: a class without rows has no recall. Per row, only the class index stays in memory; the
scores are in an unnamed file.
"""

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from models.calibration import Calibration
from models.drawn_rows import DrawnRows
from models.roc_curves import RocCurve, StoredCurves
from models.scores import predicted_classes, predicted_labels
from models.scratch import scratch_array
from models.spec import THRESHOLD, Task

MOST_CLASSES_IN_MATRIX = 256
"""The most classes with a confusion matrix: a larger matrix would have more than 65,536 numbers."""
MOST_SCORES = 250_000_000
"""The most scores (rows × classes) with a ROC AUC and a PR AUC, which need all scores: a gigabyte on disk."""
TOO_MANY_SCORES, SCORES_NOT_FINITE = "too_many_scores", "scores_not_finite"
"""Why there is no ROC curve."""
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""What log loss uses instead of a score of 0, as in scikit-learn."""


class Figures(Protocol):
    """Collects rows and computes their figures."""

    def add(self, targets: np.ndarray, predicted: np.ndarray) -> None:
        """Count rows; both have rows first."""

    def metrics(self) -> dict[str, float | None]:
        """Figures of all rows, by name."""

    def details(self) -> dict[str, Any]:
        """`confusion_matrix` and `per_class`, and for classes also `calibration` and `positive_class`."""

    def points(self) -> dict[str, Any]:
        """What only pictures need: `rows` of a regression (models/drawn_rows.py), or the curves of classes as `roc`
        (models/roc_curves.py)."""


class NumberFigures:
    """`mae`, `rmse` and `r2` of a regression, averaged over several outputs."""

    def __init__(self, targets: np.ndarray) -> None:
        """`targets` are those of all rows; R² needs their mean."""
        self._mean = targets.mean(axis=0, dtype=np.float64)
        self._rows = len(targets)
        self._absolute, self._squared, self._around_mean = (np.zeros(self._mean.shape) for _ in range(3))
        self._drawn = DrawnRows(len(targets), self._mean.size)

    def add(self, targets: np.ndarray, predicted: np.ndarray) -> None:
        """Count rows: targets and outputs as numbers, (rows, …) both."""
        targets = targets.astype(np.float64)
        errors = predicted.reshape(targets.shape) - targets
        self._absolute += np.abs(errors).sum(axis=0)
        self._squared += (errors**2).sum(axis=0)
        self._around_mean += ((targets - self._mean) ** 2).sum(axis=0)
        self._drawn.add(targets, predicted)

    def metrics(self) -> dict[str, float | None]:
        r2 = 1 - divide(self._squared, self._around_mean)
        return {
            "mae": mean_without_nan(self._absolute / self._rows),
            "rmse": mean_without_nan(np.sqrt(self._squared / self._rows)),
            "r2": mean_without_nan(r2),
        }

    def details(self) -> dict[str, Any]:
        return {"confusion_matrix": None, "per_class": None}

    def points(self) -> dict[str, Any]:
        return {"rows": self._drawn.to_document()}


class ClassFigures:
    """Figures of rows with one class each. Of two classes, the second is the positive one."""

    def __init__(
        self,
        classes: list[Any],
        rows: int,
        folder: Path,
        task: Task = Task.MULTICLASS,
        threshold: float = THRESHOLD,
    ) -> None:
        """The `threshold` is that of a binary task."""
        self._classes = classes
        self._task, self._threshold = task, threshold
        count = len(classes)
        self._truth = np.empty(rows, np.int32)
        self._matrix = np.zeros((count, count), np.int64) if count <= MOST_CLASSES_IN_MATRIX else None
        self._hits, self._support, self._predicted = (np.zeros(count, np.int64) for _ in range(3))
        self._log_loss = self._squares = 0.0
        self._calibration = Calibration()
        self._scores = StoredScores(folder, rows, count)
        self._rows = 0

    def add(self, targets: np.ndarray, predicted: np.ndarray) -> None:
        """Count rows: their class indices (rows,), and the score of each class (rows, classes)."""
        count, guesses = len(self._classes), guess_classes(predicted, self._task, self._threshold)
        self._truth[self._rows : self._rows + len(targets)] = targets
        self._rows += len(targets)
        self._hits += np.bincount(targets[guesses == targets], minlength=count)
        self._support += np.bincount(targets, minlength=count)
        self._predicted += np.bincount(guesses, minlength=count)
        if self._matrix is not None:
            self._matrix += np.bincount(targets * count + guesses, minlength=count**2).reshape(count, count)
        self._log_loss += total_log_loss(predicted[np.arange(len(targets)), targets])
        self._add_probabilities(targets, predicted, guesses)
        self._scores.add(predicted)

    def _add_probabilities(self, targets: np.ndarray, predicted: np.ndarray, guesses: np.ndarray) -> None:
        """Count what the Brier score and the calibration need: of two classes those of the positive one, of more the
        squares of all scores, and the calibration of the predicted class."""
        if len(self._classes) == 2:
            self._squares += total_squares(predicted[:, 1], targets == 1)
            self._calibration.add(predicted[:, 1], targets == 1)
            return
        self._squares += total_squares(predicted, targets[:, None] == np.arange(len(self._classes)))
        self._calibration.add(predicted[np.arange(len(targets)), guesses], guesses == targets)

    def metrics(self) -> dict[str, float | None]:
        figures = rates(self._hits, self._predicted, self._support)
        positive = {name: finite_or_none(values[1]) for name, values in figures.items()} if self._is_binary else {}
        areas, precisions = zip(*map(self._areas, self._averaged_classes()), strict=True)
        return {
            "accuracy": finite_or_none(self._hits.sum() / self._rows),
            "balanced_accuracy": mean_without_nan(figures["recall"]),
            **positive,
            **average(figures, self._support),
            "roc_auc": mean_without_nan(np.array(areas)),
            "pr_auc": mean_without_nan(np.array(precisions)),
            "log_loss": finite_or_none(self._log_loss / self._rows),
            "brier": finite_or_none(self._squares / self._rows),
        }

    @property
    def _is_binary(self) -> bool:
        return len(self._classes) == 2

    def _areas(self, number: int) -> tuple[float, float]:
        """The areas under the ROC curve and the precision-recall curve of a class against the rest."""
        truth = self._truth == number
        return self._scores.area(number, truth), self._scores.average_precision(number, truth)

    def _averaged_classes(self) -> list[int]:
        """The classes whose areas are averaged: of two classes only the positive one."""
        return [1] if self._is_binary else list(range(len(self._classes)))

    def details(self) -> dict[str, Any]:
        matrix = None if self._matrix is None else self._matrix.tolist()
        per_class = describe_classes(self._classes, rates(self._hits, self._predicted, self._support), self._support)
        return {
            "confusion_matrix": matrix,
            "per_class": per_class,
            "calibration": self._calibration.bins(),
            "positive_class": self._classes[1] if self._is_binary else None,
        }

    def points(self) -> dict[str, Any]:
        return {"roc": self._scores.curves()}


class LabelFigures:
    """Figures of rows with any number of labels: each label is a separate binary decision."""

    def __init__(self, classes: list[Any], rows: int, folder: Path, threshold: float = THRESHOLD) -> None:
        self._classes, self._threshold = classes, threshold
        self._truth = scratch_array(folder, (len(classes), rows), np.bool_)
        self._hits, self._support, self._predicted = (np.zeros(len(classes), np.int64) for _ in range(3))
        self._log_loss = self._squares = 0.0
        self._calibration = Calibration()
        self._scores = StoredScores(folder, rows, len(classes))
        self._rows = 0

    def add(self, targets: np.ndarray, predicted: np.ndarray) -> None:
        """Count rows: their labels and the score of each label, both (rows, classes)."""
        guesses = predicted_labels(predicted, self._threshold)
        self._truth[:, self._rows : self._rows + len(targets)] = targets.T
        self._rows += len(targets)
        self._hits += (targets & guesses).sum(axis=0)
        self._support += targets.sum(axis=0)
        self._predicted += guesses.sum(axis=0)
        self._log_loss += total_log_loss(np.where(targets, predicted, 1 - predicted))
        self._squares += total_squares(predicted, targets)
        self._calibration.add(predicted, targets)
        self._scores.add(predicted)

    def metrics(self) -> dict[str, float | None]:
        decisions, labels = self._rows * len(self._classes), range(len(self._classes))
        wrong = (self._predicted + self._support - 2 * self._hits).sum()
        areas = [self._scores.area(number, self._truth[number]) for number in labels]
        precisions = [self._scores.average_precision(number, self._truth[number]) for number in labels]
        return {
            "accuracy": finite_or_none(1 - wrong / decisions),
            "balanced_accuracy": self._balanced_accuracy(),
            **average(rates(self._hits, self._predicted, self._support), self._support),
            "roc_auc": mean_without_nan(np.array(areas)),
            "pr_auc": mean_without_nan(np.array(precisions)),
            "log_loss": finite_or_none(self._log_loss / decisions),
            "brier": finite_or_none(self._squares / decisions),
        }

    def _balanced_accuracy(self) -> float | None:
        """The mean over the labels of the mean recall of the rows with and without the label."""
        others = self._rows - self._support
        recalls = np.stack([divide(self._hits, self._support), divide(others - self._predicted + self._hits, others)])
        return mean_without_nan(np.nanmean(recalls, axis=0))

    def details(self) -> dict[str, Any]:
        entries = describe_classes(self._classes, rates(self._hits, self._predicted, self._support), self._support)
        missed, false = self._support - self._hits, self._predicted - self._hits
        others = self._rows - self._support - false
        matrices = np.stack([np.stack([others, false], axis=1), np.stack([missed, self._hits], axis=1)], axis=1)
        for entry, matrix in zip(entries, matrices.tolist(), strict=True):
            entry["confusion_matrix"] = matrix
        return {
            "confusion_matrix": None,
            "per_class": entries,
            "calibration": self._calibration.bins(),
            "positive_class": None,
        }

    def points(self) -> dict[str, Any]:
        return {"roc": self._scores.curves()}


class StoredScores:
    """All scores, class by class, in an unnamed file; nothing if there are too many or one is NaN."""

    def __init__(self, folder: Path, rows: int, classes: int) -> None:
        few = rows * classes <= MOST_SCORES
        self._scores = scratch_array(folder, (classes, rows), np.float32) if few else None
        self._missing = None if few else TOO_MANY_SCORES
        self._curves = StoredCurves()
        self._rows = 0

    def add(self, scores: np.ndarray) -> None:
        """Store scores (rows, classes)."""
        if self._scores is None:
            return
        if not np.isfinite(scores).all():
            self._scores, self._missing = None, SCORES_NOT_FINITE
            return
        self._scores[:, self._rows : self._rows + len(scores)] = scores.T
        self._rows += len(scores)

    def area(self, number: int, truth: np.ndarray) -> float:
        """The area under the ROC curve of a class against the rest, whose curve is then among `curves`; NaN unless both
        have rows."""
        if self._scores is None or truth.all() or not truth.any():
            return math.nan
        curve = RocCurve.fit(truth, self._scores[number])
        self._curves.add(number, curve)
        return curve.area

    def curves(self) -> dict[str, Any]:
        """The curves of the computed areas (models/roc_curves.py), and in `missing` why there is none."""
        return self._curves.to_document() | {"missing": self._missing}

    def average_precision(self, number: int, truth: np.ndarray) -> float:
        """The area under the precision-recall curve of a class against the rest, as the sum of the precisions at all
        thresholds, weighted by the increases of the recall (scikit-learn's `average_precision_score`); NaN unless the
        class has rows."""
        from sklearn.metrics import average_precision_score

        if self._scores is None or not truth.any():
            return math.nan
        return float(average_precision_score(truth, self._scores[number]))


def guess_classes(scores: np.ndarray, task: Task, threshold: float = THRESHOLD) -> np.ndarray:
    """As models.scores.predicted_classes, but NaN counts as the lowest score; if all are NaN, the class is 0."""
    missing = np.isnan(scores)
    return np.where(missing.all(axis=1), 0, predicted_classes(np.where(missing, -np.inf, scores), task, threshold))


def total_log_loss(scores: np.ndarray) -> float:
    """The sum of -log of the scores of the true classes."""
    return float(-np.log(np.clip(scores.astype(np.float64), SMALLEST_PROBABILITY, 1)).sum())


def total_squares(scores: np.ndarray, truth: np.ndarray) -> float:
    """The sum of the squared differences between scores and what is true, 0 or 1; both have the same shape.

    Divided by the rows it is the Brier score (Brier, "Verification of forecasts expressed in terms of probability",
    1950): of all classes from 0 to 2; of the positive one of two classes from 0 to 1, as in scikit-learn.
    """
    return float(((scores.astype(np.float64) - truth) ** 2).sum())


def rates(hits: np.ndarray, predicted: np.ndarray, support: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of each class (classes,), from counts of rows; NaN for 0 divided by 0.

    `hits` counts the rows of a class that were predicted as that class, `predicted` all rows predicted as that class,
    `support` all rows of that class.
    """
    return {
        "precision": divide(hits, predicted),
        "recall": divide(hits, support),
        "f1": divide(2 * hits, predicted + support),
    }


def average(figures: dict[str, np.ndarray], support: np.ndarray) -> dict[str, float | None]:
    """The means over classes, unweighted (`macro_…`) and weighted by their rows (`weighted_…`).

    A class without a figure is left out.
    """
    means = {f"macro_{name}": mean_without_nan(values) for name, values in figures.items()}
    return means | {f"weighted_{name}": mean_without_nan(values, support) for name, values in figures.items()}


def describe_classes(classes: list[Any], figures: dict[str, np.ndarray], support: np.ndarray) -> list[dict[str, Any]]:
    """One entry per class: `label`, its figures, `support`."""
    return [
        {
            "label": label,
            **{name: finite_or_none(values[i]) for name, values in figures.items()},
            "support": int(support[i]),
        }
        for i, label in enumerate(classes)
    ]


def divide(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    """Quotients; NaN where the denominator is 0."""
    quotients = np.full(numerators.shape, math.nan)
    return np.divide(numerators, denominators, out=quotients, where=denominators != 0)


def mean_without_nan(values: np.ndarray, weights: np.ndarray | None = None) -> float | None:
    """The mean of all values except NaN; None if there are no values or their total weight is 0."""
    there = ~np.isnan(values)
    weights = np.ones(values.shape) if weights is None else weights
    if not weights[there].sum():
        return None
    return finite_or_none(np.average(values[there], weights=weights[there]))


def finite_or_none(value: float) -> float | None:
    """The value, or None if it isn't finite."""
    return float(value) if math.isfinite(value) else None
