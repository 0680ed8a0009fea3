"""The request, assignment and result of a batch prediction."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from models.documents import Document
from models.jobs.assignment import Assignment
from models.spec import THRESHOLD

RESULT_FILE = "result.parquet"
"""The name of the file with the predictions. models/batches/results.py describes its columns."""


@dataclass(frozen=True)
class PostedFile(Document):
    """A client's file, as clients see it."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class BatchPredictionRequest(Document):
    """The rows to predict. The version and the dataset are columns of the job."""

    split: str | None = None
    """A split of the dataset; None for all of its rows."""
    file: PostedFile | None = None
    """The file with the rows, instead of a dataset."""
    extra: str | None = None
    """What unknown columns of a file are: `refuse` or `ignore`. None for a dataset, and in jobs of older releases,
    which refuse them."""
    threshold: float | None = None
    """The model's threshold when the job was created; None for tasks without one, and in jobs of older releases."""
    variant: str | None = None
    """The type of the version's variant that predicts; None: the version itself."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        file = document.get("file")
        return replace(super()._read(document), file=None if file is None else PostedFile.from_document(file))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"file": None if self.file is None else self.file.to_document()}


@dataclass(frozen=True, kw_only=True)
class BatchPredictionAssignment(Assignment):
    """Predict the rows of a dataset or of a file, with the version in the folder `version`."""

    task: ClassVar = "models.tasks.batch_prediction:run"
    version: Path
    dataset: Path | None = None
    split: str | None = None
    file: Path | None = None
    file_name: str = ""
    """The client's name for the file. Its suffix determines the format."""
    ignores_extra: bool = False
    """Whether unknown columns of the file are ignored."""
    threshold: float = THRESHOLD


@dataclass(frozen=True)
class BatchPredictionResult(Document):
    """The predictions of all rows. Their file is in the job's folder."""

    rows: int
    bytes: int
    """The size of the file."""
    classes: list[Any] | None = None
    """The classes in the order of the scores; None for a regression."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """The first warnings."""
