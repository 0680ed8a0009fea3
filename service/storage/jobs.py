"""Jobs and their events in the database.

A job is locked before it is changed. Its `revision` also makes every update conditional on the row that was read.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, delete, func, select
from sqlalchemy.orm import Session

from models.training.plan import Order as TrainingOrder
from service import statuses
from service.storage.artifact_keys import CHECKPOINTS, check_published
from service.storage.documents import JobWarning, KeptCheckpoint
from service.storage.filters import conditions
from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import CLAIMABLE, Dataset, Event, Job, JobSource, Model, Version
from service.storage.unit_of_work import project_of, wake_workers

ORDERS = {"-created_at": Order((Job.id,), descending=True), "created_at": Order((Job.id,))}

RESOURCES = ("model", "dataset")
"""What a queued job may wait for."""
QUEUE_LOCKS = 0x666975
"""An arbitrary number for advisory locks of PostgreSQL."""
GANGS = 1
"""The second number of the lock of those who begin a job on several workers."""


@dataclass(frozen=True)
class NewEvent:
    """An event without a number. `epoch` makes it unique within the job's run."""

    type: str
    data: dict[str, Any]
    epoch: int | None = None
    checkpoint: KeptCheckpoint | None = None
    """The checkpoint that the event reports."""
    order: TrainingOrder | None = None
    """The order that has taken effect."""
    fold: int | None = None
    """The number of the finished fold that the event reports, from 1."""
    warning: JobWarning | None = None
    """The warning that the event reports."""
    is_told_once: bool = False
    """Whether a message with this text is recorded only once after the last epoch, however often the task says it."""


def get(session: Session, job_id: str, *, lock: bool = False, skip_locked: bool = False) -> Job | None:
    """The job; None if it doesn't exist. `lock` locks it until the transaction ends (SQLite locks the database); with
    `skip_locked`, it is None if another transaction has locked it."""
    return session.get(Job, job_id, with_for_update={"skip_locked": skip_locked} if lock else None)


def parts(session: Session, whole_id: str) -> Sequence[Job]:
    """The jobs that do the work of a spread job: the shards in their order, then the one that joins their results."""
    statement = select(Job).where(Job.part_of == whole_id)
    return session.scalars(statement.order_by(Job.shard.is_(None), Job.shard)).all()


def lock_queued_parts(session: Session, whole_id: str) -> Sequence[Job]:
    """Lock the parts of a locked job that no worker has begun. Waits for claims of them that have begun."""
    queued = select(Job).where(Job.part_of == whole_id, Job.status == statuses.QUEUED).order_by(Job.id)
    return session.scalars(queued.with_for_update().execution_options(populate_existing=True)).all()


def delete_parts(session: Session, whole_id: str, *, after: int | None = None) -> None:
    """Delete the parts of a locked job, with their events; with `after`, only the shards after this one. Workers that
    run them find their leases lost."""
    doomed = [Job.part_of == whole_id, *([] if after is None else [Job.shard > after])]
    session.execute(delete(Job).where(*doomed).execution_options(synchronize_session=False))


def find_all(session: Session, kind: str, ids: Collection[str]) -> Sequence[Job]:
    """Those jobs of a kind that exist."""
    return session.scalars(select(Job).where(Job.kind == kind, Job.id.in_(ids))).all()


def points(session: Session, job_id: str) -> dict[str, Any] | None:
    """The `points` of a job, which no other query reads; None for one without, or of an older release."""
    return session.scalar(select(Job.points).where(Job.id == job_id))


def page(session: Session, query: PageQuery, kind: str) -> Page[Job]:
    """Jobs of a kind, filtered by `status`, `model` and `dataset` (names), `parent`, and `metadata`."""
    columns = {"status": Job.status, "model": Job.model_name, "dataset": Job.dataset_name, "parent": Job.parent}
    matching = conditions(session, query.filters, columns, Job.metadata_)
    statement = select(Job).where(Job.kind == kind, *matching)
    return fetch_page(session, statement, ORDERS[query.sort or "-created_at"], query)


