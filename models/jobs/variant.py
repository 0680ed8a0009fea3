"""The request, assignment and result of making a variant: a version's network, smaller and faster."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment

INT8 = "int8"
"""Weights and activations are quantized to 8 bits."""
VARIANT_TYPES = (INT8,)


@dataclass(frozen=True)
class VariantRequest(Document):
    """What to make. The version and the dataset are columns of the job."""

    type: str = INT8
    max_accuracy_drop: float = 0.01
    """The largest drop of the compared metric, in its own units, with which the variant is kept."""


@dataclass(frozen=True, kw_only=True)
class VariantAssignment(Assignment):
    """Make a variant of the version in the folder `version`, calibrated and measured on the dataset in the folder
    `dataset`."""

    task: ClassVar = "models.tasks.variant:run"
    version: Path
    dataset: Path
    type: str
    max_accuracy_drop: float


@dataclass(frozen=True)
class VariantResult(Document):
    """A variant and what was measured of it. Its folder is served like a version's: it has its own `network.onnx`,
    and the version's `preprocessing.json`.

    A variant whose metric dropped too far has no files: `certified` is False, and the task raises AccuracyDrop, whose
    `members["figures"]` is this document.
    """

    type: str
    bytes: int
    """The size of its network."""
    version_bytes: int
    """The size of the version's own network."""
    metrics: dict[str, dict[str, float | None]] = field(default_factory=dict)
    """The metrics on the compared rows, under `variant` and `version`."""
    split: str = "test"
    """The split whose rows were compared."""
    rows: int = 0
    """The number of compared rows."""
    calibration_rows: int = 0
    """The number of training rows from which the ranges of activations were taken."""
    quantized: dict[str, int] = field(default_factory=dict)
    """The number of operations that compute in 8 bits, by ONNX type."""
    unquantized: dict[str, int] = field(default_factory=dict)
    """The number of operations that compute as in the version, by ONNX type."""
    compared: str = "accuracy"
    """The metric whose drop counts: `accuracy`, or `r2` for a regression."""
    drop: float | None = None
    """The version's metric minus the variant's."""
    agreement: float | None = None
    """The share of rows (multilabel: of labels of rows) for which both predict the same; for a regression the r2 of the
    variant's outputs with the version's as truth. None if that isn't defined."""
    speedup: float | None = None
    """The version's time divided by the variant's for a batch of 32 rows, on the worker's machine."""
    certified: bool = False
    """Whether the drop was measured on test rows and is within the bound."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """Each with `type` and `detail`."""
