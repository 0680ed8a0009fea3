"""What a kind of job is to the rest of the service; the kinds themselves are the modules of `kinds`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment
from service.config import Settings
from service.context import Context
from service.operations.jobs import checkpoints
from service.storage.artifact_keys import key_below, results_key, upload_key
from service.storage.database import Session
from service.storage.records import Job


@dataclass(frozen=True)
class Byproduct:
    """A job of another kind that was done along with one, without ever having been in the queue."""

    kind: str
    """The other kind's name: a kind knows no other kind."""
    request: Document
    result: Document


@dataclass(frozen=True)
class Success:
    """What a job's success means to its row."""

    reason: str | None = None
    """Its `status_reason`."""
    byproducts: Sequence[Byproduct] = field(default=())


class Kind(ABC):
    """A kind of job: how it is named, run, described to its process, and what its end leaves behind.

    The queue, the lifecycle and the worker know kinds by this interface alone, and find them by their names in
    service.operations.jobs.registry.
    """

    name: ClassVar[str]
    """What it is called in rows."""
    prefix: ClassVar[str]
    """What the ids of its jobs begin with."""
    words: ClassVar[str]
    """What clients call one of its jobs."""
    assignment: ClassVar[type[Assignment]]
    """What its processes are told, and by that their task."""
    from_clients: ClassVar[bool] = True
    """Whether clients start, see and delete its jobs; jobs that they don't see are removed some days after their end.
    """
    resumable: ClassVar[bool] = False
    """Whether a process that is told to pause may leave a checkpoint from which the job goes on."""
    reads_upload: ClassVar[bool] = False
    """Whether a client's file may wait for one of its jobs, under that job's upload key."""
    group: ClassVar[str | None] = None
    """The folders that its jobs keep for themselves lie below this group of artifact keys, and each is the `folder` of
    its job's result; None where jobs of this kind keep none, or give it to a dataset or a model."""

    def slots(self, settings: Settings) -> int:
        """How many of its jobs a worker runs at once, beside the jobs of other kinds."""
        return 1

    @abstractmethod
    def describe(self, context: Context, job: Job) -> Assignment:
        """The assignment of a claimed job. Raises NotFound when what it works on was deleted."""

    def output_key(self, job: Job, execution: str) -> str | None:
        """Where the files go that an execution leaves in its folder; None where it leaves none.

        The execution's own name is in it: one that died between publishing and committing is in nobody's way.
        """
        return None if self.group is None else key_below(results_key(self.group, job.id), execution)

    @abstractmethod
    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        """Point to what the job made: the files under `key`, and its process's `result` as a document.

        None when what it belongs to was deleted meanwhile: the job is cancelled then.
        """

    def record_failure(self, session: Session, job: Job, error: dict[str, Any]) -> None:  # noqa: B027
        """Mark as failed what the job was to make, if that has a row of its own."""

    def remove_inputs(self, context: Context, job: Job) -> None:
        """Remove the files that a job needed which is final."""
        checkpoints.remove_all(context, job.id)
        if self.reads_upload:
            context.artifacts.remove(upload_key(job.id))

    def remove_files(self, context: Context, job: Job) -> None:
        """Remove all files of a job that is gone."""
        self.remove_inputs(context, job)
        if self.group is not None:
            context.artifacts.remove(results_key(self.group, job.id))

    def explain_timeout(self, settings: Settings, seconds: float) -> dict[str, Any] | None:
        """The error of a job whose process has run for so long that it may not go on; None: it may."""
        return None

    def explain_crash(self, signal_name: str) -> dict[str, Any] | None:
        """The error of a job whose process the signal ended, where it would end the next one too; None: try again."""
        return None
