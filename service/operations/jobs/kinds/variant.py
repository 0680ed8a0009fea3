"""Variants: making a smaller and faster network of a version."""

from datetime import UTC, datetime
from typing import Any

from models.datasets import SPLITS
from models.errors import Fault
from models.jobs.variant import VariantAssignment, VariantRequest, VariantResult
from service.context import Context
from service.errors import Conflict, InvalidRequest
from service.operations import idempotency
from service.operations.catalog.evaluable import check_evaluable
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, inputs, queue
from service.operations.jobs.kind import Kind, Success
from service.storage import datasets, models, variants
from service.storage.artifact_keys import key_below, variants_key
from service.storage.database import Session
from service.storage.records import Dataset, DatasetVersion, Job, Variant, Version


class MakingVariant(Kind):
    """Makes a variant of a version, and measures both. Its result is the variant, with files of its own."""

    name = variants.KIND
    prefix = "va"
    words = "variant job"
    assignment = VariantAssignment

    def describe(self, context: Context, job: Job) -> VariantAssignment:
        request = VariantRequest.from_document(job.request)
        return VariantAssignment(
            version=inputs.version_folder(context, job),
            dataset=inputs.dataset_folder(context, job),
            type=request.type,
            max_accuracy_drop=request.max_accuracy_drop,
            **inputs.bounds(context, job),
        )

    def check(self, context: Context, job: Job) -> dict[str, Any]:
        with context.database.read() as session:
            version, dataset, data = client_jobs.find_used(session, job)
        _check_fit(context, version, dataset, data)
        return job.request

    def output_key(self, job: Job, execution: str) -> str:
        return key_below(variants_key(job.model_id), execution)

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | None:
        made = VariantResult.from_document(result)
        model = models.by_id(session, job.model_id)
        version = None if model is None else models.version(session, model, job.version)
        if version is None or key is None:
            return None
        job.result = made.to_document()
        replaced = variants.put(session, _variant(job, version, key, made))
        # Another job may have been told the folder, and not have opened it yet. The cleanup removes it later.
        is_read = variants.used_by(session, version, made.type) is not None
        return Success(replaced=[] if replaced is None or is_read else [replaced])


KIND = MakingVariant()


def _variant(job: Job, version: Version, key: str, made: VariantResult) -> Variant:
    return Variant(
        model_id=version.model_id,
        number=version.number,
        type=made.type,
        job_id=job.id,
        dataset_name=job.dataset_name,
        dataset_version=job.dataset_version,
        folder=key,
        bytes=made.bytes,
        max_accuracy_drop=VariantRequest.from_document(job.request).max_accuracy_drop,
        details=made,
        created_at=datetime.now(UTC),
    )


def enqueue(context: Context, request: dict[str, Any], model_name: str, version: Version, claim: Claim | None) -> str:
    """Queue the job that makes a variant of a version that can be served; returns its id.

    If the dataset is still being imported, the job waits. Raises InvalidRequest, InvalidData, NotReady, QueueFull;
    Conflict if a job is making that variant already.
    """
    with context.database.read() as session:
        name, wanted = _find_dataset(session, request, model_name, version)
        model, dataset = client_jobs.find_model_and_dataset(session, model_name, name)
        data = client_jobs.find_data(session, dataset, wanted)
    unready = client_jobs.find_unready(model, dataset)
    if unready is None:
        _check_fit(context, version, dataset, data)
    with context.database.write() as session:
        client_jobs.lock_used(session, model, dataset, data, version)
        _check_unmade(session, version, request["type"])
        job = queue.enqueue(
            context, session, KIND, VariantRequest(request["type"], request["max_accuracy_drop"]),
            metadata_=request.get("metadata", {}), model_id=model.id, model_name=model.name, version=version.number,
            waits_for=unready, **client_jobs.data_columns(dataset, data, wanted),
        )  # fmt: skip
        idempotency.record_resource(session, claim, job.id)
    return job.id


def _find_dataset(
    session: Session, request: dict[str, Any], model_name: str, version: Version
) -> tuple[str, int | None]:
    """The name of the dataset, and the number of its version: those of the request, or those on which the version was
    trained. Raises InvalidRequest."""
    if request["dataset"] is not None:
        return request["dataset"], request["dataset_version"]
    trained_on: Dataset | None = datasets.by_id(session, version.dataset_id)
    if trained_on is not None:
        return trained_on.name, request["dataset_version"] or version.dataset_version
    why = (
        "was imported from a file"
        if version.dataset_name is None
        else f'was trained on the dataset "{version.dataset_name}", which was deleted'
    )
    detail = f'Version {version.number} of "{model_name}" {why}: name the dataset to calibrate and measure on.'
    raise InvalidRequest(Fault(detail, "#/dataset"))


def _check_fit(context: Context, version: Version, dataset: Dataset, data: DatasetVersion | None) -> None:
    rows = client_jobs.describe_data(dataset, data).splits
    check_evaluable(context, version, dataset, data, next((split for split in SPLITS if rows[split]), SPLITS[0]))


def _check_unmade(session: Session, version: Version, type_: str) -> None:
    """Raise Conflict if a job is making that variant of a version of a locked model."""
    job_id = variants.making(session, version, type_)
    if job_id is not None:
        detail = f'The job {job_id} is already making the variant "{type_}" of version {version.number}.'
        raise Conflict(f"{detail} Wait for it, or cancel it first.")
