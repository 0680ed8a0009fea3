"""What a worker does to jobs: claiming, renewing, recording, ending. Every write carries the lease's fencing token."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.training.plan import Order
from service import statuses
from service.context import Context
from service.errors import LeaseLost
from service.event_text import metrics_of
from service.operations.jobs import queue
from service.operations.jobs.kind import Success
from service.operations.jobs.registry import KINDS, kind_of
from service.storage import datasets, jobs, models
from service.storage.artifact_keys import execution_name
from service.storage.database import Database, Session
from service.storage.jobs import NewEvent
from service.storage.records import Job

WORKER_LOST = "worker_lost"
WORKER_SHUTDOWN = "worker_shutdown"
STALLED = "stalled"


@dataclass(frozen=True)
class Lease:
    """The right to execute a job until somebody else claims it."""

    job_id: str
    token: int

    @property
    def staging_name(self) -> str:
        """What the folder is called that this execution, and no other, writes into."""
        return execution_name(self.job_id, self.token)


@dataclass(frozen=True)
class Instructions:
    """What a job's execution is to do: the job's status, which may be an order, and changes of the training."""

    status: str
    orders: Sequence[Order]
    closed: bool
    """Whether there will be no more orders: the training may end."""


@dataclass(frozen=True)
class Sighting:
    """A claimed job as a reaper saw it: when nothing of it changes for a lease's length, its worker is gone."""

    job_id: str
    token: int
    renewals: int


def claim(
    context: Context, worker_id: str, kinds: Collection[str], queues: Collection[str], runtime: dict[str, Any]
) -> tuple[Lease, Job] | None:
    """Take the next waiting job, or None. A job keeps the runtime of its first claim, and with a checkpoint its run."""
    with context.database.write() as session:
        job = jobs.next_queued(session, kinds, queues)
        if job is None:
            return None
        job.owner, job.token = worker_id, job.token + 1
        job.runtime = job.runtime or runtime
        job.started_at = job.started_at or datetime.now(UTC)
        job.closed = False
        if job.checkpoint is None:
            job.run += 1
            job.progress = None
        stopping = job.desired_status == statuses.STOPPED
        queue.move(session, job, statuses.STOPPING if stopping else statuses.RUNNING)
        return Lease(job.id, job.token), job


def executing(session: Session) -> frozenset[str]:
    """The names of the folders that the executions which hold a lease write into."""
    return frozenset(Lease(job.id, job.token).staging_name for job in jobs.claimed(session))


def waiting(context: Context, kinds: Collection[str], queues: Collection[str]) -> bool:
    """Whether a claim may find something: a look that takes no lock."""
    with context.database.read() as session:
        return jobs.any_queued(session, kinds, queues)


def held(session: Session, lease: Lease, *, lock: bool = True) -> Job:
    """The lease's job. Raises LeaseLost when another execution has it, or it has ended."""
    job = jobs.get(session, lease.job_id, lock=lock)
    if job is None or job.token != lease.token or job.status not in statuses.CLAIMED:
        raise LeaseLost(f"The lease {lease.token} of the job {lease.job_id} is no longer held.")
    return job


def held_with_resources(session: Session, lease: Lease) -> Job:
    """As `held`, after locking what the job works on: everybody locks model and dataset first, then jobs."""
    model_id, dataset_id = jobs.resource_ids(session, lease.job_id)
    models.by_id(session, model_id, lock=True)
    datasets.by_id(session, dataset_id, lock=True)
    return held(session, lease)


def renew(context: Context, lease: Lease) -> Instructions:
    """Show that the execution lives. Raises LeaseLost."""
    with context.database.write() as session:
        job = held(session, lease)
        job.renewals += 1
        return _instructions(job)


def instructions(context: Context, lease: Lease) -> Instructions:
    """What is asked of the execution now; takes no lock. Raises LeaseLost."""
    with context.database.read() as session:
        return _instructions(held(session, lease, lock=False))


def _instructions(job: Job) -> Instructions:
    return Instructions(job.status, job.orders, job.closed)


def close(context: Context, lease: Lease, orders_known: int) -> Instructions:
    """Take no more orders, unless there are some that the training doesn't know yet. Raises LeaseLost."""
    with context.database.write() as session:
        job = held(session, lease)
        job.closed = len(job.orders) == orders_known and job.status != statuses.PAUSING
        return _instructions(job)


