"""Columns that store typed documents as JSON."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

from sqlalchemy import JSON, Dialect, TypeDecorator

from models.documents import Document
from service.storage.artifact_keys import CHECKPOINTS, check_published


@dataclass(frozen=True)
class KeptCheckpoint(Document):
    """A job's latest checkpoint, as stored in its row."""

    folder: str
    """The artifact key."""
    epoch: int
    """The current epoch, from 1."""
    step: int
    """The finished steps of the epoch."""
    previous: "KeptCheckpoint | None" = None
    """The checkpoint before it, from which the job resumes if this one can't be read."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        previous = document.get("previous")
        kept = super()._read(document)
        return replace(kept, previous=None if previous is None else cls.from_document(previous))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"previous": None if self.previous is None else self.previous.to_document()}

    @property
    def folders(self) -> tuple[str, ...]:
        """The artifact keys of all checkpoints from which the job can resume, the latest first."""
        return (self.folder, *(() if self.previous is None else self.previous.folders))

    def __post_init__(self) -> None:
        check_published(self.folder, CHECKPOINTS)

    @property
    def position(self) -> tuple[int, int]:
        """The progress of the training; greater for a later checkpoint."""
        return self.epoch, self.step


LOG_REDUCED = "log_reduced"
"""The type of the warning of a job whose log was thinned."""


@dataclass(frozen=True)
class JobWarning(Document):
    """Something about a job that its client should know, although the job hasn't failed."""

    type: str
    """`paused`, `log_reduced`, or what the task of the job reports: service.api.contract.schemas.training_jobs lists
    the types."""
    detail: str
    """A sentence."""


@dataclass(frozen=True)
class Quotas(Document):
    """What a project may use at most; None is without limit."""

    queued_jobs: int | None = None
    running_jobs: int | None = None
    stored_bytes: int | None = None
    training_seconds_per_day: int | None = None


QUOTAS = tuple(field.name for field in fields(Quotas))
"""The names of the quotas."""


class DocumentColumn(TypeDecorator[Any]):
    """A JSON object as a document of the type `of`; None stays None."""

    impl = JSON
    cache_ok = True

    def __init__(self, of: type[Document]) -> None:
        super().__init__()
        self.of = of

    def process_bind_param(self, value: Document | None, dialect: Dialect) -> dict[str, Any] | None:
        return None if value is None else value.to_document()

    def process_result_value(self, value: dict[str, Any] | None, dialect: Dialect) -> Document | None:
        return None if value is None else self.of.from_document(value)


class DocumentsColumn(TypeDecorator[Any]):
    """A JSON list as documents of the type `of`."""

    impl = JSON
    cache_ok = True

    def __init__(self, of: type[Document]) -> None:
        super().__init__()
        self.of = of

    def process_bind_param(self, value: list[Document] | None, dialect: Dialect) -> list[dict[str, Any]] | None:
        return None if value is None else [document.to_document() for document in value]

    def process_result_value(self, value: list[dict[str, Any]] | None, dialect: Dialect) -> list[Document] | None:
        return None if value is None else [self.of.from_document(document) for document in value]