def add(session: Session, job: Job) -> None:
    """Insert a new job and its first transition."""
    job.last_seq = 1  # at once, so that it takes no second statement
    session.add(job)
    session.flush()
    session.add(_event(job, 1, datetime.now(UTC), transition(job.status, job.status_reason)))
    if job.status == statuses.QUEUED:
        # A job that waits isn't to be claimed, but it may be possible already to check it.
        wake_workers(session, *([job] if job.waits_for is None else []))


def lock_queue(session: Session, kind: str) -> None:
    """Let others who count the waiting jobs of that kind in the project wait until the transaction ends.

    On SQLite nobody else writes anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        name = f"{project_of(session)}/{kind}"
        session.execute(select(func.pg_advisory_xact_lock(QUEUE_LOCKS, func.hashtext(name))))


def count_waiting(session: Session, kind: str) -> int:
    statement = select(func.count(Job.id)).where(Job.kind == kind, Job.status == statuses.QUEUED)
    return session.scalar(statement) or 0


def unfinished(session: Session, *, but: Collection[str] = (), **columns: str | int) -> str | None:
    """The id of an unfinished job whose columns have these values, of any kind except those of `but`."""
    matching = (getattr(Job, name) == value for name, value in columns.items())
    statement = select(Job.id).where(*matching, Job.status.in_(statuses.UNFINISHED), Job.kind.not_in(but))
    return session.scalar(statement.limit(1))


def taking_weights(session: Session, model_id: str, number: int | None = None) -> str | None:
    """The id of an unfinished job that takes weights from the version `number` of the model, or from any version."""
    statement = select(Job.id).join(JobSource, JobSource.job_id == Job.id).where(JobSource.model_id == model_id)
    if number is not None:
        statement = statement.where(JobSource.number == number)
    return session.scalar(statement.where(Job.status.in_(statuses.UNFINISHED)).limit(1))


def source_folders(session: Session, job_id: str) -> dict[int, str | None]:
    """The artifact keys of the versions from which a job takes weights, by the index of the layer that gets them; None
    for a deleted version."""
    same = (Version.model_id == JobSource.model_id) & (Version.number == JobSource.number)
    statement = select(JobSource.place, Version.folder).outerjoin(Version, same).where(JobSource.job_id == job_id)
    return dict(session.execute(statement).all())


def newest(session: Session, kind: str, *, lock: bool = False, **columns: str | int) -> Job | None:
    """The newest job of a kind with these column values."""
    matching = (getattr(Job, name) == value for name, value in columns.items())
    statement = select(Job).where(Job.kind == kind, *matching).order_by(Job.id.desc()).limit(1)
    return session.scalar(statement.with_for_update() if lock else statement)


def lock_unfinished(session: Session, kind: str, **columns: str | int) -> Sequence[Job]:
    """Lock the unfinished jobs of a kind with these column values, always in the same order to prevent deadlocks."""
    matching = (getattr(Job, name) == value for name, value in columns.items())
    statement = select(Job).where(Job.kind == kind, Job.status.in_(statuses.UNFINISHED), *matching)
    return session.scalars(statement.order_by(Job.id).with_for_update()).all()


def existing(session: Session, ids: Collection[str | None]) -> frozenset[str]:
    """The ids of those jobs that exist."""
    return frozenset(session.scalars(select(Job.id).where(Job.id.in_(ids))))


def made_by(session: Session, job_ids: Collection[str]) -> dict[str, str]:
    """The evaluations that these training jobs made, by the id of the training job."""
    statement = select(Job.made_by, Job.id).where(Job.made_by.in_(job_ids))
    return {maker: job_id for maker, job_id in session.execute(statement) if maker is not None}


@dataclass(frozen=True)
class Claimable:
    """The jobs that a worker may claim: those of some kinds and queues, except `limited` kinds in `full` projects."""

    kinds: Collection[str]
    queues: Collection[str]
    limited: Collection[str] = ()
    full: frozenset[str] = frozenset()
    most_hosts: int | None = None
    """On how many workers they may run at most; None: on any number."""


def next_queued(session: Session, claimable: Claimable, *, lock: bool) -> Job | None:
    """The next job to claim: highest priority first, then oldest first. `lock` locks it, and skips jobs that are
    already locked."""
    found = _queued(claimable)
    return session.scalar(found.with_for_update(skip_locked=True) if lock else found)


def queued(session: Session, claimable: Claimable, limit: int) -> Sequence[Job]:
    """At most `limit` jobs to claim, in the order of claims. Acquires no lock."""
    return session.scalars(_queued(claimable).limit(limit)).all()


def queued_in_project(session: Session, project: str, limit: int) -> Sequence[Job]:
    """At most `limit` jobs of a project that workers of some queue may claim, in the order of claims. Acquires no
    lock."""
    found = select(Job).where(CLAIMABLE, Job.project == project)
    return session.scalars(found.order_by(Job.priority.desc(), Job.id).limit(limit)).all()


def _queued(claimable: Claimable) -> Select[Job]:
    waiting = select(Job).where(CLAIMABLE, Job.kind.in_(claimable.kinds), Job.queue.in_(claimable.queues))
    if claimable.full:
        waiting = waiting.where(Job.kind.not_in(claimable.limited) | Job.project.not_in(claimable.full))
    if claimable.most_hosts is not None:
        waiting = waiting.where(Job.hosts <= claimable.most_hosts)
    return waiting.order_by(Job.priority.desc(), Job.id).limit(1)


def helping(session: Session, job_id: str) -> Sequence[Job]:
    """The jobs that help a job, or helped earlier executions of it. Acquires no lock."""
    return session.scalars(select(Job).where(Job.leader == job_id).order_by(Job.id)).all()


def lock_helping(session: Session, job_id: str) -> Sequence[Job]:
    """Lock the unfinished jobs that help a job, always in the same order. Lock that job before."""
    unfinished = select(Job).where(Job.leader == job_id, Job.status.in_(statuses.UNFINISHED))
    return session.scalars(unfinished.order_by(Job.id).with_for_update()).all()


def lock_gangs(session: Session) -> bool:
    """Let nobody else begin a job on several workers until the transaction ends; False if somebody does so now.

    On SQLite nobody else writes anyway.
    """
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(select(func.pg_try_advisory_xact_lock(QUEUE_LOCKS, GANGS))))


def waiting_in_vain(session: Session) -> Sequence[str]:
    """The ids of the jobs that still wait although what they wait for is ready, oldest first. Acquires no lock."""
    found = select(Job.id).where(Job.waits_for.in_(RESOURCES), Job.status.in_(statuses.UNFINISHED))
    for resource, id_ in ((Model, Job.model_id), (Dataset, Job.dataset_id)):
        found = found.outerjoin(resource, resource.id == id_)
    is_ready = case((Job.waits_for == "model", Model.status), else_=Dataset.status) == statuses.READY
    return session.scalars(found.where(is_ready).order_by(Job.id)).all()


def waiting(session: Session, **columns: str | None) -> Sequence[Job]:
    """Lock the jobs that wait for a model or a dataset and whose columns have these values, always in the same order to
    prevent deadlocks."""
    matching = (getattr(Job, name) == value for name, value in columns.items())
    statement = select(Job).where(Job.waits_for.in_(RESOURCES), Job.status.in_(statuses.UNFINISHED), *matching)
    return session.scalars(statement.order_by(Job.id).with_for_update()).all()


def resource_ids(session: Session, job_id: str) -> tuple[str | None, str | None]:
    """The ids of a job's model and dataset. Acquires no lock."""
    row = session.execute(select(Job.model_id, Job.dataset_id).where(Job.id == job_id)).one_or_none()
    return (None, None) if row is None else (row[0], row[1])


