"""The rows of a batch prediction and the network that predicts them, as an assignment for all rows or for a shard."""

from typing import Any

from models.errors import Fault, InvalidData
from models.jobs.batch_prediction import BatchPredictionAssignment, BatchPredictionRequest, Shard
from models.spec import THRESHOLD
from models.tabular.csv_instances import IGNORE
from service.context import Context
from service.operations.catalog.uploads import DATA_FILE
from service.operations.jobs import inputs
from service.storage.artifact_keys import upload_key
from service.storage.records import Job


def assign(context: Context, job: Job, *, shard: Shard | None = None, shard_rows: int = 0) -> BatchPredictionAssignment:
    """The assignment for the rows of a batch prediction, or for those of one of its shards. Raises NotFound."""
    request = BatchPredictionRequest.from_document(job.request)
    return BatchPredictionAssignment(
        version=inputs.version_folder(context, job, request.variant),
        dataset=None if job.dataset_id is None else inputs.dataset_folder(context, job),
        split=request.split,
        file=None if request.file is None else context.artifacts.folder(upload_key(job.id)) / DATA_FILE,
        file_name="" if request.file is None else request.file.name,
        ignores_extra=request.extra == IGNORE,
        threshold=THRESHOLD if request.threshold is None else request.threshold,
        shard=shard,
        shard_rows=shard_rows,
        **inputs.bounds(context, job),
    )


def explain_crash(signal_name: str) -> dict[str, Any]:
    """The error of a job whose rows crash its process."""
    what = f"Reading the rows or predicting them crashes the process ({signal_name})"
    return InvalidData(Fault(f"{what}: a file may be damaged, or its rows take too much memory.")).to_dict()
