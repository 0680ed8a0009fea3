"""Counts over all jobs and workers, in a few queries, for metrics."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, extract, func, literal, select
from sqlalchemy.orm import Session

from service import statuses
from service.callers import DEFAULT_PROJECT
from service.storage.records import Event, Job

JOBS = select(
    literal(DEFAULT_PROJECT).label("project"),
    Job.id,
    Job.kind,
    Job.status,
    Job.waits_for,
    Job.created_at,
    Job.started_at,
    Job.finished_at,
).subquery()
"""What is counted of jobs, each with its project."""


class JobCount(NamedTuple):
    """How many jobs of a kind have a status."""

    project: str
    kind: str
    status: str
    jobs: int


class Queue(NamedTuple):
    """How many jobs of a kind a worker could claim, and since when the oldest of them has been in the queue."""

    project: str
    kind: str
    jobs: int
    since: datetime


class TrainingSeconds(NamedTuple):
    """The time from the first start to the end of finished training jobs, or to `now` of those that a worker runs."""

    project: str
    seconds: float


def job_counts(session: Session) -> Sequence[JobCount]:
    """The number of jobs by project, kind and status, without those that there are none of."""
    same = JOBS.c.project, JOBS.c.kind, JOBS.c.status
    return [JobCount(*row) for row in session.execute(select(*same, func.count()).group_by(*same))]


def queues(session: Session) -> Sequence[Queue]:
    """The queues by project and kind, without the empty ones and the jobs that wait for a model or a dataset."""
    latest = func.max(Event.at)
    queued_at = select(latest).where(Event.job_id == JOBS.c.id, Event.type == "transition").scalar_subquery()
    same = JOBS.c.project, JOBS.c.kind
    queued = select(*same, func.count(), func.min(func.coalesce(queued_at, JOBS.c.created_at)))
    queued = queued.where(JOBS.c.status == statuses.QUEUED, JOBS.c.waits_for.is_(None))
    return [Queue(*row) for row in session.execute(queued.group_by(*same))]


def finished_training(session: Session, kind: str) -> Sequence[TrainingSeconds]:
    """The seconds of the finished training jobs that still exist, by project."""
    finished = _seconds(kind, JOBS.c.finished_at).where(JOBS.c.finished_at.is_not(None))
    return _read_seconds(session, finished)


def running_training(session: Session, kind: str, now: datetime) -> Sequence[TrainingSeconds]:
    """The seconds until `now` of the training jobs that workers run, by project."""
    running = _seconds(kind, literal(now, JOBS.c.started_at.type)).where(JOBS.c.status.in_(statuses.CLAIMED))
    return _read_seconds(session, running)


def _read_seconds(session: Session, statement: Select[tuple[str, float]]) -> Sequence[TrainingSeconds]:
    # PostgreSQL returns a Decimal.
    return [TrainingSeconds(project, float(seconds)) for project, seconds in session.execute(statement)]


def _seconds(kind: str, end: ColumnElement[datetime]) -> Select[tuple[str, float]]:
    """The sum by project. SQLite counts whole seconds."""
    seconds = func.sum(extract("epoch", end) - extract("epoch", JOBS.c.started_at))
    started = select(JOBS.c.project, seconds).where(JOBS.c.kind == kind, JOBS.c.started_at.is_not(None))
    return started.group_by(JOBS.c.project)
