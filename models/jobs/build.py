"""The request, assignment and result of a build job."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from models.dataset_descriptor import DatasetTarget
from models.documents import Document
from models.jobs.assignment import Assignment
from models.spec import NetworkSpec


@dataclass(frozen=True)
class BuildRequest(Document):
    """The posted model, with the inputs of datasets and the layers of versions filled in."""

    document: dict[str, Any]
    """The fields of the model, including those of its spec."""
    made_for: DatasetTarget | None = None
    """The target of the dataset from which the document's inputs were taken, if there is one."""

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        made_for = document.get("made_for")
        return replace(
            super()._read(document), made_for=None if made_for is None else DatasetTarget.from_document(made_for)
        )

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"made_for": None if self.made_for is None else self.made_for.to_document()}


@dataclass(frozen=True, kw_only=True)
class BuildAssignment(Assignment):
    """Build the network of `spec`, and check that it can be exported and can learn the target of `made_for`."""

    task: ClassVar = "models.tasks.build:run"
    spec: NetworkSpec
    made_for: DatasetTarget | None = None
    sources: dict[int, Path] = field(default_factory=dict)
    """The folders of the versions from which Pretrained layers take weights, by the index of the layer."""


@dataclass(frozen=True)
class BuildResult(Document):
    """A built network."""

    summary: dict[str, Any]
    """Its layers with their shapes, and its numbers of parameters. models/building describes it."""
    summary_text: str = ""
    """The summary that Keras prints."""
