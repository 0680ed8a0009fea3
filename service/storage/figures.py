"""Counts over all jobs and workers, in a few queries, for metrics."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, extract, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from service import statuses
from service.storage.records import Event, Job


class JobCount(NamedTuple):
    """How many jobs of a kind have a status."""

    project: str
    kind: str
    status: str
    jobs: int


class Queue(NamedTuple):
    """How many jobs of a kind workers could claim, each counted once for each worker that it needs, and since when the
    oldest of them has been in the queue."""

    project: str
    kind: str
    queue: str
    jobs: int
    since: datetime


class Claimed(NamedTuple):
    """How many jobs of a kind that were in a queue workers run, counted in the same way."""

    project: str
    kind: str
    queue: str
    jobs: int


class TrainingSeconds(NamedTuple):
    """The time from the first start to the end of finished training jobs, or to `now` of those that a worker runs."""

    project: str
    seconds: float


def job_counts(session: Session) -> Sequence[JobCount]:
    """The number of jobs by project, kind and status, without those that there are none of. A job whose work is spread
    counts, its parts don't; in queues and on workers it is the other way round."""
    same = Job.project, Job.kind, Job.status
    counted = select(*same, func.count()).where(Job.part_of.is_(None)).group_by(*same)
    return [JobCount(*row) for row in session.execute(counted)]


def queues(session: Session) -> Sequence[Queue]:
    """The queues by project, kind and name, without the empty ones and the jobs that wait for a model or a dataset."""
    latest = func.max(Event.at)
    queued_at = select(latest).where(Event.job_id == Job.id, Event.type == "transition").scalar_subquery()
    same = Job.project, Job.kind, Job.queue
    queued = select(*same, func.sum(Job.hosts), func.min(func.coalesce(queued_at, Job.created_at)))
    queued = queued.where(Job.status == statuses.QUEUED, Job.waits_for.is_(None), Job.leader.is_(None))
    return [Queue(*row) for row in session.execute(queued.group_by(*same))]


def claimed(session: Session) -> Sequence[Claimed]:
    """The jobs that workers run, by project, kind and queue, without those that there are none of."""
    same = Job.project, Job.kind, Job.queue
    claimed = Job.status.in_(statuses.CLAIMED), Job.waits_for.is_(None), Job.leader.is_(None)
    running = select(*same, func.sum(Job.hosts)).where(*claimed)
    return [Claimed(*row) for row in session.execute(running.group_by(*same))]


def finished_training(session: Session, kind: str) -> Sequence[TrainingSeconds]:
    """The seconds of the finished training jobs that still exist, by project."""
    finished = _seconds(kind, Job.finished_at).where(Job.finished_at.is_not(None))
    return _read_seconds(session, finished)


def running_training(session: Session, kind: str, now: datetime) -> Sequence[TrainingSeconds]:
    """The seconds until `now` of the training jobs that workers run, by project."""
    running = _seconds(kind, literal(now, Job.started_at.type)).where(Job.status.in_(statuses.CLAIMED))
    return _read_seconds(session, running)


def _read_seconds(session: Session, statement: Select[str, Any]) -> Sequence[TrainingSeconds]:
    # PostgreSQL returns a Decimal.
    return [TrainingSeconds(project, float(seconds)) for project, seconds in session.execute(statement)]


Moment = ColumnElement[datetime | None] | InstrumentedAttribute[datetime | None]


def _seconds(kind: str, end: Moment) -> Select[str, Any]:
    """The sum by project. SQLite counts whole seconds."""
    seconds = func.sum(extract("epoch", end) - extract("epoch", Job.started_at))
    started = select(Job.project, seconds).where(Job.kind == kind, Job.started_at.is_not(None))
    return started.group_by(Job.project)
