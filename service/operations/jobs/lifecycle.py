"""What a worker does to jobs: claiming, renewing, recording, ending. Every write checks the lease's fencing token."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from models.jobs.training import CrossValidation
from models.training.plan import Order
from service import statuses
from service.broker.hints import Hint
from service.context import Context
from service.errors import LeaseLost
from service.event_text import metrics_of
from service.operations.jobs import claims, gangs, queue, shards, training_progress, waiting
from service.operations.jobs.kind import Shards, Success
from service.operations.jobs.registry import KINDS, kind_of
from service.origins import Origin
from service.storage import datasets, jobs, models, training_snapshots
from service.storage.artifact_keys import execution_name
from service.storage.database import Database, Session
from service.storage.documents import JobWarning
from service.storage.jobs import NewEvent
from service.storage.records import Job
from service.storage.training_snapshots import Changes

WORKER_LOST = "worker_lost"
STALLED = "stalled"
MOST_WARNINGS = 100
DISK_FULL = "The disk is full. Free some space, then resume the job."


@dataclass(frozen=True)
class Lease:
    """The exclusive right of one worker to run a job, until it expires and another worker claims the job."""

    job_id: str
    token: int
    part_of: str | None = None
    """The job of which this one is a part."""

    @property
    def staging_name(self) -> str:
        """The name of the staged folder into which only this execution writes."""
        return execution_name(self.job_id, self.token)


@dataclass(frozen=True)
class Instructions:
    """Instructions for a running job: its status, which may be an order such as `pausing`, and orders to change it."""

    status: str
    orders: Sequence[Order]
    closed: bool
    """Whether no more orders are accepted, so that the training may end."""
    lost: bool = False
    """Whether another worker that the job needs has given up."""


@dataclass(frozen=True)
class Sighting:
    """A claimed job as a reaper saw it. If it doesn't change for the duration of a lease, its worker has crashed."""

    job_id: str
    token: int
    renewals: int
    origin: Origin | None = None
    part_of: str | None = None
    """The job of which this one is a part."""

    @classmethod
    def of(cls, job: Job) -> Self:
        return cls(job.id, job.token, job.renewals, job.origin, job.part_of)


@dataclass(frozen=True)
class Abandoned:
    """An execution that ended without an outcome, and whose files are still there; see `remove_files`."""

    job: Job
    lease: Lease


def claim(
    context: Context, worker_id: str, kinds: Collection[str], queues: Collection[str], runtime: dict[str, Any]
) -> tuple[Lease, Job] | None:
    """Claim the next queued job; None if there is none, or the worker drains.

    A job keeps the runtime of its first claim, and its run if it has a checkpoint. One that runs on several workers is
    claimed once enough of them are free, which then claim the jobs that help it.
    """
    with context.database.write() as session:
        found = claims.find_next(session, worker_id, kinds, queues, lock=True)
        if found is None:
            return None
        job = found.job
        job.owner, job.token = worker_id, job.token + 1
        job.runtime = job.runtime or runtime
        job.started_at = job.started_at or datetime.now(UTC)
        job.closed = False
        if job.checkpoint is None:
            job.run += 1
            job.progress = None
        stopping = job.desired_status == statuses.STOPPED
        queue.move(session, job, statuses.STOPPING if stopping else statuses.RUNNING)
        helped_by = kind_of(job).helped_by
        if helped_by is not None and found.helpers:
            gangs.begin(context, session, KINDS[helped_by], job, found.helpers)
        return Lease(job.id, job.token, job.part_of), job


def executing(session: Session) -> frozenset[str]:
    """The names of the staged folders of the executions that hold a lease."""
    return frozenset(Lease(job.id, job.token).staging_name for job in jobs.claimed(session))


def may_claim(context: Context, worker_id: str, kinds: Collection[str], queues: Collection[str]) -> bool:
    """Whether a claim of the worker may find a job. Acquires no lock."""
    with context.database.read() as session:
        return claims.may_find(session, worker_id, kinds, queues)


