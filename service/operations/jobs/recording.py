"""Writes what the task of a claimed job reports: events, and what they change in the job's row."""

from collections.abc import Sequence
from typing import Any

from models.jobs.training import CrossValidation
from service.context import Context
from service.event_text import metrics_of
from service.operations.jobs import shards, training_progress
from service.operations.jobs.leases import Instructions, Lease, describe_instructions, find_leased
from service.storage import jobs, training_snapshots
from service.storage.database import Session
from service.storage.documents import JobWarning
from service.storage.jobs import NewEvent
from service.storage.records import Job
from service.storage.training_snapshots import Changes

MOST_WARNINGS = 100


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
        return describe_instructions(context, session, job)


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
        add_warning(job, event.warning)
    if event.fold is not None:
        folds = [*_cross_validation(job).folds, event.data["fold"]["metrics"]]
        job.result = CrossValidation(folds).to_document()


def _cross_validation(job: Job) -> CrossValidation:
    return CrossValidation.from_document(job.result or {})


def add_warning(job: Job, warning: JobWarning) -> None:
    if warning not in job.warnings and len(job.warnings) < MOST_WARNINGS:
        job.warnings = [*job.warnings, warning]


def _follow(progress: dict[str, Any] | None, events: Sequence[NewEvent], folds: int) -> dict[str, Any] | None:
    """The progress, advanced to the last epoch: progress is reported less often than epochs, and may never follow."""
    epoch = max((event.epoch or 0 for event in events), default=0)
    if progress is None or epoch <= progress.get("epoch", epoch):
        return progress
    return training_progress.advance(progress, epoch, folds)
