"""The tables and their records, which the service uses detached from any session."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    TypeDecorator,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from models.dataset_descriptor import DatasetDescriptor
from models.jobs.variant import VariantResult
from models.spec import NetworkSpec, Task, read_threshold
from models.training.plan import Order
from models.version_details import VersionDetails
from service.callers import DEFAULT_PROJECT
from service.origins import Origin
from service.statuses import JOB_STATUSES, QUEUED, RESOURCE_STATUSES, RUNNING
from service.storage.artifact_keys import DATASETS, MODELS, SNAPSHOTS, VARIANTS, check_id, check_published
from service.storage.documents import DocumentColumn, DocumentsColumn, JobWarning, KeptCheckpoint, Quotas


class UtcDateTime(TypeDecorator[datetime]):
    """A timestamp in UTC. SQLite doesn't store time zones, so UTC is set again when reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class CheckedText(TypeDecorator[str]):
    """A text that names files. `check` raises BadKey when an invalid one is read, from which no path is made then.

    A unit of work turns BadKey into DatabaseUnusable.
    """

    impl = String
    cache_ok = True

    def __init__(self, check: Callable[[str], str]) -> None:
        super().__init__()
        self.check = check

    @property
    def python_type(self) -> type[str]:
        return str

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else self.check(value)


Id = Annotated[str, mapped_column(CheckedText(check_id))]
DatasetKey = Annotated[str, mapped_column(CheckedText(partial(check_published, group=DATASETS)))]
VersionKey = Annotated[str, mapped_column(CheckedText(partial(check_published, group=MODELS)))]
VariantKey = Annotated[str, mapped_column(CheckedText(partial(check_published, group=VARIANTS)))]
SnapshotKey = Annotated[str, mapped_column(CheckedText(partial(check_published, group=SNAPSHOTS)))]


class Record(DeclarativeBase):
    """The base of all tables. Clients' metadata is in `metadata_`, because SQLAlchemy uses `metadata` itself."""

    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}


class InProject:
    """A row of one project. A unit of work of a project sees and makes only rows of that project."""

    project: Mapped[str] = mapped_column(server_default=DEFAULT_PROJECT)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Dataset(InProject, Record):
    """A dataset, which is what its newest ready version is: its columns from `source` to `error` are those of that
    version, or of the first one until that is ready."""

    __tablename__ = "datasets"
    __table_args__ = (
        CheckConstraint(_one_of("status", RESOURCE_STATUSES), name="dataset_status"),
        UniqueConstraint("project", "name", name="dataset_name"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str]
    source: Mapped[str]
    kind: Mapped[str | None]
    file: Mapped[dict[str, Any] | None]
    """For an upload: `name`, `bytes`, `sha256`."""
    descriptor: Mapped[DatasetDescriptor | None] = mapped_column(DocumentColumn(DatasetDescriptor))
    """Once ready."""
    folder: Mapped[DatasetKey | None]
    """The artifact key of the files, once ready."""
    error: Mapped[dict[str, Any] | None]
    version: Mapped[int | None]
    """The number of its newest ready version."""
    last_version: Mapped[int] = mapped_column(default=1)
    """The highest version number so far. Numbers are never reused."""
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime]


