"""The interface of a kind of job. The kinds themselves are the modules of `kinds`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from models.documents import Document
from models.jobs.assignment import Assignment
from service.config import Settings
from service.context import Context
from service.operations.jobs import checkpoints
from service.storage.artifact_keys import SHARDS, key_below, results_key, upload_key
from service.storage.database import Session
from service.storage.records import Job


@dataclass(frozen=True)
class Byproduct:
    """A finished job of another kind that a job created, such as a training's evaluation. It was never queued."""

    kind: str
    """The other kind's name. A kind doesn't import other kinds."""
    request: Document
    result: Document
    points: dict[str, Any] | None = None
    """The `points` of its row."""


@dataclass(frozen=True)
class Success:
    """What a successful job records besides its result."""

    reason: str | None = None
    """Its `status_reason`."""
    byproducts: Sequence[Byproduct] = field(default=())
    replaced: Sequence[str] = field(default=())
    """The artifact keys of files whose place its own have taken, and that nothing reads any more."""


@dataclass(frozen=True)
class Shards:
    """How a job goes on whose work is large: its shards, which are jobs of `Kind.shard_kind`, do it."""

    requests: Sequence[Document]
    """Of the shards, in their order."""
    steps: int
    """The steps of the progress that they report, all together."""


class Kind(ABC):
    """A kind of job: its names, its slots, its assignment, and how its outcome is recorded.

    The queue, the lifecycle and the worker use kinds only through this interface. They find them by name in
    service.operations.jobs.registry.
    """

    name: ClassVar[str]
    """The `kind` in rows."""
    prefix: ClassVar[str]
    """The prefix of the ids of its jobs."""
    words: ClassVar[str]
    """The name of such a job in texts for clients."""
    assignment: ClassVar[type[Assignment]]
    """The class of its assignments, which names the task that child processes run."""
    from_clients: ClassVar[bool] = True
    """Whether clients create, see and delete its jobs. Other jobs are removed INNER_DAYS after their end."""
    resumable: ClassVar[bool] = False
    """Whether a paused job may leave a checkpoint from which it resumes."""
    makes: ClassVar[str | None] = None
    """The resource that its jobs make, `model` or `dataset`; jobs of other kinds may wait for it."""
    stores: ClassVar[bool] = True
    """Whether its jobs add files that count as stored bytes of their project."""
    trains: ClassVar[bool] = False
    """Whether the time that its jobs run counts as training seconds of their project."""
    taking_slots_of: ClassVar[str | None] = None
    """The kind whose slots its jobs take; None: its own."""
    helped_by: ClassVar[str | None] = None
    """The kind of the jobs that help its jobs on other workers, if it has jobs with several `hosts`."""
    runs_once: ClassVar[bool] = False
    """Whether a job that a worker gives up is cancelled instead of queued again."""
    group: ClassVar[str | None] = None
    """The group of artifact keys that contains the folders of its jobs' results; each is the `folder` of its job's
    result. None if the jobs have no such folder, or it belongs to a dataset or a model."""
    shard_kind: ClassVar[str | None] = None
    """The name of the kind of the shards over which the work of its jobs may be spread. A kind doesn't import other
    kinds."""
    join_kind: ClassVar[str | None] = None
    """The name of the kind of the job that joins their results, which become the job's."""

    def slots(self, settings: Settings) -> int:
        """How many of its jobs a worker runs concurrently. Each kind has its own slots, unless it takes another's."""
        return 1

    @property
    def slot(self) -> str:
        """The name of the kind whose slots its jobs take."""
        return self.taking_slots_of or self.name

    def has_upload(self, request: dict[str, Any]) -> bool:
        """Whether a job with this request reads files that are stored under the job's upload key."""
        return False

    def memory_bytes(self, settings: Settings) -> int:
        """The memory that one of its jobs may use."""
        return settings.job_memory_bytes

    def check(self, context: Context, job: Job) -> dict[str, Any]:
        """Check the request of a job that has waited, as a request is checked whose model and dataset are ready.

        Returns the request with all automatic choices made. Raises ModelsError or ServiceError if the job can't
        succeed.
        """
        return job.request

    @abstractmethod
    def describe(self, context: Context, job: Job) -> Assignment:
        """The assignment of a claimed job. Raises NotFound if a resource that it needs was deleted."""

    def output_key(self, job: Job, execution: str) -> str | None:
        """The artifact key under which an execution's files are published; None if it has none.

        The key contains the execution's name, so files of an execution that crashed between publishing and committing
        never collide with those of the next one.
        """
        return None if self.group is None else key_below(results_key(self.group, job.part_of or job.id), execution)

    @abstractmethod
    def record_success(
        self, session: Session, job: Job, key: str | None, result: dict[str, Any]
    ) -> Success | Shards | None:
        """Record the outcome in the database: the files under `key`, and the child process's `result` document.

        The job, its model and its dataset are locked. Returns Shards if the process only divided the work, and None if
        the resource that the outcome belongs to was deleted meanwhile; the job is then cancelled.
        """

    def record_failure(self, session: Session, job: Job, error: dict[str, Any]) -> None:  # noqa: B027
        """Mark the resource that the job should have made as failed, if it has a row of its own. It is locked."""

    def remove_inputs(self, context: Context, job: Job) -> None:
        """Remove the inputs of a final job: its checkpoints, its upload, and the results of its shards."""
        checkpoints.remove_all(context, job.id)
        if self.has_upload(job.request):
            context.artifacts.remove(upload_key(job.id))
        if job.shards is not None:
            context.artifacts.remove(results_key(SHARDS, job.id))

    def remove_files(self, context: Context, job: Job) -> None:
        """Remove all files of a deleted job."""
        self.remove_inputs(context, job)
        if self.group is not None:
            context.artifacts.remove(results_key(self.group, job.id))

    def explain_timeout(self, settings: Settings, seconds: float) -> dict[str, Any] | None:
        """The error of a job whose child process has run for `seconds`, if that is over a limit; None if it isn't."""
        return None

    def explain_stall(self, settings: Settings) -> dict[str, Any] | None:
        """The error of a job whose child process made no progress for `stall_seconds`, if a retry would stall too; None
        to retry."""
        return None

    def explain_crash(self, signal_name: str) -> dict[str, Any] | None:
        """The error of a job whose child process was ended by the signal, if a retry would crash too; None to retry."""
        return None
