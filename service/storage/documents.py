"""Columns that store typed documents as JSON."""

from dataclasses import dataclass
from typing import Any

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

    def __post_init__(self) -> None:
        check_published(self.folder, CHECKPOINTS)

    @property
    def position(self) -> tuple[int, int]:
        """The progress of the training; greater for a later checkpoint."""
        return self.epoch, self.step


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
