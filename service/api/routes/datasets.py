"""`/v1/datasets` and `/v1/dataset-sources`."""

from typing import Any

from service import statuses
from service.api.blueprint import Blueprint, created, found
from service.api.idempotency import current_claim
from service.api.links import DATASETS, dataset_url
from service.api.schemas.datasets import (
    DatasetListQuery,
    DatasetSchema,
    DatasetSourcesSchema,
    NewDatasetSchema,
    NewUploadSchema,
    RowSchema,
    RowsQuery,
)
from service.api.state import context
from service.api.waits import preferred_wait
from service.operations import datasets
from service.operations.datasets import DatasetView
from service.storage.paging import Page, PageQuery

blueprint = Blueprint("datasets", __name__, description="Data to train and to evaluate with.")


@blueprint.get("/v1/dataset-sources")
@blueprint.resource(DatasetSourcesSchema)
def list_dataset_sources() -> Any:
    """List the built-in sources and their parameters."""
    return {"items": datasets.sources()}


@blueprint.post(DATASETS)
@blueprint.creates(DatasetSchema)
@blueprint.arguments_or_form(NewDatasetSchema, NewUploadSchema)
def create_dataset(request: dict[str, Any]) -> Any:
    """Create a dataset, from a built-in source or data in the request as JSON, or from a file in a form."""
    with preferred_wait(context().settings.dataset_wait_seconds) as wait:
        view = datasets.create(context(), request, wait, current_claim())
    return created(view, dataset_url(view.dataset.name), finished=view.dataset.status != statuses.PROCESSING)


@blueprint.get(DATASETS)
@blueprint.lists(DatasetSchema)
@blueprint.query(DatasetListQuery)
def list_datasets(query: PageQuery) -> Page[DatasetView]:
    """List datasets."""
    return datasets.list_page(context(), query)


@blueprint.get(f"{DATASETS}/<name>")
@blueprint.finds(DatasetSchema)
def get_dataset(name: str) -> Any:
    """Get a dataset."""
    with preferred_wait() as wait:
        view = datasets.get(context(), name, wait)
    return found(view, finished=view.dataset.status != statuses.PROCESSING)


@blueprint.delete(f"{DATASETS}/<name>")
@blueprint.deletes
def delete_dataset(name: str) -> None:
    """Delete a dataset."""
    datasets.delete(context(), name)


@blueprint.get(f"{DATASETS}/<name>/rows")
@blueprint.lists(RowSchema)
@blueprint.query(RowsQuery)
def list_rows(query: PageQuery, name: str) -> Page[dict[str, Any]]:
    """List the rows of a split as they can be posted to predictions."""
    return datasets.rows_page(context(), name, query.filters["split"], query)
