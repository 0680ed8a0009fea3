"""`/v1/batch-predictions`."""

from typing import Any

from flask import Response

from service.api.contract.blueprint import FILE_HEADERS, TEXT, Blueprint
from service.api.contract.schemas.batch_predictions import (
    BatchPredictionSchema,
    CreateBatchPredictionSchema,
    CreateFilePredictionSchema,
)
from service.api.contract.schemas.jobs import JobChangesSchema, JobListQuery
from service.api.http.files import send_predictions
from service.api.http.links import BATCH_PREDICTIONS, batch_prediction_url
from service.api.http.media_types import CSV, JSON_LINES, PARQUET
from service.api.http.state import context
from service.api.routes.client_jobs import change_job, create_job, get_job
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import batch_prediction as batch_predictions
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("batch-predictions", __name__, description="Predictions for all rows of a dataset or a file.")


@blueprint.post(BATCH_PREDICTIONS)
@blueprint.creates(BatchPredictionSchema)
@blueprint.arguments_or_form(CreateBatchPredictionSchema, CreateFilePredictionSchema)
def create_batch_prediction(request: dict[str, Any]) -> Any:
    """Start a batch prediction for the rows of a dataset, or of a file in a form.

    Use it for more rows than fit into a prediction request. The service resolves `version` to a number when it creates
    the job. After success, `links.result` is the URL of the predictions.
    """
    return create_job(batch_predictions.KIND, batch_predictions.create, request, batch_prediction_url)


@blueprint.get(BATCH_PREDICTIONS)
@blueprint.lists(BatchPredictionSchema)
@blueprint.query(JobListQuery)
def list_batch_predictions(query: PageQuery) -> Page[JobView]:
    """List batch predictions.

    Newest first by default. You can filter by status, model, dataset and metadata.
    """
    return client_jobs.list_page(context(), batch_predictions.KIND, query)


@blueprint.get(f"{BATCH_PREDICTIONS}/<batch_prediction_id>")
@blueprint.finds(BatchPredictionSchema)
def get_batch_prediction(batch_prediction_id: str) -> Any:
    """Get a batch prediction.

    `progress` shows how many rows are finished. `Prefer: wait=N` waits until the job is final.
    """
    return get_job(batch_predictions.KIND, batch_prediction_id)


@blueprint.patch(f"{BATCH_PREDICTIONS}/<batch_prediction_id>")
@blueprint.resource(BatchPredictionSchema)
@blueprint.arguments(JobChangesSchema)
def change_batch_prediction(changes: dict[str, Any], batch_prediction_id: str) -> Any:
    """Cancel a batch prediction, or change its metadata.

    The body is a merge patch (RFC 7396). If the job is already final, the response to a cancellation is 409.
    """
    return change_job(batch_predictions.KIND, batch_prediction_id, changes)


@blueprint.delete(f"{BATCH_PREDICTIONS}/<batch_prediction_id>")
@blueprint.deletes
def delete_batch_prediction(batch_prediction_id: str) -> None:
    """Delete a final batch prediction and its result.

    If it isn't final, the response is 409: cancel it first.
    """
    client_jobs.delete(context(), batch_predictions.KIND, batch_prediction_id)


@blueprint.get(f"{BATCH_PREDICTIONS}/<batch_prediction_id>/result")
@blueprint.response(200, TEXT, content_type=CSV, headers=FILE_HEADERS)
@blueprint.downloads(PARQUET, elsewhere=True)
@blueprint.alt_response(200, schema=TEXT, content_type=JSON_LINES)
def get_batch_prediction_result(batch_prediction_id: str) -> Response:
    """Download the predictions of a batch prediction.

    They are in the order of the rows. Each has `row`, for a ZIP also `file`, and the fields of a prediction. A line of
    JSON Lines is `{"row": 0, "label": …, "score": …, "scores": […]}`. CSV has a column for each class instead of
    `scores`, such as `score_setosa`. Several values of a regression are `value_0` and so on; several labels are JSON.
    """
    return send_predictions(batch_predictions.result(context(), batch_prediction_id), batch_prediction_id)
