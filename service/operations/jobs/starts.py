"""What a training starts from: a version, or the snapshot of an earlier training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.errors import Fault, NotServable
from models.jobs.training import StartFrom
from models.snapshots import copy_as_version, file_of
from models.version_differences import check_same_weights
from service.context import Context
from service.errors import InvalidRequest, NotFound
from service.operations.catalog import sources
from service.operations.catalog.sources import Source
from service.operations.jobs import snapshots
from service.operations.jobs.snapshots import NoSnapshot, NotYet
from service.storage.artifact_keys import upload_key
from service.storage.database import Session
from service.storage.identifiers import new_identifier
from service.storage.records import Job, Model, Snapshot

START = "#/start_from"


@dataclass(frozen=True)
class Start:
    """Where the weights come from. Its folder has the preprocessing and the description of the network."""

    reference: StartFrom
    """As it is shown: a label may be moved later, and other epochs become the latest or the best."""
    folder: str
    """An artifact key."""
    parent: str | None
    """The training job that trained the weights."""
    source: Source | None = None
    """The version, which must not be deleted."""
    snapshot: Snapshot | None = None
    """The snapshot, which is copied: its job may remove it at any time."""
    pointer: str = START
    """Points to the object of the request that names it."""


def find(session: Session, posted: Mapping[str, Any] | None, model: Model) -> Start | None:
    """What a new training of the model starts from; None for random weights.

    The weights must fit the model's layers, as soon as these are built. Raises InvalidRequest.
    """
    if posted is None:
        return None
    if posted.get("training_job") is not None:
        return of_snapshot(session, posted["training_job"], posted["epoch"], model, START)
    source = sources.find_source(session, posted, START, own=model)
    if model.summary is not None:
        check_same_weights(model.summary, source.model.summary or {}, START)
    version = source.version
    reference = StartFrom(model=source.model.name, version=version.number)
    return Start(reference, version.folder, version.trained_by or version.job_id, source=source)


def of_snapshot(session: Session, job_id: str, epoch: int | str, model: Model, pointer: str) -> Start:
    """A snapshot of a training of the model; `pointer` points to the object that names it. Raises InvalidRequest."""
    job_pointer = f"{pointer}/training_job"
    try:
        job = snapshots.find_job(session, job_id)
    except NotFound as error:
        raise InvalidRequest(Fault(error.detail, job_pointer)) from error
    if job.model_id != model.id:
        detail = f'The job trains the model "{job.model_name}", not "{model.name}": weights only fit their own model.'
        raise InvalidRequest(Fault(detail, job_pointer))
    try:
        snapshot = snapshots.find(session, job, epoch)
    except (NoSnapshot, NotYet) as error:
        raise InvalidRequest(Fault(error.detail, f"{pointer}/epoch")) from error
    reference = StartFrom(training_job=job.id, epoch=snapshot.epoch)
    return Start(reference, snapshot.folder, job.id, snapshot=snapshot, pointer=pointer)


def find_again(session: Session, job: Job, reference: StartFrom | None, model: Model) -> Start | None:
    """What a training that has waited starts from."""
    if reference is not None and reference.training_job is not None:
        return Start(reference, upload_key(job.id), reference.training_job)
    return find(session, None if reference is None else reference.to_document(), model)


def copy(context: Context, start: Start | None, job_id: str) -> None:
    """Copy the snapshot, if it is one, in the form of a version to where the new job reads it. Raises InvalidRequest,
    Removed, OSError."""
    if start is None or start.snapshot is None:
        return
    snapshot, staged = start.snapshot, new_identifier("start")
    folder = context.artifacts.stage(staged)
    try:
        with snapshots.unless_removed(context, snapshot.job_id, snapshot.epoch, snapshot.folder):
            files = context.artifacts.folder(snapshot.folder, file_of(snapshot.epoch))
            copy_as_version(files, snapshot.epoch, snapshot.sha256, folder)
        context.artifacts.publish(folder, upload_key(job_id))
    except NotServable as error:
        detail = f"The training can't start from the snapshot of epoch {snapshot.epoch:,}. {error.detail}"
        raise InvalidRequest(Fault(detail, f"{start.pointer}/epoch")) from error
    finally:
        context.artifacts.discard(staged)
