"""`/v1/datasets/{name}/versions`."""

from typing import Any

from service import statuses
from service.api.contract.blueprint import Blueprint, created, found
from service.api.contract.schemas.dataset_versions import (
    AddFileSchema,
    AppendRowsSchema,
    DatasetVersionListQuery,
    DatasetVersionSchema,
)
from service.api.http.idempotency import current_claim
from service.api.http.links import DATASETS, dataset_version_url
from service.api.http.preferences import show_after
from service.api.http.state import context
from service.operations.catalog import dataset_versions
from service.operations.catalog.dataset_versions import VersionView
from service.storage.paging import Page, PageQuery

VERSIONS = f"{DATASETS}/<name>/versions"

blueprint = Blueprint("dataset-versions", __name__, description="The data of a dataset over time.")


@blueprint.post(VERSIONS)
@blueprint.creates(DatasetVersionSchema)
@blueprint.arguments_or_form(AppendRowsSchema, AddFileSchema)
def add_dataset_version(request: dict[str, Any], name: str) -> Any:
    """Add a version to a dataset, from a file in a form or from rows to append.

    A worker imports the data. By default the request waits at most 10 s for it; `Prefer: wait=N` sets another wait.
    201: the version is ready, and the dataset shows its data. 202: it is still `processing`, and the dataset is
    unchanged. If the import finds a fault during the wait, the response is 422 and nothing is saved.
    """
    version, job_id = dataset_versions.create(context(), name, request, current_claim())

    def show() -> Any:
        view = dataset_versions.created(context(), name, version, job_id)
        finished = view.version.status != statuses.PROCESSING
        return created(view, dataset_version_url(name, version.number), finished=finished)

    return show_after(job_id, show, default=context().settings.dataset_wait_seconds)


@blueprint.get(VERSIONS)
@blueprint.lists(DatasetVersionSchema)
@blueprint.query(DatasetVersionListQuery)
def list_dataset_versions(query: PageQuery, name: str) -> Page[VersionView]:
    """List the versions of a dataset.

    Newest first by default. The list includes versions that are being imported or have failed.
    """
    return dataset_versions.list_page(context(), name, query)


@blueprint.get(f"{VERSIONS}/<number:version>")
@blueprint.finds(DatasetVersionSchema)
def get_dataset_version(name: str, version: int) -> Any:
    """Get a version of a dataset.

    The response describes its data. `drift` lists the differences from the ready version before it. `Prefer: wait=N`
    waits while it is `processing`.
    """

    def show() -> Any:
        view = dataset_versions.get(context(), name, version)
        return found(view, finished=view.version.status != statuses.PROCESSING)

    return show_after(dataset_versions.find_import(context(), name, version), show)


@blueprint.delete(f"{VERSIONS}/<number:version>")
@blueprint.deletes
def delete_dataset_version(name: str, version: int) -> None:
    """Delete a version and its files.

    Its number is never reused. If it is the newest ready version or an unfinished job uses it, the response is 409.
    """
    dataset_versions.delete(context(), name, version)
