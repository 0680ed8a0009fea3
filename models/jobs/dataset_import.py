"""The assignment and result of an import job. Its request is a file in the folder of the upload."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment


@dataclass(frozen=True)
class ImportRequest(Document):
    """Empty: the client's request may be large, so it is stored as a file in the folder of the upload."""


@dataclass(frozen=True, kw_only=True)
class ImportAssignment(Assignment):
    """Make a dataset from the request and the file in the folder `upload`."""

    task: ClassVar = "models.tasks.dataset_import:run"
    upload: Path
    cache: Path
    """The folder of Keras's downloads."""
    downloads: bool
    """Whether missing files may be downloaded."""


@dataclass(frozen=True)
class ImportResult(Document):
    """A dataset. Its files are in the job's folder."""

    descriptor: dict[str, Any]
    """The dataset's descriptor, which models.datasets.descriptor documents."""