def record(
    context: Context,
    lease: Lease,
    events: Sequence[NewEvent],
    *,
    progress: dict[str, Any] | None = None,
    best: dict[str, Any] | None = None,
) -> Instructions:
    """Write a batch of events and what they say of the job; renews the lease. Raises LeaseLost.

    Epochs that are known already are left out: they come again, the same, after an answer that was lost, and when a
    training goes on from a checkpoint before them, or from its start.
    """
    with context.database.write() as session:
        job = held(session, lease)
        job.renewals += 1
        if any(event.epoch for event in events):
            known = jobs.last_epoch(session, job)
            events = [event for event in events if event.epoch is None or event.epoch > known]
        job.progress = _follow(progress or job.progress, events)
        newest = next((event.data for event in reversed(events) if event.type == "epoch"), None)
        if newest is not None:
            job.metrics, job.best = metrics_of(newest), best or job.best
        for event in events:
            _apply(job, event)
        jobs.append_events(session, job, events)
        return _instructions(job)


def _apply(job: Job, event: NewEvent) -> None:
    """Write into the job's row what a later execution needs to go on from."""
    if event.checkpoint is not None:
        if job.checkpoint is None or event.checkpoint.position > job.checkpoint.position:
            job.deaths = 0
        job.checkpoint = event.checkpoint
    if event.order is not None:
        taken = {order.number: order for order in job.orders} | {event.order.number: event.order}
        job.orders = list(taken.values())


def _follow(progress: dict[str, Any] | None, events: Sequence[NewEvent]) -> dict[str, Any] | None:
    """Progress that is not behind the epochs: it is told only now and then, and may be the job's last word."""
    epoch = max((event.epoch or 0 for event in events), default=0)
    if progress is None or epoch <= progress.get("epoch", epoch):
        return progress
    return progress | {"epoch": epoch, "step": progress["steps"], "fraction": epoch / progress["epochs"]}


def succeed(context: Context, lease: Lease, result: dict[str, Any]) -> None:
    """End a job whose process finished: its staged folder becomes what the job was for. Raises LeaseLost.

    A job that was told to cancel in the last moment is cancelled instead. After DatabaseUnavailable it can be called
    again: the files are published once, and a commit whose answer was lost is found.
    """
    with context.database.read() as session:
        job = jobs.get(session, lease.job_id)
    if job is None:
        raise LeaseLost(f"The job {lease.job_id} is gone.")
    if job.token == lease.token and job.status == statuses.SUCCEEDED:
        kind_of(job).remove_inputs(context, job)
        return
    key = _publish(context, job, lease.staging_name)
    try:
        with context.database.write() as session:
            job = held_with_resources(session, lease)
            success = _record_success(session, job, key, result)
    except LeaseLost:
        _discard(context, job, lease.staging_name)
        raise
    if success is None:
        _discard(context, job, lease.staging_name)
    kind_of(job).remove_inputs(context, job)


