"""Variants of versions in the database."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from service import statuses
from service.storage.artifact_keys import VARIANTS, check_published, parse
from service.storage.models import VersionEntry
from service.storage.records import Job, Model, Variant, Version

KIND = "variant"
"""The kind of the jobs that make variants."""
ABANDONED = (statuses.CANCELLING, statuses.CANCELLED)
"""The statuses of jobs that somebody cancelled. One that is still running makes no variant any more."""


def find(session: Session, version: Version, type_: str) -> Variant | None:
    """The version's variant of that type, if it is ready."""
    return session.get(Variant, (version.model_id, version.number, type_))


def of_version(session: Session, version: Version) -> Sequence[Variant]:
    """The version's variants that are ready, by type."""
    statement = select(Variant).where(Variant.model_id == version.model_id, Variant.number == version.number)
    return session.scalars(statement.order_by(Variant.type)).all()


def found_in(session: Session, key: str) -> Variant | None:
    """The variant whose files have this artifact key. Raises BadKey."""
    _, model_id, _ = parse(check_published(key, VARIANTS))
    return session.scalar(select(Variant).where(Variant.model_id == model_id, Variant.folder == key))


def folders(session: Session) -> frozenset[str]:
    """The artifact keys of all variants. Raises BadKey for one that isn't the model's own."""
    found = session.execute(select(Variant.model_id, Variant.folder))
    return frozenset(check_published(key, VARIANTS, owner) for owner, key in found)


def entries(session: Session, model: Model | None) -> Sequence[VersionEntry]:
    """The variants of a model, or of all models, ordered by name, number and type."""
    columns = (Model.name, Variant.number, true(), Variant.folder, Variant.type)
    statement = select(*columns).select_from(Model).join(Variant, Variant.model_id == Model.id)
    found = session.execute(statement if model is None else statement.where(Model.id == model.id))
    return sorted(VersionEntry(*row) for row in found)


def put(session: Session, variant: Variant) -> str | None:
    """Add a variant, or let it take the place of one of its type; returns the key of the files of that one."""
    replaced = session.get(Variant, (variant.model_id, variant.number, variant.type))
    key = None if replaced is None else replaced.folder
    session.merge(variant)
    session.flush()
    return key


def job_exists(session: Session, variant: Variant) -> bool:
    """Whether the job that made it still exists."""
    return session.scalar(select(Job.id).where(Job.id == variant.job_id)) is not None


def newest_job(session: Session, version: Version, type_: str, *, lock: bool = False) -> Job | None:
    """The newest job that makes or made the version's variant of that type, and that nobody cancelled."""
    wanted = (*_makes(version, type_), Job.status.not_in(ABANDONED))
    statement = select(Job).where(*wanted).order_by(Job.id.desc()).limit(1)
    return session.scalar(statement.with_for_update() if lock else statement)


def making(session: Session, version: Version, type_: str) -> str | None:
    """The id of an unfinished job that makes the version's variant of that type, and that nobody cancelled."""
    statement = select(Job.id).where(*_makes(version, type_), Job.status.not_in((*statuses.FINAL, *ABANDONED)))
    return session.scalar(statement.limit(1))


def delete_failed_jobs(session: Session, version: Version, type_: str) -> None:
    """Remove the jobs that couldn't make the version's variant of that type. They have left no files."""
    failed = select(Job).where(*_makes(version, type_), Job.status == statuses.FAILED)
    for job in session.scalars(failed.order_by(Job.id).with_for_update()):
        session.delete(job)


def used_by(session: Session, version: Version, type_: str) -> str | None:
    """The id of an unfinished batch prediction or evaluation of the version's variant of that type."""
    matching = (*_with(version), Job.kind != KIND, Job.request["variant"].as_string() == type_)
    return session.scalar(select(Job.id).where(*matching, Job.status.in_(statuses.UNFINISHED)).limit(1))


def _makes(version: Version, type_: str) -> tuple[ColumnElement[bool], ...]:
    return (*_with(version), Job.kind == KIND, Job.request["type"].as_string() == type_)


def _with(version: Version) -> tuple[ColumnElement[bool], ...]:
    return Job.model_id == version.model_id, Job.version == version.number
