"""The request, assignment and result of an evaluation."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from models.documents import Document
from models.jobs.assignment import Assignment


@dataclass(frozen=True)
class EvaluationRequest(Document):
    """The rows to evaluate on. The version and the dataset are columns of the job."""

    split: str = "test"
    threshold: float | None = None
    """The requested threshold, or the model's; None for tasks without one, and in jobs of older releases."""
    variant: str | None = None
    """The type of the version's variant that is evaluated; None: the version itself."""


@dataclass(frozen=True, kw_only=True)
class EvaluationAssignment(Assignment):
    """Evaluate the version in the folder `version`, or its variant in the folder `variant`, on a split of the dataset
    in the folder `dataset`."""

    task: ClassVar = "models.tasks.evaluation:run"
    version: Path
    dataset: Path
    split: str
    threshold: float | None = None
    """None: the threshold of the version's spec."""
    variant: Path | None = None


@dataclass(frozen=True)
class EvaluationResult(Document):
    """The metrics of a version on a split, as clients see them. NaN and infinity are None."""

    loss: float | None
    metrics: dict[str, float | None] = field(default_factory=dict)
    classes: list[Any] | None = None
    """The classes in the order of the confusion matrix; None for a regression."""
    confusion_matrix: list[list[int]] | None = None
    per_class: list[dict[str, Any]] | None = None
    """The metrics of each class, as models/figures.py computes them."""
    calibration: list[dict[str, Any]] | None = None
    """Scores and the shares of true classes, as models/calibration.py counts them."""
    positive_class: Any = None
    """Of two classes, the one that `precision`, `recall`, `f1`, `roc_auc`, `pr_auc` and `calibration` are of."""
    threshold: float | None = None
    """The score from which classes counted as predicted; None for tasks without a threshold."""
    baseline: dict[str, float | None] | None = None
    """The loss and the metrics of the naive guess; None for a version that was saved without it."""
    warnings: list[dict[str, str]] = field(default_factory=list)
    """What the dataset has that the version didn't learn, each with `type` and `detail`."""
    points: dict[str, Any] | None = None
    """What only pictures need (models/figures.py), and as `target` how to name it. It is stored apart: lists of
    evaluations would grow large. None in the stored result, and for evaluations of older releases."""

    def without_points(self) -> tuple[Self, dict[str, Any] | None]:
        """The result to store, and the points to store apart."""
        return replace(self, points=None), self.points
