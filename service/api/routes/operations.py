"""`/v1/workers`, `/healthz` and `/readyz`."""

from dataclasses import asdict
from typing import Any

from service.api.contract.blueprint import RETRY_AFTER, RETRY_AFTER_HEADER, Blueprint
from service.api.contract.schemas.operations import HealthSchema, ReadinessSchema, WorkersSchema
from service.api.http.links import WORKERS
from service.api.http.state import context
from service.operations.upkeep import health, workers

blueprint = Blueprint("operations", __name__, description="Health of the service and its workers.")


@blueprint.get(WORKERS)
@blueprint.resource(WorkersSchema)
def list_workers() -> Any:
    """List the running workers.

    Without a worker, jobs stay queued. `slots` is the number of training jobs that a worker runs concurrently.
    """
    return {"items": workers.alive(context())}


@blueprint.get("/healthz")
@blueprint.resource(HealthSchema)
def get_health() -> Any:
    """Check that the process is alive.

    A liveness probe for supervisors that restart processes. It doesn't use the database.
    """
    return {"status": "ok"}


@blueprint.get("/readyz")
@blueprint.resource(ReadinessSchema)
@blueprint.alt_response(
    503,
    schema=ReadinessSchema,
    description="Not ready: starting, draining, without its database, or on a full or read-only disk.",
    headers=RETRY_AFTER_HEADER,
)
def get_readiness() -> Any:
    """Check that the service is ready.

    A readiness probe for load balancers, with the status of each part. Neither a missing worker nor a disk with little
    space causes a 503, because predictions continue.
    """
    readiness = health.readiness(context())
    is_ready = readiness.status == health.READY
    return (asdict(readiness), 200, {}) if is_ready else (asdict(readiness), 503, RETRY_AFTER)
