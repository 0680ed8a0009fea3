"""The newest jobs of all kinds, each with where its result is seen."""

from collections.abc import Iterator
from typing import Any

from marshmallow import pre_dump

from service.api.contract.schemas.base import Schema
from service.api.contract.schemas.batch_predictions import BatchPredictionSchema
from service.api.contract.schemas.evaluations import EvaluationSchema
from service.api.contract.schemas.jobs import VersionJobSchema, present_job
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.contract.schemas.variants import VariantJobSchema
from service.api.http.links import dataset_version_url, model_url, public, version_url
from service.api.http.state import context
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kinds import (
    batch_prediction,
    build,
    dataset_import,
    evaluation,
    model_import,
    training,
    variant,
)
from service.operations.jobs.registry import KINDS, kind_of
from service.storage.records import Job


class MakingJobSchema(VersionJobSchema):
    """A job that clients see only as the version or the model that it makes."""

    @pre_dump
    def _present(self, view: JobView, **_: Any) -> dict[str, Any]:
        return present_job(view) | {"links": {"self": _made_by(view.job)}}


SCHEMAS: dict[str, type[Schema]] = {
    training.KIND.name: TrainingJobSchema,
    evaluation.KIND.name: EvaluationSchema,
    batch_prediction.KIND.name: BatchPredictionSchema,
    variant.KIND.name: VariantJobSchema,
    dataset_import.KIND.name: MakingJobSchema,
    model_import.KIND.name: MakingJobSchema,
    build.KIND.name: MakingJobSchema,
}


def newest_jobs(most: int, *, but: str | None = None, **filters: Any) -> Iterator[dict[str, Any]]:
    """At most so many jobs of each kind, those of the kind `but` left out, with the name of their kind as `kind`.

    `result` is where the result is seen: a page, or the resource of the API if the dashboard has no page for it.
    """
    kinds = [KINDS[name] for name in SCHEMAS if name != but]
    for view in client_jobs.list_newest(context(), kinds, most, **filters):
        # Of a build or an import that was refused, the client got the error, and nothing else is left.
        if kind_of(view.job).from_clients or view.model_exists or view.dataset_exists:
            shown = SCHEMAS[view.job.kind]().dump(view)
            yield {
                **shown,
                "kind": view.job.kind,
                "result": _find_page(view) or f"{shown['links']['self']}?pretty=true",
            }


def _find_page(view: JobView) -> str | None:
    """The page of the dashboard that shows the result of a job; None if there is none."""
    job = view.job
    if job.kind == training.KIND.name:
        return public(f"/ui/training-jobs/{job.id}")
    if job.kind == variant.KIND.name and view.version_exists:
        return public(f"/ui/models/{job.model_name}/versions/{job.version}#variants")
    if job.kind == dataset_import.KIND.name:
        return public(f"/ui/datasets/{job.dataset_name}")
    return public(f"/ui/models/{job.model_name}") if job.kind in (build.KIND.name, model_import.KIND.name) else None


def _made_by(job: Job) -> str:
    """The URL of what an import or a build makes."""
    if job.dataset_name is not None:
        return dataset_version_url(job.dataset_name, job.dataset_version or 1)
    model = str(job.model_name)
    return model_url(model) if job.version is None else version_url(model, job.version)
