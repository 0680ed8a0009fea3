"""The request, assignment and result of a job that helps a training job on another worker."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from models.documents import Document
from models.jobs.assignment import Assignment
from models.jobs.training import TrainingAssignment
from models.training.gangs.gang import Membership


@dataclass(frozen=True)
class TrainingMemberRequest(Document):
    """Which training to help, and how."""

    training_job: str
    token: int
    """The token of the execution of that job."""
    membership: Membership

    @classmethod
    def _read(cls, document: dict[str, Any]) -> Self:
        return replace(super()._read(document), membership=Membership.from_document(document["membership"]))

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"membership": self.membership.to_document()}


@dataclass(frozen=True, kw_only=True)
class TrainingMemberAssignment(Assignment):
    """Follow the leader of a gang through its training."""

    task: ClassVar = "models.tasks.training_member:run"
    training: TrainingAssignment
    """That of the leader, with this process's place in the gang."""


@dataclass(frozen=True)
class TrainingMemberResult(Document):
    """What a member did: the leader has the result."""

    steps: int
    """The steps that it took part in."""
