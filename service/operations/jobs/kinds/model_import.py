"""Model imports: each reads a network's file, and makes a version of it and, for a new model, the model."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from models.errors import Fault, InvalidSpec
from models.jobs.model_import import ExtendedModel, ModelImportAssignment, ModelImportRequest, ModelImportResult
from models.model_files.fit import network_inputs
from models.model_files.formats import FILE, ModelFormat
from models.spec import Task
from service import statuses
from service.config import Settings
from service.context import Context
from service.errors import NotFound
from service.operations.catalog.uploads import DATA_FILE
from service.operations.jobs import inputs, queue
from service.operations.jobs.kind import Kind, Success
from service.storage import models
from service.storage.artifact_keys import key_below, upload_key, versions_key
from service.storage.database import Session
from service.storage.records import Job, Model, Version

DOCUMENT = ("input", "inputs", "layers", "optimizer", "loss", "metrics", "threshold", "target")
"""The fields of an imported network's document that are in the model's. Its task has a column of its own."""


class ModelImport(Kind):
    """Makes a version from a client's file. The job has the number of the version from its creation on."""

    name = "model_import"
    prefix = "mi"
    words = "model import"
    assignment = ModelImportAssignment
    from_clients: ClassVar = False
    makes: ClassVar = "model"

    def slots(self, settings: Settings) -> int:
        return settings.build_slots

    def has_upload(self, request: dict[str, Any]) -> bool:
        return True

    def memory_bytes(self, settings: Settings) -> int:
        """Concurrent imports share the memory of one job, as builds do."""
        return settings.job_memory_bytes // settings.build_slots

    def describe(self, context: Context, job: Job) -> ModelImportAssignment:
        request = ModelImportRequest.from_document(job.request)
        with context.database.read() as session:
            model = models.by_id(session, job.model_id)
            newest = None if model is None else models.version(session, model, None)
        if model is None:
            raise NotFound("The model of the job was deleted.")
        return ModelImportAssignment(
            file=context.artifacts.folder(upload_key(job.id)) / DATA_FILE,
            format=ModelFormat(request.format),
            fields=request.fields,
            model=None if model.status != statuses.READY else _describe(model, newest),
            **inputs.bounds(context, job),
        )

    def output_key(self, job: Job, execution: str) -> str:
        return key_below(versions_key(job.model_id), execution)

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        imported, source = ModelImportResult.from_document(result), ModelImportRequest.from_document(job.request).source
        model = models.by_id(session, job.model_id)
        if model is None or key is None or job.version is None:
            return None
        if model.status == statuses.BUILDING:
            _complete(model, imported)
        version = Version(
            model_id=model.id,
            number=job.version,
            job_id=job.id,
            folder=key,
            servable=imported.version.servable,
            details=imported.version,
            source=source,
            notes=imported.notes,
            created_at=datetime.now(UTC),
        )
        session.add(version)
        session.flush()
        return Success()

    def record_failure(self, session: Session, job: Job, error: dict[str, Any]) -> None:
        model = models.by_id(session, job.model_id)
        if model is not None and model.status == statuses.BUILDING:
            model.status, model.error = statuses.FAILED, error

    def explain_timeout(self, settings: Settings, seconds: float) -> dict[str, Any] | None:
        if seconds <= settings.build_seconds:
            return None
        return _invalid_file(
            f"The network in the file was not read and built within {settings.build_seconds:g} s. Use a smaller "
            "network, or increase FITSERVE_BUILD_SECONDS."
        )

    def explain_stall(self, settings: Settings) -> dict[str, Any] | None:
        return _invalid_file(f"The import made no progress for {settings.stall_seconds:g} s: the file is damaged.")

    def explain_crash(self, signal_name: str) -> dict[str, Any] | None:
        return _invalid_file(
            f"The file crashes its reader ({signal_name}): it is damaged, or one of the network's layers is invalid."
        )


def _describe(model: Model, newest: Version | None) -> ExtendedModel:
    return ExtendedModel(
        task=Task(model.task),
        inputs=network_inputs(model.document),
        layers=model.document["layers"],
        summary=model.summary or {"layers": []},
        classes=None if newest is None else newest.details.classes,
        trainable=model.trainable,
    )


def _complete(model: Model, imported: ModelImportResult) -> None:
    """Let a new model be what its file contains."""
    document = imported.document
    model.status, model.task, model.trainable = statuses.READY, document["task"], imported.trainable
    model.document = {name: document.get(name) for name in DOCUMENT if name in document}
    model.summary, model.summary_text, model.notes = imported.summary, imported.summary_text, imported.notes


def _invalid_file(detail: str) -> dict[str, Any]:
    return InvalidSpec(Fault(detail, FILE)).to_dict()


KIND = ModelImport()


def enqueue(
    context: Context, session: Session, job_id: str, model: Model, number: int, request: ModelImportRequest
) -> Job:
    """Queue the import of a new version, whose file is the upload of the job. Raises QueueFull."""
    columns = {"id": job_id, "model_id": model.id, "model_name": model.name, "version": number}
    return queue.enqueue(context, session, KIND, request, added_bytes=request.bytes, **columns)
