"""What a batch prediction is asked, told, and reports."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from models.documents import Document
from models.jobs.assignment import Assignment

RESULT_FILE = "result.parquet"
"""What the file of the predictions is called; models/batches/results.py describes it."""


@dataclass(frozen=True)
class PostedFile(Document):
    """A client's file, as clients see it."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class BatchPredictionRequest(Document):
    """Whose rows are taken; version and dataset are columns of the job."""

    split: str | None = None
    """None: all of the dataset's."""
    file: PostedFile | None = None
    """Instead of a dataset."""

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        file = document.get("file")
        return replace(super().from_document(document), file=None if file is None else PostedFile.from_document(file))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"file": None if self.file is None else self.file.to_document()}


@dataclass(frozen=True, kw_only=True)
class BatchPredictionAssignment(Assignment):
    """Predict with the version in the folder `version` for the rows of a dataset or of a file."""

    task: ClassVar = "models.tasks.batch_prediction:run"
    version: Path
    dataset: Path | None = None
    split: str | None = None
    file: Path | None = None
    file_name: str = ""
    """What the client calls the file: its ending says what it is."""


@dataclass(frozen=True)
class BatchPredictionResult(Document):
    """The predictions of all rows, whose file lies in the job's folder."""

    rows: int
    bytes: int
    """Of the file."""
    classes: list[Any] | None = None
    """What the scores are of, in order; None for a regression."""
    warnings: list[dict[str, Any]] = field(default_factory=list)
    """The first ones."""