def _record_success(session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
    """Write what the job made; None where it is cancelled instead."""
    cancelling = job.status == statuses.CANCELLING
    success = None if cancelling else kind_of(job).record_success(session, job, key, result)
    if success is None:
        queue.move(session, job, statuses.CANCELLED)
        return None
    for byproduct in success.byproducts:
        queue.record_done(
            session, KINDS[byproduct.kind], byproduct.request,
            model_id=job.model_id, model_name=job.model_name, version=job.version,
            dataset_id=job.dataset_id, dataset_name=job.dataset_name,
            runtime=job.runtime, made_by=job.id, result=byproduct.result.to_document(),
        )  # fmt: skip
    queue.move(session, job, statuses.SUCCEEDED, success.reason)
    return success


def _publish(context: Context, job: Job, staging_name: str) -> str | None:
    """Move the job's staged folder to the key where its files are kept; None for a job that leaves none."""
    key = kind_of(job).output_key(job, staging_name)
    if key is None:
        context.artifacts.discard(staging_name)
    else:
        context.artifacts.publish(context.artifacts.staged(staging_name), key)
    return key


def _discard(context: Context, job: Job, staging_name: str) -> None:
    """Remove whatever an execution left that ended without an outcome."""
    context.artifacts.discard(staging_name)
    key = kind_of(job).output_key(job, staging_name)
    if key is not None:
        context.artifacts.remove(key)


def fail(context: Context, lease: Lease, error: dict[str, Any], reason: str | None = None) -> None:
    """End a job that can't succeed; `error` is a flattened error (`code`, `detail`, `faults`). Raises LeaseLost."""
    with context.database.write() as session:
        job = held_with_resources(session, lease)
        _fail(session, job, error, reason)
    _tidy(context, job, lease.staging_name)


def _fail(session: Session, job: Job, error: dict[str, Any], reason: str | None) -> None:
    if job.status == statuses.CANCELLING:
        queue.move(session, job, statuses.CANCELLED)
        return
    job.error = error
    kind_of(job).record_failure(session, job, error)
    queue.move(session, job, statuses.FAILED, reason)


def _tidy(context: Context, job: Job, staging_name: str) -> None:
    """Remove what an execution left that ended without an outcome, and what nobody needs of a job that is final."""
    _discard(context, job, staging_name)
    if job.status in statuses.FINAL:
        kind_of(job).remove_inputs(context, job)


def cancelled(context: Context, lease: Lease, reason: str | None = None) -> None:
    """End a job whose process was ended by an order. Raises LeaseLost."""
    with context.database.write() as session:
        job = held(session, lease)
        queue.move(session, job, statuses.CANCELLED, reason)
    _tidy(context, job, lease.staging_name)


def put_back(context: Context, lease: Lease, reason: str | None = None) -> None:
    """Give up a job that isn't done, so that it runs again, or waits as it was told. Raises LeaseLost."""
    with context.database.write() as session:
        job = held(session, lease)
        _requeue(session, job, reason)
    _tidy(context, job, lease.staging_name)


def died(context: Context, lease: Lease, error: dict[str, Any], reason: str = WORKER_LOST) -> None:
    """Note that the job's process died: it runs again, or fails with `error` when too many died since a checkpoint
    that got further than the one before. Raises LeaseLost."""
    with context.database.write() as session:
        job = held_with_resources(session, lease)
        job.deaths += 1
        if job.deaths >= context.settings.max_attempts:
            _fail(session, job, error, reason)
        else:
            job.attempt += 1
            _requeue(session, job, reason)
    _tidy(context, job, lease.staging_name)


def orphaned(context: Context, lease: Lease) -> None:
    """Note that the job's process died with its fork server, which is no fault of the job's: it runs again. Raises
    LeaseLost."""
    with context.database.write() as session:
        job = held(session, lease)
        job.attempt += 1
        _requeue(session, job, WORKER_LOST)
    _tidy(context, job, lease.staging_name)


def _requeue(session: Session, job: Job, reason: str | None) -> None:
    job.closed = False
    if job.checkpoint is None:
        job.progress = None
    nothing_to_keep = job.status == statuses.STOPPING and job.checkpoint is None
    if job.status == statuses.CANCELLING or nothing_to_keep:
        queue.move(session, job, statuses.CANCELLED, reason)
    elif job.desired_status == statuses.PAUSED:
        queue.move(session, job, statuses.PAUSED)
    else:
        queue.move(session, job, statuses.QUEUED, reason)


def put_all_back(database: Database, reason: str) -> None:
    """Give up all jobs at once, in a database whose workers are not there."""
    with database.write() as session:
        for job in jobs.claimed(session):
            _requeue(session, job, reason)


def sightings(context: Context) -> list[Sighting]:
    """All claimed jobs as they are now."""
    with context.database.read() as session:
        return [Sighting(job.id, job.token, job.renewals) for job in jobs.claimed(session)]


def reap(context: Context, sighting: Sighting) -> bool:
    """Put a job back whose worker is gone, if it is still as it was seen; say whether it was."""
    with context.database.write() as session:
        job = jobs.get(session, sighting.job_id, lock=True)
        if job is None or (job.token, job.renewals) != (sighting.token, sighting.renewals):
            return False
        if job.status not in statuses.CLAIMED:
            return False
        _requeue(session, job, WORKER_LOST)
    _tidy(context, job, Lease(sighting.job_id, sighting.token).staging_name)
    return True
