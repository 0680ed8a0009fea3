"""Batch predictions: checking and queueing them, and their result files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from models.batches.files import check_file
from models.compatibility import check_inputs_fit
from models.dataset_descriptor import DatasetDescriptor
from models.jobs.batch_prediction import (
    RESULT_FILE,
    BatchPredictionAssignment,
    BatchPredictionRequest,
    BatchPredictionResult,
    BatchShards,
    PostedFile,
)
from models.version_files import ARTIFACTS, read_document
from service import statuses
from service.context import Context
from service.errors import NotReady
from service.operations import idempotency
from service.operations.catalog.resolve import check_servable
from service.operations.catalog.uploads import DATA_FILE, ReceivedFile, removed_unless_committed
from service.operations.idempotency import Claim
from service.operations.jobs import batch_rows, client_jobs, queue
from service.operations.jobs.kind import Kind, Shards, Success
from service.operations.stored_files import StoredFile, unless_deleted, version_folder
from service.storage import jobs
from service.storage.artifact_keys import PREDICTIONS, check_published, upload_key
from service.storage.database import Session
from service.storage.records import Dataset, DatasetVersion, Job, Model, Version

Found = tuple[Model, Dataset | None, DatasetVersion | None]


@dataclass(frozen=True, kw_only=True)
class StoredResult(BatchPredictionResult):
    """The result in the job's row. `folder` is the artifact key of the result file's folder."""

    folder: str

    def __post_init__(self) -> None:
        check_published(self.folder, PREDICTIONS)


class BatchPrediction(Kind):
    """Predicts many rows and stores the predictions in a file. Those of very many rows are spread over shards."""

    name = "batch_prediction"
    prefix = "bp"
    words = "batch prediction"
    assignment = BatchPredictionAssignment
    group: ClassVar = PREDICTIONS
    shard_kind: ClassVar = "batch_shard"
    join_kind: ClassVar = "batch_join"

    def has_upload(self, request: dict[str, Any]) -> bool:
        return request.get("file") is not None

    def describe(self, context: Context, job: Job) -> BatchPredictionAssignment:
        return batch_rows.assign(context, job, shard_rows=context.settings.batch_shard_rows)

    def check(self, context: Context, job: Job) -> dict[str, Any]:
        with context.database.read() as session:
            version, dataset, data = client_jobs.find_used(session, job)
        descriptor = client_jobs.describe_data(dataset, data)
        _check_dataset_fit(context, version, descriptor, BatchPredictionRequest.from_document(job.request).split)
        return job.request

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success | Shards:
        if "shards" in result:
            divided = BatchShards.from_document(result)
            return Shards(divided.shards, divided.rows)
        job.result = StoredResult.from_document(result | {"folder": key}).to_document()
        return Success()

    def explain_crash(self, signal_name: str) -> dict[str, Any] | None:
        return batch_rows.explain_crash(signal_name)


KIND = BatchPrediction()


def create(context: Context, request: dict[str, Any], claim: Claim | None = None) -> str:
    """Queue predictions of a version (by number or label, or the latest) for the rows of a dataset or of the request's
    `file`, which is moved into the artifact store; returns the job's id.

    If the dataset is still being imported, the job waits. If an earlier request with the same `claim` created a job,
    returns the id of that one. Raises InvalidRequest, InvalidData, NotReady, NoVersion, QueueFull; Conflict if the
    version can't be served.
    """
    return client_jobs.made_before(context, claim) or _make(context, request, claim)


def _make(context: Context, request: dict[str, Any], claim: Claim | None) -> str:
    """Queue the job; returns its id."""
    file: ReceivedFile | None = request.get("file")
    with context.database.read() as session:
        found = _find(session, request["model"], request.get("dataset"), request.get("dataset_version"))
        named = request["version"], request["label"], request["variant"]
        version, variant = client_jobs.find_network(session, found[0], *named)
    check_servable(version)
    if client_jobs.find_unready(*found[:2]) is None:
        _check_fit(context, version, found, request)
    job_id = queue.new_id(KIND)
    if file is not None:
        context.artifacts.publish(file.folder, upload_key(job_id), {DATA_FILE: file.sha256})
    with removed_unless_committed(context.artifacts, upload_key(job_id)):
        _insert(context, job_id, found, version, request | {"variant": variant}, claim)
    return job_id


def _find(
    session: Session, model_name: str, dataset_name: str | None, number: int | None, ids: tuple[str, str] | None = None
) -> Found:
    if dataset_name is None:
        return client_jobs.find_model(session, model_name, ids and ids[0]), None, None
    model, dataset = client_jobs.find_model_and_dataset(session, model_name, dataset_name, ids)
    return model, dataset, client_jobs.find_data(session, dataset, number)


def _check_fit(context: Context, version: Version, found: Found, request: dict[str, Any]) -> None:
    _, dataset, data = found
    if dataset is not None:
        _check_dataset_fit(context, version, client_jobs.describe_data(dataset, data), request["split"])
    else:
        file: ReceivedFile = request["file"]
        check_file(file.folder / DATA_FILE, file.name, _preprocessing(context, version))


def _check_dataset_fit(context: Context, version: Version, descriptor: DatasetDescriptor, split: str | None) -> None:
    check_inputs_fit(_preprocessing(context, version), descriptor, split)


def _preprocessing(context: Context, version: Version) -> dict[str, Any]:
    name = ARTIFACTS["preprocessing"]
    return read_document(version_folder(context, version.folder, name) / name)


def _insert(
    context: Context, job_id: str, found: Found, version: Version, request: dict[str, Any], claim: Claim | None
) -> None:
    (model, dataset, data), file = found, request.get("file")
    columns = client_jobs.data_columns(dataset, data, request.get("dataset_version"))
    posted = None if file is None else PostedFile.from_document(file.to_document())
    variant = request["variant"]
    wanted = BatchPredictionRequest(request.get("split"), posted, request.get("extra"), model.threshold, variant)
    with context.database.write() as session:
        # The resources may have been deleted meanwhile, and others created with the same names.
        ids = (model.id, columns.get("dataset_id", ""))
        _find(session, model.name, columns.get("dataset_name"), None if data is None else data.number, ids)
        client_jobs.find_network(session, model, version.number, type_=variant)
        queue.enqueue(
            context, session, KIND, wanted, added_bytes=0 if posted is None else posted.bytes,
            metadata_=request.get("metadata", {}),
            id=job_id, model_id=model.id, model_name=model.name, version=version.number,
            waits_for=client_jobs.find_unready(model, dataset), **columns,
        )  # fmt: skip
        idempotency.record_resource(session, claim, job_id)


@dataclass(frozen=True)
class Result:
    """The Parquet file with the predictions, and the classes in the order of the scores; None for a regression."""

    file: StoredFile
    classes: list[Any] | None


def result(context: Context, job_id: str) -> Result:
    """The result of a batch prediction. Raises NotFound; NotReady if the job hasn't succeeded. Opening it raises
    DamagedFile, and NotFound if the job was deleted meanwhile."""
    with context.database.read() as session:
        job = client_jobs.find(session, KIND, job_id)
        if job.status != statuses.SUCCEEDED or job.result is None:
            raise NotReady(KIND.words, job_id, job.status, failed=job.status in statuses.FINAL)
        stored = StoredResult.from_document(job.result)

    def open_() -> Path:
        with unless_deleted(context, "The batch prediction", lambda session: jobs.get(session, job_id)):
            return context.artifacts.existing_file(stored.folder, RESULT_FILE)

    return Result(StoredFile.of(context, stored.folder, RESULT_FILE, open_), stored.classes)
