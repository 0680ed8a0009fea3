"""The snapshots of training jobs: finding and reading them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from models.errors import NotServable
from models.jobs.training import BEST, LATEST, TrainingRequest
from models.predictor import Predictor
from models.snapshots import file_of, load_predictor, read_epoch
from service import statuses
from service.context import Context
from service.errors import Conflict, NotFound, ServiceError
from service.event_text import metrics_of
from service.operations.jobs import orders
from service.operations.stored_files import Removed, unless_deleted
from service.storage import jobs, training_snapshots
from service.storage.artifact_keys import key_below, parse
from service.storage.database import Session
from service.storage.paging import Page, PageQuery
from service.storage.records import Event, Job, Snapshot

TRAINING = "training"
RETRY_SECONDS = 1

Result = TypeVar("Result")


@dataclass(frozen=True)
class SnapshotView:
    """A snapshot with the event of its epoch."""

    snapshot: Snapshot
    event: Event | None

    @property
    def metrics(self) -> dict[str, Any] | None:
        return None if self.event is None else metrics_of(self.event.data)


class NoSnapshot(NotFound):
    """The training job has no such snapshot."""


class NotYet(Conflict):
    """The training job has no snapshot yet."""


def find_job(session: Session, job_id: str) -> Job:
    """The training job. Raises NotFound."""
    job = jobs.get(session, job_id)
    if job is None or job.kind != TRAINING:
        raise NotFound(f'There is no training job "{job_id}".')
    return job


def find(session: Session, job: Job, wanted: int | str) -> Snapshot:
    """The snapshot of an epoch, or LATEST or BEST. Raises NoSnapshot, NotYet."""
    if wanted == LATEST:
        epoch = training_snapshots.latest(session, job.id)
    elif wanted == BEST:
        epoch = (job.best or {}).get("epoch")
    elif isinstance(wanted, int):
        epoch = wanted
    else:
        raise NoSnapshot(f'No snapshot is named "{wanted}". Use the number of an epoch, `{LATEST}` or `{BEST}`.')
    found = None if epoch is None else training_snapshots.find(session, job.id, epoch)
    if found is None:
        raise _missing(session, job, epoch)
    return found


def _missing(session: Session, job: Job, epoch: int | None) -> ServiceError:
    """Why a job has no snapshot of an epoch; None: of any, or of the best."""
    request = TrainingRequest.from_document(job.request)
    latest = training_snapshots.latest(session, job.id)
    if latest is None:
        return _none_at_all(session, job, request)
    if epoch is None:
        return NoSnapshot("No epoch is the best so far: the monitored metric wasn't finite in any.")
    ended = jobs.last_epoch(session, job)
    if epoch > ended and job.status in statuses.FINAL:
        why = f"The training ended with epoch {ended:,}"
    elif epoch > ended:
        why = f"Epoch {epoch:,} of {orders.current_epochs(job):,} hasn't ended yet"
    elif request.snapshots is not None and epoch % request.snapshots.every:
        why = f"Epoch {epoch:,} wasn't kept: the job keeps multiples of {request.snapshots.every:,}"
    else:
        why = f"Epoch {epoch:,} wasn't kept: the snapshots were thinned out"
    nearest = " and ".join(f"{number:,}" for number in training_snapshots.nearest(session, job.id, epoch))
    return NoSnapshot(f"{why}. The nearest epochs with a snapshot: {nearest}.")


def _none_at_all(session: Session, job: Job, request: TrainingRequest) -> ServiceError:
    if request.snapshots is None:
        return NoSnapshot("The job keeps no snapshots: its `snapshots` is null.")
    if request.snapshots.keep == 0:
        why = "its `keep` is 0, as it is if not even two fit FITSERVE_SNAPSHOT_BYTES"
        return NoSnapshot(f"The job keeps no snapshots: {why}.")
    if job.status in statuses.FINAL or jobs.last_epoch(session, job):
        return NoSnapshot(f"The job has no snapshots. Its status is `{job.status}`; its `warnings` may say more.")
    return NotYet("No epoch has ended yet, so there is no snapshot.", retry_after=RETRY_SECONDS)


def get(context: Context, job_id: str, wanted: int | str) -> SnapshotView:
    """Raises NotFound, NoSnapshot, NotYet."""
    with context.database.read() as session:
        snapshot = find(session, find_job(session, job_id), wanted)
        return _view(session, [snapshot])[0]


def list_page(context: Context, job_id: str, query: PageQuery) -> Page[SnapshotView]:
    """A page of a job's snapshots, by epoch. Raises NotFound."""
    with context.database.read() as session:
        found = training_snapshots.page(session, find_job(session, job_id).id, query)
        return Page(_view(session, list(found.items)), found.next_cursor)


def _view(session: Session, snapshots: list[Snapshot]) -> list[SnapshotView]:
    if not snapshots:
        return []
    events = training_snapshots.epochs(session, snapshots[0].job_id, [snapshot.epoch for snapshot in snapshots])
    return [SnapshotView(snapshot, events.get(snapshot.epoch)) for snapshot in snapshots]


def again_if_removed(find_and_read: Callable[[], Result]) -> Result:
    """Find and read a snapshot; once more if it was removed in between. Then another epoch is the latest, or the one
    that is wanted has a file of a later execution, or `find` names the epochs that come nearest to it."""
    try:
        return find_and_read()
    except Removed:
        return find_and_read()


def weights(context: Context, job_id: str, wanted: int | str) -> tuple[Snapshot, dict[str, np.ndarray]]:
    """A snapshot, and its weights by their Keras names. Raises NotFound, NoSnapshot, NotYet, DamagedNetwork."""

    def find_and_read() -> tuple[Snapshot, dict[str, np.ndarray]]:
        with context.database.read() as session:
            snapshot = find(session, find_job(session, job_id), wanted)
        folder = context.artifacts.folder(snapshot.folder, file_of(snapshot.epoch))
        with unless_removed(context, snapshot.job_id, snapshot.epoch, snapshot.folder):
            return snapshot, read_epoch(folder, snapshot.epoch, snapshot.sha256)

    return again_if_removed(find_and_read)


def key_of(snapshot: Snapshot) -> str:
    """What identifies the loaded network of a snapshot: the key of its folder, its epoch and its checksum."""
    return f"{key_below(snapshot.folder, str(snapshot.epoch))}/{snapshot.sha256}"


def load(context: Context, key: str, threads: int) -> Predictor:
    """The network that `key_of` identifies. Raises Removed, DamagedNetwork; Conflict if it can't predict."""
    group, job_id, execution, epoch, sha256 = parse(key)
    folder = "/".join((group, job_id, execution))
    with unless_removed(context, job_id, int(epoch), folder):
        files = context.artifacts.folder(folder, file_of(int(epoch)))
        try:
            return load_predictor(files, int(epoch), sha256, threads)
        except NotServable as error:
            if type(error) is not NotServable:
                raise
            raise Conflict(f"The snapshot of epoch {int(epoch):,} can't predict. {error.detail}") from error


@contextmanager
def unless_removed(context: Context, job_id: str, epoch: int, folder: str) -> Iterator[None]:
    """Read the files of a snapshot in the block; raises Removed if its file in `folder` is removed meanwhile."""

    def exists(session: Session) -> bool:
        found = training_snapshots.find(session, job_id, epoch)
        return found is not None and found.folder == folder

    with unless_deleted(context, f"The snapshot of epoch {epoch:,}", exists):
        yield
