"""`/v1/models/{name}/versions` and the files of a version."""

from functools import partial
from typing import Any

from flask import Response

from service import statuses
from service.api.contract.blueprint import Blueprint, created, found
from service.api.contract.schemas.model_imports import ImportVersionSchema
from service.api.contract.schemas.snapshots import SnapshotVersionSchema
from service.api.contract.schemas.version_or_job import VersionOrJobSchema
from service.api.contract.schemas.versions import NetworkWeightsSchema, OfModel, VersionListQuery, VersionSchema
from service.api.http.files import send_artifact, send_weights
from service.api.http.idempotency import current_claim
from service.api.http.links import MODELS, training_job_url, version_url
from service.api.http.media_types import JSON, NPZ, OCTETS, ZIP
from service.api.http.paging import map_page
from service.api.http.preferences import show_after
from service.api.http.state import context
from service.api.routes.client_jobs import create_job
from service.operations.catalog import model_imports, versions
from service.operations.catalog.versions import UnfinishedVersion
from service.operations.jobs import snapshot_versions
from service.operations.jobs.kinds import training as training_jobs
from service.storage.paging import Page, PageQuery

VERSIONS = f"{MODELS}/<name>/versions"

blueprint = Blueprint("versions", __name__, description="Trained networks of a model.")


@blueprint.post(VERSIONS)
@blueprint.creates(VersionOrJobSchema)
@blueprint.arguments_or_form(SnapshotVersionSchema, ImportVersionSchema)
def create_version(document: dict[str, Any], name: str) -> Any:
    """Create a version from a snapshot of a training job, or from the file of a network in a form.

    For a snapshot, the response is a training job that trains no epochs: it evaluates the snapshot, exports it and
    creates the version. `Location` is the job's URL. Without `Prefer: wait=N`, the response is an immediate 202.

    For a file, the response is the version. The network must match the model: it must have the same task, classes and
    inputs, and if the model can be trained, the same layers. By default the request waits at most 5 s for the import;
    `Prefer: wait=N` sets another wait. 201: the version is available. 202: it is still `processing`. If the import
    finds a fault during the wait, the response is 422 and nothing is saved.
    """
    if "file" in document:
        return _import_version(name, document)
    create = partial(snapshot_versions.create, model_name=name)
    return create_job(training_jobs.KIND, create, document, training_job_url)


def _import_version(name: str, form: dict[str, Any]) -> Any:
    wanted = model_imports.add_version(context(), name, form, current_claim())

    def show() -> Any:
        version = model_imports.added(context(), wanted)
        finished = not isinstance(version, UnfinishedVersion)
        return created(OfModel(name, version), version_url(name, wanted.number), finished=finished)

    return show_after(wanted.job_id, show, default=context().settings.model_wait_seconds)


@blueprint.get(VERSIONS)
@blueprint.lists(VersionSchema)
@blueprint.query(VersionListQuery)
def list_versions(query: PageQuery, name: str) -> Page[Any]:
    """List the versions of a model.

    Newest first by default.
    """
    return map_page(partial(OfModel, name), versions.list_page(context(), name, query))


@blueprint.get(f"{VERSIONS}/<number:version>")
@blueprint.finds(VersionSchema)
@blueprint.ignores_query
def get_version(name: str, version: int) -> Any:
    """Get a version.

    The response has the metrics on each split, the classes, the inputs, and the files to download. `Prefer: wait=N`
    waits while its file is being imported.
    """

    def show() -> Any:
        shown = versions.get(context(), name, version)
        processing = isinstance(shown, UnfinishedVersion) and shown.status == statuses.PROCESSING
        return found(OfModel(name, shown), finished=not processing)

    return show_after(versions.find_import(context(), name, version), show)


@blueprint.delete(f"{VERSIONS}/<number:version>")
@blueprint.deletes
def delete_version(name: str, version: int) -> None:
    """Delete a version that no label points to.

    Its number is never reused. If a label points to the version or an unfinished job uses it, the response is 409.
    """
    versions.delete(context(), name, version)


@blueprint.get(f"{VERSIONS}/<number:version>/artifacts/<format>")
@blueprint.downloads(OCTETS, ZIP, elsewhere=True)
@blueprint.alt_response(200, schema={"type": "object"}, content_type=JSON)
def get_artifact(name: str, version: int, format: str) -> Response:
    """Download a file of a version: `keras`, `onnx`, `saved_model` (a ZIP) or `preprocessing`.

    The first three expect preprocessed input; `preprocessing` describes the preprocessing. The `ETag` is the file's
    SHA-256. `Range` downloads a part.
    """
    stored, file = versions.artifact(context(), name, version, format)
    return send_artifact(stored, file, f"{name}-{version}")


@blueprint.get(f"{VERSIONS}/<number:version>/weights")
@blueprint.response(200, NetworkWeightsSchema)
@blueprint.downloads(NPZ)
def get_weights(name: str, version: int) -> Response:
    """Get the weights of a version, as NPZ or as JSON.

    `Accept` selects the format: `application/x-npz`, or `application/json` for at most 10,000 numbers (else 406).
    """
    return send_weights(versions.weights_file(context(), name, version), f"{name}-{version}")
