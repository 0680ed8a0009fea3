"""The demonstrations: each makes a dataset and a model of a reference job, and trains it while the visitor watches."""

from typing import Any

from flask import Response

from models.numeric_inputs import have_boundary
from service import statuses
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.http.state import context
from service.api.ui.blueprint import page, page_blueprint, show
from service.api.ui.reference_jobs import ReferenceJob, reference_jobs
from service.operations.catalog import datasets
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.storage.paging import PageQuery

blueprint = page_blueprint(__name__)


@page(blueprint, "/demonstrations")
def demonstrations() -> Response:
    """All demonstrations, each with what its last training has shown."""
    downloaded = {source["name"] for source in datasets.sources() if source["group"] == "downloaded"}
    return show(
        "demonstrations.html",
        "demonstrations",
        demonstrations=[
            {
                "name": job.name,
                "documents": {"dataset": job.dataset, "model": job.model, "training_job": job.training_job},
                "is_downloaded": job.dataset["source"] in downloaded,
                "last": (last := _find_last(job)),
                "picture": None if last is None else _picture(last, job),
            }
            for job in reference_jobs()
        ],
    )


def _find_last(job: ReferenceJob) -> dict[str, Any] | None:
    """The newest training of the demonstration that hasn't failed."""
    wanted = (*statuses.UNFINISHED, statuses.SUCCEEDED)
    query = PageQuery(1, filters={"model": job.model["name"], "status": wanted})
    found = client_jobs.list_page(context(), training.KIND, query).items
    return TrainingJobSchema().dump(found[0]) if found else None


def _picture(last: dict[str, Any], job: ReferenceJob) -> str:
    """The path of the picture that shows best what a training has learned."""
    has_shape = "shape" in job.model["input"]
    if has_shape and have_boundary([job.model["input"]]) and last["metrics"]:
        return f"/v1/training-jobs/{last['id']}/boundary"
    if has_shape and last["version"]:
        return f"/v1/models/{last['model']}/versions/{last['version']}/samples"
    return f"/v1/training-jobs/{last['id']}/curves"
