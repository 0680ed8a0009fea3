"""The hourly cleanup of expired rows and unreferenced files, in short transactions between which others can write."""

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta

import structlog

from service.context import Context
from service.errors import StorageError
from service.operations import idempotency
from service.operations.access import audit
from service.operations.catalog import versions
from service.operations.jobs import registry
from service.operations.jobs.kinds.training import choose_evenly
from service.operations.jobs.recording import MOST_WARNINGS
from service.operations.upkeep import orphans, workers
from service.storage import jobs, rate_counts, training_snapshots
from service.storage.documents import LOG_REDUCED, JobWarning

CLEANUP_SECONDS = 3600.0
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

Part = Callable[[Context, datetime], int]
"""A part of the cleanup; returns how much it removed."""

log = structlog.get_logger()


def clean_up(context: Context, now: datetime | None = None, *, only_host: bool = False) -> None:
    """Remove expired rows and unreferenced files, or only the files that nobody but this host has.

    Several processes may do this concurrently; an interrupted cleanup is completed by the next one. A part that fails,
    because the database or the artifact store is away, is logged; the other parts are done nevertheless.
    """
    now = now or datetime.now(UTC)
    parts: dict[str, Part] = {"files_of_this_host": orphans.remove_from_host}
    removed = {}
    for name, part in (parts if only_host else parts | SHARED).items():
        try:
            removed[name] = part(context, now)
        except (StorageError, OSError) as error:
            log.warning("cleanup incomplete", part=name, reason=str(error))
        except Exception:
            log.exception("cleanup incomplete", part=name)
    if any(removed.values()):
        log.info("cleaned up", **removed)


def has_turn(context: Context, worker_id: str, now: datetime | None = None) -> bool:
    """Whether a worker is to clean up what all of them share. The running workers take turns by the hour, so that a
    host that can't do it keeps it from being done for an hour at most."""
    hour = int((now or datetime.now(UTC)).timestamp() // CLEANUP_SECONDS)
    running = [view.worker.id for view in workers.alive(context)]
    return running[hour % len(running)] == worker_id if running else True


def _delete_ended_jobs(context: Context, now: datetime) -> int:
    shown, inner = (registry.names(from_clients=each) for each in (True, False))
    return _delete_jobs(context, shown, now, context.settings.job_retention_days) + _delete_jobs(
        context, inner, now, INNER_DAYS
    )


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
            job.warnings = [*job.warnings[: MOST_WARNINGS - 1], JobWarning(LOG_REDUCED, detail)]


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


def _delete_versions(context: Context, _now: datetime) -> int:
    kept = context.settings.versions_kept
    return versions.delete_unlabelled(context, kept) if kept else 0


def _forget_windows(context: Context, _now: datetime) -> int:
    """Remove the windows of rate limits that have ended; returns how many."""
    deleted, batch = 0, BATCH_WINDOWS
    while batch == BATCH_WINDOWS:
        with context.database.write_aside() as session:
            batch = rate_counts.forget_ended(session, BATCH_WINDOWS)
        deleted += batch
        time.sleep(PAUSE_SECONDS)
    return deleted


def _shrink(context: Context, _now: datetime) -> int:
    """Return the pages of an SQLite file that deletions have left unused."""
    while context.database.shrink(SHRINK_PAGES):
        time.sleep(PAUSE_SECONDS)
    return 0


SHARED: dict[str, Part] = {
    "idempotency_keys": idempotency.forget_expired,
    "jobs": _delete_ended_jobs,
    "thinned_jobs": _thin_logs,
    "versions": _delete_versions,
    "orphans": orphans.remove,
    "audit_events": audit.forget_expired,
    "rate_windows": _forget_windows,
    "unused_pages": _shrink,
}
"""The parts of the cleanup that one worker does for all."""
