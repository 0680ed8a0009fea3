"""Requests and responses of batch predictions."""

from typing import Any

from marshmallow import pre_dump

from models.datasets import SPLITS
from models.jobs.batch_prediction import BatchPredictionRequest
from models.tabular.csv_instances import IGNORE, REFUSE
from service import statuses
from service.api.contract.fields import Choice, Metadata, Reference, UploadedFile
from service.api.contract.schemas.base import AnswerSchema
from service.api.contract.schemas.dataset_data import UploadedFileSchema
from service.api.contract.schemas.jobs import (
    UsedVariant,
    VersionJobSchema,
    WantedData,
    WantedNetworkSchema,
    link_resources,
    present_job,
)
from service.api.contract.schemas.predictions import WarningSchema
from service.api.contract.schemas.shown import (
    CLASS,
    NAMED,
    AsItIs,
    Count,
    Identifier,
    Inner,
    Listing,
    Number,
    OneOf,
    Value,
    Words,
)
from service.api.http.links import batch_prediction_url
from service.operations.jobs.client_jobs import JobView

EXTRA = (
    "Whether unknown columns of a table in a file are a fault (`refuse`), or are ignored with a warning that names "
    "them (`ignore`)."
)


class PredictingVersionSchema(WantedNetworkSchema):
    """The model, version and variant to predict with, and the metadata of the job."""

    metadata = Metadata()


class CreateBatchPredictionSchema(PredictingVersionSchema):
    """A batch prediction for the rows of a dataset."""

    dataset = Reference(
        required=True,
        metadata={"description": "The dataset's name. It must have the version's inputs; its target is ignored."},
    )
    dataset_version = WantedData()
    split = Choice(
        *SPLITS, load_default=None, allow_none=True, metadata={"description": "The split to predict; null: all rows."}
    )


class CreateFilePredictionSchema(PredictingVersionSchema):
    """A batch prediction for the rows of a file."""

    file = UploadedFile(
        required=True,
        metadata={
            "description": "CSV, JSON with a list of rows, JSON Lines, Parquet, NPZ (`x`, or `x_NAME` for several "
            "inputs), one array as `.npy`, or a ZIP of images, which are processed in the order of their paths. Rows "
            "have the form of `instances` in predictions, but CSV and Parquet must have all columns of a table. The "
            "file may also contain the other columns of the dataset that the version was trained on, such as the "
            "target; they are ignored. The file may be compressed with gzip or Zstandard, like `rows.csv.gz`."
        },
    )
    extra = Choice(REFUSE, IGNORE, load_default=REFUSE, metadata={"description": EXTRA})


class BatchResultSchema(AnswerSchema):
    """A summary of the predictions."""

    rows = Count("The number of predicted rows.", example=150)
    bytes = Count("The size of the result as Parquet.", example=4240)
    classes = Listing(
        "The classes in the order of the scores; null for a regression.",
        Value("A class.", **CLASS),
        allow_none=True,
        example=["setosa", "versicolor", "virginica"],
    )
    warnings = Listing("The first 100 warnings.", Inner(WarningSchema, ""), 100)


class BatchPredictionSchema(VersionJobSchema):
    """Predictions of a version for many rows. A step of the progress is a row."""

    id = Identifier("bp", "The job's id, which its URL ends with.")
    variant = UsedVariant()
    dataset = Words("The dataset's name; null for a file.", allow_none=True, example="flowers", **NAMED)
    split = OneOf(
        "The split whose rows are predicted; null: all rows, or the rows of a file.", *SPLITS, allow_none=True
    )
    file = AsItIs(UploadedFileSchema, "The uploaded file; null for a dataset.", allow_none=True)
    extra = OneOf(f"{EXTRA} Null for a dataset.", REFUSE, IGNORE, allow_none=True)
    threshold = Number(
        "The score from which classes count as predicted: the model's `threshold` at the job's creation. Null for "
        "tasks without a threshold.",
        0,
        1,
        allow_none=True,
        example=None,
    )
    shards = Count(
        "The number of shards into which the rows were divided. Several workers predict them concurrently. Null: "
        "the rows weren't divided.",
        allow_none=True,
        example=None,
    )
    result = Inner(BatchResultSchema, "A summary of the predictions; null before success.", allow_none=True)

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job, url = view.job, batch_prediction_url(view.job.id)
        result = f"{url}/result" if job.status == statuses.SUCCEEDED else None
        return present_job(view) | {
            **BatchPredictionRequest.from_document(job.request).to_document(),
            "shards": job.shards,
            "result": job.result,
            "links": {"self": url, "result": result, **link_resources(view)},
        }
