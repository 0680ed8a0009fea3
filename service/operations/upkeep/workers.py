"""Workers: their heartbeats, what they are asked to do, and the jobs of those on the same host that have crashed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service import statuses
from service.context import Context
from service.errors import NotFound
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Abandoned, Sighting
from service.storage import jobs, workers
from service.storage.database import Session
from service.storage.records import Worker
from service.storage.unit_of_work import wake_workers

FORGOTTEN_AFTER = timedelta(hours=1)

READY, WAITING, STARTING, FAILING, DRAINING = "ready", "waiting", "starting", "failing", statuses.DRAINING
MISSING = "missing"
"""The status of a queue without a worker that can run its jobs."""
DESIRED_STATUSES = (statuses.RUNNING, DRAINING)


@dataclass(frozen=True)
class WorkerView:
    """A running worker with the jobs that it has claimed."""

    worker: Worker
    running: Sequence[str]
    """Their ids, as far as the caller's project has them."""
    running_jobs: int
    """Their number in all projects."""


def status_of(worker: Worker) -> str:
    """Whether a worker can run jobs: `ready`; `draining` if it claims no more; `waiting` if it claims none now, and
    `failing` if it can't start any, for the reason in `problem`; otherwise `starting`."""
    if worker.problem and not worker.ready:
        return FAILING
    if worker.desired_status == DRAINING:
        return DRAINING
    if worker.ready:
        return WAITING if worker.problem else READY
    return STARTING


def record_heartbeat(context: Context, worker: Worker) -> None:
    """Insert or update a worker's row. `worker` then has the `desired_status` that an administrator requested."""
    now = datetime.now(UTC)
    with context.database.write() as session:
        workers.forget_silent_since(session, now - FORGOTTEN_AFTER)
        worker.heartbeat_at = now
        workers.put(session, worker)


def forget(context: Context, worker_id: str) -> None:
    """Remove the row of a worker that has ended."""
    with context.database.write() as session:
        workers.remove(session, worker_id)


def alive(context: Context) -> list[WorkerView]:
    """The running workers."""
    with context.database.read() as session:
        return _view(session, workers.alive_since(session, _oldest_heartbeat()))


def get(context: Context, worker_id: str) -> WorkerView:
    """A running worker. Raises NotFound."""
    with context.database.read() as session:
        return _view(session, [_find(session, worker_id)])[0]


def find_open_queues(context: Context) -> frozenset[str]:
    """The names of the queues from which running workers claim jobs."""
    with context.database.read() as session:
        return workers.open_queues(session)


def change(context: Context, worker_id: str, changes: dict[str, Any]) -> WorkerView:
    """Set the `desired_status` of a running worker, for as long as it runs. Raises NotFound.

    A worker that drains claims no more jobs from now on, and finishes those that it has.
    """
    with context.database.write() as session:
        worker = _find(session, worker_id, lock=True)
        worker.desired_status = changes.get("desired_status", worker.desired_status)
        wake_workers(session)
    return get(context, worker_id)


def _oldest_heartbeat() -> datetime:
    return datetime.now(UTC) - workers.SILENT_AFTER


def _find(session: Session, worker_id: str, *, lock: bool = False) -> Worker:
    worker = workers.get(session, worker_id, lock=lock)
    if worker is None or worker.heartbeat_at < _oldest_heartbeat():
        raise NotFound(f'There is no running worker "{worker_id}". A worker that starts again has a new id.')
    return worker


def _view(session: Session, found: Sequence[Worker]) -> list[WorkerView]:
    counts = workers.count_held(session, [worker.id for worker in found])
    return [WorkerView(worker, workers.held_by(session, worker.id), counts.get(worker.id, 0)) for worker in found]


def find_on_other_hosts(context: Context, host: str, boot: str) -> list[Worker]:
    """The workers that run on other machines, by the names of these. Containers of one machine have the same `boot`,
    the id that service.identity.identify gives each start of a machine."""
    with context.database.read() as session:
        running = workers.alive_since(session, _oldest_heartbeat())
    far = (each for each in running if each.host != host and each.process.get("boot") != boot)
    return sorted(far, key=lambda worker: (worker.host, worker.id))


def take_over(
    context: Context, host: str, is_alive: Callable[[dict[str, Any]], bool], remove: Callable[[Abandoned], None]
) -> int:
    """Put back the jobs of crashed workers of this host; returns how many. `remove` removes the files of one.

    A worker has crashed if `is_alive(process)` is False for its process.
    """
    with context.database.read() as session:
        crashed = [w.id for w in workers.all_workers(session) if w.host == host and not is_alive(w.process)]
        claimed = [job for job in jobs.claimed(session) if job.owner in crashed]
    found = (execution.reap(context, Sighting.of(job)) for job in claimed)
    taken = [abandoned for abandoned in found if abandoned is not None]
    for worker_id in crashed:
        forget(context, worker_id)
    for abandoned in taken:
        remove(abandoned)
    return len(taken)
