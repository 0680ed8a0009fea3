"""Variants of versions: those that are ready, and those that a job is making or couldn't make."""

from dataclasses import dataclass
from typing import Any

from models.jobs.variant import VARIANT_TYPES
from service import statuses
from service.context import Context
from service.errors import InUse
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import check_servable, find_ready, find_version
from service.operations.catalog.versions import find_available
from service.operations.idempotency import Claim
from service.operations.jobs import client_jobs, queue
from service.operations.jobs.kinds import variant as variant_jobs
from service.storage import models, variants
from service.storage.database import Session
from service.storage.paging import InvalidCursor, Page, PageQuery
from service.storage.records import Job, Model, Variant, Version


@dataclass(frozen=True)
class VariantView:
    """A variant that is ready, or what its newest job has come to so far."""

    model: str
    version: int
    type: str
    ready: Variant | None
    job: Job | None
    """The newest job, if it hasn't succeeded: it makes the variant, for the first time or again, or it failed."""
    job_exists: bool
    """Whether the job still exists that made the ready variant, or else the newest."""

    @property
    def status(self) -> str:
        if self.ready is not None:
            return statuses.READY
        assert self.job is not None
        return statuses.FAILED if self.job.status == statuses.FAILED else statuses.PROCESSING


def create(
    context: Context, request: dict[str, Any], claim: Claim | None = None, *, model_name: str, number: int
) -> str:
    """Queue the job that makes a variant of a version; returns its id.

    If the dataset is still being imported, the job waits. If an earlier request with the same `claim` created a job,
    returns the id of that one. Raises NotFound, NotReady, InvalidRequest, InvalidData, QueueFull; Conflict if the
    version can't be served, or a job is making that variant already.
    """
    made = client_jobs.made_before(context, claim)
    if made is not None:
        return made
    version = find_available(context, model_name, number)
    check_servable(version)
    return variant_jobs.enqueue(context, request, model_name, version, claim)


def get(context: Context, model_name: str, number: int, type_: str) -> VariantView:
    """A variant that is ready, being made, or failed. Raises NotFound."""
    with context.database.read() as session:
        model = find_model(session, model_name)
        version = find_version(session, model, number)
        found = _view(session, model, version, type_)
        if found is None:
            find_ready(session, model, version, type_)
        assert found is not None
        return found


def list_page(context: Context, model_name: str, number: int, query: PageQuery) -> Page[VariantView]:
    """The variants of a version, by type. They are so few that all fit into a page. Raises NotFound, InvalidCursor."""
    if query.cursor is not None:
        raise InvalidCursor(query.cursor)
    with context.database.read() as session:
        model = find_model(session, model_name)
        version = find_version(session, model, number)
        found = (_view(session, model, version, type_) for type_ in VARIANT_TYPES)
        return Page([view for view in found if view is not None], None)


def _view(session: Session, model: Model, version: Version, type_: str) -> VariantView | None:
    ready, job = variants.find(session, version, type_), variants.newest_job(session, version, type_)
    if job is not None and job.status == statuses.SUCCEEDED:
        job = None
    if ready is None and job is None:
        return None
    job_exists = ready is None or variants.job_exists(session, ready)
    return VariantView(model.name, version.number, type_, ready, job, job_exists)


def delete(context: Context, model_name: str, number: int, type_: str) -> None:
    """Remove a variant, its files and its failed jobs, and cancel the job that makes it. Raises NotFound; InUse if a
    label, or an unfinished batch prediction or evaluation, needs it."""
    with context.database.write() as session:
        model = find_model(session, model_name, lock=True)
        version = find_version(session, model, number)
        ready, job = variants.find(session, version, type_), variants.newest_job(session, version, type_, lock=True)
        if ready is None and (job is None or job.status == statuses.SUCCEEDED):
            find_ready(session, model, version, type_)
        if ready is not None:
            _check_unused(session, version, type_)
            session.delete(ready)
        if job is not None:
            queue.cancel(session, job)
        variants.delete_failed_jobs(session, version, type_)
    if ready is not None:
        context.artifacts.remove(ready.folder)


def _check_unused(session: Session, version: Version, type_: str) -> None:
    labels = models.labels_of_version(session, version, type_)
    if labels:
        detail = f'The label "{labels[0]}" points to the variant "{type_}" of version {version.number}.'
        raise InUse(f"{detail} Move or delete the label first.")
    user = variants.used_by(session, version, type_)
    if user is not None:
        raise InUse(f'The job {user} still needs the variant "{type_}" of version {version.number}.')
