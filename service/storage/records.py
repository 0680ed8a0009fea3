"""The tables, and the records that the rest of the service reads: plain attributes, detached from any session."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    TypeDecorator,
    UniqueConstraint,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from models.training.plan import Order
from models.version_details import VersionDetails
from service.statuses import JOB_STATUSES, RESOURCE_STATUSES
from service.storage.documents import DocumentColumn, DocumentsColumn, KeptCheckpoint


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite forgets time zones, so it is put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Record(DeclarativeBase):
    """The base of all tables. `metadata_` is what clients noted of a resource: `metadata` is SQLAlchemy's own."""

    type_annotation_map: ClassVar = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Dataset(Record):
    """A dataset: where it comes from, and what its import found."""

    __tablename__ = "datasets"
    __table_args__ = (CheckConstraint(_one_of("status", RESOURCE_STATUSES), name="dataset_status"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    source: Mapped[str]
    kind: Mapped[str | None]
    file: Mapped[dict[str, Any] | None]
    """Of an upload: `name`, `bytes`, `sha256`."""
    descriptor: Mapped[dict[str, Any] | None]
    """Kind, rows, splits, bytes, inputs and target, once ready."""
    folder: Mapped[str | None]
    """The artifact key of its files, once ready."""
    error: Mapped[dict[str, Any] | None]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime]


class Model(Record):
    """A network's spec, and what building it showed."""

    __tablename__ = "models"
    __table_args__ = (CheckConstraint(_one_of("status", RESOURCE_STATUSES), name="model_status"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    status: Mapped[str]
    task: Mapped[str]
    description: Mapped[str]
    document: Mapped[dict[str, Any]]
    """The spec as posted, with defaults and what was taken from a dataset filled in."""
    summary: Mapped[dict[str, Any] | None]
    summary_text: Mapped[str | None]
    error: Mapped[dict[str, Any] | None]
    folder: Mapped[str | None]
    """The artifact key of the weights that it has from other models' versions, once ready; None without any."""
    last_version: Mapped[int] = mapped_column(default=0)
    """The highest number ever given to a version: numbers are never used again."""
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime]


class Label(Record):
    """A name that a client gives to a version and may move."""

    __tablename__ = "labels"

    model_id: Mapped[str] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    label: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int]
    created_at: Mapped[datetime]


class Job(Record):
    """A piece of work for a worker; the row is the queue entry."""

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(_one_of("status", JOB_STATUSES), name="job_status"),
        Index("jobs_queue", "status", "kind", "priority", "id"),
        Index("jobs_model", "model_id", "status"),
        Index("jobs_dataset", "dataset_id", "status"),
        Index("jobs_list", "kind", "id"),
        Index("jobs_list_status", "kind", "status", "id"),
        Index("jobs_list_model", "kind", "model_name", "id"),
        Index("jobs_list_dataset", "kind", "dataset_name", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    """A name of service.operations.jobs.registry."""
    status: Mapped[str]
    status_reason: Mapped[str | None]
    desired_status: Mapped[str]
    priority: Mapped[int]
    queue: Mapped[str]
    model_id: Mapped[str | None]
    model_name: Mapped[str | None]
    dataset_id: Mapped[str | None]
    dataset_name: Mapped[str | None]
    request: Mapped[dict[str, Any]]
    """What the client posted, with defaults resolved: the kind's request of models.jobs, as a document."""
    runtime: Mapped[dict[str, Any] | None]
    """Execution, threads and versions of the libraries: chosen at the first attempt, the same at every later one."""
    revision: Mapped[int] = mapped_column()
    owner: Mapped[str | None]
    token: Mapped[int] = mapped_column(default=0)
    """The fencing token: raised by every claim, carried by every write of the execution that claimed."""
    renewals: Mapped[int] = mapped_column(default=0)
    attempt: Mapped[int] = mapped_column(default=1)
    """One more than the training processes that died on it."""
    run: Mapped[int] = mapped_column(default=0)
    """How often training began from its start; every run has the same epochs, of which the log tells once."""
    deaths: Mapped[int] = mapped_column(default=0)
    """Training processes that died since a checkpoint that got further than the one before."""
    orders: Mapped[list[Order]] = mapped_column(DocumentsColumn(Order), default=list)
    """Changes asked for while it runs, each with the epoch and the step at which it took effect, or None."""
    closed: Mapped[bool] = mapped_column(default=False)
    """Whether its training has ended and no order can change it any more."""
    checkpoint: Mapped[KeptCheckpoint | None] = mapped_column(DocumentColumn(KeptCheckpoint))
    """The latest."""
    thinned: Mapped[bool] = mapped_column(default=False)
    """Whether only the transitions and epochs of its log were kept, some time after it ended."""
    last_seq: Mapped[int] = mapped_column(default=0)
    """The number of its latest event."""
    progress: Mapped[dict[str, Any] | None]
    metrics: Mapped[dict[str, Any] | None]
    best: Mapped[dict[str, Any] | None]
    version: Mapped[int | None]
    """The version that a training made, or that an evaluation is of."""
    made_by: Mapped[str | None] = mapped_column(index=True)
    """The training job that made this evaluation when it ended; None where a client asked for it."""
    result: Mapped[dict[str, Any] | None]
    """What it made, as a document of its kind."""
    error: Mapped[dict[str, Any] | None]
    metadata_: Mapped[dict[str, Any]] = mapped_column("metadata", default=dict)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    # Every update is conditional on the revision that was read, and its row count is checked.
    __mapper_args__ = {"version_id_col": revision}  # noqa: RUF012 (its base declares it so)


class Version(Record):
    """A trained network, never changed."""

    __tablename__ = "versions"

    model_id: Mapped[str] = mapped_column(ForeignKey("models.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(unique=True)
    dataset_id: Mapped[str]
    dataset_name: Mapped[str]
    folder: Mapped[str]
    """The artifact key of its files."""
    servable: Mapped[bool]
    details: Mapped[VersionDetails] = mapped_column(DocumentColumn(VersionDetails))
    created_at: Mapped[datetime]
    job_exists: Mapped[bool] = column_property(select(Job.id).where(Job.id == job_id).correlate_except(Job).exists())
    """Whether the job that made it wasn't deleted yet."""
    evaluation_id: Mapped[str | None] = column_property(
        select(Job.id).where(Job.made_by == job_id).correlate_except(Job).scalar_subquery()
    )
    """The evaluation of the test rows that its training made, unless that was deleted."""


class JobSource(Record):
    """A version that a job takes weights from: it can't be deleted before the job is final."""

    __tablename__ = "job_sources"
    __table_args__ = (Index("job_sources_version", "model_id", "number"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    """The layer that gets the weights, by its place among the posted ones; 0 where the whole network does."""
    model_id: Mapped[str]
    number: Mapped[int]


class Event(Record):
    """One entry of a job's append-only log."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("job_id", "run", "epoch", name="event_epoch"),
        # A log of days has a hundred thousand events, of which transitions are a few.
        Index("events_type", "job_id", "type", "seq"),
    )

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    type: Mapped[str]
    run: Mapped[int]
    epoch: Mapped[int | None]
    data: Mapped[dict[str, Any]]


class IdempotencyKey(Record):
    """A key under which a client sent a creating request, and what that was answered once it is known."""

    __tablename__ = "idempotency_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    """A digest of what the key belongs to (method, path) and of the key itself."""
    fingerprint: Mapped[str]
    """A digest of the body and the query."""
    token: Mapped[str]
    """Drawn by the request that claimed the key: no other may settle or release it."""
    owner: Mapped[dict[str, Any]]
    """What identifies the process that answers the request, so that its death can be told; empty once it gave up."""
    resource_id: Mapped[str | None]
    """What the request made, written in the transaction that made it."""
    created_at: Mapped[datetime] = mapped_column(index=True)
    status: Mapped[int | None]
    headers: Mapped[dict[str, Any] | None]
    body: Mapped[bytes | None]


class Worker(Record):
    """A worker that says it is alive."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    process: Mapped[dict[str, Any]]
    """What identifies the process on its host, so that a worker that starts there can tell that it is gone."""
    slots: Mapped[int]
    versions: Mapped[dict[str, Any]]
    ready: Mapped[bool]
    heartbeat_at: Mapped[datetime]
