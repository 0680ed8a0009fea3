"""Shards of batch predictions, which predict some of the rows."""

from dataclasses import dataclass
from typing import Any, ClassVar

from models.jobs.batch_prediction import BatchPredictionAssignment, Shard, ShardResult
from service.context import Context
from service.operations.jobs import batch_rows, inputs
from service.operations.jobs.kind import Kind, Success
from service.storage.artifact_keys import SHARDS, check_published
from service.storage.database import Session
from service.storage.records import Job


@dataclass(frozen=True, kw_only=True)
class StoredShard(ShardResult):
    """The result in the shard's row. `folder` is the artifact key of the folder with its predictions."""

    folder: str

    def __post_init__(self) -> None:
        check_published(self.folder, SHARDS)


class BatchShard(Kind):
    """Predicts the rows of a shard."""

    name = "batch_shard"
    prefix = "bs"
    words = "shard of a batch prediction"
    assignment = BatchPredictionAssignment
    from_clients: ClassVar = False
    stores: ClassVar = False
    group: ClassVar = SHARDS

    def describe(self, context: Context, job: Job) -> BatchPredictionAssignment:
        return batch_rows.assign(context, inputs.whole(context, job), shard=Shard.from_document(job.request))

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success:
        job.result = StoredShard.from_document(result | {"folder": key}).to_document()
        return Success()

    def explain_crash(self, signal_name: str) -> dict[str, Any] | None:
        return batch_rows.explain_crash(signal_name)


KIND = BatchShard()
