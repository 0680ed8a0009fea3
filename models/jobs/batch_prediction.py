"""The requests, assignments and results of batch predictions, of their shards, and of what joins these."""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class Shard(Document):
    """Consecutive rows of a batch prediction: whole blocks, so that their predictions are the same as without shards.

    It is also the request of the job that predicts them.
    """

    first: int
    """How many rows come before them."""
    rows: int
    at: str | None = None
    """Where they begin in a file of text: for CSV as TextIOWrapper.tell says it, for JSON Lines in bytes. None for the
    rows of other sources, which are found by their number."""
    line: int = 0
    """How many lines of a file of JSON Lines come before them."""


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
    shard: Shard | None = None
    """The rows to predict; None for all."""
    shard_rows: int = 0
    """With more rows than this, predict none, but divide them into shards; 0: predict any number of rows."""


@dataclass(frozen=True)
class BatchShards(Document):
    """The shards into which a batch prediction was divided, in the order of the rows. It has predicted none yet."""

    shards: Sequence[Shard]

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return cls([Shard.from_document(shard) for shard in document["shards"]])

    def to_document(self) -> dict[str, Any]:
        return {"shards": [shard.to_document() for shard in self.shards]}

    @property
    def rows(self) -> int:
        """The rows of all shards."""
        return sum(shard.rows for shard in self.shards)


@dataclass(frozen=True)
class ShardResult(Document):
    """The predictions of a shard. They are in `parts` files of the job's folder: `0.parquet` and so on."""

    rows: int
    parts: int
    classes: list[Any] | None = None
    warnings: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class JoinAssignment(Assignment):
    """Join the predictions of all shards, in the order of the rows."""

    task: ClassVar = "models.tasks.batch_join:run"
    folders: Sequence[Path]
    results: Sequence[ShardResult]


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
