"""Workers: their signs of life, and taking back at once what a dead one on the same host held."""

from datetime import UTC, datetime, timedelta
from typing import Any

from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Sighting
from service.storage import jobs, workers
from service.storage.records import Worker

SILENT_AFTER = timedelta(seconds=15)
"""A worker that hasn't said anything for so long counts as gone."""
FORGOTTEN_AFTER = timedelta(hours=1)


def say_alive(context: Context, worker: Worker) -> None:
    """Write or renew a worker's row."""
    now = datetime.now(UTC)
    with context.database.write() as session:
        workers.forget_silent_since(session, now - FORGOTTEN_AFTER)
        worker.heartbeat_at = now
        session.merge(worker)


def say_goodbye(context: Context, worker_id: str) -> None:
    with context.database.write() as session:
        worker = workers.get(session, worker_id)
        if worker is not None:
            session.delete(worker)


def alive(context: Context) -> list[tuple[Worker, list[str]]]:
    """The workers that live, each with the ids of the jobs that it holds."""
    with context.database.read() as session:
        found = workers.alive_since(session, datetime.now(UTC) - SILENT_AFTER)
        return [(worker, list(workers.held_by(session, worker.id))) for worker in found]


def take_over(context: Context, host: str, is_alive: Any) -> int:
    """Put back the jobs of workers of this host whose process `is_alive(process)` denies; returns how many."""
    with context.database.read() as session:
        dead = [w.id for w in workers.all_workers(session) if w.host == host and not is_alive(w.process)]
        held = [job for job in jobs.claimed(session) if job.owner in dead]
    taken = sum(execution.reap(context, Sighting(job.id, job.token, job.renewals)) for job in held)
    for worker_id in dead:
        say_goodbye(context, worker_id)
    return taken