class DatasetVersion(Record):
    """The data of a dataset at one time: a source and the result of its import. Once it is ready, it never changes."""

    __tablename__ = "dataset_versions"
    __table_args__ = (
        CheckConstraint(_one_of("status", RESOURCE_STATUSES), name="dataset_version_status"),
        UniqueConstraint("dataset_id", "number", name="dataset_version_number"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    """It names the upload. The first version has the id of its dataset."""
    dataset_id: Mapped[Id] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    number: Mapped[int]
    status: Mapped[str]
    source: Mapped[str]
    base: Mapped[int | None]
    """The version to whose rows it appends others."""
    options: Mapped[dict[str, Any] | None]
    """How the data was read: the fields of the request besides the data. None for datasets of earlier releases."""
    kind: Mapped[str | None]
    file: Mapped[dict[str, Any] | None]
    """For an upload: `name`, `bytes`, `sha256`."""
    sha256: Mapped[str | None]
    """Identifies the data: of the file, or of the data in the request. None for other data of earlier releases."""
    descriptor: Mapped[DatasetDescriptor | None] = mapped_column(DocumentColumn(DatasetDescriptor))
    folder: Mapped[DatasetKey | None]
    drift: Mapped[dict[str, Any] | None]
    """How its rows differ from those of the ready version before it: `since` (its number) and `changes`."""
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]


class Model(InProject, Record):
    """A network's spec and the result of building it, or a network from a client's file."""

    __tablename__ = "models"
    __table_args__ = (
        CheckConstraint(_one_of("status", RESOURCE_STATUSES), name="model_status"),
        UniqueConstraint("project", "name", name="model_name"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[str]
    status: Mapped[str]
    task: Mapped[str]
    """Empty until the file of an import has been read whose client didn't say it."""
    description: Mapped[str]
    document: Mapped[dict[str, Any]]
    """The spec of the request, completed with defaults and with the dataset's shape and columns. For a file: the spec
    that was read from it."""
    source: Mapped[dict[str, Any] | None]
    """For a model from a file: `format`, `sha256`, `file` (its name)."""
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)
    """What the import of the file inferred, converted or ignored, in sentences."""
    trainable: Mapped[bool] = mapped_column(default=True)
    """Whether training jobs can train it. A network in ONNX has no layers to train."""
    summary: Mapped[dict[str, Any] | None]
    summary_text: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    folder: Mapped[VersionKey | None]
    """The artifact key of the weights that it reuses from other models' versions, once ready; None without any."""
    serve: Mapped[str | None]
    """The label whose version predicts if a request names none; None: the latest version does."""
    last_version: Mapped[int] = mapped_column(default=0)
    """The highest version number so far. Numbers are never reused."""
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime]

    @property
    def spec(self) -> NetworkSpec:
        """The network's spec. Only a trainable model has one."""
        return NetworkSpec.from_document({"task": self.task, **self.document})

    @property
    def threshold(self) -> float | None:
        """The score from which classes count as predicted (NetworkSpec.threshold); None for tasks without one."""
        return read_threshold(self.document) if self.task and Task(self.task).has_threshold else None


class Label(Record):
    """A name that points to a version and that clients can move."""

    __tablename__ = "labels"

    model_id: Mapped[Id] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    variant: Mapped[str | None]
    """The type of the version's variant that it points to; None if it points to the version itself."""
    created_at: Mapped[datetime]


CLAIMABLE = text(f"status = '{QUEUED}' AND waits_for IS NULL")
"""Which jobs a worker may claim. The condition of an index is only recognized if queries contain its very values."""


IS_PART = text("part_of IS NOT NULL")


class Job(InProject, Record):
    """A job for a worker; the row is also its entry in the queue."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(_one_of("status", JOB_STATUSES), name="job_status"),
        Index("jobs_queue", "status", "kind", "priority", "id"),
        Index("jobs_model", "model_id", "status"),
        Index("jobs_dataset", "dataset_id", "status"),
        Index("jobs_waiting", "waits_for"),
        Index("jobs_list", "kind", "id"),
        Index("jobs_list_status", "kind", "status", "id"),
        Index("jobs_list_model", "kind", "model_name", "id"),
        Index("jobs_list_dataset", "kind", "dataset_name", "id"),
        Index("jobs_parent", "parent", "id"),
        Index("jobs_project", "project", "kind", "status"),
        Index("jobs_finished", "finished_at"),
        Index("jobs_leader", "leader"),
        Index("jobs_parts", "part_of", "shard", sqlite_where=IS_PART, postgresql_where=IS_PART),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """A name of service.operations.jobs.registry."""
    status: Mapped[str]
    status_reason: Mapped[str | None]
    desired_status: Mapped[str]
    waits_for: Mapped[str | None]
    """`model` or `dataset` until both are ready and the request was checked against them; `shards` of a running job
    whose work is spread over other jobs. No worker holds the job meanwhile."""
    priority: Mapped[int]
    queue: Mapped[str]
    model_id: Mapped[Id | None]
    model_name: Mapped[str | None]
    dataset_id: Mapped[Id | None]
    dataset_name: Mapped[str | None]
    dataset_version: Mapped[int | None]
    """The dataset's version that the job reads or makes; None while that isn't known."""
    dataset_sha256: Mapped[str | None]
    """That version's `sha256`, which stays when the version is deleted."""
    request: Mapped[dict[str, Any]]
    """The client's request with defaults resolved: the request of the job's kind in models.jobs, as a document."""
    runtime: Mapped[dict[str, Any] | None]
    """Threads and versions of the libraries: chosen at the first attempt and the same in every later one."""
    revision: Mapped[int] = mapped_column()
    owner: Mapped[str | None]
    token: Mapped[int] = mapped_column(default=0)
    """The fencing token: increases with every claim; every write of the claiming execution carries it."""
    renewals: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=1)
    """The number of the attempt, from 1. Increases when the child process crashes."""
    run: Mapped[int] = mapped_column(default=0)
    """How often training has started from the beginning. All runs have the same epochs, which the log has once."""
    deaths: Mapped[int] = mapped_column(default=0)
    """The number of crashes since the last checkpoint that made progress."""
    orders: Mapped[list[Order]] = mapped_column(DocumentsColumn(Order), default=list)
    """The changes that clients requested, each with the epoch and the step at which it took effect, or None."""
    closed: Mapped[bool] = mapped_column(default=False)
    """Whether the training has ended, so that orders no longer have an effect."""
    checkpoint: Mapped[KeptCheckpoint | None] = mapped_column(DocumentColumn(KeptCheckpoint))
    """The latest checkpoint, with the one before it."""
    warnings: Mapped[list[JobWarning]] = mapped_column(DocumentsColumn(JobWarning), default=list)
    """The first warnings, each of them once."""
    thinned: Mapped[bool] = mapped_column(default=False)
    """Whether the log was reduced to transitions and epochs, some time after the job became final."""
    last_seq: Mapped[int] = mapped_column(default=0)
    """The number of the latest event."""
    progress: Mapped[dict[str, Any] | None]
    metrics: Mapped[dict[str, Any] | None]
    best: Mapped[dict[str, Any] | None]
    baseline: Mapped[dict[str, Any] | None]
    """The metrics of the naive guess, by the names of `metrics`."""
    version: Mapped[int | None]
    """The version that a training job created, or that another job uses."""
    parent: Mapped[Id | None]
    """The training job from whose version or snapshot this one starts."""
    made_by: Mapped[Id | None] = mapped_column(index=True)
    """The training job that created this evaluation; None if a client created it."""
    hosts: Mapped[int] = mapped_column(default=1)
    """On how many workers it runs. While it does, other jobs help it on all but one of them."""
    leader: Mapped[Id | None]
    """The job that this one helps on another worker."""
    part_of: Mapped[Id | None]
    """The job whose work is spread, and of which this one does a part. Parts exist until that job ends."""
    shard: Mapped[int | None]
    """The number of a part among the shards, from 0; None if it joins their results."""
    shards: Mapped[int | None]
    """Into how many shards the job's work was divided; None if it wasn't."""
    result: Mapped[dict[str, Any] | None]
    """The job's result, as a document of its kind."""
    points: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    """What only pictures of the result need. It is large, so reading a job leaves it out: see jobs.points."""
    error: Mapped[dict[str, Any] | None]
    origin: Mapped[Origin | None] = mapped_column(DocumentColumn(Origin))
    """The request that queued it; None for jobs of earlier releases, and for those that no request queued."""
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    # Every update is conditional on the revision that was read, and SQLAlchemy checks its row count.
    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012 (its base declares it so)

    def describe_origin(self) -> dict[str, str]:
        """What lines of the log say about the request that queued it; without what isn't known."""
        return {} if self.origin is None else self.origin.describe()


