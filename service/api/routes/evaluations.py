"""`/v1/evaluations`."""

from typing import Any

from service import statuses
from service.api.blueprint import Blueprint, created, found
from service.api.idempotency import current_claim
from service.api.links import EVALUATIONS, evaluation_url
from service.api.schemas.evaluations import (
    EvaluationChangesSchema,
    EvaluationListQuery,
    EvaluationSchema,
    NewEvaluationSchema,
)
from service.api.state import context
from service.api.waits import preferred_wait
from service.operations import client_jobs, evaluations
from service.operations.evaluations import EvaluationView
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("evaluations", __name__, description="How well versions do on the rows of a dataset.")


@blueprint.post(EVALUATIONS)
@blueprint.creates(EvaluationSchema)
@blueprint.arguments(NewEvaluationSchema)
def create_evaluation(request: dict[str, Any]) -> Any:
    """Start evaluating a version on a split of a dataset."""
    with preferred_wait() as wait:
        view = evaluations.create(context(), request, wait, current_claim())
    return created(view, evaluation_url(view.job.id), finished=view.job.status in statuses.FINAL)


@blueprint.get(EVALUATIONS)
@blueprint.lists(EvaluationSchema)
@blueprint.query(EvaluationListQuery)
def list_evaluations(query: PageQuery) -> Page[EvaluationView]:
    """List evaluations."""
    return evaluations.list_page(context(), query)


@blueprint.get(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.finds(EvaluationSchema)
def get_evaluation(evaluation_id: str) -> Any:
    """Get an evaluation."""
    with preferred_wait() as wait:
        view = evaluations.get(context(), evaluation_id, wait)
    return found(view, finished=view.job.status in statuses.FINAL)


@blueprint.patch(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.resource(EvaluationSchema)
@blueprint.arguments(EvaluationChangesSchema)
def change_evaluation(changes: dict[str, Any], evaluation_id: str) -> Any:
    """Cancel an evaluation."""
    if not changes:
        return evaluations.get(context(), evaluation_id)
    return evaluations.cancel(context(), evaluation_id)


@blueprint.delete(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.deletes
def delete_evaluation(evaluation_id: str) -> None:
    """Delete an evaluation that is final."""
    client_jobs.delete(context(), statuses.EVALUATION, evaluation_id)
