"""Variants of versions: those that are ready, and those that a job is making or couldn't make."""

from dataclasses import dataclass
from typing import NamedTuple

from models.errors import Fault
from models.jobs.variant import VARIANT_TYPES
from service import statuses
from service.context import Context
from service.errors import InUse, InvalidRequest, NotFound, NotReady
from service.operations.catalog.models import find as find_model
from service.operations.catalog.resolve import find_label, find_served_label, find_version
from service.operations.jobs import queue
from service.storage import models, variants
from service.storage.database import Session
from service.storage.paging import InvalidCursor, Page, PageQuery
from service.storage.records import Job, Label, Model, Variant, Version


class NoVariant(NotFound):
    """The version has no such variant that is ready."""


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


class Predicting(NamedTuple):
    """What predicts: a version, or its variant."""

    version: Version
    variant: Variant | None

    @property
    def folder(self) -> str:
        """The artifact key of the files."""
        return self.version.folder if self.variant is None else self.variant.folder


def find_predicting(
    session: Session, model: Model, number: int | None = None, label: str | None = None, type_: str | None = None
) -> Predicting:
    """The version of that number, or to which the label points, or that the model serves; and its variant of the type,
    by default the one to which the label points.

    Raises Unresolved, NoVersion, NotServed, NoVariant.
    """
    if label is not None:
        pointing: Label | None = find_label(session, model, label)
    else:
        pointing = find_served_label(session, model) if number is None else None
    version = find_version(session, model, number if pointing is None else pointing.number)
    wanted = type_ or (None if pointing is None else pointing.variant)
    return Predicting(version, None if wanted is None else find_ready(session, model, version, wanted))


def find_ready(session: Session, model: Model, version: Version, type_: str) -> Variant:
    """The version's variant of that type. Raises NoVariant if it isn't ready."""
    found = variants.find(session, version, type_)
    if found is None:
        ready = ", ".join(variant.type for variant in variants.of_version(session, version)) or "none"
        why = _explain(variants.newest_job(session, version, type_))
        detail = f'Version {version.number} of "{model.name}" has no variant "{type_}" that is ready.{why}'
        raise NoVariant(f"{detail} Its ready variants: {ready}.")
    return found


def _explain(job: Job | None) -> str:
    if job is None or job.status == statuses.SUCCEEDED:
        return ""
    return f" The job {job.id} {'failed' if job.status == statuses.FAILED else 'is making it'}."


def find_named(session: Session, model: Model, version: Version, type_: str) -> Variant:
    """The variant that a body names in `variant`. Raises InvalidRequest; NotReady while it is being made."""
    try:
        return find_ready(session, model, version, type_)
    except NoVariant as error:
        job = variants.newest_job(session, version, type_)
        if job is not None and job.status not in statuses.FINAL:
            name = f"{type_} of {model.name} version {version.number}"
            raise NotReady("variant", name, statuses.PROCESSING, failed=False) from error
        ready = tuple(variant.type for variant in variants.of_version(session, version))
        raise InvalidRequest(Fault(error.detail, "#/variant", allowed=ready)) from error


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
    label or an unfinished batch prediction needs it."""
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