# Only the few rows that can be claimed, in the order in which workers claim them.
Index(
    "jobs_claim",
    Job.queue, Job.priority.desc(), Job.id, Job.kind,
    sqlite_where=CLAIMABLE, postgresql_where=CLAIMABLE,
)  # fmt: skip


class Version(Record):
    """A trained network. It never changes."""

    __tablename__ = "versions"

    model_id: Mapped[Id] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[Id] = mapped_column(unique=True)
    trained_by: Mapped[Id | None] = mapped_column()
    """The training job of whose snapshot the version was made; None if it is what its job trained."""
    epoch: Mapped[int | None]
    """The epoch of that snapshot."""
    dataset_id: Mapped[Id | None]
    dataset_name: Mapped[str | None]
    dataset_version: Mapped[int | None]
    source: Mapped[dict[str, Any] | None]
    """For a version from a file, which has no dataset: `format`, `sha256`, `file` (its name)."""
    notes: Mapped[list[str]] = mapped_column(JSON, default=list)
    """What the import of the file inferred, converted or ignored, in sentences."""
    folder: Mapped[VersionKey]
    """The artifact key of the files."""
    servable: Mapped[bool]
    details: Mapped[VersionDetails] = mapped_column(DocumentColumn(VersionDetails))
    created_at: Mapped[datetime]
    job_exists: Mapped[bool] = column_property(
        select(Job.id).where(Job.id == func.coalesce(trained_by, job_id)).correlate_except(Job).exists()
    )
    """Whether the job that trained it still exists."""
    evaluation_id: Mapped[str | None] = column_property(
        select(Job.id).where(Job.made_by == job_id).correlate_except(Job).scalar_subquery()
    )
    """The evaluation that its training job created, if it still exists."""


