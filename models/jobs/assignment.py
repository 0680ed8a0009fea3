"""The assignment of a child process, its runtime, and how a task ends without a result."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self

from models.documents import Document
from models.limits import Limits

RESIDENT_BYTES = 1024**3
"""The default of `Runtime.resident_bytes`."""


@dataclass(frozen=True)
class Runtime(Document):
    """The environment of a job. It is the same for every attempt, so that every attempt computes the same result."""

    threads: int = 1
    resident_bytes: int = RESIDENT_BYTES
    """If the rows take more bytes, they are read from the disk."""
    versions: dict[str, str] = field(default_factory=dict)
    """The versions of the libraries that train, by name."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        """In the document, the versions are fields next to the others."""
        plain = {name: value for name, value in document.items() if name in ("threads", "resident_bytes")}
        return cls(**plain, versions={name: value for name, value in document.items() if name not in plain})

    def to_document(self) -> dict[str, Any]:
        return {"threads": self.threads, "resident_bytes": self.resident_bytes, **self.versions}


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Everything that a child process needs, as it has no database. Each kind of job has a subclass."""

    task: ClassVar[str]
    """The function that runs the job, as `module:function`."""
    limits: Limits
    runtime: Runtime


class Unfinished(StrEnum):
    """Why a task that was ordered to end has no result."""

    PAUSED = "paused"
    """The task resumes later, from the checkpoint that it wrote, or from an earlier one if that was skipped."""
    STOPPED_BEFORE_TRAINING = "stopped_before_training"
    """The task has done no step, so there is no model to save."""
    MEMBER_LOST = "member_lost"
    """Another process with which the task trains has ended, or can't be reached."""


class Phase(StrEnum):
    """What a task is doing. A phase ends when the next one begins, or the task ends."""

    IMPORT = "import"
    """It reads a client's data or network, and writes it in the form that the service uses."""
    BUILD = "build"
    """It makes the network, and loads the rows."""
    CROSS_VALIDATE = "cross-validate"
    GATHER = "gather"
    """It waits for the other workers with which it trains."""
    TRAIN = "train"
    EVALUATE = "evaluate"
    QUANTIZE = "quantize"
    """It converts a version's network to numbers of fewer bits."""
    EXPORT = "export"
    """It writes the network's files."""
    PREDICT = "predict"
    JOIN = "join"
    """It joins the predictions of the shards of a batch prediction."""
