"""The request, assignment and result of a training job."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, ClassVar, Self

from models.documents import Document, SparseDocument
from models.jobs.assignment import Assignment
from models.jobs.evaluation import EvaluationResult
from models.spec import NetworkSpec
from models.training.gangs.gang import Membership
from models.training.plan import FLOAT32, GRAPH, Order
from models.version_details import VersionDetails


@dataclass(frozen=True)
class EarlyStoppingRequest(Document):
    """The conditions under which training ends before its last epoch."""

    monitor: str | None = None
    """A metric. If it is None, the service chooses one when it creates the job."""
    patience: int = 5
    min_delta: float = 0.0
    restore_best: bool = True


LATEST, BEST = "latest", "best"
"""Names of a training's snapshots: of its last epoch, and of the best one so far."""
FEWEST_SNAPSHOTS = 2
"""The latest and the best, which are always kept."""
SNAPSHOTS_LIMITED = "snapshots_limited"
"""The type of the warning that a job keeps fewer snapshots than it should."""


@dataclass(frozen=True)
class StartFrom(SparseDocument):
    """The version, or the snapshot of a training job, from whose weights training starts."""

    model: str | None = None
    version: int | None = None
    training_job: str | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class SnapshotsRequest(Document):
    """Which epochs keep their weights: multiples of `every`, and always the latest and the best."""

    every: int = 1
    keep: int | None = None
    """How many at most; None until it is known how many fit."""


KEEP = "keep"
"""The preprocessing of the version that a training starts from is used."""
REFIT = "refit"
"""The preprocessing is fitted to the training rows."""


@dataclass(frozen=True)
class TrainingRequest(Document):
    """How to train, with all automatic choices made. openapi.yaml describes the fields."""

    model: str
    dataset: str
    epochs: int
    seed: int = 0
    batch_size: int = 32
    shuffle: bool = True
    optimizer: str | dict[str, Any] | None = None
    start_from: StartFrom | None = None
    preprocessing: str | None = None
    """KEEP or REFIT; None if the training starts from no version."""
    class_weights: str | dict[str, float] | None = None
    early_stopping: EarlyStoppingRequest | None = None
    learning_rate_schedule: dict[str, Any] | None = None
    checkpoint_seconds: float = 60.0
    time_limit_seconds: float | None = None
    label: str | None = None
    priority: int = 5
    queue: str = "cpu"
    hosts: int = 1
    """On how many workers it trains; `batch_size` is that of each of them."""
    execution: str = GRAPH
    execution_reason: str | None = None
    """Why it is executed so, in a sentence; None in jobs of older releases and while the job waits."""
    precision: str = FLOAT32
    fused: bool = False
    """Whether layers may run as fused operations. False in jobs of older releases, which must resume as they began."""
    folds: int | None = None
    """In how many parts the training rows are divided for cross-validation; None: there is none."""
    snapshots: SnapshotsRequest | None = None
    """None: no epoch keeps its weights."""

    @property
    def only_saves(self) -> bool:
        """Whether nothing is trained: the job makes a version of the snapshot that it starts from."""
        return self.epochs == 0

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        request = super()._read(document)
        if document.get("start_from") is not None and "preprocessing" not in document:
            request = replace(request, preprocessing=REFIT)  # older releases did this
        stopping, start = document.get("early_stopping"), document.get("start_from")
        snapshots = document.get("snapshots")
        return replace(
            request,
            early_stopping=None if stopping is None else EarlyStoppingRequest.from_document(stopping),
            start_from=None if start is None else StartFrom.from_document(start),
            snapshots=None if snapshots is None else SnapshotsRequest.from_document(snapshots),
        )

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {
            "early_stopping": None if self.early_stopping is None else self.early_stopping.to_document(),
            "start_from": None if self.start_from is None else self.start_from.to_document(),
            "snapshots": None if self.snapshots is None else self.snapshots.to_document(),
        }


@dataclass(frozen=True)
class CrossValidation(Document):
    """What the folds of a training have reached so far, in its job's row."""

    folds: list[dict[str, float | None]] = field(default_factory=list)
    """The metrics of each finished fold on its held-out rows; None if they aren't finite."""

    def summarize(self) -> dict[str, dict[str, float | None]]:
        """The `mean` and `std` of each metric over the folds, the standard deviation that of the folds themselves
        (divided by their number)."""
        return {name: _summarize([fold.get(name) for fold in self.folds]) for name in (self.folds or [{}])[0]}


def _summarize(values: list[float | None]) -> dict[str, float | None]:
    finite = [value for value in values if value is not None]
    if len(finite) < len(values):
        return {"mean": None, "std": None}
    return {"mean": fmean(finite), "std": pstdev(finite)}


@dataclass(frozen=True, kw_only=True)
class TrainingAssignment(Assignment):
    """Train the network of `spec` on the dataset in the folder `dataset`, as described by the request."""

    task: ClassVar = "models.tasks.training:run"
    spec: NetworkSpec
    request: TrainingRequest
    dataset: Path
    pretrained: Path | None = None
    """The folder of the weights that the model takes from versions of other models."""
    sources: dict[int, Path] = field(default_factory=dict)
    """The folders of the versions from whose weights the network starts, by the index of the layer that gets them."""
    orders: tuple[Order, ...] = ()
    """The orders that earlier child processes of the job received."""
    checkpoints: tuple[Path, ...] = ()
    """The folders of the checkpoints from which to resume, the latest first. The others are for the case that it can't
    be read."""
    snapshots: Path | None = None
    """The folder for the snapshots of this attempt; None: there are none."""
    snapshot_bytes: int = 0
    """The size that all snapshots of the job may have together."""
    compiled_code: Path | None = None
    """The folder in which the worker keeps compiled code of networks; None: it keeps none."""
    compiled_code_bytes: int = 0
    """The size that all compiled code may have together."""
    compiles_anew: bool = False
    """Whether kept code is discarded: an earlier process of the job crashed, and the code may be why."""
    gang: Membership | None = None
    """The process's place among those that train the network together; None: it trains alone."""


@dataclass(frozen=True)
class TrainingResult(Document):
    """The version that a training made. Its files are in the job's folder."""

    version: VersionDetails
    evaluation: EvaluationResult | None = None
    """The evaluation on the test rows; None if there are none."""
    status_reason: str | None = None
    """Why training ended before its last epoch; None if it reached it."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        evaluation = document.get("evaluation")
        return replace(
            super()._read(document),
            version=VersionDetails.from_document(document["version"]),
            evaluation=None if evaluation is None else EvaluationResult.from_document(evaluation),
        )

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {
            "version": self.version.to_document(),
            "evaluation": None if self.evaluation is None else self.evaluation.to_document(),
        }
