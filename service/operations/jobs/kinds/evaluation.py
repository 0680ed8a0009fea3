"""Evaluations: refusing what doesn't fit, and queueing."""

import json
from typing import Any

from models.compatibility import check_version_fit
from models.version_files import ARTIFACTS
from service import statuses
from service.context import Context
from service.operations import idempotency
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, queue
from service.operations.jobs.client_jobs import JobView, find_model_and_dataset, find_version, made_before
from service.storage.records import Dataset, Version


def create(context: Context, request: dict[str, Any], wait: float, claim: Claim | None = None) -> JobView:
    """Queue the evaluation of a version (or a label's, or the latest) on a dataset's split.

    With the `claim` of an earlier request it is the evaluation that that one made. Raises InvalidRequest, InvalidData,
    NotReady, NoVersion, QueueFull.
    """
    job_id = made_before(context, claim) or _make(context, request, claim)
    return client_jobs.get(context, statuses.EVALUATION, job_id, wait)


def _make(context: Context, request: dict[str, Any], claim: Claim | None) -> str:
    """Queue the evaluation; its id."""
    with context.database.read() as session:
        model, dataset = find_model_and_dataset(session, request["model"], request["dataset"])
        version = find_version(session, model, request["version"], request["label"])
    _check_fit(context, version, dataset, request["split"])
    with context.database.write() as session:
        # They may have been deleted meanwhile, and others made under their names.
        find_model_and_dataset(session, model.name, dataset.name, (model.id, dataset.id))
        find_version(session, model, version.number)
        job = queue.enqueue(
            context, session, statuses.EVALUATION, {"split": request["split"], "metadata": request.get("metadata", {})},
            model_id=model.id, model_name=model.name, version=version.number,
            dataset_id=dataset.id, dataset_name=dataset.name,
        )  # fmt: skip
        idempotency.note(session, claim, job.id)
    return job.id


def _check_fit(context: Context, version: Version, dataset: Dataset, split: str) -> None:
    document = json.loads(context.artifacts.read(version.folder, ARTIFACTS["preprocessing"]))
    check_version_fit(document, {"name": dataset.name, **(dataset.descriptor or {})}, split)
