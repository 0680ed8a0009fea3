"""The overview: what runs, what waits, what failed and why, the newest models, the workers and the disks."""

from dataclasses import asdict

from flask import Response

from service import statuses
from service.api.contract.schemas.models import ModelItemSchema
from service.api.contract.schemas.operations import WorkersSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.http.state import context
from service.api.ui.blueprint import go_to, page, page_blueprint, show
from service.api.ui.models import variants_of_labels
from service.api.ui.newest_jobs import newest_jobs
from service.operations.catalog import datasets, models
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import training
from service.operations.upkeep import health, workers
from service.storage.paging import PageQuery
from service.storage.records import Job, Model

MOST_SHOWN, MOST_RECENT, MOST_LOOKED_AT = 20, 6, 50

blueprint = page_blueprint(__name__)


@blueprint.get("/ui/")
def with_slash() -> Response:
    return go_to("/ui")


@page(blueprint, "")
def overview() -> Response:
    """The overview."""
    jobs = list(newest_jobs(MOST_SHOWN, status=statuses.UNFINISHED))
    failed = list(newest_jobs(MOST_RECENT, status=statuses.FAILED))
    query = PageQuery(MOST_LOOKED_AT, filters={"status": statuses.SUCCEEDED})
    succeeded = client_jobs.list_page(context(), training.KIND, query).items
    newest = models.list_page(context(), PageQuery(MOST_LOOKED_AT)).items
    # A class on the playground makes hundreds: the first are shown that somebody made elsewhere.
    elsewhere = [view for view in succeeded if not _is_of_playground(view.job)]
    shown_models = [view for view in newest if not _is_of_playground(view.model)]
    shown = ModelItemSchema(many=True).dump(shown_models[:MOST_RECENT])
    return show(
        "overview.html",
        "overview",
        running=[job for job in jobs if job["status"] != statuses.QUEUED],
        waiting=[job for job in jobs if job["status"] == statuses.QUEUED],
        failed=failed,
        succeeded=TrainingJobSchema(many=True).dump(elsewhere[:MOST_RECENT]),
        models=shown,
        pointed=variants_of_labels(shown),
        hides_playground=len(elsewhere) + len(shown_models) < len(succeeded) + len(newest),
        has_datasets=bool(datasets.list_page(context(), PageQuery(1)).items),
        workers=WorkersSchema().dump({"items": workers.alive(context())})["items"],
        readiness=asdict(health.readiness(context())),
        most=MOST_SHOWN,
    )


def _is_of_playground(made: Job | Model) -> bool:
    return made.metadata_.get("made_by") == "playground"
