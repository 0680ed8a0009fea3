"""`/v1/workers`, `/healthz` and `/readyz`."""

from dataclasses import asdict
from typing import Any

from service.api.contract.blueprint import RETRY_AFTER, RETRY_AFTER_HEADER, Blueprint
from service.api.contract.schemas.operations import (
    HealthSchema,
    JobWorkerSchema,
    ReadinessSchema,
    WorkerChangesSchema,
    WorkersSchema,
)
from service.api.http.links import HEALTHZ, WORKERS
from service.api.http.state import context
from service.operations.upkeep import health, workers
from service.operations.upkeep.workers import WorkerView

blueprint = Blueprint("operations", __name__, description="Health of the service and its workers.")


@blueprint.get(WORKERS)
@blueprint.resource(WorkersSchema)
def list_workers() -> Any:
    """List the running workers.

    A job stays queued while none of them claims jobs from its queue. `slots` is the number of training jobs that a
    worker runs concurrently.
    """
    return {"items": workers.alive(context())}


@blueprint.get(f"{WORKERS}/<worker_id>")
@blueprint.resource(JobWorkerSchema)
def get_worker(worker_id: str) -> WorkerView:
    """Get a running worker.

    A restarted worker has a new id. A worker without a heartbeat for 15 seconds counts as crashed.
    """
    return workers.get(context(), worker_id)


@blueprint.patch(f"{WORKERS}/<worker_id>")
@blueprint.resource(JobWorkerSchema)
@blueprint.arguments(WorkerChangesSchema)
def change_worker(changes: dict[str, Any], worker_id: str) -> WorkerView:
    """Drain a worker, or let it claim jobs again.

    A worker with the `desired_status` `draining` finishes its jobs and claims no more. Once `running_jobs` is 0, you
    can stop it without interrupting a job. A restarted worker has a new id and claims jobs.
    """
    return workers.change(context(), worker_id, changes)


@blueprint.get(HEALTHZ)
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
