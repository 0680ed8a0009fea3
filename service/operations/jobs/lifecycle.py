"""What a worker does to jobs: claiming them, ending them, and putting them back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from service import statuses
from service.broker.hints import Hint
from service.context import Context
from service.errors import LeaseLost
from service.operations.jobs import claims, gangs, queue, shards, waiting
from service.operations.jobs.kind import Shards, Success
from service.operations.jobs.leases import (
    Lease,
    find_leased,
    find_leased_with_resources,
    find_leased_with_whole,
    is_claimed,
)
from service.operations.jobs.recording import add_warning
from service.operations.jobs.registry import KINDS, kind_of
from service.origins import Origin
from service.storage import jobs
from service.storage.database import Database, Session
from service.storage.documents import JobWarning
from service.storage.records import Job

WORKER_LOST = "worker_lost"
STALLED = "stalled"
DISK_FULL = "The disk is full. Free some space, then resume the job."


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
    that was stopping keeps that order: resuming it finishes the stop.
    """
    with context.database.write() as session:
        job = find_leased_with_resources(session, lease)
        _fail(session, job, error, reason)
    remove_files(context, Abandoned(job, lease))


def _fail(session: Session, job: Job, error: dict[str, Any], reason: str | None) -> None:
    if job.status == statuses.CANCELLING:
        queue.move(session, job, statuses.CANCELLED)
        return
    if reason in statuses.DISK_REASONS and _can_pause(job):
        add_warning(job, JobWarning("paused", DISK_FULL if reason == "disk_full" else error["detail"]))
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


def _can_pause(job: Job) -> bool:
    """Whether a client sees the job, or the job it is a part of, and can resume it."""
    return kind_of(job).from_clients or job.part_of is not None


def may_run_again(job: Job) -> bool:
    """Whether a job whose files can't be stored runs again for a while: it can't be paused, and makes something that a
    client would lose. A dry run makes nothing."""
    makes_nothing = job.model_id is None and job.dataset_id is None
    return not _can_pause(job) and not kind_of(job).runs_once and not makes_nothing


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
        job = find_leased_with_whole(session, lease)
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
        job = find_leased_with_whole(session, lease)
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
        if not is_claimed(job):
            return None
        _requeue(session, job, WORKER_LOST)
    return Abandoned(job, Lease(sighting.job_id, sighting.token))
