"""Batch predictions: refusing what doesn't fit, queueing, and the file that they make."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.batches.files import check_file
from models.batches.results import RESULT_FILE
from models.compatibility import check_inputs_fit
from models.version_files import ARTIFACTS
from service import statuses
from service.context import Context
from service.errors import Conflict, NotReady
from service.operations import idempotency
from service.operations.catalog.datasets import upload_key
from service.operations.catalog.uploads import DATA_FILE, ReceivedFile
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, queue
from service.operations.jobs.client_jobs import (
    JobView,
    find,
    find_model,
    find_model_and_dataset,
    find_version,
    made_before,
)
from service.storage.database import Session
from service.storage.records import Dataset, Model, Version

KIND = statuses.BATCH_PREDICTION
Found = tuple[Model, Dataset | None]


def create(context: Context, request: dict[str, Any], wait: float, claim: Claim | None = None) -> JobView:
    """Queue predictions of a version (or a label's, or the latest) for a dataset's rows, or for those of the request's
    `file`, which is taken over.

    With the `claim` of an earlier request it is the job that that one made. Raises InvalidRequest, InvalidData,
    NotReady, NoVersion, QueueFull; Conflict when the version can't be served.
    """
    job_id = made_before(context, claim) or _make(context, request, claim)
    return client_jobs.get(context, KIND, job_id, wait)


def _make(context: Context, request: dict[str, Any], claim: Claim | None) -> str:
    """Queue the job; its id."""
    file: ReceivedFile | None = request.get("file")
    with context.database.read() as session:
        found = _find(session, request["model"], request.get("dataset"))
        version = find_version(session, found[0], request["version"], request["label"])
    _check_fit(context, version, found[1], request)
    job_id = queue.new_id(KIND)
    if file is not None:
        context.artifacts.publish(file.folder, upload_key(job_id))
    try:
        _insert(context, job_id, found, version, request, claim)
    except BaseException:
        context.artifacts.remove(upload_key(job_id))
        raise
    return job_id


def _find(session: Session, model_name: str, dataset_name: str | None, ids: tuple[str, str] | None = None) -> Found:
    if dataset_name is None:
        return find_model(session, model_name, ids and ids[0]), None
    return find_model_and_dataset(session, model_name, dataset_name, ids)


def _check_fit(context: Context, version: Version, dataset: Dataset | None, request: dict[str, Any]) -> None:
    if not version.servable:
        raise Conflict(f"Version {version.number} can't be served: {version.details['reason']}")
    document = json.loads(context.artifacts.read(version.folder, ARTIFACTS["preprocessing"]))
    if dataset is not None:
        check_inputs_fit(document, {"name": dataset.name, **(dataset.descriptor or {})}, request["split"])
    else:
        file: ReceivedFile = request["file"]
        check_file(file.folder / DATA_FILE, file.name, document)


def _insert(
    context: Context, job_id: str, found: Found, version: Version, request: dict[str, Any], claim: Claim | None
) -> None:
    (model, dataset), file = found, request.get("file")
    columns = {} if dataset is None else {"dataset_id": dataset.id, "dataset_name": dataset.name}
    kept = {"split": request.get("split"), "file": None if file is None else file.to_document()}
    kept["metadata"] = request.get("metadata", {})
    with context.database.write() as session:
        # They may have been deleted meanwhile, and others made under their names.
        _find(session, model.name, columns.get("dataset_name"), (model.id, columns.get("dataset_id", "")))
        find_version(session, model, version.number)
        queue.enqueue(
            context, session, KIND, kept,
            id=job_id, model_id=model.id, model_name=model.name, version=version.number, **columns,
        )  # fmt: skip
        idempotency.note(session, claim, job_id)


@dataclass(frozen=True)
class Result:
    """The Parquet file with the predictions, and the classes that the scores are of; None for a regression."""

    path: Path
    classes: list[Any] | None


def result(context: Context, job_id: str) -> Result:
    """What a batch prediction made. Raises NotFound; NotReady before success."""
    with context.database.read() as session:
        job = find(session, KIND, job_id)
    if job.status != statuses.SUCCEEDED or job.result is None:
        raise NotReady("batch prediction", job_id, job.status, failed=job.status in statuses.FINAL)
    return Result(context.artifacts.existing_file(job.result["folder"], RESULT_FILE), job.result["classes"])
