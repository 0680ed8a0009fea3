"""Import jobs: each converts the data of a version of a dataset."""

from typing import Any, ClassVar

from models.datasets import find_drift
from models.errors import Fault, InvalidData
from models.jobs.dataset_import import ImportAssignment, ImportRequest, ImportResult
from models.values.pointers import pointer_to
from service import statuses
from service.config import Settings
from service.context import Context
from service.errors import NotFound
from service.operations.jobs import inputs, queue
from service.operations.jobs.kind import Kind, Success
from service.storage import datasets
from service.storage.artifact_keys import datasets_key, key_below, upload_key
from service.storage.database import Session
from service.storage.records import Dataset, DatasetVersion, Job

SHOWN = ("status", "source", "kind", "file", "descriptor", "folder", "error")
"""The columns that a dataset has of its newest ready version."""


class DatasetImport(Kind):
    """Makes the files of a dataset's version from a client's file or rows, or from a built-in source."""

    name = "import"
    prefix = "ij"
    words = "import job"
    assignment = ImportAssignment
    from_clients: ClassVar = False
    makes: ClassVar = "dataset"

    def slots(self, settings: Settings) -> int:
        return settings.import_slots

    def memory_bytes(self, settings: Settings) -> int:
        """Concurrent imports share the memory of one job."""
        return settings.job_memory_bytes // settings.import_slots

    def describe(self, context: Context, job: Job) -> ImportAssignment:
        with context.database.read() as session:
            version = datasets.version(session, job.dataset_id, job.dataset_version)
            base = None if version is None else datasets.version(session, job.dataset_id, version.base)
        if version is None or (version.base is not None and base is None):
            raise NotFound("The version to import, or the one that it extends, was deleted.")
        return ImportAssignment(
            upload=context.artifacts.folder(_upload_key(job)),
            base=None if base is None or base.folder is None else context.artifacts.folder(base.folder),
            cache=context.settings.keras_cache,
            downloads=context.settings.dataset_downloads,
            **inputs.bounds(context, job),
        )

    def output_key(self, job: Job, execution: str) -> str:
        return key_below(datasets_key(job.dataset_id), execution)

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        dataset, descriptor = datasets.by_id(session, job.dataset_id), ImportResult.from_document(result).descriptor
        version = datasets.version(session, job.dataset_id, job.dataset_version)
        if dataset is None or version is None:
            return None
        version.status, version.kind, version.folder = statuses.READY, descriptor.kind, key
        version.descriptor = descriptor
        before = datasets.ready_version_before(session, version)
        if before is not None and before.descriptor is not None:
            version.drift = {"since": before.number, "changes": find_drift(before.descriptor, descriptor)}
        if dataset.version is None or dataset.version < version.number:
            _show(dataset, version)
        return Success()

    def record_failure(self, session: Session, job: Job, error: dict[str, Any]) -> None:
        dataset = datasets.by_id(session, job.dataset_id)
        version = datasets.version(session, job.dataset_id, job.dataset_version)
        if dataset is None or version is None:
            return
        version.status, version.error = statuses.FAILED, error
        if dataset.status == statuses.PROCESSING:
            dataset.status, dataset.error = statuses.FAILED, error

    def remove_inputs(self, context: Context, job: Job) -> None:
        super().remove_inputs(context, job)
        if job.dataset_id is not None:
            context.artifacts.remove(_upload_key(job))

    def explain_timeout(self, settings: Settings, seconds: float) -> dict[str, Any] | None:
        if seconds <= settings.import_seconds:
            return None
        return _invalid_data(
            f"The data was not imported within {settings.import_seconds:g} s. Use fewer columns, smaller images or "
            "less data, or increase FITSERVE_IMPORT_SECONDS."
        )

    def explain_stall(self, settings: Settings) -> dict[str, Any] | None:
        return _invalid_data(
            f"The import made no progress for {settings.stall_seconds:g} s: the data is damaged, or in a form that "
            "isn't supported."
        )

    def explain_crash(self, signal_name: str) -> dict[str, Any] | None:
        return _invalid_data(
            f"The data crashes its reader ({signal_name}): it is damaged, or in a form that isn't supported."
        )


def _upload_key(job: Job) -> str:
    return upload_key(ImportRequest.from_document(job.request).upload or job.dataset_id)


def _show(dataset: Dataset, version: DatasetVersion) -> None:
    """Let the dataset be what a version is."""
    dataset.version = version.number
    for name in SHOWN:
        setattr(dataset, name, getattr(version, name))


def _invalid_data(detail: str) -> dict[str, Any]:
    return InvalidData(Fault(detail, pointer_to())).to_dict()


KIND = DatasetImport()


def enqueue(context: Context, session: Session, dataset: Dataset, version: DatasetVersion) -> Job:
    """Queue the import of a new version. Raises QueueFull."""
    return queue.enqueue(
        context, session, KIND, ImportRequest(version.id), added_bytes=(version.file or {}).get("bytes", 0),
        dataset_id=dataset.id, dataset_name=dataset.name,
        dataset_version=version.number, dataset_sha256=version.sha256,
    )  # fmt: skip
