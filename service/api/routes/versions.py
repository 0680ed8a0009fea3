"""`/v1/models/{name}/versions` and the files of a version."""

from functools import partial
from typing import Any

from flask import Response

from service.api.contract.blueprint import Blueprint
from service.api.contract.schemas.snapshots import SnapshotVersionSchema
from service.api.contract.schemas.training_jobs import TrainingJobSchema
from service.api.contract.schemas.versions import NetworkWeightsSchema, OfModel, VersionListQuery, VersionSchema
from service.api.http.files import send_artifact, send_weights
from service.api.http.links import MODELS, training_job_url
from service.api.http.media_types import JSON, NPZ, OCTETS, ZIP
from service.api.http.paging import map_page
from service.api.http.state import context
from service.api.routes.client_jobs import create_job
from service.operations.catalog import versions
from service.operations.jobs import snapshot_versions
from service.operations.jobs.kinds import training as training_jobs
from service.storage.paging import Page, PageQuery

VERSIONS = f"{MODELS}/<name>/versions"

blueprint = Blueprint("versions", __name__, description="Trained networks of a model.")


@blueprint.get(VERSIONS)
@blueprint.lists(VersionSchema)
@blueprint.query(VersionListQuery)
def list_versions(query: PageQuery, name: str) -> Page[Any]:
    """List the versions of a model.

    Newest first by default.
    """
    return map_page(partial(OfModel, name), versions.list_page(context(), name, query))


@blueprint.post(VERSIONS)
@blueprint.creates(TrainingJobSchema)
@blueprint.arguments(SnapshotVersionSchema)
def create_version(request: dict[str, Any], name: str) -> Any:
    """Make a version of the snapshot of a training job.

    The response is a training job that trains no epochs: it evaluates the snapshot, exports it and creates the version.
    `Location` is the job's URL. Without `Prefer: wait=N`, the response is an immediate 202.
    """
    create = partial(snapshot_versions.create, model_name=name)
    return create_job(training_jobs.KIND, create, request, training_job_url)


@blueprint.get(f"{VERSIONS}/<number:version>")
@blueprint.resource(VersionSchema)
@blueprint.ignores_query
def get_version(name: str, version: int) -> OfModel:
    """Get a version.

    The response has the metrics on each split, the classes, the inputs, and the files to download.
    """
    return OfModel(name, versions.get(context(), name, version))


@blueprint.delete(f"{VERSIONS}/<number:version>")
@blueprint.deletes
def delete_version(name: str, version: int) -> None:
    """Delete a version that no label points to.

    Its number is never reused. If a label points to the version or an unfinished job uses it, the response is 409.
    """
    versions.delete(context(), name, version)


@blueprint.get(f"{VERSIONS}/<number:version>/artifacts/<format>")
@blueprint.downloads(OCTETS, ZIP)
@blueprint.alt_response(200, schema={"type": "object"}, content_type=JSON)
def get_artifact(name: str, version: int, format: str) -> Response:
    """Download a file of a version: `keras`, `onnx`, `saved_model` (a ZIP) or `preprocessing`.

    The first three expect preprocessed input; `preprocessing` describes the preprocessing. The `ETag` is the file's
    SHA-256. `Range` downloads a part.
    """
    path, file = versions.artifact(context(), name, version, format)
    return send_artifact(path, file, f"{name}-{version}")


@blueprint.get(f"{VERSIONS}/<number:version>/weights")
@blueprint.response(200, NetworkWeightsSchema)
@blueprint.downloads(NPZ)
def get_weights(name: str, version: int) -> Response:
    """Get the weights of a version, as NPZ or as JSON.

    `Accept` selects the format: `application/x-npz`, or `application/json` for at most 10,000 numbers (else 406).
    """
    return send_weights(versions.weights_file(context(), name, version), f"{name}-{version}")
