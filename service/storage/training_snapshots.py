"""The snapshots of training jobs in the database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from service.storage.artifact_keys import SNAPSHOTS, check_published
from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import Event, Snapshot

ORDERS = {
    "-created_at": Order((Snapshot.epoch,), descending=True),
    "created_at": Order((Snapshot.epoch,)),
}


@dataclass(frozen=True)
class StoredSnapshot:
    """The file of a snapshot: `folder` is the artifact key of the folder that contains it."""

    epoch: int
    folder: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Changes:
    """Which snapshots a job has more, and of which epochs it has none any more."""

    added: Sequence[StoredSnapshot] = ()
    removed: Collection[int] = field(default=())


def change(session: Session, job_id: str, changes: Changes) -> None:
    """Apply the changes; an added snapshot replaces that of the same epoch. The job must be locked."""
    gone = {*changes.removed, *(snapshot.epoch for snapshot in changes.added)}
    if gone:
        doomed = delete(Snapshot).where(Snapshot.job_id == job_id, Snapshot.epoch.in_(gone))
        session.execute(doomed.execution_options(synchronize_session=False))
    if changes.added:
        session.execute(insert(Snapshot), [{"job_id": job_id, **vars(snapshot)} for snapshot in changes.added])


def all_of(session: Session, job_id: str) -> list[StoredSnapshot]:
    """The snapshots of a job, in order."""
    found = session.scalars(select(Snapshot).where(Snapshot.job_id == job_id).order_by(Snapshot.epoch))
    return [StoredSnapshot(row.epoch, row.folder, row.bytes, row.sha256) for row in found]


def page(session: Session, job_id: str, query: PageQuery) -> Page[Snapshot]:
    """The snapshots of a job, by epoch."""
    return fetch_page(
        session, select(Snapshot).where(Snapshot.job_id == job_id), ORDERS[query.sort or "-created_at"], query
    )


def find(session: Session, job_id: str, epoch: int) -> Snapshot | None:
    return session.get(Snapshot, (job_id, epoch))


def latest(session: Session, job_id: str) -> int | None:
    """The last epoch that has a snapshot."""
    return session.scalar(select(func.max(Snapshot.epoch)).where(Snapshot.job_id == job_id))


def nearest(session: Session, job_id: str, epoch: int) -> list[int]:
    """The epochs that have a snapshot and come closest before and after this one."""
    of_job = Snapshot.job_id == job_id
    before = session.scalar(select(func.max(Snapshot.epoch)).where(of_job, Snapshot.epoch < epoch))
    after = session.scalar(select(func.min(Snapshot.epoch)).where(of_job, Snapshot.epoch > epoch))
    return [number for number in (before, after) if number is not None]


def epochs(session: Session, job_id: str, numbers: Collection[int]) -> dict[int, Event]:
    """The events of these epochs of a job."""
    found = session.scalars(
        select(Event).where(Event.job_id == job_id, Event.type == "epoch", Event.epoch.in_(numbers))
    )
    return {event.epoch: event for event in found if event.epoch is not None}


def folders(session: Session) -> frozenset[str]:
    """The artifact keys of the folders that have snapshots. Raises BadKey for one that isn't the job's own."""
    found = session.execute(select(Snapshot.job_id, Snapshot.folder).distinct())
    return frozenset(check_published(key, SNAPSHOTS, job_id) for job_id, key in found)


def sums(session: Session, folder: str) -> dict[int, str]:
    """The SHA-256 of the snapshots in a folder, by epoch."""
    found = session.execute(select(Snapshot.epoch, Snapshot.sha256).where(Snapshot.folder == folder))
    return {epoch: sha256 for epoch, sha256 in found}  # noqa: C416 - rows aren't tuples to mypy
