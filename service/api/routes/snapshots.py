"""`/v1/training-jobs/{id}/snapshots`: the weights of a training at the end of its epochs, and their predictions."""

from typing import Any, NoReturn

from flask import Response

from service.api.contract.blueprint import Blueprint
from service.api.contract.front_operations import never_called
from service.api.contract.schemas.predictions import PredictionQuery
from service.api.contract.schemas.snapshots import SnapshotListQuery, SnapshotPredictionAnswerSchema, SnapshotSchema
from service.api.contract.schemas.versions import NetworkWeightsSchema
from service.api.http.files import send_arrays
from service.api.http.links import TRAINING_JOBS
from service.api.http.media_types import NPZ
from service.api.http.state import context
from service.api.routes.predictions import BODY
from service.operations.jobs import snapshots
from service.operations.jobs.snapshots import SnapshotView
from service.storage.paging import Page, PageQuery

SNAPSHOTS = f"{TRAINING_JOBS}/<job_id>/snapshots"

blueprint = Blueprint("snapshots", __name__, description="The weights of a training at the end of its epochs.")


@blueprint.get(SNAPSHOTS)
@blueprint.lists(SnapshotSchema)
@blueprint.query(SnapshotListQuery)
def list_snapshots(query: PageQuery, job_id: str) -> Page[SnapshotView]:
    """List the snapshots of a training job.

    Latest epoch first by default. While the job runs, the service removes snapshots so that evenly spaced epochs
    remain, according to the job's `snapshots`.
    """
    return snapshots.list_page(context(), job_id, query)


@blueprint.get(f"{SNAPSHOTS}/<epoch:epoch>")
@blueprint.resource(SnapshotSchema)
def get_snapshot(job_id: str, epoch: int | str) -> SnapshotView:
    """Get the snapshot of an epoch.

    `latest` and `best` stand for the last and the best epoch so far. For an epoch that wasn't kept, the response is a
    404 that names the nearest ones.
    """
    return snapshots.get(context(), job_id, epoch)


@blueprint.get(f"{SNAPSHOTS}/<epoch:epoch>/weights")
@blueprint.response(200, NetworkWeightsSchema)
@blueprint.downloads(NPZ)
def get_snapshot_weights(job_id: str, epoch: int | str) -> Response:
    """Get the weights of a snapshot, as NPZ or as JSON.

    `Accept` selects the format: `application/x-npz`, or `application/json` for at most 10,000 numbers (else 406). An
    optimizer that averages weights does so at the end of a training; these are the weights before that.
    """
    snapshot, weights = snapshots.weights(context(), job_id, epoch)
    return send_arrays(weights, f"{job_id}-{snapshot.epoch}", snapshot.sha256)


@blueprint.post(f"{SNAPSHOTS}/<epoch:epoch>/predictions")
@blueprint.response(200, SnapshotPredictionAnswerSchema)
@blueprint.doc(requestBody=BODY)
@blueprint.query(PredictionQuery)
def predict_with_snapshot(*_: Any, **__: Any) -> NoReturn:
    """Predict with the snapshot of a training job.

    Bodies are those of `POST /v1/models/NAME/predictions`, except that the response has the `epoch` instead of the
    version. The job may still be running. Before the first epoch has ended, or if the network can't be served, the
    response is 409.
    """
    never_called()
