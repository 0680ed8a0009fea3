"""Jobs that wait until their model is built and their dataset imported.

They are checked then, as other jobs are when they are created. Until then no worker claims them.
"""

from collections.abc import Callable, Sequence
from typing import Any

from models.errors import Fault, ModelsError
from service import statuses
from service.context import Context
from service.errors import InvalidRequest, ServiceError
from service.operations.jobs import client_jobs, queue
from service.operations.jobs.registry import kind_of
from service.storage import datasets, jobs, models
from service.storage.database import Session
from service.storage.records import Dataset, DatasetVersion, Job, Model

FINDERS: dict[str, Callable[[Session, str | None], Model | Dataset | None]] = {
    "model": models.by_id, "dataset": datasets.by_id,
}  # fmt: skip
"""Finds what the jobs of a kind make."""


def find_checkable(context: Context) -> Sequence[str]:
    """The ids of the jobs to `check`, because what they waited for is ready. Acquires no lock."""
    with context.database.read() as session:
        return jobs.waiting_in_vain(session)


def check(context: Context, job_id: str) -> None:
    """Check a waiting job and let workers claim it; or let it wait for its dataset, if only its model is ready.

    Several workers may do this concurrently. Raises the errors of the kind's `check`; then `refuse` the job.
    """
    with context.database.read() as session:
        job = jobs.get(session, job_id)
        if job is None:
            return
        model, dataset = models.by_id(session, job.model_id), datasets.by_id(session, job.dataset_id)
        data = client_jobs.find_data(session, dataset, job.dataset_version)
    unready = client_jobs.find_unready(model, dataset)
    if data is not None and not unready:
        job.dataset_version, job.dataset_sha256 = data.number, data.sha256
    try:
        with context.holding_files() as holding:
            request = job.request if unready else kind_of(job).check(holding, job)
    except (ServiceError, ModelsError):
        with context.database.read() as session:
            if _is_deleted(session, data):
                return
        raise
    with context.database.write() as session:
        datasets.by_id(session, job.dataset_id, lock=True)
        found = _find(session, job_id)
        if found is None or found.waits_for == unready or _is_deleted(session, data):
            return
        found.request, found.waits_for = request, unready
        found.dataset_version, found.dataset_sha256 = job.dataset_version, job.dataset_sha256
        if found.status == statuses.QUEUED:
            queue.move(session, found, statuses.QUEUED)


def _is_deleted(session: Session, data: DatasetVersion | None) -> bool:
    """Whether the version to read was deleted meanwhile: it wasn't the newest any more. The next check takes that."""
    return data is not None and datasets.version_by_id(session, data.id) is None


def refuse(context: Context, job_id: str, error: dict[str, Any]) -> None:
    """End a waiting job as failed. `error` has `code`, `detail` and `faults`."""
    with context.database.write() as session:
        job = _find(session, job_id)
        if job is None:
            return
        _fail(session, job, error)
    kind_of(job).remove_inputs(context, job)


def describe_origin(context: Context, job_id: str) -> dict[str, str]:
    """What lines of the log say about the request that queued the job; nothing if it was deleted."""
    with context.database.read() as session:
        job = jobs.get(session, job_id)
    return {} if job is None else job.describe_origin()


def fail_all(session: Session, failed: Job, error: dict[str, Any]) -> None:
    """End the jobs that wait for what a failed job should have made.

    Its model or dataset must be locked, so that no job can begin to wait for it meanwhile.
    """
    kind = kind_of(failed)
    if kind.makes is None:
        return
    column, name = f"{kind.makes}_id", getattr(failed, f"{kind.makes}_name")
    made = FINDERS[kind.makes](session, getattr(failed, column))
    if made is None or made.status != statuses.FAILED:
        return  # a dataset whose later version can't be imported is as usable as before
    detail = f'The {kind.makes} "{name}" is failed: {error["detail"]}'
    refused = InvalidRequest(Fault(detail, pointer=f"#/{kind.makes}")).to_dict()
    for job in jobs.waiting(session, **{column: getattr(failed, column)}) if name is not None else ():
        _fail(session, job, refused)


def _find(session: Session, job_id: str) -> Job | None:
    """The locked job; None if it waits no longer."""
    job = jobs.get(session, job_id, lock=True)
    return None if job is None or job.waits_for is None else job


def _fail(session: Session, job: Job, error: dict[str, Any]) -> None:
    job.error = error
    queue.move(session, job, statuses.FAILED)
