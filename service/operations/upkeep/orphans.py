"""Orphans: files to which no row points, left by killed processes and deleted rows."""

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
from service.storage.artifacts import ArtifactStore
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
    """Remove the folders that are older than `orphan_hours` and to which no row points; returns how many.

    The folders are listed before the rows are read. A row can only start to point to an execution's folder while the
    execution holds its lease. So a folder without a row, of an execution without a lease, remains an orphan.
    """
    moment = (now - timedelta(hours=context.settings.orphan_hours)).timestamp()
    published = _published_before(context.artifacts, moment)
    empty = {owners: context.artifacts.empty_before(moment, owners) for owners in OWNED}
    staged = context.artifacts.staged_before(moment)
    with context.database.read() as session:
        needed, executing = references.needed(session), execution.executing(session)
        orphans = [key for key in published if key not in needed and execution_of(key) not in executing]
        orphans += _ownerless(session, empty)
    for key in orphans:
        context.artifacts.remove(key)
    left = [name for name in staged if name not in executing]
    for name in left:
        context.artifacts.discard(name)
    context.artifacts.remove_leftovers(moment)
    return len(orphans) + len(left)


def _published_before(artifacts: ArtifactStore, moment: float) -> list[str]:
    groups = [UPLOADS, *(key_below(owners, name) for owners in OWNED for name in artifacts.names(owners))]
    return [key_below(group, name) for group in groups for name in artifacts.published_before(moment, group)]


def _ownerless(session: Session, empty: dict[str, list[str]]) -> list[str]:
    """The keys of the owners' empty folders whose owners were deleted."""
    gone = {owners: set(names) - OWNED[owners](session, names) for owners, names in empty.items()}
    return [key_below(owners, name) for owners, names in gone.items() for name in names]
