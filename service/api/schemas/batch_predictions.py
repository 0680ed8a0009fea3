"""Batch predictions as they are posted and shown."""

from typing import Any

from marshmallow import fields, pre_dump

from models.datasets.splits import SPLITS
from service import statuses
from service.api.fields import Choice, Text, UploadedFile, Whole
from service.api.links import batch_prediction_url
from service.api.schemas.base import Schema
from service.api.schemas.jobs import VersionJobSchema, link_resources, present_job
from service.api.schemas.predictions import WarningSchema
from service.operations.client_jobs import JobView


class PredictingVersionSchema(Schema):
    """What to predict with."""

    model = Text(63, required=True)
    version = Whole(1, load_default=None, allow_none=True, metadata={"description": "Null: the latest."})
    label = Text(63, load_default=None, allow_none=True, metadata={"description": "Instead of a version."})


class NewBatchPredictionSchema(PredictingVersionSchema):
    """Predictions to make for the rows of a dataset."""

    dataset = Text(63, required=True, metadata={"description": "It needs the version's inputs; its target isn't used."})
    split = Choice(*SPLITS, load_default=None, allow_none=True, metadata={"description": "Null: all rows."})


class NewFilePredictionSchema(PredictingVersionSchema):
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


class BatchResultSchema(Schema):
    """What was predicted, in short."""

    rows = fields.Integer()
    bytes = fields.Integer(metadata={"description": "Of the result as Parquet."})
    classes = fields.List(fields.Raw(), allow_none=True, metadata={"description": "Null for a regression."})
    warnings = fields.List(fields.Nested(WarningSchema), metadata={"description": "The first 100."})


class BatchPredictionSchema(VersionJobSchema):
    """Predictions of a version for many rows. A step of its progress is a row."""

    dataset = fields.String(allow_none=True, metadata={"description": "Null for those of a file."})
    dataset_id = fields.String(allow_none=True)
    split = fields.String(allow_none=True, metadata={"enum": [*SPLITS, None]})
    file = fields.Dict(allow_none=True, metadata={"description": "`name`, `bytes`, `sha256`; null for a dataset."})
    result = fields.Nested(BatchResultSchema, allow_none=True, metadata={"description": "Null before success."})

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        job, url = view.job, batch_prediction_url(view.job.id)
        result = f"{url}/result" if job.status == statuses.SUCCEEDED else None
        return present_job(view) | {
            "split": job.request["split"],
            "file": job.request["file"],
            "result": job.result,
            "links": {"self": url, "result": result, **link_resources(view)},
        }