class Variant(Record):
    """A smaller and faster network of a version that is ready to predict. One that is being made, or couldn't be, is
    only a job."""

    __tablename__ = "variants"
    __table_args__ = (
        ForeignKeyConstraint(
            ("model_id", "number"), ("versions.model_id", "versions.number"), name="variant_version", ondelete="CASCADE"
        ),
    )

    model_id: Mapped[Id] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """The version's number."""
    type: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[Id] = mapped_column(unique=True)
    """The job that made it, which may have been deleted since."""
    dataset_name: Mapped[str | None]
    dataset_version: Mapped[int | None]
    """The data on which it was calibrated and measured."""
    folder: Mapped[VariantKey]
    """The artifact key of its files."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    max_accuracy_drop: Mapped[float]
    details: Mapped[VariantResult] = mapped_column(DocumentColumn(VariantResult))
    created_at: Mapped[datetime]


class JobSource(Record):
    """A version whose weights a job uses. The version can't be deleted before the job is final."""

    __tablename__ = "job_sources"
    __table_args__ = (Index("job_sources_version", "model_id", "number"),)

    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    """The index of the layer that gets the weights; 0 if the whole network does."""
    model_id: Mapped[Id]
    number: Mapped[int]


class Snapshot(Record):
    """The weights of a training at the end of an epoch."""

    __tablename__ = "snapshots"

    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    folder: Mapped[SnapshotKey]
    """The artifact key of the folder with its file."""
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str]


class Event(Record):
    """An entry in a job's append-only log."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("job_id", "run", "epoch", name="event_epoch"),
        # The log of a long job has a hundred thousand events, but only a few transitions.
        Index("events_type", "job_id", "type", "seq"),
    )

    job_id: Mapped[Id] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    type: Mapped[str]
    run: Mapped[int]
    epoch: Mapped[int | None]
    data: Mapped[dict[str, Any]]


class Project(Record):
    """A project, whose resources and keys are kept apart from those of other projects."""

    __tablename__ = "projects"

    name: Mapped[str] = mapped_column(primary_key=True)
    quotas: Mapped[Quotas] = mapped_column(DocumentColumn(Quotas))
    created_at: Mapped[datetime]


class ApiKey(Record):
    """A key. Revoked ones stay, so that the audit events that name them can be read."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    project: Mapped[str | None]
    """None for a key with the scope `admin`, which belongs to no project."""
    scopes: Mapped[list[Any]]
    digest: Mapped[str]
    """The SHA-256 of the whole key, in hexadecimal digits."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """Recorded at most once a minute."""


class AuditEvent(Record):
    """A request that changed something, or that was refused."""

    __tablename__ = "audit_events"

    id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    key_id: Mapped[str | None]
    project: Mapped[str | None]
    address: Mapped[str]
    method: Mapped[str]
    route: Mapped[str | None]
    """The template of its path; None for an unknown path."""
    resource: Mapped[str]
    """Its path."""
    status: Mapped[int]
    request_id: Mapped[str]
    count: Mapped[int] = mapped_column(default=1)
    """For how many similar requests it stands; more than 1 in a flood of failed ones."""


class IdempotencyKey(InProject, Record):
    """A client's key for a creating request, with the response once it is known."""

    __tablename__ = "idempotency_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    """A digest of the key's scope (method and path) and the key itself."""
    fingerprint: Mapped[str]
    """A digest of the body and the query."""
    token: Mapped[str]
    """A random token of the request that claimed the key; only that request can settle or release it."""
    owner: Mapped[dict[str, Any]]
    """Where the presence named `token` shows that the request is being processed; empty once it has given up."""
    resource_id: Mapped[Id | None]
    """The resource that the request created, written in the transaction that created it."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]


class RateWindow(Record):
    """The requests of a caller in a window, if several hosts count them together."""

    __tablename__ = "rate_windows"

    key: Mapped[str] = mapped_column(primary_key=True)
    """The limit and the caller."""
    ends_at: Mapped[int] = mapped_column(BigInteger)
    """In milliseconds since the epoch."""
    count: Mapped[int] = mapped_column(BigInteger)


class Worker(Record):
    """A worker with its latest heartbeat."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    process: Mapped[dict[str, Any]]
    """Identifies the process on its host, so that a worker that starts there can detect its end."""
    slots: Mapped[int]
    queues: Mapped[list[Any]] = mapped_column(server_default='["cpu"]')
    """The names of the queues from which it claims jobs."""
    devices: Mapped[dict[str, Any] | None]
    """What it computes with, as service.worker.devices finds it; None for a worker of an older release."""
    versions: Mapped[dict[str, Any]]
    ready: Mapped[bool]
    """Whether processes of jobs can be started."""
    problem: Mapped[str | None]
    """Why it claims no jobs now, or can't start any."""
    desired_status: Mapped[str] = mapped_column(server_default=RUNNING)
    """`running`, or `draining` if it may claim no more jobs. An administrator sets it; heartbeats leave it alone."""
    started_at: Mapped[datetime | None]
    """None for a worker of an older release."""
    heartbeat_at: Mapped[datetime]
