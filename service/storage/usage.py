"""What projects use of their quotas. Each figure is found for several projects at once, by their names."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ColumnElement, Select, cast, func, or_, select, true, type_coerce
from sqlalchemy.orm import Session

from service import statuses
from service.storage.records import Dataset, DatasetVersion, Event, Job, Model, Project, Snapshot, Variant, Version

Names = Collection[str]
Figures = dict[str, int]
"""By project. Projects without anything are missing."""
Span = tuple[datetime, datetime | None]
"""When a job ran: from and to; None while it runs."""


def count_queued(session: Session, projects: Names) -> Figures:
    """The queued jobs of all kinds. The parts of a job don't count."""
    return _count(session, Job.project.in_(projects), Job.status == statuses.QUEUED, Job.part_of.is_(None))


def count_running(session: Session, projects: Names, kinds: Names) -> Figures:
    """The jobs of these kinds that workers have claimed."""
    return _count(session, Job.project.in_(projects), Job.kind.in_(kinds), Job.status.in_(statuses.CLAIMED))


def _count(session: Session, *matching: ColumnElement[bool]) -> Figures:
    counted = select(Job.project, func.count()).where(*matching).group_by(Job.project)
    return dict(session.execute(counted).all())


def sum_stored_bytes(session: Session, projects: Names) -> Figures:
    """The bytes of datasets, of the files of versions, of the networks of variants, of snapshots, of the results of
    batch predictions, and of the uploads that unfinished jobs read. Checkpoints and logs don't count."""
    posted = func.coalesce(_number(Job.request["bytes"]), _number(Job.request["file"]["bytes"]), 0)
    described = type_coerce(DatasetVersion.descriptor, JSON)["bytes"]
    imported = func.coalesce(_number(described), _number(DatasetVersion.file["bytes"]), 0)
    each, size = _files_of_versions(session)
    sums: tuple[Select[str, int], ...] = (
        select(Dataset.project, func.sum(imported)).join(DatasetVersion, DatasetVersion.dataset_id == Dataset.id)
        .where(Dataset.project.in_(projects)).group_by(Dataset.project),
        select(Model.project, func.sum(size)).join(Version, Version.model_id == Model.id).join(each, true())
        .where(Model.project.in_(projects)).group_by(Model.project),
        select(Model.project, func.sum(Variant.bytes)).join(Variant, Variant.model_id == Model.id)
        .where(Model.project.in_(projects)).group_by(Model.project),
        select(Job.project, func.sum(Snapshot.bytes)).join(Snapshot, Snapshot.job_id == Job.id)
        .where(Job.project.in_(projects)).group_by(Job.project),
        select(Job.project, func.sum(func.coalesce(_number(Job.result["bytes"]), 0)))
        .where(Job.project.in_(projects), Job.kind == "batch_prediction", Job.status == statuses.SUCCEEDED)
        .group_by(Job.project),
        select(Job.project, func.sum(posted))
        .where(Job.project.in_(projects), Job.status.in_(statuses.UNFINISHED)).group_by(Job.project),
    )  # fmt: skip
    stored: Figures = {}
    for statement in sums:
        for project, size_ in session.execute(statement):
            stored[project] = stored.get(project, 0) + int(size_)
    return stored


def _number(value: Any) -> ColumnElement[int]:
    """A JSON number, which may be larger than 32 bits, as an integer; NULL if there is none."""
    return cast(value.as_string(), BigInteger)


def _files_of_versions(session: Session) -> tuple[Any, ColumnElement[int]]:
    """A table with a row for each file of a version, and the size of the file."""
    files = type_coerce(Version.details, JSON)["artifacts"]
    each = func.json_each if session.get_bind().dialect.name == "sqlite" else func.json_array_elements
    table = each(files).table_valued("value", joins_implicitly=True)
    return table, _number(type_coerce(table.c.value, JSON)["bytes"])


def find_spans(session: Session, projects: Names, kinds: Names, since: datetime) -> dict[str, list[Span]]:
    """When jobs of these kinds ran that had not ended by `since`. Time in the queue and paused time don't count."""
    lasted = or_(Job.finished_at.is_(None), Job.finished_at > since)
    transitions = (
        select(Job.project, Event.job_id, Event.at, Event.data)
        .join(Event, Event.job_id == Job.id)
        .where(Job.project.in_(projects), Job.kind.in_(kinds), Job.started_at.is_not(None), lasted)
        .where(Event.type == "transition")
        .order_by(Event.job_id, Event.seq)
    )
    spans: dict[str, list[Span]] = {}
    running: dict[tuple[str, str], datetime] = {}
    for project, job_id, at, data in session.execute(transitions):
        if data["status"] in statuses.CLAIMED:
            running.setdefault((project, job_id), at)
        elif (began := running.pop((project, job_id), None)) is not None:
            spans.setdefault(project, []).append((began, at))
    for (project, _), began in running.items():
        spans.setdefault(project, []).append((began, None))
    return spans


def running_limits(session: Session) -> Figures:
    """The most running jobs of each project that has such a quota."""
    quotas = session.execute(select(Project.name, Project.quotas))
    return {name: given.running_jobs for name, given in quotas if given.running_jobs is not None}