def claimed(session: Session) -> Sequence[Job]:
    """All jobs that workers have claimed."""
    return session.scalars(select(Job).where(Job.status.in_(statuses.CLAIMED), Job.waits_for.is_(None))).all()


def checkpoint_folders(session: Session) -> frozenset[str]:
    """The artifact keys of the checkpoints from which unfinished jobs can resume. Raises BadKey for one that isn't the
    job's own."""
    found = session.execute(select(Job.id, Job.checkpoint).where(Job.status.in_(statuses.UNFINISHED)))
    return frozenset(
        check_published(key, CHECKPOINTS, job_id) for job_id, kept in found if kept is not None for key in kept.folders
    )


def result_folders(session: Session, groups: Mapping[str, str]) -> frozenset[str]:
    """The artifact keys of the results of jobs: the `folder` of each result. `groups` has the group of each kind.

    Raises BadKey for a key that isn't the job's own, or that of the job of which it is a part.
    """
    owner = func.coalesce(Job.part_of, Job.id)
    made = select(owner, Job.kind, Job.result).where(Job.kind.in_(groups), Job.status == statuses.SUCCEEDED)
    return frozenset(
        check_published(result["folder"], groups[kind], job_id)
        for job_id, kind, result in session.execute(made)
        if result
    )


def unfinished_requests(session: Session) -> Sequence[tuple[str, str, dict[str, Any]]]:
    """The id, the kind and the request of each unfinished job."""
    found = select(Job.id, Job.kind, Job.request).where(Job.status.in_(statuses.UNFINISHED))
    return [(job_id, kind, request) for job_id, kind, request in session.execute(found)]


