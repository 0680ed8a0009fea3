"""What a build job is asked, told, and reports."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment
from models.spec import NetworkSpec


@dataclass(frozen=True)
class BuildRequest(Document):
    """The posted model, completed."""

    document: dict[str, Any]
    """The members of the model, its spec's among them."""
    made_for: dict[str, Any] | None = None
    """The `name` and the `target` of the dataset that the document's inputs were taken from, if there is one."""


@dataclass(frozen=True, kw_only=True)
class BuildAssignment(Assignment):
    """Build the network of `spec`, and prove that it can be exported and can learn the target of `made_for`."""

    task: ClassVar = "models.tasks.build:run"
    spec: NetworkSpec
    made_for: dict[str, Any] | None = None
    sources: dict[int, Path] = field(default_factory=dict)
    """The folders of the versions that Pretrained layers take weights from, by the layers' places."""


@dataclass(frozen=True)
class BuildResult(Document):
    """A network that was built."""

    summary: dict[str, Any]
    """Its layers with their shapes, and its numbers of parameters; models/building describes it."""
    summary_text: str = ""
    """As Keras prints it."""
