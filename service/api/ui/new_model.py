"""The form for a new model: layers from the catalogue, templates, and the summary as one types."""

from flask import Response, request

from service import statuses
from service.api.contract.schemas.datasets import DatasetSchema
from service.api.http.state import context
from service.api.ui.blueprint import page, page_blueprint, show
from service.api.ui.reference_jobs import reference_jobs
from service.callers import Scope
from service.operations.catalog import datasets
from service.storage.paging import PageQuery

MOST_DATASETS = 100

blueprint = page_blueprint(__name__)


@page(blueprint, "/models/new", Scope.TRAIN)
def new_model() -> Response:
    """The form. The query's `template` names a reference job to begin with, and `dataset` the data that it is for."""
    ready = datasets.list_page(context(), PageQuery(MOST_DATASETS, filters={"status": statuses.READY}))
    found = DatasetSchema(many=True).dump(ready.items)
    return show(
        "model-new.html",
        "new_model",
        templates=[{"name": job.name, "model": job.model} for job in reference_jobs()],
        datasets=[{name: dataset[name] for name in ("name", "kind", "inputs", "target")} for dataset in found],
        chosen_template=request.args.get("template", ""),
        chosen_dataset=request.args.get("dataset", ""),
        tasks=("regression", "binary", "multiclass", "multilabel"),
    )
