"""Queues jobs, changes their status, and cancels them."""

import contextlib
from datetime import UTC, datetime
from typing import Any

from models.documents import Document
from service import statuses
from service.config import DEFAULT_QUEUE
from service.context import Context
from service.errors import QueueFull, StorageError
from service.operations.access import quotas
from service.operations.jobs.kind import Kind
from service.origins import QUEUEING
from service.storage import jobs
from service.storage.database import Session
from service.storage.identifiers import new_identifier
from service.storage.records import Job
from service.storage.unit_of_work import wake_workers

HIGHEST_PRIORITY = 9
WAITING_FOR_WORKER = "waiting_for_worker"
"""The `status_reason` of a queued job while no running worker claims jobs from its queue."""
WAITING_FOR_WORKERS = "waiting_for_workers"
"""The `status_reason` of a queued job with several `hosts` while fewer workers are free."""
WORKER_SHUTDOWN = "worker_shutdown"
"""The `status_reason` of a job that its worker has put back because it was shut down."""
INPUTS_UNAVAILABLE = "inputs_unavailable"
"""The `status_reason` of a job that its worker has put back because the artifact store didn't give it the inputs."""

SHARDS = "shards"
"""What a job waits for whose work is spread."""

MOST_CONCURRENT = 200
"""While more places are free than jobs are added at the same time, nobody needs to wait for the places of others."""


def new_id(kind: Kind) -> str:
    """A new job id, for files that are stored before the job is queued."""
    return new_identifier(kind.prefix)


def enqueue(
    context: Context, session: Session, kind: Kind, request: Document, *, added_bytes: int = 0, **columns: Any
) -> Job:
    """Add a job to the queue. `columns` sets its model, dataset, priority and queue, what it waits for, and its id if
    it has one already. `added_bytes` is the size of its upload.

    Lock everything else before. Raises QueueFull if `max_queued_jobs` jobs of that kind are already queued, and
    QuotaExceeded; NotFound if the project was deleted meanwhile.
    """
    limit = context.settings.max_queued_jobs
    waiting = jobs.count_waiting(session, kind.name)
    if waiting >= limit - MOST_CONCURRENT:
        jobs.lock_queue(session, kind.name)
        waiting = jobs.count_waiting(session, kind.name)
    if waiting >= limit:
        name = kind.name.replace("_", " ")
        raise QueueFull(
            f"The project already has {limit} queued {name} jobs. Retry when some have finished.", retry_after=30
        )
    queueing = QUEUEING.get()
    job = _new_job(kind, request, **columns, origin=None if queueing is None else queueing.origin)
    jobs.add(session, job)
    quotas.check_new(session, kind, added_bytes)
    if queueing is not None:
        queueing.note(job.id)
    return job


def record_done(session: Session, kind: Kind, request: Document, **columns: Any) -> Job:
    """Add a job that another job has already done. It was never queued."""
    job = _new_job(kind, request, **columns)
    job.status, job.started_at, job.finished_at = statuses.SUCCEEDED, job.created_at, job.created_at
    jobs.add(session, job)
    return job


def add_helper(session: Session, kind: Kind, request: Document, leader: Job, worker_id: str) -> Job:
    """Add a job that helps a job that has been claimed, and that only one worker claims: its queue has that worker's
    id as its name."""
    origin, project = leader.origin, leader.project
    job = _new_job(kind, request, leader=leader.id, queue=worker_id, project=project, origin=origin)
    jobs.add(session, job)
    return job


def add_part(session: Session, kind: Kind, request: Document, whole: Job, shard: int | None) -> None:
    """Add a job that does a part of the work of another: the shard of that number, or joining them. It isn't checked
    against limits and quotas, which count the whole."""
    same = {"project": whole.project, "origin": whole.origin, "priority": whole.priority, "queue": whole.queue}
    jobs.add(session, _new_job(kind, request, part_of=whole.id, shard=shard, **same))


def waiting_reason(resource: str) -> str:
    """The `status_reason` of a queued job that waits for its `model` or its `dataset`."""
    return f"waiting_for_{resource}"


def _new_job(kind: Kind, request: Document, **columns: Any) -> Job:
    waits_for = columns.get("waits_for")
    return Job(
        kind=kind.name,
        status=statuses.QUEUED,
        status_reason=None if waits_for is None else waiting_reason(waits_for),
        desired_status=statuses.RUNNING,
        request=request.to_document(),
        created_at=datetime.now(UTC),
        token=0,
        renewals=0,
        attempt=1,
        run=0,
        last_seq=0,
        **{"id": new_id(kind), "priority": HIGHEST_PRIORITY, "queue": DEFAULT_QUEUE, "metadata_": {}, **columns},
    )


def move(session: Session, job: Job, status: str, reason: str | None = None) -> None:
    """Give a locked job a new status and add the transition to its event log."""
    if status == statuses.QUEUED and job.waits_for is not None:
        reason = waiting_reason(job.waits_for)
    job.status = status
    job.status_reason = reason
    if status in statuses.FINAL:
        job.finished_at = datetime.now(UTC)
        job.waits_for = None
        if job.shards is not None:
            jobs.delete_parts(session, job.id)
    if status not in statuses.CLAIMED:
        _wake_workers(session, job, had_slot=job.owner is not None)
        job.owner = None
        if job.hosts > 1:
            for helper in jobs.lock_helping(session, job.id):
                cancel(session, helper)
        # No worker runs it, so there is no estimate of when it will be done.
        if job.progress and "eta_seconds" in job.progress:
            job.progress = {**job.progress, "eta_seconds": None}
    jobs.append_events(session, job, [jobs.transition(status, reason)])


def _wake_workers(session: Session, job: Job, *, had_slot: bool) -> None:
    """Say that the job may be claimed again, or another one that waited for it or for its place in the project's quota.

    What waited for it is checked by the worker that ran it, which then says so.
    """
    found = [job] if job.status == statuses.QUEUED and job.waits_for is None else []
    if had_slot and not found and quotas.limits_running(session, job.project):
        found = list(jobs.queued_in_project(session, job.project, 1))
    wake_workers(session, *found)


def cancel(session: Session, job: Job) -> None:
    """Cancel a locked job without a result: immediately if it waits, through its worker if one holds it."""
    if job.status in statuses.FINAL or job.status == statuses.CANCELLING:
        return
    job.desired_status = statuses.CANCELLED
    held = job.status in statuses.CLAIMED and job.waits_for is None
    move(session, job, statuses.CANCELLING if held else statuses.CANCELLED)


def resume(session: Session, job: Job) -> None:
    """Let a locked job continue that was paused because of the disk."""
    job.desired_status = statuses.RUNNING
    if job.waits_for != SHARDS:
        move(session, job, statuses.QUEUED)
        return
    for part in jobs.parts(session, job.id):
        if part.status == statuses.PAUSED:
            resume(session, part)
    move(session, job, statuses.RUNNING)


def find_queued(context: Context, job: Job) -> datetime:
    """When a claimed job was queued: at first when it was created, later when it was last put back.

    While the database is unavailable, the former.
    """
    if job.token > 1:
        with contextlib.suppress(StorageError), context.database.read() as session:
            moves = jobs.transitions(session, [job.id])[job.id]
            return max((move.at for move in moves if move.data["status"] == statuses.QUEUED), default=job.created_at)
    return job.created_at
