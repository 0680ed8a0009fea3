"""Models and versions from clients' files: checking the files' formats and queueing their imports."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from models.errors import Fault
from models.jobs.model_import import ModelImportRequest
from models.model_files.fit import network_inputs
from models.model_files.formats import ModelFormat, find_format
from service import statuses
from service.context import Context
from service.errors import Failed, InvalidRequest, NotFound, NotReady, StorageError
from service.operations import idempotency
from service.operations.catalog import models, versions
from service.operations.catalog.uploads import DATA_FILE, ReceivedFile, removed_unless_committed
from service.operations.catalog.versions import UnfinishedVersion
from service.operations.idempotency import Claim
from service.operations.jobs import queue
from service.operations.jobs.kinds import model_import
from service.storage import jobs
from service.storage import models as stored
from service.storage.artifact_keys import upload_key
from service.storage.database import Session
from service.storage.identifiers import new_identifier
from service.storage.records import Model, Version

UNREAD: dict[str, Any] = {"layers": [], "optimizer": None, "loss": None, "metrics": []}
"""The document of a model whose file hasn't been read yet."""


@dataclass(frozen=True)
class VersionImport:
    """The version that an import makes, and the job that makes it."""

    model: str
    number: int
    job_id: str
    source: dict[str, Any]


def create(context: Context, form: dict[str, Any], claim: Claim | None = None) -> tuple[Model, str]:
    """Create a model from the form's `file` and queue its import; returns the model and the id of the import job.

    If an earlier request with the same `claim` created a model, returns that one. Raises InvalidSpec, NameTaken,
    QueueFull.
    """
    return models.made_before(context, claim) or _make_model(context, form, claim)


def _make_model(context: Context, form: dict[str, Any], claim: Claim | None) -> tuple[Model, str]:
    request = _request(form)
    model = Model(
        id=new_identifier("md"),
        name=form["name"],
        status=statuses.BUILDING,
        task=form.get("task", ""),
        description=form["description"],
        metadata_=form["metadata"],
        document=UNREAD,
        source=request.source,
        notes=[],
        trainable=request.format != ModelFormat.ONNX,
        last_version=models.FIRST,
        created_at=datetime.now(UTC),
    )
    job_id = _publish(context, form["file"])
    with removed_unless_committed(context.artifacts, upload_key(job_id)), context.database.write() as session:
        stored.add(session, model)
        idempotency.record_resource(session, claim, model.id)
        return model, model_import.enqueue(context, session, job_id, model, models.FIRST, request).id


def add_version(context: Context, name: str, form: dict[str, Any], claim: Claim | None = None) -> VersionImport:
    """Add a version to a model from the form's `file`, and queue its import.

    Omitted fields are those of the model. If an earlier request with the same `claim` queued an import, returns that
    one. Raises NotFound, NotReady, InvalidSpec, InvalidRequest, QueueFull.
    """
    return _queued_before(context, name, claim) or _make_version(context, name, form, claim)


def _queued_before(context: Context, name: str, claim: Claim | None) -> VersionImport | None:
    if claim is None or claim.resource_id is None:
        return None
    with context.database.read() as session:
        job = jobs.get(session, claim.resource_id)
    if job is None or job.version is None:
        return None
    return VersionImport(name, job.version, job.id, ModelImportRequest.from_document(job.request).source)


def _make_version(context: Context, name: str, form: dict[str, Any], claim: Claim | None) -> VersionImport:
    with context.database.read() as session:
        model = _find_ready(session, name)
        newest = stored.version(session, model, None)
    _check_like(form, model, newest)
    request = _request(form)
    job_id = _publish(context, form["file"])
    with removed_unless_committed(context.artifacts, upload_key(job_id)), context.database.write() as session:
        # The model may have been deleted meanwhile, and another created with the same name.
        locked = _find_ready(session, name, lock=True)
        if locked.id != model.id:
            raise NotFound(f'The model "{name}" was deleted.')
        locked.last_version += 1
        number = locked.last_version
        job = model_import.enqueue(context, session, job_id, locked, number, request)
        idempotency.record_resource(session, claim, job.id)
    return VersionImport(name, number, job_id, request.source)


def _find_ready(session: Session, name: str, *, lock: bool = False) -> Model:
    model = models.find(session, name, lock=lock)
    if model.status != statuses.READY:
        raise NotReady("model", name, model.status, failed=model.status == statuses.FAILED)
    return model


def _check_like(form: dict[str, Any], model: Model, newest: Version | None) -> None:
    """Raise InvalidRequest if the form says something else than the model."""
    known = None if newest is None else newest.details.classes
    faults = []
    if form.get("name", model.name) != model.name:
        detail = f'The path names the model "{model.name}": omit this, or post the file to /v1/models.'
        faults.append(Fault(detail, "#/name", allowed=(model.name,)))
    if form.get("task", model.task) != model.task:
        detail = f"The model's task is {model.task}, and so is that of all of its versions: omit this."
        faults.append(Fault(detail, "#/task", allowed=(model.task,)))
    if known is not None and form.get("classes", known) != known:
        detail = "The model has other classes, and its versions have the same classes in the same order: omit this."
        faults.append(Fault(detail, "#/classes", allowed=tuple(known)))
    inputs = network_inputs(model.document)
    fitted = [name for name, input_ in inputs.items() if "columns" in input_ or "text" in input_]
    if fitted:
        detail = f"The model's input \"{fitted[0]}\" takes the columns of a dataset, which a network in a file doesn't."
        faults.append(Fault(f"{detail} Import it as a new model.", "#/file"))
    if faults:
        raise InvalidRequest(*faults)


def _request(form: dict[str, Any]) -> ModelImportRequest:
    """The request of the job. Raises InvalidSpec if the file is in no format that can be imported."""
    file: ReceivedFile = form["file"]
    format_ = find_format(file.folder / DATA_FILE, file.name)
    said = {name: form.get(name) for name in ("task", "classes", "input")}
    return ModelImportRequest(format=format_.value, file=file.name, sha256=file.sha256, bytes=file.bytes, **said)


def _publish(context: Context, file: ReceivedFile) -> str:
    """Make the file the upload of a new job; returns the job's id."""
    job_id = queue.new_id(model_import.KIND)
    context.artifacts.publish(file.folder, upload_key(job_id), {DATA_FILE: file.sha256})
    return job_id


def added(context: Context, wanted: VersionImport) -> Version | UnfinishedVersion:
    """A version at the end of the wait. If its import failed, removes the job and raises Failed.

    Raises NotFound.
    """
    try:
        found = versions.get(context, wanted.model, wanted.number)
    except StorageError:
        return UnfinishedVersion.queued(wanted.number, wanted.source)  # it was queued, although its state is unknown
    if isinstance(found, Version) or found.status != statuses.FAILED:
        return found
    _forget(context, wanted)
    raise Failed(found.error or {})


def _forget(context: Context, wanted: VersionImport) -> None:
    """Remove a failed import of which its client knows nothing yet, so that the next version gets its number."""
    with context.database.write() as session:
        model, job = stored.by_name(session, wanted.model, lock=True), jobs.get(session, wanted.job_id, lock=True)
        if job is not None:
            session.delete(job)
        if job is not None and model is not None and (model.id, model.last_version) == (job.model_id, wanted.number):
            model.last_version -= 1
