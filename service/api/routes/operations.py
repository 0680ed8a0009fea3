"""`/v1/workers`, `/healthz` and `/readyz`."""

from dataclasses import asdict
from typing import Any

from service.api.contract.blueprint import RETRY_AFTER, RETRY_AFTER_HEADER, Blueprint
from service.api.contract.schemas.operations import HealthSchema, ReadinessSchema, WorkersSchema
from service.api.http.links import WORKERS
from service.api.http.state import context
from service.operations.upkeep import health, workers

blueprint = Blueprint("operations", __name__, description="How the service is.")


@blueprint.get(WORKERS)
@blueprint.resource(WorkersSchema)
def list_workers() -> Any:
    """List the workers that live.

    Without any, jobs wait. `slots` is how many training jobs one runs at once.
    """
    return {"items": workers.alive(context())}


@blueprint.get("/healthz")
@blueprint.resource(HealthSchema)
def get_health() -> Any:
    """Say that the process lives.

    For whoever restarts what doesn't. It touches nothing: the database may be away.
    """
    return {"status": "ok"}


@blueprint.get("/readyz")
@blueprint.resource(ReadinessSchema)
@blueprint.alt_response(
    503,
    schema=ReadinessSchema,
    description="Starting, draining, without its database, or with a full disk.",
    headers=RETRY_AFTER_HEADER,
)
def get_readiness() -> Any:
    """Say what each part does.

    For whoever sends requests here only while they can be answered. A missing worker is no 503: predictions go on.
    """
    readiness = health.readiness(context())
    is_ready = readiness.status == health.READY
    return (asdict(readiness), 200, {}) if is_ready else (asdict(readiness), 503, RETRY_AFTER)
