"""The last part of a batch prediction that was divided into shards: their predictions become one file."""

from typing import Any, ClassVar

from models.jobs.batch_prediction import JoinAssignment, ShardResult
from service.context import Context
from service.operations.jobs import inputs
from service.operations.jobs.kind import Kind, Success
from service.storage import jobs
from service.storage.artifact_keys import PREDICTIONS, SHARDS, check_published
from service.storage.database import Session
from service.storage.records import Job


class BatchJoin(Kind):
    """Joins the predictions of all shards. Its result is that of the batch prediction."""

    name = "batch_join"
    prefix = "jn"
    words = "end of a batch prediction"
    assignment = JoinAssignment
    from_clients: ClassVar = False
    stores: ClassVar = False
    group: ClassVar = PREDICTIONS

    def describe(self, context: Context, job: Job) -> JoinAssignment:
        whole = inputs.whole(context, job)
        with context.database.read() as session:
            results = [part.result or {} for part in jobs.parts(session, whole.id) if part.shard is not None]
        keys = [check_published(result["folder"], SHARDS, whole.id) for result in results]
        return JoinAssignment(
            folders=[context.artifacts.folder(key) for key in keys],
            results=[ShardResult.from_document(result) for result in results],
            **inputs.bounds(context, whole),
        )

    def record_success(self, session: Session, job: Job, key: str | None, result: dict[str, Any]) -> Success:
        job.result = result | {"folder": key}
        return Success()


KIND = BatchJoin()
