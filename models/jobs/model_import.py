"""The request, assignment and result of the import of a network's file."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from models.documents import Document
from models.jobs.assignment import Assignment
from models.model_files.formats import ModelFormat
from models.model_files.imported import ImportedNetwork, ImportFields
from models.spec import Task
from models.version_details import VersionDetails


@dataclass(frozen=True)
class ModelImportRequest(Document):
    """A network's file, which is in the upload of the job, and what the client says about it."""

    format: str
    """A ModelFormat."""
    file: str
    """The client's name for the file."""
    sha256: str
    task: str | None = None
    classes: list[Any] | None = None
    input: dict[str, Any] | None = None
    bytes: int = 0
    """The size of the file; 0 in jobs of older releases."""

    @property
    def source(self) -> dict[str, Any]:
        """Where a model or a version comes from, as clients see it."""
        return {"format": self.format, "sha256": self.sha256, "file": self.file}

    @property
    def fields(self) -> ImportFields:
        return ImportFields(None if self.task is None else Task(self.task), self.classes, self.input)


@dataclass(frozen=True)
class ExtendedModel:
    """The model to which an import adds a version. The network in the file must be like its network."""

    task: Task
    inputs: dict[str, Any]
    """The inputs by name, as documents."""
    layers: list[dict[str, Any]]
    """As in the model's document; empty for a model that can't be trained."""
    summary: dict[str, Any]
    classes: list[Any] | None
    """Those of its newest version; None for a regression, or if it has no version."""
    trainable: bool


@dataclass(frozen=True, kw_only=True)
class ModelImportAssignment(Assignment):
    """Read the network in `file`, and write the files of a version."""

    task: ClassVar = "models.tasks.model_import:run"
    file: Path
    format: ModelFormat
    fields: ImportFields
    model: ExtendedModel | None = None
    """None: the import makes a model."""


@dataclass(frozen=True)
class ModelImportResult(Document):
    """An imported network: models.model_files.imported.ImportedNetwork. Its files are in the job's folder."""

    document: dict[str, Any]
    trainable: bool
    summary: dict[str, Any]
    summary_text: str
    version: VersionDetails
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, imported: ImportedNetwork) -> Self:
        return cls(
            document=imported.document,
            trainable=imported.trainable,
            summary=imported.summary,
            summary_text=imported.summary_text,
            version=imported.version,
            notes=list(imported.notes),
        )

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return replace(super()._read(document), version=VersionDetails.from_document(document["version"]))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"version": self.version.to_document()}
