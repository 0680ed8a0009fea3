"""The hourly cleanup of expired rows and unreferenced files, in short transactions between which others can write."""

import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import structlog

from service.context import Context
from service.operations import idempotency
from service.operations.access import audit
from service.operations.catalog import versions
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import registry
from service.operations.jobs.kinds.training import choose_evenly
from service.operations.upkeep import orphans
from service.storage import jobs, rate_counts, training_snapshots
from service.storage.documents import LOG_REDUCED, JobWarning

BATCH_EVENTS = 2000
"""The events deleted in one transaction. It takes a few hundredths of a second, during which nobody else can write."""
BATCH_JOBS = 100
BATCH_WINDOWS = 2000
PAUSE_SECONDS = 0.02
INNER_DAYS = 7
"""The retention of jobs that clients don't see. Requests with an idempotency key need them for a day."""
LONG_LOG, DAYS_OF_A_LONG_LOG = 20_000, 1
"""A log with more events is thinned sooner: one of 200,000 epochs takes about 60 MB."""
SHRINK_PAGES = 500
"""The pages of an SQLite file, of 4 KiB, that one transaction returns to the disk: a few hundredths of a second."""
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
        "rate_windows": _forget_windows(context),
    }
    _shrink(context)
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


def _finished(
    context: Context, kinds: Collection[str], now: datetime, days: float, longer_than: int = 0, **columns: bool
) -> Collection[str]:
    with context.database.read() as session:
        moment = now - timedelta(days=days)
        return jobs.finished_before(session, kinds, moment, BATCH_JOBS, longer_than=longer_than, **columns)


def _thin_logs(context: Context, now: datetime) -> int:
    """Remove all events but transitions and epochs from the logs of old jobs, and most epochs of long trainings;
    returns of how many jobs."""
    thinned, days = 0, context.settings.event_retention_days
    kinds = registry.names(from_clients=True)
    for days_kept, longer_than in ((days, 0), (min(days, DAYS_OF_A_LONG_LOG), LONG_LOG)):
        while days and (job_ids := _finished(context, kinds, now, days_kept, longer_than, thinned=False)):
            for job_id in job_ids:
                _thin_log(context, job_id, now)
            thinned += len(job_ids)
    return thinned


def _thin_log(context: Context, job_id: str, now: datetime) -> None:
    _delete_events(context, job_id, keeping=LASTING_EVENTS)
    epochs = _thin_epochs(context, job_id)
    removed = "printed output, progress and checkpoints were removed"
    detail = f"The job's log was reduced on {now:%Y-%m-%d}: {removed}.{epochs}"
    with context.database.write() as session:
        job = jobs.get(session, job_id, lock=True)
        if job is not None and not job.thinned:
            job.thinned = True
            job.warnings = [*job.warnings[: execution.MOST_WARNINGS - 1], JobWarning(LOG_REDUCED, detail)]


def _thin_epochs(context: Context, job_id: str) -> str:
    """Remove epochs between those that are kept; returns a sentence about it, which is empty if all are kept."""
    most = context.settings.epochs_kept
    with context.database.read() as session:
        job = jobs.get(session, job_id)
        numbers = [] if job is None else jobs.epoch_numbers(session, job)
        if job is None or not most or len(numbers) <= most:
            return ""
        snapshots = (snapshot.epoch for snapshot in training_snapshots.all_of(session, job_id))
        kept = {*choose_evenly(numbers, most), *snapshots, (job.best or {}).get("epoch")}
    removed = [number for number in numbers if number not in kept]
    for first in range(0, len(removed), BATCH_EVENTS):
        with context.database.write() as session:
            jobs.delete_epochs(session, job_id, removed[first : first + BATCH_EVENTS])
        time.sleep(PAUSE_SECONDS)
    return f" Of its {len(numbers):,} epochs, {len(numbers) - len(removed):,} were kept."


def _delete_events(context: Context, job_id: str, keeping: Collection[str] = ()) -> None:
    deleted = BATCH_EVENTS
    while deleted == BATCH_EVENTS:
        with context.database.write() as session:
            deleted = jobs.delete_events(session, job_id, BATCH_EVENTS, keeping=keeping)
        time.sleep(PAUSE_SECONDS)


def _forget_windows(context: Context) -> int:
    """Remove the windows of rate limits that have ended; returns how many."""
    deleted, batch = 0, BATCH_WINDOWS
    while batch == BATCH_WINDOWS:
        with context.database.write_aside() as session:
            batch = rate_counts.forget_ended(session, BATCH_WINDOWS)
        deleted += batch
        time.sleep(PAUSE_SECONDS)
    return deleted


def _shrink(context: Context) -> None:
    """Return the pages of an SQLite file that deletions have left unused."""
    while context.database.shrink(SHRINK_PAGES):
        time.sleep(PAUSE_SECONDS)
