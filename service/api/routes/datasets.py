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
from service.api.contract.schemas.preview import PreviewQuery, PreviewSchema
from service.api.http.idempotency import current_claim
from service.api.http.links import DATASETS, dataset_url
from service.api.http.preferences import show_after
from service.api.http.state import context
from service.operations.catalog import datasets
from service.operations.catalog.datasets import DatasetView
from service.operations.pictures import preview
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("datasets", __name__, description="Data for training and evaluation.")


@blueprint.get("/v1/dataset-sources")
@blueprint.resource(DatasetSourcesSchema)
def list_dataset_sources() -> Any:
    """List the built-in sources and their parameters.

    These are the values for `source` of a new dataset besides `inline`, each with its `parameters`.
    """
    return {"items": datasets.sources()}


@blueprint.post(DATASETS)
@blueprint.creates(DatasetSchema)
@blueprint.arguments_or_form(CreateDatasetSchema, CreateUploadSchema)
def create_dataset(request: dict[str, Any]) -> Any:
    """Create a dataset from a built-in source, from data in the JSON body, or from a file in a form.

    A worker imports the data. By default the request waits at most 10 s for it; `Prefer: wait=N` sets another wait.
    201: the dataset is ready. 202: it is still `processing`. If the import finds a fault during the wait, the response
    is 422 and nothing is saved.
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

    Newest first by default. The list includes datasets that are being imported or have failed.
    """
    return datasets.list_page(context(), query)


@blueprint.get(f"{DATASETS}/<name>")
@blueprint.finds(DatasetSchema)
def get_dataset(name: str) -> Any:
    """Get a dataset.

    The response describes its inputs, target and statistics. `Prefer: wait=N` waits while it is `processing`.
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

    The body is a merge patch (RFC 7396): omitted keys stay, null removes a key. Only the metadata can be changed.
    """
    return datasets.change(context(), name, changes)


@blueprint.delete(f"{DATASETS}/<name>")
@blueprint.deletes
def delete_dataset(name: str) -> None:
    """Delete a dataset and its files.

    Models and versions that were trained on it stay. If an unfinished job uses it, the response is 409.
    """
    datasets.delete(context(), name)


@blueprint.get(f"{DATASETS}/<name>/rows")
@blueprint.lists(RowSchema)
@blueprint.query(RowsQuery)
def list_rows(query: PageQuery, name: str) -> Page[dict[str, Any]]:
    """List the rows of a split.

    `instance` has the form of an entry of `instances` in predictions; `target` is the expected prediction.
    """
    return datasets.rows_page(context(), name, query.filters["split"], query, query.filters["version"])


@blueprint.get(f"{DATASETS}/<name>/preview")
@blueprint.picture("preview", PreviewSchema, PreviewQuery)
def get_preview(query: dict[str, Any], name: str) -> Any:
    """Draw an overview of a dataset.

    Pictures and sequences are shown with their targets, rows with one or two numeric inputs as points, and the columns
    of other datasets as histograms. If the dataset isn't ready, the response is 409.
    """
    return preview.describe(context(), name, query["split"], query["count"], query["version"])
