"""Workers: their heartbeats, and putting back the jobs of workers on the same host that have crashed."""

from datetime import UTC, datetime, timedelta
from typing import Any

from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Sighting
from service.storage import jobs, workers
from service.storage.records import Worker

FORGOTTEN_AFTER = timedelta(hours=1)

READY, WAITING, STARTING, FAILING = "ready", "waiting", "starting", "failing"
MISSING = "missing"
"""The status of a queue without a worker that can run its jobs."""


def status_of(worker: Worker) -> str:
    """Whether a worker can run jobs: `ready`; `waiting` if it claims none now, and `failing` if it can't start any, for
    the reason in `problem`; otherwise `starting`."""
    if worker.ready:
        return WAITING if worker.problem else READY
    return FAILING if worker.problem else STARTING


def record_heartbeat(context: Context, worker: Worker) -> None:
    """Insert or update a worker's row."""
    now = datetime.now(UTC)
    with context.database.write() as session:
        workers.forget_silent_since(session, now - FORGOTTEN_AFTER)
        worker.heartbeat_at = now
        workers.put(session, worker)


def remove(context: Context, worker_id: str) -> None:
    with context.database.write() as session:
        workers.remove(session, worker_id)


def alive(context: Context) -> list[tuple[Worker, list[str]]]:
    """The running workers, each with the ids of the jobs that it has claimed."""
    with context.database.read() as session:
        found = workers.alive_since(session, datetime.now(UTC) - workers.SILENT_AFTER)
        return [(worker, list(workers.held_by(session, worker.id))) for worker in found]


def take_over(context: Context, host: str, is_alive: Any) -> int:
    """Put back the jobs of crashed workers of this host; returns how many.

    A worker has crashed if `is_alive(process)` is False for its process.
    """
    with context.database.read() as session:
        crashed = [w.id for w in workers.all_workers(session) if w.host == host and not is_alive(w.process)]
        claimed = [job for job in jobs.claimed(session) if job.owner in crashed]
    taken = sum(execution.reap(context, Sighting(job.id, job.token, job.renewals)) for job in claimed)
    for worker_id in crashed:
        remove(context, worker_id)
    return taken