def finished_before(
    session: Session, kinds: Collection[str], moment: datetime, limit: int, *, longer_than: int = 0, **columns: bool
) -> Sequence[str]:
    """At most `limit` ids of jobs of these kinds that ended before `moment`, that had more than `longer_than` events,
    and whose columns have these values. Parts of jobs aren't among them: they are deleted with those."""
    matching = (getattr(Job, name) == value for name, value in columns.items())
    statement = select(Job.id).where(Job.kind.in_(kinds), Job.finished_at < moment, Job.part_of.is_(None), *matching)
    if longer_than:
        statement = statement.where(Job.last_seq > longer_than)
    return session.scalars(statement.order_by(Job.id).limit(limit)).all()


def transition(status: str, reason: str | None = None) -> NewEvent:
    return NewEvent("transition", {"status": status, "reason": reason})


def warn(type_: str, detail: str) -> NewEvent:
    """The event of a warning: a line in the log, and an entry in the job's `warnings`."""
    return NewEvent("message", {"text": f"{detail}\n"}, warning=JobWarning(type_, detail))


def append_events(session: Session, job: Job, events: Sequence[NewEvent]) -> None:
    """Number the events and insert them. The job must be new, or locked by `get(…, lock=True)`."""
    first, at = job.last_seq + 1, datetime.now(UTC)
    job.last_seq += len(events)
    session.add_all(_event(job, seq, at, event) for seq, event in enumerate(events, first))


def _event(job: Job, seq: int, at: datetime, event: NewEvent) -> Event:
    return Event(job_id=job.id, seq=seq, at=at, type=event.type, run=job.run, epoch=event.epoch, data=event.data)


def delete_events(session: Session, job_id: str, limit: int, *, keeping: Collection[str] = ()) -> int:
    """Delete at most `limit` of a job's events, oldest first, except the types in `keeping`; returns how many."""
    statement = select(Event.seq).where(Event.job_id == job_id, Event.type.not_in(keeping))
    numbers = session.scalars(statement.order_by(Event.seq).limit(limit)).all()
    if numbers:
        doomed = (Event.job_id == job_id, Event.type.not_in(keeping), Event.seq <= numbers[-1])
        session.execute(delete(Event).where(*doomed).execution_options(synchronize_session=False))
    return len(numbers)


def delete_epochs(session: Session, job_id: str, numbers: Collection[int]) -> None:
    """Delete the events of these epochs of a job."""
    doomed = (Event.job_id == job_id, Event.type == "epoch", Event.epoch.in_(numbers))
    session.execute(delete(Event).where(*doomed).execution_options(synchronize_session=False))


def log_states(session: Session, job_ids: Collection[str]) -> dict[str, tuple[str, int]]:
    """The status of each existing job, and the number of its last event."""
    rows = session.execute(select(Job.id, Job.status, Job.last_seq).where(Job.id.in_(job_ids)))
    return {job_id: (status, last_seq) for job_id, status, last_seq in rows}


