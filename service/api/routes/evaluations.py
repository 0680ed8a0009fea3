"""`/v1/evaluations`."""

from typing import Any

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.evaluation_pictures import ConfusionSchema, ResidualsSchema, RocSchema
from service.api.contract.schemas.evaluations import CreateEvaluationSchema, EvaluationSchema
from service.api.contract.schemas.jobs import JobChangesSchema, JobListQuery
from service.api.http.links import EVALUATIONS, evaluation_url
from service.api.http.state import context
from service.api.routes.client_jobs import change_job, create_job, get_job
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import evaluation as evaluations
from service.operations.pictures import confusion, residuals, roc
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("evaluations", __name__, description="Metrics of versions on the rows of a dataset.")


@blueprint.post(EVALUATIONS)
@blueprint.creates(EvaluationSchema)
@blueprint.arguments(CreateEvaluationSchema)
def create_evaluation(request: dict[str, Any]) -> Any:
    """Start an evaluation of a version on a split of a dataset.

    The dataset can differ from the one that the version was trained on, if it fits. After success, `result` has the
    metrics. Every training whose dataset has test rows creates an evaluation when it ends.
    """
    return create_job(evaluations.KIND, evaluations.create, request, evaluation_url)


@blueprint.get(EVALUATIONS)
@blueprint.lists(EvaluationSchema)
@blueprint.query(JobListQuery)
def list_evaluations(query: PageQuery) -> Page[JobView]:
    """List evaluations.

    Newest first by default. You can filter by status, model, dataset and metadata.
    """
    return client_jobs.list_page(context(), evaluations.KIND, query)


@blueprint.get(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.finds(EvaluationSchema)
def get_evaluation(evaluation_id: str) -> Any:
    """Get an evaluation.

    After success, `result` has the metrics. `Prefer: wait=N` waits until the job is final.
    """
    return get_job(evaluations.KIND, evaluation_id)


@blueprint.patch(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.resource(EvaluationSchema)
@blueprint.arguments(JobChangesSchema)
def change_evaluation(changes: dict[str, Any], evaluation_id: str) -> Any:
    """Cancel an evaluation, or change its metadata.

    The body is a merge patch (RFC 7396). If the job is already final, the response to a cancellation is 409.
    """
    return change_job(evaluations.KIND, evaluation_id, changes)


@blueprint.delete(f"{EVALUATIONS}/<evaluation_id>")
@blueprint.deletes
def delete_evaluation(evaluation_id: str) -> None:
    """Delete a final evaluation.

    If it isn't final, the response is 409: cancel it first.
    """
    client_jobs.delete(context(), evaluations.KIND, evaluation_id)


@blueprint.get(f"{EVALUATIONS}/<evaluation_id>/confusion")
@blueprint.picture("confusion", ConfusionSchema)
def get_confusion(evaluation_id: str) -> Any:
    """Draw the confusion matrix of an evaluation.

    Multilabel tasks have a matrix for each label. With more than 256 classes, the picture lists those with the lowest
    recall. If the evaluation hasn't succeeded, or the model is a regression, the response is 409.
    """
    return confusion.describe(context(), evaluation_id)


@blueprint.get(f"{EVALUATIONS}/<evaluation_id>/roc")
@blueprint.picture("roc", RocSchema)
def get_roc(evaluation_id: str) -> Any:
    """Draw the ROC curves of an evaluation.

    Each curve shows a class against the rest and marks the chosen threshold. Of two classes, only the positive one has
    a curve. The evaluation keeps at most 20 curves of 200 points. If the evaluation hasn't succeeded, or the model is a
    regression, the response is 409.
    """
    return roc.describe(context(), evaluation_id)


@blueprint.get(f"{EVALUATIONS}/<evaluation_id>/residuals")
@blueprint.picture("residuals", ResidualsSchema)
def get_residuals(evaluation_id: str) -> Any:
    """Draw the predicted values of a regression's evaluation against the true ones.

    The picture shows at most 1,000 evenly spaced rows. If the evaluation hasn't succeeded, or the model isn't a
    regression, the response is 409.
    """
    return residuals.describe(context(), evaluation_id)
