"""Orphans: files to which no row points, left by killed processes and deleted rows."""

from collections.abc import Collection
from datetime import datetime, timedelta

from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.upkeep import references
from service.storage import datasets, jobs, models
from service.storage.artifact_keys import (
    CHECKPOINTS,
    DATASETS,
    MODELS,
    PREDICTIONS,
    RESULTS,
    SHARDS,
    SNAPSHOTS,
    UPLOADS,
    VARIANTS,
    execution_of,
    key_below,
)
from service.storage.database import Session

OWNED = {
    DATASETS: datasets.existing,
    MODELS: models.existing,
    VARIANTS: models.existing,
    CHECKPOINTS: jobs.existing,
    SNAPSHOTS: jobs.existing,
    PREDICTIONS: jobs.existing,
    SHARDS: jobs.existing,
    RESULTS: jobs.existing,
}
"""The groups of keys that have a folder for each dataset, model or job, in which its executions publish; and the query
that finds which of these owners exist."""


def remove(context: Context, now: datetime) -> int:
    """Remove the published folders that are older than `orphan_hours` and to which no row points; returns how many.

    The folders are listed before the rows are read. A row can only start to point to an execution's folder while the
    execution holds its lease. So a folder without a row, of an execution without a lease, remains an orphan.
    """
    moment = _find_moment(context, now)
    published = [key for group in (UPLOADS, *OWNED) for key in context.artifacts.published_before(moment, group)]
    empty = {owners: context.artifacts.empty_before(moment, owners) for owners in OWNED}
    with context.database.read() as session:
        orphans = _unneeded(session, published) + _ownerless(session, empty)
    for key in orphans:
        context.artifacts.remove(key)
    context.artifacts.remove_leftovers(moment)
    return len(orphans)


def remove_from_host(context: Context, now: datetime) -> int:
    """Remove what only this host has: staged folders without a lease, and copies of folders to which no row points;
    returns how many. Both must be older than `orphan_hours`: a copy by its latest use."""
    moment = _find_moment(context, now)
    staged, copies = context.artifacts.staged_before(moment), context.artifacts.copies_before(moment)
    with context.database.read() as session:
        executing = execution.executing(session)
        left = [name for name in staged if name not in executing]
        copies = _unneeded(session, copies)
    for name in left:
        context.artifacts.discard(name)
    for key in copies:
        context.artifacts.drop_copy(key)
    context.artifacts.tidy(moment)
    return len(left) + len(copies)


def _find_moment(context: Context, now: datetime) -> float:
    """What was last written before this Unix time may be an orphan."""
    return (now - timedelta(hours=context.settings.orphan_hours)).timestamp()


def _unneeded(session: Session, keys: Collection[str]) -> list[str]:
    """Those of the keys to which no row points or may still point."""
    if not keys:
        return []
    needed, executing = references.needed(session), execution.executing(session)
    return [key for key in keys if key not in needed and execution_of(key) not in executing]


def _ownerless(session: Session, empty: dict[str, list[str]]) -> list[str]:
    """The keys of the owners' empty folders whose owners were deleted."""
    gone = {owners: set(names) - OWNED[owners](session, names) for owners, names in empty.items()}
    return [key_below(owners, name) for owners, names in gone.items() for name in names]
