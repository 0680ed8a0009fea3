"""The hourly cleanup of expired rows and unreferenced files, in short transactions between which others can write."""

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import structlog

from service.context import Context
from service.operations import idempotency
from service.operations.access import audit
from service.operations.catalog import versions
from service.operations.jobs import registry
from service.operations.upkeep import orphans
from service.storage import jobs

BATCH_EVENTS = 2000
"""The events deleted in one transaction. It takes a few hundredths of a second, during which nobody else can write."""
BATCH_JOBS = 100
PAUSE_SECONDS = 0.02
INNER_DAYS = 7
"""The retention of jobs that clients don't see. Requests with an idempotency key need them for a day."""
LASTING_EVENTS = ("transition", "epoch")
"""The types of events that a thinned log keeps: metrics and the job's transitions are read from them."""

log = structlog.get_logger()


def clean_up(context: Context, now: datetime | None = None) -> None:
    """Remove expired rows and unreferenced files. Workers may do this concurrently; an interrupted cleanup is completed
    by the next one."""
    now, settings = now or datetime.now(UTC), context.settings
    idempotency.forget_expired(context)
    removed = {
        "jobs": _delete_jobs(context, registry.names(from_clients=True), now, settings.job_retention_days)
        + _delete_jobs(context, registry.names(from_clients=False), now, INNER_DAYS),
        "thinned_jobs": _thin_logs(context, now),
        "versions": versions.delete_unlabelled(context, settings.versions_kept) if settings.versions_kept else 0,
        "orphans": orphans.remove(context, now),
        "audit_events": audit.forget_expired(context, now),
    }
    if any(removed.values()):
        log.info("cleaned up", **removed)


def _delete_jobs(context: Context, kinds: Collection[str], now: datetime, days: float) -> int:
    """Remove the jobs of these kinds that ended `days` ago, or none if `days` is 0; returns how many."""
    deleted = 0
    while days and (job_ids := _finished(context, kinds, now, days)):
        for job_id in job_ids:
            _delete_events(context, job_id)
            with context.database.write() as session:
                job = jobs.get(session, job_id, lock=True)
                if job is not None:
                    session.delete(job)
        deleted += len(job_ids)
    return deleted


def _thin_logs(context: Context, now: datetime) -> int:
    """Remove all events but transitions and epochs from the logs of old jobs; returns of how many jobs."""
    thinned, days = 0, context.settings.event_retention_days
    kinds = registry.names(from_clients=True)
    while days and (job_ids := _finished(context, kinds, now, days, thinned=False)):
        for job_id in job_ids:
            _delete_events(context, job_id, keeping=LASTING_EVENTS)
            with context.database.write() as session:
                job = jobs.get(session, job_id, lock=True)
                if job is not None:
                    job.thinned = True
        thinned += len(job_ids)
    return thinned


def _finished(context: Context, kinds: Collection[str], now: datetime, days: float, **columns: bool) -> Collection[str]:
    with context.database.read() as session:
        return jobs.finished_before(session, kinds, now - timedelta(days=days), BATCH_JOBS, **columns)


def _delete_events(context: Context, job_id: str, keeping: Collection[str] = ()) -> None:
    deleted = BATCH_EVENTS
    while deleted == BATCH_EVENTS:
        with context.database.write() as session:
            deleted = jobs.delete_events(session, job_id, BATCH_EVENTS, keeping=keeping)
        time.sleep(PAUSE_SECONDS)
