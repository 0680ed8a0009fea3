"""The readiness of this process and of each part that it needs."""

import threading
from dataclasses import dataclass
from typing import Any

import structlog

from service.context import Context
from service.errors import DatabaseUnavailable, StorageError
from service.operations.upkeep import workers
from service.storage.records import Worker
from service.storage.schema import check_tables

READY, UNAVAILABLE = "ready", "unavailable"

log = structlog.get_logger()

_draining = threading.Event()


def begin_draining() -> None:
    """Report this process as `draining`: it finishes its requests and wants no new ones."""
    _draining.set()


@dataclass(frozen=True)
class Readiness:
    """`status` is `ready`, `unavailable` or `draining`. Each part has its own `status`.

    The `detail` of the database and of the disk describes the problem; None if there is none.
    """

    status: str
    parts: dict[str, dict[str, Any]]


def readiness(context: Context) -> Readiness:
    """The status of each part. A missing worker doesn't make the process unavailable: only new jobs need one."""
    database, alive = _database(context)
    disk = _disk(context)
    parts = {"database": database, "disk": disk, "workers": _workers(alive)}
    if (database["status"], disk["status"]) != (READY, READY):
        return Readiness(UNAVAILABLE, parts)
    return Readiness("draining" if _draining.is_set() else READY, parts)


def _database(context: Context) -> tuple[dict[str, Any], list[Worker] | None]:
    """The database's status, and the running workers."""
    try:
        with context.database.read() as session:
            check_tables(session)
        alive = [worker for worker, _ in workers.alive(context)]
    except DatabaseUnavailable as error:
        return _part(UNAVAILABLE, error.detail), None
    except Exception as error:
        # Any error counts: the service can't work without its database.
        log.warning("the database is unusable", error=str(error))
        detail = error.detail if isinstance(error, StorageError) else "The database can't be read; the log says why."
        return _part("unusable", detail), None
    return _part(READY), alive


def _disk(context: Context) -> dict[str, Any]:
    least = context.settings.min_free_bytes
    try:
        rooms = [("database", context.database.free_bytes()), ("artifacts", context.artifacts.free_bytes())]
    except OSError as error:
        return _part(UNAVAILABLE, f"The disk can't be read: {error.strerror}.")
    for owner, free in rooms:
        if free is not None and free < least:
            return _part("full", f"The disk of the {owner} has {free:,} bytes free; {least:,} are required.")
    if not context.artifacts.is_writable():
        return _part("read-only", "The folder of the artifacts can't be written.")
    return _part(READY)


def _workers(alive: list[Worker] | None) -> dict[str, Any]:
    if alive is None:
        return {"status": "unknown", "alive": None}
    able = any(worker.ready for worker in alive)
    return {"status": READY if able else "missing", "alive": len(alive)}


def _part(status: str, detail: str | None = None) -> dict[str, Any]:
    return {"status": status, "detail": detail}
