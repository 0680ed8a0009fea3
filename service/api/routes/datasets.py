"""`/v1/datasets` and `/v1/dataset-sources`."""

from typing import Any

from service import statuses
from service.api.contract.blueprint import Blueprint, created, found
from service.api.contract.schemas.datasets import (
    CreateDatasetSchema,
    CreateUploadSchema,
    DatasetChangesSchema,
    DatasetListQuery,
    DatasetSchema,
    DatasetSourcesSchema,
    RowSchema,
    RowsQuery,
)
from service.api.http.idempotency import current_claim
from service.api.http.links import DATASETS, dataset_url
from service.api.http.preferences import show_after
from service.api.http.state import context
from service.operations.catalog import datasets
from service.operations.catalog.datasets import DatasetView
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("datasets", __name__, description="Data to train and to evaluate with.")


@blueprint.get("/v1/dataset-sources")
@blueprint.resource(DatasetSourcesSchema)
def list_dataset_sources() -> Any:
    """List the built-in sources and their parameters.

    What `source` of a new dataset may be, besides `inline`, and what its `parameters` may be.
    """
    return {"items": datasets.sources()}


@blueprint.post(DATASETS)
@blueprint.creates(DatasetSchema)
@blueprint.arguments_or_form(CreateDatasetSchema, CreateUploadSchema)
def create_dataset(request: dict[str, Any]) -> Any:
    """Create a dataset, from a built-in source or data in the request as JSON, or from a file in a form.

    A worker imports it, which the request waits for: 10 s unless `Prefer: wait=N` says otherwise. 201 is a dataset
    that is ready, 202 one that is still `processing`. A fault that is found within the wait is a 422, and nothing is
    kept.
    """
    dataset, job_id = datasets.create(context(), request, current_claim())

    def show() -> Any:
        view = datasets.created(context(), dataset, job_id)
        return created(view, dataset_url(dataset.name), finished=view.dataset.status != statuses.PROCESSING)

    return show_after(job_id, show, default=context().settings.dataset_wait_seconds)


@blueprint.get(DATASETS)
@blueprint.lists(DatasetSchema)
@blueprint.query(DatasetListQuery)
def list_datasets(query: PageQuery) -> Page[DatasetView]:
    """List datasets.

    The newest first, unless `sort` says otherwise. Datasets that are still being imported, or failed, are listed too.
    """
    return datasets.list_page(context(), query)


@blueprint.get(f"{DATASETS}/<name>")
@blueprint.finds(DatasetSchema)
def get_dataset(name: str) -> Any:
    """Get a dataset.

    With what its data are like: inputs, target, statistics. `Prefer: wait=N` waits for one that is still `processing`.
    """

    def show() -> Any:
        view = datasets.get(context(), name)
        return found(view, finished=view.dataset.status != statuses.PROCESSING)

    return show_after(datasets.find_import(context(), name), show)


@blueprint.patch(f"{DATASETS}/<name>")
@blueprint.resource(DatasetSchema)
@blueprint.arguments(DatasetChangesSchema)
def change_dataset(changes: dict[str, Any], name: str) -> Any:
    """Change a dataset's metadata.

    As a merge patch (RFC 7396): what is left out stays, null removes. All else of a dataset never changes.
    """
    return datasets.change(context(), name, changes)


@blueprint.delete(f"{DATASETS}/<name>")
@blueprint.deletes
def delete_dataset(name: str) -> None:
    """Delete a dataset.

    With its files. Models and versions that learned from it stay. 409 while a job that is not final uses it.
    """
    datasets.delete(context(), name)


@blueprint.get(f"{DATASETS}/<name>/rows")
@blueprint.lists(RowSchema)
@blueprint.query(RowsQuery)
def list_rows(query: PageQuery, name: str) -> Page[dict[str, Any]]:
    """List the rows of a split as they can be posted to predictions.

    `instance` goes into `instances` of a prediction as it is; `target` is what should come out.
    """
    return datasets.rows_page(context(), name, query.filters["split"], query)
