"""Evaluations: the metrics of a version or its variant on the rows of a dataset's split."""

from typing import Any, ClassVar

from models.jobs.evaluation import EvaluationAssignment, EvaluationRequest, EvaluationResult
from models.validation.threshold import threshold_faults
from service.context import Context
from service.errors import InvalidRequest
from service.operations import idempotency
from service.operations.catalog.evaluable import check_evaluable
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, inputs, queue
from service.operations.jobs.kind import Kind, Success
from service.storage.database import Session
from service.storage.records import Job


class Evaluation(Kind):
    """Evaluates a version or its variant. It leaves a result and no files."""

    name = "evaluation"
    prefix = "ev"
    words = "evaluation"
    assignment = EvaluationAssignment
    stores: ClassVar = False

    def describe(self, context: Context, job: Job) -> EvaluationAssignment:
        request = EvaluationRequest.from_document(job.request)
        return EvaluationAssignment(
            version=inputs.version_folder(context, job),
            dataset=inputs.dataset_folder(context, job),
            split=request.split,
            threshold=request.threshold,
            variant=None if request.variant is None else inputs.version_folder(context, job, request.variant),
            **inputs.bounds(context, job),
        )

    def check(self, context: Context, job: Job) -> dict[str, Any]:
        with context.database.read() as session:
            version, dataset, data = client_jobs.find_used(session, job)
        check_evaluable(context, version, dataset, data, EvaluationRequest.from_document(job.request).split)
        return job.request

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success:
        stored, job.points = EvaluationResult.from_document(result).without_points()
        job.result = stored.to_document()
        return Success()


KIND = Evaluation()


def create(context: Context, request: dict[str, Any], claim: Claim | None = None) -> str:
    """Queue the evaluation of a version (by number or label, or the latest) or of its variant on a dataset's split;
    returns the job's id.

    If the dataset is still being imported, the evaluation waits. If an earlier request with the same `claim` created
    an evaluation, returns the id of that one. Raises InvalidRequest, InvalidData, NotReady, NoVersion, QueueFull.
    """
    return client_jobs.made_before(context, claim) or _insert(context, request, claim)


def _insert(context: Context, request: dict[str, Any], claim: Claim | None) -> str:
    """Queue the evaluation; returns its id."""
    with context.database.read() as session:
        model, dataset = client_jobs.find_model_and_dataset(session, request["model"], request["dataset"])
        named = request["version"], request["label"], request["variant"]
        version, variant = client_jobs.find_network(session, model, *named)
        data = client_jobs.find_data(session, dataset, request.get("dataset_version"))
    if faults := list(threshold_faults(request["threshold"], model.task)):
        raise InvalidRequest(*faults)
    threshold = model.threshold if request["threshold"] is None else request["threshold"]
    wanted = EvaluationRequest(request["split"], threshold, variant)
    unready = client_jobs.find_unready(model, dataset)
    if unready is None:
        check_evaluable(context, version, dataset, data, wanted.split)
    with context.database.write() as session:
        client_jobs.lock_used(session, model, dataset, data, version, variant)
        job = queue.enqueue(
            context, session, KIND, wanted, metadata_=request.get("metadata", {}),
            model_id=model.id, model_name=model.name, version=version.number,
            waits_for=unready, **client_jobs.data_columns(dataset, data, request.get("dataset_version")),
        )  # fmt: skip
        idempotency.record_resource(session, claim, job.id)
    return job.id
