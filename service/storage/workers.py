"""Workers and their heartbeats in the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from service import statuses
from service.storage.records import Job, Worker

SILENT_AFTER = timedelta(seconds=15)
"""A worker without a heartbeat for this time counts as crashed."""


def put(session: Session, worker: Worker) -> None:
    """Insert or update a worker's row. Another worker, which believes that this one has crashed, may remove it."""
    session.get(Worker, worker.id, with_for_update=True)
    session.merge(worker)


def remove(session: Session, worker_id: str) -> None:
    session.execute(delete(Worker).where(Worker.id == worker_id))


def all_workers(session: Session) -> Sequence[Worker]:
    return session.scalars(select(Worker).order_by(Worker.id)).all()


def alive_since(session: Session, moment: datetime) -> Sequence[Worker]:
    return session.scalars(select(Worker).where(Worker.heartbeat_at >= moment).order_by(Worker.id)).all()


def forget_silent_since(session: Session, moment: datetime) -> None:
    session.execute(delete(Worker).where(Worker.heartbeat_at < moment))


def held_by(session: Session, worker_id: str) -> Sequence[str]:
    """The ids of the jobs that a worker has claimed."""
    statement = select(Job.id).where(Job.owner == worker_id, Job.status.in_(statuses.CLAIMED)).order_by(Job.id)
    return session.scalars(statement).all()
