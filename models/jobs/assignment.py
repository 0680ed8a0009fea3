"""What every job's process is told, and how it ends without a result."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self

from models.documents import Document
from models.limits import Limits

RESIDENT_BYTES = 1024**3
"""How many bytes of rows stay in memory where a runtime doesn't say."""


@dataclass(frozen=True)
class Runtime(Document):
    """What a job's process runs with; the same at every attempt, so that every attempt computes the same."""

    threads: int = 1
    resident_bytes: int = RESIDENT_BYTES
    """Rows beyond so many bytes are read from the disk."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the libraries that train, by their names."""

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> Self:
        """The versions are members beside the others, as clients see them."""
        plain = {name: value for name, value in document.items() if name in ("threads", "resident_bytes")}
        return cls(**plain, versions={name: value for name, value in document.items() if name not in plain})

    def to_document(self) -> dict[str, Any]:
        return {"threads": self.threads, "resident_bytes": self.resident_bytes, **self.versions}


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """All that a job's process needs to know, since it has no database; each kind of job has a subclass."""

    task: ClassVar[str]
    """The function that does it, as `module:function`."""
    limits: Limits
    runtime: Runtime


class Unfinished(StrEnum):
    """Why a task that was told to end has no result."""

    PAUSED = "paused"
    """It wrote a checkpoint, from which it goes on later."""
    STOPPED_BEFORE_TRAINING = "stopped_before_training"
    """It has done no step, so there is nothing to keep."""
