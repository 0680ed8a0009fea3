"""`/v1/evaluations`."""

from typing import Any

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.evaluations import CreateEvaluationSchema, EvaluationSchema
from service.api.contract.schemas.jobs import JobChangesSchema, JobListQuery
from service.api.http.links import EVALUATIONS, evaluation_url
from service.api.http.state import context
from service.api.routes.client_jobs import change_job, create_job, get_job
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import evaluation as evaluations
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("evaluations", __name__, description="How well versions do on the rows of a dataset.")


@blueprint.post(EVALUATIONS)
@blueprint.creates(EvaluationSchema)
@blueprint.arguments(CreateEvaluationSchema)
def create_evaluation(request: dict[str, Any]) -> Any:
    """Start evaluating a version on a split of a dataset.

    The dataset may be another than it was trained on, as long as it fits. `result` has the figures when it succeeded.
    Every training ends with an evaluation by itself where there are test rows.
    """
    return create_job(evaluations.KIND, evaluations.create, request, evaluation_url)


@blueprint.get(EVALUATIONS)
@blueprint.lists(EvaluationSchema)
@blueprint.query(JobListQuery)
def list_evaluations(query: PageQuery) -> Page[JobView]:
    """List evaluations.

    The newest first, unless `sort` says otherwise; by status, model or dataset.
    """
    return client_jobs.list_page(context(), evaluations.KIND, query)


@blueprint.get(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.finds(EvaluationSchema)
def get_evaluation(evaluation_id: str) -> Any:
    """Get an evaluation.

    With its result once it succeeded. `Prefer: wait=N` waits until it is final.
    """
    return get_job(evaluations.KIND, evaluation_id)


@blueprint.patch(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.resource(EvaluationSchema)
@blueprint.arguments(JobChangesSchema)
def change_evaluation(changes: dict[str, Any], evaluation_id: str) -> Any:
    """Cancel an evaluation, or change its metadata.

    As a merge patch (RFC 7396). Cancelling one that is final already is a 409.
    """
    return change_job(evaluations.KIND, evaluation_id, changes)


@blueprint.delete(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.deletes
def delete_evaluation(evaluation_id: str) -> None:
    """Delete an evaluation that is final.

    409 while it isn't final: cancel it first.
    """
    client_jobs.delete(context(), evaluations.KIND, evaluation_id)
