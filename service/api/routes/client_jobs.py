"""The shared handlers of all kinds of jobs that clients create."""

from collections.abc import Callable
from typing import Any

from service import statuses
from service.api.contract.blueprint import created, found
from service.api.http.idempotency import current_claim
from service.api.http.preferences import show_after
from service.api.http.state import context
from service.context import Context
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs
from service.operations.jobs.client_jobs import JobView
from service.operations.jobs.kind import Kind

Create = Callable[[Context, dict[str, Any], Claim | None], str]
"""Queues a job, and returns its id."""


def create_job(kind: Kind, create: Create, request: dict[str, Any], url: Callable[[str], str]) -> Any:
    """Queue a job, and wait for it as long as the client prefers."""
    job_id = create(context(), request, current_claim())

    def show() -> Any:
        view = client_jobs.get(context(), kind, job_id)
        return created(view, url(job_id), finished=view.job.status in statuses.FINAL)

    return show_after(job_id, show)


def get_job(kind: Kind, job_id: str) -> Any:
    """Return a job once it is final or the client's wait has ended."""
    view = client_jobs.get(context(), kind, job_id)
    is_final = view.job.status in statuses.FINAL
    return show_after(None if is_final else job_id, lambda: show_job(client_jobs.get(context(), kind, job_id)))


def change_job(kind: Kind, job_id: str, changes: dict[str, Any]) -> Any:
    """Cancel or resume a job, or change its metadata."""
    return show_job(client_jobs.change(context(), kind, job_id, changes))


def show_job(view: JobView) -> Any:
    """Return a job, with `Retry-After` unless it is final."""
    return found(view, finished=view.job.status in statuses.FINAL)
