"""What an import job is told, and reports; its request lies among the files that it imports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment


@dataclass(frozen=True)
class ImportRequest(Document):
    """Nothing: what the client posted may be large, and lies in the folder of the upload."""


@dataclass(frozen=True, kw_only=True)
class ImportAssignment(Assignment):
    """Make a dataset of the request and the file in the folder `upload`."""

    task: ClassVar = "models.tasks.dataset_import:run"
    upload: Path
    cache: Path
    """The folder of what Keras has downloaded."""
    downloads: bool
    """Whether what isn't there may be downloaded."""


@dataclass(frozen=True)
class ImportResult(Document):
    """A dataset whose files lie in the job's folder."""

    descriptor: dict[str, Any]
    """models.datasets.descriptor describes it."""
