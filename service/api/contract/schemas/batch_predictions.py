"""Batch predictions as they are posted and shown."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import SPLITS
from models.jobs.batch_prediction import BatchPredictionRequest
from service import statuses
from service.api.contract.fields import Choice, Metadata, Reference, UploadedFile, Whole
from service.api.contract.schemas.base import AnswerSchema, Schema
from service.api.contract.schemas.datasets import UploadedFileSchema
from service.api.contract.schemas.jobs import VersionJobSchema, link_resources, present_job
from service.api.contract.schemas.predictions import WarningSchema
from service.api.contract.schemas.shown import (
    CLASS,
    NAMED,
    AsItIs,
    Count,
    Identifier,
    Inner,
    Listing,
    OneOf,
    Value,
    Words,
)
from service.api.http.links import batch_prediction_url
from service.operations.jobs.client_jobs import JobView


class PredictingVersionSchema(Schema):
    """What to predict with."""

    model = Reference(required=True, metadata={"description": "The model's name."})
    version = Whole(1, load_default=None, allow_none=True, metadata={"description": "Null: the latest."})
    label = Reference(load_default=None, allow_none=True, metadata={"description": "Instead of a version."})
    metadata = Metadata()


class CreateBatchPredictionSchema(PredictingVersionSchema):
    """Predictions to make for the rows of a dataset."""

    dataset = Reference(
        required=True, metadata={"description": "Its name. It needs the version's inputs; its target isn't used."}
    )
    split = Choice(*SPLITS, load_default=None, allow_none=True, metadata={"description": "Null: all rows."})


class CreateFilePredictionSchema(PredictingVersionSchema):
    """Predictions to make for the rows of a file."""

    file = UploadedFile(
        required=True,
        metadata={
            "description": "CSV, a list of rows as JSON, JSON Lines, Parquet, NPZ (`x`, or `x_NAME` for several "
            "inputs), one array as `.npy`, or a ZIP of pictures, which are taken in the order of their paths. Rows are "
            "as they can be posted to predictions, but CSV and Parquet must have all of a table's columns. The dataset "
            "that the version was trained on may have more columns, its target among them: these may be there too."
        },
    )


class BatchResultSchema(AnswerSchema):
    """What was predicted, in short."""

    rows = Count("How many rows were predicted.", example=150)
    bytes = Count("Of the result as Parquet.", example=4240)
    classes = Listing(
        "What the scores are of, in order; null for a regression.",
        Value("A class.", **CLASS),
        allow_none=True,
        example=["setosa", "versicolor", "virginica"],
    )
    warnings = Listing("The first 100.", Inner(WarningSchema, ""), 100)


class BatchPredictionSchema(VersionJobSchema):
    """Predictions of a version for many rows. A step of its progress is a row."""

    id = Identifier("bp", "Jobs have no name: this is what their URL ends with.")
    dataset = Words("The dataset's name; null for a file.", allow_none=True, example="flowers", **NAMED)
    split = OneOf("Whose rows are taken; null: all, or those of a file.", *SPLITS, allow_none=True)
    file = AsItIs(UploadedFileSchema, "The file that was posted; null for a dataset.", allow_none=True)
    result = Inner(BatchResultSchema, "What was predicted, in short; null before success.", allow_none=True)

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job, url = view.job, batch_prediction_url(view.job.id)
        result = f"{url}/result" if job.status == statuses.SUCCEEDED else None
        return present_job(view) | {
            **BatchPredictionRequest.from_document(job.request).to_document(),
            "result": job.result,
            "links": {"self": url, "result": result, **link_resources(view)},
        }
