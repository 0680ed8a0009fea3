"""The assignment and result of an import job. Its request is a file in the folder of the upload."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from models.dataset_descriptor import DatasetDescriptor
from models.documents import Document
from models.jobs.assignment import Assignment


@dataclass(frozen=True)
class ImportRequest(Document):
    """The client's request may be large, so it is a file in the folder of the upload."""

    upload: str | None = None
    """The id of the version to make, which names its upload; None: the dataset's, as earlier releases write."""


@dataclass(frozen=True, kw_only=True)
class ImportAssignment(Assignment):
    """Make a dataset from the request and the file in the folder `upload`."""

    task: ClassVar = "models.tasks.dataset_import:run"
    upload: Path
    base: Path | None
    """The folder of the version to whose rows the request appends others."""
    cache: Path
    """The folder of Keras's downloads."""
    downloads: bool
    """Whether missing files may be downloaded."""


@dataclass(frozen=True)
class ImportResult(Document):
    """A dataset. Its files are in the job's folder."""

    descriptor: DatasetDescriptor

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return replace(super()._read(document), descriptor=DatasetDescriptor.from_document(document["descriptor"]))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"descriptor": self.descriptor.to_document()}