def find_hints(context: Context, queues: Collection[str], limit: int) -> list[Hint]:
    """What to tell workers of these queues: at most `limit` jobs that wait to be claimed. Acquires no lock."""
    with context.database.read() as session:
        return [Hint(job.queue, job.kind, job.id) for job in claims.list_queued(session, queues, limit)]


def find_leased(session: Session, lease: Lease, *, lock: bool = True) -> Job:
    """The lease's job. Raises LeaseLost if another worker has claimed the job, or it has ended."""
    job = jobs.get(session, lease.job_id, lock=lock)
    if job is None or job.token != lease.token or not _is_claimed(job):
        raise LeaseLost(f"The lease {lease.token} of the job {lease.job_id} is no longer held.")
    return job


def _is_claimed(job: Job) -> bool:
    """Whether a worker holds the job. While its work is spread, none does."""
    return job.status in statuses.CLAIMED and job.waits_for is None


def find_leased_with_resources(session: Session, lease: Lease) -> Job:
    """Like `find_leased`, after locking the job's model and dataset, and the job of which it is a part. All code locks
    in this order: no deadlocks."""
    model_id, dataset_id = jobs.resource_ids(session, lease.job_id)
    models.by_id(session, model_id, lock=True)
    datasets.by_id(session, dataset_id, lock=True)
    return _find_leased_with_whole(session, lease)


def _find_leased_with_whole(session: Session, lease: Lease) -> Job:
    """Like `find_leased`, after locking the job of which it is a part."""
    shards.lock_whole(session, lease.part_of, wait=True)
    return find_leased(session, lease)


def renew(context: Context, lease: Lease) -> Instructions:
    """Renew the lease. Raises LeaseLost."""
    with context.database.write() as session:
        job = find_leased(session, lease)
        job.renewals += 1
        return _instructions(context, session, job)


def instructions(context: Context, lease: Lease) -> Instructions:
    """The job's current instructions. Acquires no lock. Raises LeaseLost."""
    with context.database.read() as session:
        return _instructions(context, session, find_leased(session, lease, lock=False))


def _instructions(context: Context, session: Session, job: Job) -> Instructions:
    return Instructions(job.status, job.orders, job.closed, gangs.has_lost(context, session, job))


def close(context: Context, lease: Lease, orders_known: int) -> Instructions:
    """Accept no more orders, unless there are some that the training hasn't received yet. Raises LeaseLost."""
    with context.database.write() as session:
        job = find_leased(session, lease)
        job.closed = len(job.orders) == orders_known and job.status != statuses.PAUSING
        return _instructions(context, session, job)


def record(
    context: Context,
    lease: Lease,
    events: Sequence[NewEvent],
    *,
    progress: dict[str, Any] | None = None,
    best: dict[str, Any] | None = None,
    baseline: dict[str, Any] | None = None,
    snapshots: Changes | None = None,
) -> Instructions:
    """Write a batch of events, update the job's row from them, and renew the lease. Raises LeaseLost.

    What the log already has isn't written again, as far as `_find_new` recognizes it. For the rest: after
    OutcomeUnknown, ask whether the batch was written before writing it again.
    """
    with context.database.write() as session:
        # Progress may wait until others have recorded theirs; nothing else may be lost.
        whole = shards.lock_whole(session, lease.part_of, wait=any(event.type == "message" for event in events))
        job = find_leased(session, lease)
        job.renewals += 1
        events = _find_new(session, job, events)
        job.progress = _follow(progress or job.progress, events, job.request.get("folds") or 0)
        job.baseline = baseline or job.baseline
        newest = next((event.data for event in reversed(events) if event.type == "epoch"), None)
        if newest is not None:
            job.metrics, job.best = metrics_of(newest), best or job.best
        for event in events:
            _apply(job, event)
        jobs.append_events(session, job, events)
        if snapshots is not None:
            training_snapshots.change(session, job.id, snapshots)
        if whole is not None:
            shards.follow(session, whole, events)
        return _instructions(context, session, job)


