"""The request, assignment and result of a build job."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment
from models.spec import NetworkSpec


@dataclass(frozen=True)
class BuildRequest(Document):
    """The posted model, with the inputs of datasets and the layers of versions filled in."""

    document: dict[str, Any]
    """The fields of the model, including those of its spec."""
    made_for: dict[str, Any] | None = None
    """The `name` and the `target` of the dataset from which the document's inputs were taken, if there is one."""


@dataclass(frozen=True, kw_only=True)
class BuildAssignment(Assignment):
    """Build the network of `spec`, and check that it can be exported and can learn the target of `made_for`."""

    task: ClassVar = "models.tasks.build:run"
    spec: NetworkSpec
    made_for: dict[str, Any] | None = None
    sources: dict[int, Path] = field(default_factory=dict)
    """The folders of the versions from which Pretrained layers take weights, by the index of the layer."""


@dataclass(frozen=True)
class BuildResult(Document):
    """A built network."""

    summary: dict[str, Any]
    """Its layers with their shapes, and its numbers of parameters. models/building describes it."""
    summary_text: str = ""
    """The summary that Keras prints."""
