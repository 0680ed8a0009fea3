"""`/v1/batch-predictions`."""

from typing import Any

from flask import Response

from service import statuses
from service.api.blueprint import Blueprint
from service.api.client_jobs import cancel_job, create_job, get_job
from service.api.files import CSV, JSON_LINES, PARQUET, send_predictions
from service.api.links import BATCH_PREDICTIONS, batch_prediction_url
from service.api.schemas.batch_predictions import (
    BatchPredictionSchema,
    NewBatchPredictionSchema,
    NewFilePredictionSchema,
)
from service.api.schemas.jobs import CancellationSchema, JobListQuery
from service.api.state import context
from service.operations import batch_predictions, client_jobs
from service.operations.client_jobs import JobView
from service.storage.paging import Page, PageQuery

KIND = statuses.BATCH_PREDICTION
TEXT, BINARY = {"type": "string"}, {"type": "string", "format": "binary"}

blueprint = Blueprint("batch-predictions", __name__, description="Predictions for all rows of a dataset or a file.")


@blueprint.post(BATCH_PREDICTIONS)
@blueprint.creates(BatchPredictionSchema)
@blueprint.arguments_or_form(NewBatchPredictionSchema, NewFilePredictionSchema)
def create_batch_prediction(request: dict[str, Any]) -> Any:
    """Start predicting for the rows of a dataset, or of a file in a form."""
    return create_job(batch_predictions.create, request, batch_prediction_url)


@blueprint.get(BATCH_PREDICTIONS)
@blueprint.lists(BatchPredictionSchema)
@blueprint.query(JobListQuery)
def list_batch_predictions(query: PageQuery) -> Page[JobView]:
    """List batch predictions."""
    return client_jobs.list_page(context(), KIND, query)


@blueprint.get(f"{BATCH_PREDICTIONS}/<job_id>")
@blueprint.finds(BatchPredictionSchema)
def get_batch_prediction(job_id: str) -> Any:
    """Get a batch prediction."""
    return get_job(KIND, job_id)


@blueprint.patch(f"{BATCH_PREDICTIONS}/<job_id>")
@blueprint.resource(BatchPredictionSchema)
@blueprint.arguments(CancellationSchema)
def change_batch_prediction(changes: dict[str, Any], job_id: str) -> Any:
    """Cancel a batch prediction."""
    return cancel_job(KIND, job_id, changes)


@blueprint.delete(f"{BATCH_PREDICTIONS}/<job_id>")
@blueprint.deletes
def delete_batch_prediction(job_id: str) -> None:
    """Delete a batch prediction that is final, with its result."""
    client_jobs.delete(context(), KIND, job_id)


@blueprint.get(f"{BATCH_PREDICTIONS}/<job_id>/result")
@blueprint.response(200, TEXT, content_type=CSV)
@blueprint.alt_response(200, schema=TEXT, content_type=JSON_LINES)
@blueprint.alt_response(200, schema=BINARY, content_type=PARQUET)
def get_batch_prediction_result(job_id: str) -> Response:
    """Download the predictions, in the order of the rows: `row` (of a ZIP also `file`), then as predictions are.

    A line of JSON Lines is `{"row": 0, "label": …, "score": …, "scores": […]}`. In CSV there is a column for each class
    instead of `scores`, such as `score_setosa`; several values of a regression are `value_0` and so on; several
    labels are JSON.
    """
    return send_predictions(batch_predictions.result(context(), job_id), job_id)
