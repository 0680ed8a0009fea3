"""Versions of snapshots: training jobs that train no epochs, but evaluate and export what they start from."""

from dataclasses import replace
from typing import Any

from models.errors import Fault
from models.jobs.training import KEEP, TrainingRequest
from service import statuses
from service.context import Context
from service.errors import InvalidRequest, NotReady
from service.operations.catalog.models import find as find_model
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, snapshots, starts
from service.operations.jobs.kinds import training
from service.storage import datasets
from service.storage.database import Session
from service.storage.records import Dataset, DatasetVersion, Job


def create(context: Context, posted: dict[str, Any], claim: Claim | None = None, *, model_name: str) -> str:
    """Queue the job that makes a version of a snapshot; returns its id.

    It uses the data that the snapshot was trained on. If an earlier request with the same `claim` created a job,
    returns the id of that one. Raises NotFound, InvalidRequest, QueueFull.
    """
    made = client_jobs.made_before(context, claim)
    return made or snapshots.again_if_removed(lambda: _insert(context, posted, claim, model_name))


def _insert(context: Context, posted: dict[str, Any], claim: Claim | None, model_name: str) -> str:
    """Queue the job; returns its id."""
    with context.database.read() as session:
        model = find_model(session, model_name)
        if model.status != statuses.READY:
            raise NotReady("model", model.name, model.status, failed=model.status == statuses.FAILED)
        start = starts.of_snapshot(session, posted["training_job"], posted["epoch"], model, "#")
        job = snapshots.find_job(session, posted["training_job"])
        dataset, data = _find_data(session, job)
    taken = start.reference
    reason = f"Nothing is trained: the version has the weights of epoch {taken.epoch} of {taken.training_job}."
    request = replace(
        TrainingRequest.from_document(job.request),
        epochs=0, start_from=taken, preprocessing=KEEP, label=posted["label"], early_stopping=None,
        time_limit_seconds=None, folds=None, snapshots=None, dataset=dataset.name, execution_reason=reason,
    )  # fmt: skip
    columns = client_jobs.data_columns(dataset, data, None) | {"metadata_": posted.get("metadata", {})}
    return training.enqueue(context, request, model, dataset, data, start, claim, **columns)


def _find_data(session: Session, job: Job) -> tuple[Dataset, DatasetVersion]:
    """What the job was trained on. Raises InvalidRequest if it was deleted."""
    dataset = datasets.by_id(session, job.dataset_id)
    data = None if dataset is None else datasets.version(session, dataset.id, job.dataset_version or 1)
    if dataset is None or data is None or data.status != statuses.READY:
        detail = f'The data of the dataset "{job.dataset_name}", on which the snapshot is evaluated, was deleted.'
        raise InvalidRequest(Fault(detail, "#/training_job"))
    return dataset, data
