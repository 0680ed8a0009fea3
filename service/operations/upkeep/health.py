"""The readiness of this process and of each part that it needs."""

from dataclasses import dataclass
from typing import Any

import structlog

from service.broker.sender import HintSender
from service.config import DEFAULT_QUEUE
from service.context import Context
from service.errors import ArtifactsUnavailable, DatabaseUnavailable, StorageError
from service.operations.upkeep import space, workers
from service.operations.upkeep.workers import MISSING, WAITING
from service.storage.records import Worker
from service.storage.schema import check_tables

STARTING, READY, DRAINING, UNKNOWN = "starting", "ready", "draining", "unknown"
UNAVAILABLE, UNUSABLE, READ_ONLY, LOW, FULL = "unavailable", "unusable", "read-only", "low", "full"

FULL_BYTES = 1024**2
"""With less, even what predictions and reads write in passing may not fit."""

BROKER_AWAY = "The broker doesn't answer; the log has the reason. Jobs start up to 5 seconds later."

ABLE = (READY, WAITING)
"""The states of workers that can run jobs."""

log = structlog.get_logger()

_phase = READY


def begin_starting() -> None:
    """Report this process as `starting` until `end_starting`: it answers requests, but slowly."""
    global _phase
    _phase = STARTING


def end_starting() -> None:
    global _phase
    _phase = READY if _phase == STARTING else _phase


def begin_draining() -> None:
    """Report this process as `draining`: it finishes its requests and wants no new ones."""
    global _phase
    _phase = DRAINING


def is_draining() -> bool:
    """Whether this process shuts down."""
    return _phase == DRAINING


@dataclass(frozen=True)
class Readiness:
    """`status` is `starting`, `ready`, `unavailable` or `draining`. Each part has its own `status`.

    The `detail` of a part describes the problem; None if there is none.
    """

    status: str
    parts: dict[str, dict[str, Any]]


def readiness(context: Context) -> Readiness:
    """The status of each part. A missing worker doesn't make the process unavailable: only new jobs need one.

    Neither does a disk with little space: only what must be stored needs it. Nor does a broker that doesn't answer:
    jobs only start later.
    """
    database, alive = _database(context)
    parts = {"database": database, "artifact_store": _artifact_store(context), "workers": _workers(alive)}
    if context.broker is not None:
        parts["broker"] = _broker(context.broker)
    if any(parts[name]["status"] not in (READY, LOW) for name in ("database", "artifact_store")):
        return Readiness(UNAVAILABLE, parts)
    return Readiness(_phase, parts)


def _database(context: Context) -> tuple[dict[str, Any], list[Worker] | None]:
    """The database's status, and the running workers."""
    try:
        with context.database.read() as session:
            check_tables(session)
        alive = [view.worker for view in workers.alive(context)]
    except DatabaseUnavailable as error:
        return _part(UNAVAILABLE, error.detail), None
    except Exception as error:
        # Any error counts: the service can't work without its database.
        log.warning("the database is unusable", error=str(error))
        detail = error.detail if isinstance(error, StorageError) else "The database can't be read; the log says why."
        return _part(UNUSABLE, detail), None
    return _disk(context, space.DATABASE), alive


def _artifact_store(context: Context) -> dict[str, Any]:
    part = _disk(context, space.ARTIFACTS)
    if part["status"] not in (READY, LOW):
        return part
    try:
        writable = context.artifacts.is_writable()
    except ArtifactsUnavailable as error:
        return part | {"status": UNAVAILABLE, "detail": error.detail}
    if not writable:
        what = "folder" if context.settings.has_local_artifacts else "bucket"
        return part | {"status": READ_ONLY, "detail": f"The {what} of the artifacts can't be written."}
    return part


def _disk(context: Context, owner: str) -> dict[str, Any]:
    """The status of the disk of the database or of the artifacts."""
    try:
        free = space.free_bytes(context, owner)
    except OSError as error:
        return _part(UNAVAILABLE, f"The disk can't be read: {error.strerror}.")
    shortage = space.describe_shortage(context, owner, free)
    if shortage is None:
        return _part(READY, free_bytes=free)
    return _part(LOW if free is None or free >= FULL_BYTES else FULL, shortage, free)


def _workers(alive: list[Worker] | None) -> dict[str, Any]:
    if alive is None:
        return {"status": UNKNOWN, "detail": None, "alive": None, "queues": None}
    status = _summarize(alive)
    detail = None if status == READY else _find_problem(alive)
    names = {DEFAULT_QUEUE, *(queue for worker in alive for queue in worker.queues)}
    offers = {queue: [worker for worker in alive if queue in worker.queues] for queue in sorted(names)}
    queues = {
        queue: {"status": _summarize(found), "workers": sum(workers.status_of(each) in ABLE for each in found)}
        for queue, found in offers.items()
    }
    return {"status": status, "detail": detail, "alive": len(alive), "queues": queues}


def _broker(broker: HintSender) -> dict[str, Any]:
    """Whether this process reaches the broker, as of a few seconds ago."""
    if broker.problem is not None:
        # The reason names hosts, and everybody may read this.
        return {"status": UNAVAILABLE, "detail": BROKER_AWAY}
    return {"status": READY if broker.has_connected else UNKNOWN, "detail": None}


def _summarize(found: list[Worker]) -> str:
    """Whether these workers run jobs."""
    known = {workers.status_of(worker) for worker in found}
    if READY in known:
        return READY
    return WAITING if known & {WAITING, workers.DRAINING} else MISSING


def _find_problem(alive: list[Worker]) -> str | None:
    """Why the workers claim no jobs."""
    problem = next((worker.problem for worker in alive if worker.problem), None)
    if problem is None and any(workers.status_of(worker) == workers.DRAINING for worker in alive):
        return "The workers that could run jobs are draining."
    return problem


def _part(status: str, detail: str | None = None, free_bytes: int | None = None) -> dict[str, Any]:
    return {"status": status, "detail": detail, "free_bytes": free_bytes}