def events_after(
    session: Session,
    job_id: str,
    after: int,
    limit: int,
    *,
    last: int | None = None,
    types: Collection[str] | None = None,
) -> Sequence[Event]:
    """At most `limit` events after number `after`, in order; optionally up to number `last`, and only of `types`."""
    statement = select(Event).where(Event.job_id == job_id, Event.seq > after)
    if last is not None:
        statement = statement.where(Event.seq <= last)
    if types is not None:
        statement = statement.where(Event.type.in_(types))
    return session.scalars(statement.order_by(Event.seq).limit(limit)).all()


def last_events(session: Session, job_id: str, limit: int, types: Collection[str]) -> list[Event]:
    """The last `limit` events of these types, in order."""
    statement = select(Event).where(Event.job_id == job_id, Event.type.in_(types))
    return list(session.scalars(statement.order_by(Event.seq.desc()).limit(limit)))[::-1]


def transitions(session: Session, job_ids: Collection[str]) -> dict[str, list[Event]]:
    """The transitions of several jobs, in order."""
    found: dict[str, list[Event]] = {job_id: [] for job_id in job_ids}
    statement = select(Event).where(Event.job_id.in_(job_ids), Event.type == "transition").order_by(Event.seq)
    for event in session.scalars(statement):
        found[event.job_id].append(event)
    return found


def epoch_numbers(session: Session, job: Job, after: int = 0) -> Sequence[int]:
    """The finished epochs of the job, in order."""
    statement = select(Event.epoch).where(*_epochs(job), Event.epoch > after).order_by(Event.epoch)
    return [number for number in session.scalars(statement) if number is not None]


def last_epoch(session: Session, job: Job, before: int | None = None) -> int:
    """The last finished epoch of the job, or 0; optionally of those before the event number `before`."""
    statement = select(Event.epoch).where(*_epochs(job))
    if before is not None:
        statement = statement.where(Event.seq < before)
    return session.scalar(statement.order_by(Event.seq.desc()).limit(1)) or 0


def messages_since_last_epoch(session: Session, job: Job) -> list[str]:
    """The texts of the job's messages after the event of its last epoch."""
    last = select(func.coalesce(func.max(Event.seq), 0)).where(*_epochs(job)).scalar_subquery()
    found = select(Event.data).where(Event.job_id == job.id, Event.type == "message", Event.seq > last)
    return [data["text"] for data in session.scalars(found)]


def epochs(session: Session, job: Job, numbers: Collection[int]) -> list[dict[str, Any]]:
    """The data of these epochs of the job, in order."""
    statement = select(Event.data).where(*_epochs(job), Event.epoch.in_(numbers)).order_by(Event.epoch)
    return list(session.scalars(statement))


def epochs_of_all(session: Session, job_ids: Collection[str], numbers: Collection[int]) -> dict[str, list[Any]]:
    """The data of these epochs of several jobs, in order, by the id of the job."""
    found: dict[str, list[Any]] = {job_id: [] for job_id in job_ids}
    chosen = (Event.job_id.in_(job_ids), Event.type == "epoch", Event.epoch.in_(numbers))
    for job_id, data in session.execute(select(Event.job_id, Event.data).where(*chosen).order_by(Event.epoch)):
        found[job_id].append(data)
    return found


def last_epochs(session: Session, job_ids: Collection[str]) -> dict[str, int]:
    """The last finished epoch of each of these jobs that has one."""
    chosen = (Event.job_id.in_(job_ids), Event.type == "epoch")
    rows = session.execute(select(Event.job_id, func.max(Event.epoch)).where(*chosen).group_by(Event.job_id))
    return {job_id: epoch for job_id, epoch in rows if epoch is not None}


def epochs_after(session: Session, job: Job, after: int) -> list[dict[str, Any]]:
    """The data of the job's epochs after `after`, in order."""
    return list(session.scalars(select(Event.data).where(*_epochs(job), Event.epoch > after).order_by(Event.epoch)))


def _epochs(job: Job) -> tuple[ColumnElement[bool], ...]:
    return Event.job_id == job.id, Event.type == "epoch"
