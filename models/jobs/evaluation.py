"""What an evaluation is asked, told, and reports."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment


@dataclass(frozen=True)
class EvaluationRequest(Document):
    """Whose rows are taken; version and dataset are columns of the job."""

    split: str = "test"


@dataclass(frozen=True, kw_only=True)
class EvaluationAssignment(Assignment):
    """Evaluate the version in the folder `version` on a split of the dataset in the folder `dataset`."""

    task: ClassVar = "models.tasks.evaluation:run"
    version: Path
    dataset: Path
    split: str


@dataclass(frozen=True)
class EvaluationResult(Document):
    """What a version reaches on a split, as clients see it: numbers that aren't finite are None."""

    loss: float | None
    metrics: dict[str, float | None] = field(default_factory=dict)
    classes: list[Any] | None = None
    """In order; None for a regression."""
    confusion_matrix: list[list[int]] | None = None
    per_class: list[dict[str, Any]] | None = None
    """The figures of each class; models/figures.py."""