def _find_new(session: Session, job: Job, events: Sequence[NewEvent]) -> Sequence[NewEvent]:
    """The events without those that were recorded before.

    A task that restarts, or resumes from an earlier checkpoint, reports its epochs and folds again with the same
    values, and says its lines that are told once and its warnings again. Other events have nothing to recognize them
    by.
    """
    if any(event.epoch for event in events):
        known = jobs.last_epoch(session, job)
        events = [event for event in events if event.epoch is None or event.epoch > known]
    if any(event.fold for event in events):
        folds = len(_cross_validation(job).folds)
        events = [event for event in events if event.fold is None or event.fold > folds]
    if any(event.is_told_once for event in events) and not any(event.epoch for event in events):
        told = jobs.messages_since_last_epoch(session, job)
        events = [event for event in events if not event.is_told_once or event.data["text"] not in told]
    return [event for event in events if event.warning is None or event.warning not in job.warnings]


def _apply(job: Job, event: NewEvent) -> None:
    """Write into the job's row what a later execution needs to resume."""
    if event.checkpoint is not None:
        if job.checkpoint is None or event.checkpoint.position > job.checkpoint.position:
            job.deaths = 0
        job.checkpoint = event.checkpoint
    if event.order is not None:
        taken = {order.number: order for order in job.orders} | {event.order.number: event.order}
        job.orders = list(taken.values())
    if event.warning is not None:
        _warn(job, event.warning)
    if event.fold is not None:
        folds = [*_cross_validation(job).folds, event.data["fold"]["metrics"]]
        job.result = CrossValidation(folds).to_document()


def _cross_validation(job: Job) -> CrossValidation:
    return CrossValidation.from_document(job.result or {})


def _warn(job: Job, warning: JobWarning) -> None:
    if warning not in job.warnings and len(job.warnings) < MOST_WARNINGS:
        job.warnings = [*job.warnings, warning]


def _follow(progress: dict[str, Any] | None, events: Sequence[NewEvent], folds: int) -> dict[str, Any] | None:
    """The progress, advanced to the last epoch: progress is reported less often than epochs, and may never follow."""
    epoch = max((event.epoch or 0 for event in events), default=0)
    if progress is None or epoch <= progress.get("epoch", epoch):
        return progress
    return training_progress.advance(progress, epoch, folds)


def succeed(context: Context, lease: Lease, result: dict[str, Any]) -> None:
    """End a job whose child process succeeded, and publish its staged folder; or spread its work if the process divided
    it. Raises LeaseLost.

    A job that a client cancelled meanwhile is cancelled instead. After DatabaseUnavailable, call this again: it
    publishes the files only once, and recognizes its own commit if the outcome of that was unknown.
    """
    job = _find_unless_deleted(context, lease)
    if _has_succeeded(job, lease):
        _remove_inputs(context, job)
        return
    key = _publish(context, job, lease.staging_name)
    try:
        with context.database.write() as session:
            job = find_leased_with_resources(session, lease)
            success = _record_success(session, job, key, result)
    except LeaseLost:
        # The commit of an earlier call may have come through only now. If the job was deleted since, its version may
        # still need the files, so they are left to the cleanup.
        job = _find_unless_deleted(context, lease)
        if not _has_succeeded(job, lease):
            _discard(context, job, lease.staging_name)
            raise
        success = Success()
    if isinstance(success, Success):
        for replaced in success.replaced:
            context.artifacts.remove(replaced)
    else:
        _discard(context, job, lease.staging_name)
    _remove_inputs(context, job)


def _find_unless_deleted(context: Context, lease: Lease) -> Job:
    with context.database.read() as session:
        job = jobs.get(session, lease.job_id)
    if job is None:
        raise LeaseLost(f"The job {lease.job_id} was deleted.")
    return job


def _has_succeeded(job: Job, lease: Lease) -> bool:
    """Whether this execution's success is recorded."""
    return job.token == lease.token and (job.status == statuses.SUCCEEDED or job.waits_for == queue.SHARDS)


