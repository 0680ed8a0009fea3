"""Import jobs: each converts the data of a new dataset."""

from typing import Any, ClassVar

from models.errors import Fault, InvalidData
from models.jobs.dataset_import import ImportAssignment, ImportRequest, ImportResult
from models.values.pointers import pointer_to
from service import statuses
from service.config import Settings
from service.context import Context
from service.operations.jobs import inputs, queue
from service.operations.jobs.kind import Kind, Success
from service.storage import datasets
from service.storage.artifact_keys import datasets_key, key_below, upload_key
from service.storage.database import Session
from service.storage.records import Dataset, Job


class DatasetImport(Kind):
    """Makes a dataset's files from the file that a client posted, or from a built-in source."""

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
        return ImportAssignment(
            upload=context.artifacts.folder(upload_key(job.dataset_id)),
            cache=context.settings.keras_cache,
            downloads=context.settings.dataset_downloads,
            **inputs.bounds(context, job),
        )

    def output_key(self, job: Job, execution: str) -> str:
        return key_below(datasets_key(job.dataset_id), execution)

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        dataset, descriptor = datasets.by_id(session, job.dataset_id), ImportResult.from_document(result).descriptor
        if dataset is None:
            return None
        dataset.status, dataset.kind, dataset.folder = statuses.READY, descriptor["kind"], key
        dataset.descriptor = descriptor
        return Success()

    def record_failure(self, session: Session, job: Job, error: dict[str, Any]) -> None:
        dataset = datasets.by_id(session, job.dataset_id)
        if dataset is not None:
            dataset.status, dataset.error = statuses.FAILED, error

    def remove_inputs(self, context: Context, job: Job) -> None:
        super().remove_inputs(context, job)
        if job.dataset_id is not None:
            context.artifacts.remove(upload_key(job.dataset_id))

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


def _invalid_data(detail: str) -> dict[str, Any]:
    return InvalidData(Fault(detail, pointer_to())).to_dict()


KIND = DatasetImport()


def enqueue(context: Context, session: Session, dataset: Dataset) -> Job:
    """Queue the import of a new dataset. Raises QueueFull."""
    return queue.enqueue(context, session, KIND, ImportRequest(), dataset_id=dataset.id, dataset_name=dataset.name)
