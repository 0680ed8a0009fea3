"""Workers and their heartbeats in the database."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain

from sqlalchemy import ColumnElement, case, delete, func, select
from sqlalchemy.orm import Session

from service import statuses
from service.storage.records import Job, Worker

SILENT_AFTER = timedelta(seconds=15)
"""A worker without a heartbeat for this time counts as crashed."""


def get(session: Session, worker_id: str, *, lock: bool = False) -> Worker | None:
    """The worker; None if it doesn't exist. `lock` locks it until the transaction ends."""
    return session.get(Worker, worker_id, with_for_update=lock or None)


def put(session: Session, worker: Worker) -> None:
    """Insert or update a worker's row. Another worker, which believes that this one has crashed, may remove it.

    What an administrator requested of it stays, and is set in `worker` too.
    """
    stored = get(session, worker.id, lock=True)
    if stored is not None:
        worker.desired_status = stored.desired_status
    session.merge(worker)


def remove(session: Session, worker_id: str) -> None:
    session.execute(delete(Worker).where(Worker.id == worker_id))


def all_workers(session: Session) -> Sequence[Worker]:
    return session.scalars(select(Worker).order_by(Worker.id)).all()


def alive_since(session: Session, moment: datetime) -> Sequence[Worker]:
    return session.scalars(select(Worker).where(Worker.heartbeat_at >= moment).order_by(Worker.id)).all()


def _runs() -> ColumnElement[bool]:
    return Worker.heartbeat_at >= datetime.now(UTC) - SILENT_AFTER


def open_queues(session: Session) -> frozenset[str]:
    """The names of the queues from which running workers claim jobs. Those that drain claim none."""
    found = session.scalars(select(Worker.queues).where(_runs(), Worker.desired_status != statuses.DRAINING))
    return frozenset(chain.from_iterable(found))


def is_draining(session: Session, worker_id: str, *, lock: bool = False) -> bool:
    """Whether a worker may claim no more jobs. `lock` lets nobody change that until the transaction ends."""
    desired = select(Worker.desired_status).where(Worker.id == worker_id)
    return session.scalar(desired.with_for_update(read=True) if lock else desired) == statuses.DRAINING


def offering(session: Session, queue: str) -> Sequence[Worker]:
    """The running workers that claim jobs from a queue now, by id: those that drain or have a problem don't."""
    ready = Worker.ready.is_(True) & Worker.problem.is_(None) & (Worker.desired_status != statuses.DRAINING)
    found = session.scalars(select(Worker).where(_runs(), ready).order_by(Worker.id))
    return [worker for worker in found if queue in worker.queues]


def all_run(session: Session, worker_ids: Collection[str]) -> bool:
    """Whether all these workers run."""
    if not worker_ids:
        return True
    found = select(func.count()).where(Worker.id.in_(worker_ids), _runs())
    return session.scalar(found) == len(worker_ids)


def lock_all(session: Session, worker_ids: Collection[str]) -> None:
    """Let these workers claim nothing until the transaction ends. Waits for claims that have begun."""
    session.execute(select(Worker.id).where(Worker.id.in_(worker_ids)).order_by(Worker.id).with_for_update())


def count_taken(session: Session, worker_ids: Collection[str], kind: str) -> dict[str, int]:
    """How many jobs of a kind, and of those that help such jobs, each of these workers has claimed or is the only one
    to claim, in all projects."""
    # The table, unlike the record, isn't restricted to a project.
    jobs = Job.__table__
    claimed = jobs.c.owner.in_(worker_ids) & jobs.c.status.in_(statuses.CLAIMED)
    reserved = jobs.c.queue.in_(worker_ids) & (jobs.c.status == statuses.QUEUED)
    worker = case((jobs.c.status == statuses.QUEUED, jobs.c.queue), else_=jobs.c.owner)
    same_slots = (jobs.c.kind == kind) | jobs.c.leader.is_not(None)
    taken = select(worker, func.count()).where(same_slots, claimed | reserved).group_by(worker)
    return dict(session.execute(taken).all())


def forget_silent_since(session: Session, moment: datetime) -> None:
    session.execute(delete(Worker).where(Worker.heartbeat_at < moment))


def count_held(session: Session, worker_ids: Collection[str]) -> dict[str, int]:
    """How many jobs each of these workers has claimed, in all projects; without those that have none."""
    # The table, unlike the record, isn't restricted to a project.
    jobs = Job.__table__
    held = select(jobs.c.owner, func.count()).where(jobs.c.owner.in_(worker_ids), jobs.c.status.in_(statuses.CLAIMED))
    return dict(session.execute(held.group_by(jobs.c.owner)).all())


def held_by(session: Session, worker_id: str) -> Sequence[str]:
    """The ids of the jobs that a worker has claimed; for a part of a job, the id of that job."""
    known = func.coalesce(Job.part_of, Job.id)
    statement = select(known).where(Job.owner == worker_id, Job.status.in_(statuses.CLAIMED)).order_by(known)
    return session.scalars(statement).all()
