"""What the routes of all jobs that clients start do alike."""

from collections.abc import Callable
from typing import Any

from service import statuses
from service.api.contract.blueprint import created, found
from service.api.front.waits import preferred_wait
from service.api.http.idempotency import current_claim
from service.api.http.state import context
from service.context import Context
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView

Create = Callable[[Context, dict[str, Any], float, Claim | None], JobView]


def create_job(create: Create, request: dict[str, Any], url: Callable[[str], str]) -> Any:
    """Start a job, and wait for it as long as the client prefers."""
    with preferred_wait() as wait:
        view = create(context(), request, wait, current_claim())
    return created(view, url(view.job.id), finished=view.job.status in statuses.FINAL)


def get_job(kind: str, job_id: str) -> Any:
    """A job, once it is final or the wait that the client prefers is over."""
    with preferred_wait() as wait:
        view = client_jobs.get(context(), kind, job_id, wait)
    return show_job(view)


def change_job(kind: str, job_id: str, changes: dict[str, Any]) -> Any:
    """Cancel a job, or change its metadata."""
    return show_job(client_jobs.change(context(), kind, job_id, changes))


def show_job(view: JobView) -> Any:
    """A job that was got or changed, with the time after which to ask again unless it is final."""
    return found(view, finished=view.job.status in statuses.FINAL)
