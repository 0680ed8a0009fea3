"""The newest jobs of the kinds that clients create, as the API shows them."""

from collections.abc import Iterator
from typing import Any

from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.batch_predictions import BatchPredictionSchema
from service.api.contract.schemas.evaluations import EvaluationSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.http.state import context
from service.operations.jobs import client_jobs
from service.operations.jobs.kind import Kind
from service.operations.jobs.kinds import batch_prediction, evaluation, training
from service.storage.paging import PageQuery

SCHEMAS: tuple[tuple[Kind, type[Schema]], ...] = (
    (training.KIND, TrainingJobSchema),
    (evaluation.KIND, EvaluationSchema),
    (batch_prediction.KIND, BatchPredictionSchema),
)


def newest_jobs(most: int, *, but: str | None = None, **filters: Any) -> Iterator[dict[str, Any]]:
    """At most so many jobs of each kind, those of the kind `but` left out, with the name of their kind as `kind`."""
    for kind, schema in SCHEMAS:
        if kind.name != but:
            found = client_jobs.list_page(context(), kind, PageQuery(most, filters=filters)).items
            yield from ({**schema().dump(job), "kind": kind.name} for job in found)