def _record_success(session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | Shards | None:
    """Record the outcome in the database; None if the job is cancelled instead."""
    cancelling = job.status == statuses.CANCELLING
    success = None if cancelling else kind_of(job).record_success(session, job, key, result)
    if success is None:
        queue.move(session, job, statuses.CANCELLED)
        return None
    if isinstance(success, Shards):
        shards.spread(session, job, success)
        return success
    for byproduct in success.byproducts:
        queue.record_done(
            session, KINDS[byproduct.kind], byproduct.request, project=job.project,
            model_id=job.model_id, model_name=job.model_name, version=job.version,
            dataset_id=job.dataset_id, dataset_name=job.dataset_name,
            dataset_version=job.dataset_version, dataset_sha256=job.dataset_sha256,
            runtime=job.runtime, made_by=job.id, origin=job.origin,
            result=byproduct.result.to_document(), points=byproduct.points,
        )  # fmt: skip
    queue.move(session, job, statuses.SUCCEEDED, success.reason)
    shards.settle(session, job)
    return success


def _publish(context: Context, job: Job, staging_name: str) -> str | None:
    """Move the job's staged folder to its artifact key and return the key; None for a job without files."""
    key = kind_of(job).output_key(job, staging_name)
    if key is None:
        context.artifacts.discard(staging_name)
    else:
        context.artifacts.publish(context.artifacts.staged(staging_name), key)
    return key


def _discard(context: Context, job: Job, staging_name: str) -> None:
    """Remove the files of an execution that ended without an outcome."""
    context.artifacts.discard(staging_name)
    key = kind_of(job).output_key(job, staging_name)
    if key is not None:
        context.artifacts.remove(key)


def fail(context: Context, lease: Lease, error: dict[str, Any], reason: str | None = None) -> None:
    """End a job as failed. `error` has `code`, `detail` and `faults`. Raises LeaseLost.

    If the disk is the reason, a job that a client created is paused instead, with its checkpoint if it has one. A job
    that was stopping keeps that order: resuming it finishes the stop. An import or a build runs again, unless it began
    more than `disk_full_seconds` ago.
    """
    with context.database.write() as session:
        job = find_leased_with_resources(session, lease)
        if reason in statuses.DISK_REASONS and _runs_again(context, job):
            _requeue(session, job, reason)
        else:
            _fail(session, job, error, reason)
    remove_files(context, Abandoned(job, lease))


def _runs_again(context: Context, job: Job) -> bool:
    """Whether a job that found no room on the disk may try again by itself."""
    if _can_pause(job) or kind_of(job).runs_once or job.started_at is None:
        return False
    return datetime.now(UTC) - job.started_at < timedelta(seconds=context.settings.disk_full_seconds)


def _can_pause(job: Job) -> bool:
    return kind_of(job).from_clients or job.part_of is not None


def _fail(session: Session, job: Job, error: dict[str, Any], reason: str | None) -> None:
    if job.status == statuses.CANCELLING:
        queue.move(session, job, statuses.CANCELLED)
        return
    if reason in statuses.DISK_REASONS and _can_pause(job):
        _warn(job, JobWarning("paused", DISK_FULL if reason == "disk_full" else error["detail"]))
        _release(job)
        if job.desired_status != statuses.STOPPED:
            job.desired_status = statuses.PAUSED
        queue.move(session, job, statuses.PAUSED, reason)
        shards.settle(session, job)
        return
    job.error = error
    kind_of(job).record_failure(session, job, error)
    waiting.fail_all(session, job, error)
    queue.move(session, job, statuses.FAILED, reason)
    shards.settle(session, job)


def remove_files(context: Context, abandoned: Abandoned) -> None:
    """Remove the files of an execution that ended without an outcome, and the inputs of the job if it is final. The
    cleanup removes what nobody removes here."""
    _discard(context, abandoned.job, abandoned.lease.staging_name)
    _remove_inputs(context, abandoned.job)


def _remove_inputs(context: Context, job: Job) -> None:
    """Remove the inputs of the job if it is final, and of the job of which it is a part if that is."""
    if job.status in statuses.FINAL:
        kind_of(job).remove_inputs(context, job)
        shards.remove_inputs(context, job)


def cancelled(context: Context, lease: Lease, reason: str | None = None) -> None:
    """End a job that an order cancelled, or stopped before it had a model. Raises LeaseLost."""
    with context.database.write() as session:
        job = find_leased(session, lease)
        queue.move(session, job, statuses.CANCELLED, reason)
    remove_files(context, Abandoned(job, lease))


def put_back(context: Context, lease: Lease, reason: str | None = None) -> None:
    """Return an unfinished job to the queue, or to `paused` if that was ordered. Raises LeaseLost."""
    remove_files(context, give_back(context, lease, reason))


def give_back(context: Context, lease: Lease, reason: str | None = None) -> Abandoned:
    """Like `put_back`, but removes no files. Raises LeaseLost."""
    with context.database.write() as session:
        job = _find_leased_with_whole(session, lease)
        _requeue(session, job, reason)
    return Abandoned(job, lease)


def crashed(context: Context, lease: Lease, error: dict[str, Any], reason: str = WORKER_LOST) -> None:
    """Record that the job's child process crashed.

    The job runs again. After `max_attempts` crashes without a checkpoint further on, it fails with `error`. Raises
    LeaseLost.
    """
    with context.database.write() as session:
        job = find_leased_with_resources(session, lease)
        job.deaths += 1
        if job.deaths >= context.settings.max_attempts:
            _fail(session, job, error, reason)
        else:
            job.attempt += 1
            _requeue(session, job, reason)
    remove_files(context, Abandoned(job, lease))


def lost_worker(context: Context, lease: Lease, error: dict[str, Any]) -> None:
    """Record that another worker that the job needs has ended.

    This counts as a crash, unless that worker was shut down or never began. `error` is the job's if it has crashed too
    often, unless that worker had one. Raises LeaseLost.
    """
    with context.database.read() as session:
        job = find_leased(session, lease, lock=False)
        blameless, failure = gangs.is_blameless(session, job), gangs.find_failure(session, job)
    if blameless:
        put_back(context, lease, WORKER_LOST)
    else:
        crashed(context, lease, failure or error)


def lost_fork_server(context: Context, lease: Lease) -> None:
    """Record that the child process ended because the fork server did. The job didn't cause this, so it runs again
    without a limit. Raises LeaseLost."""
    with context.database.write() as session:
        job = _find_leased_with_whole(session, lease)
        job.attempt += 1
        _requeue(session, job, WORKER_LOST)
    remove_files(context, Abandoned(job, lease))


def _release(job: Job) -> None:
    """Undo what applies only while a worker runs the job."""
    job.closed = False
    if job.checkpoint is None:
        job.progress = None


def _requeue(session: Session, job: Job, reason: str | None) -> None:
    """Return a locked job to the queue, or let it wait or end as was ordered. The whole of a part is locked, too."""
    _release(job)
    nothing_to_keep = job.status == statuses.STOPPING and job.checkpoint is None
    if job.status == statuses.CANCELLING or nothing_to_keep or kind_of(job).runs_once:
        queue.move(session, job, statuses.CANCELLED, reason)
    elif job.desired_status == statuses.PAUSED or shards.is_paused(session, job.part_of):
        queue.move(session, job, statuses.PAUSED)
    else:
        queue.move(session, job, statuses.QUEUED, reason)


def put_all_back(database: Database, reason: str) -> None:
    """Return all running jobs to the queue, in a database that has no workers."""
    with database.write() as session:
        for job in jobs.claimed(session):
            _requeue(session, job, reason)


def sightings(context: Context) -> list[Sighting]:
    """The current state of all claimed jobs."""
    with context.database.read() as session:
        return [Sighting.of(job) for job in jobs.claimed(session)]


def reap(context: Context, sighting: Sighting) -> Abandoned | None:
    """Put back a job whose worker has crashed. Removes no files, because that may take long.

    Returns None if the job has changed since `sighting`.
    """
    with context.database.write() as session:
        shards.lock_whole(session, sighting.part_of, wait=True)
        job = jobs.get(session, sighting.job_id, lock=True)
        if job is None or (job.token, job.renewals) != (sighting.token, sighting.renewals):
            return None
        if not _is_claimed(job):
            return None
        _requeue(session, job, WORKER_LOST)
    return Abandoned(job, Lease(sighting.job_id, sighting.token))
