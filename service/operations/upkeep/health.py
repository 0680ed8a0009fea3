"""Whether this process can do its work, part by part."""

import threading
from dataclasses import dataclass
from typing import Any

import structlog

from service.context import Context
from service.errors import DatabaseUnavailable, StorageError
from service.operations.upkeep import workers
from service.storage.records import Worker

READY, UNAVAILABLE = "ready", "unavailable"

log = structlog.get_logger()

_draining = threading.Event()


def begin_draining() -> None:
    """This process ends: it answers what it has, and wants no new requests."""
    _draining.set()


@dataclass(frozen=True)
class Readiness:
    """`status` is `ready`, `unavailable` or `draining`; each part has a `status` of its own.

    The `detail` of the database and of the disk says what is wrong; None if nothing is.
    """

    status: str
    parts: dict[str, dict[str, Any]]


def readiness(context: Context) -> Readiness:
    """What each part does. A missing worker makes nothing unready: everything but new work goes on."""
    database, alive = _database(context)
    disk = _disk(context)
    parts = {"database": database, "disk": disk, "workers": _workers(alive)}
    if (database["status"], disk["status"]) != (READY, READY):
        return Readiness(UNAVAILABLE, parts)
    return Readiness("draining" if _draining.is_set() else READY, parts)


def _database(context: Context) -> tuple[dict[str, Any], list[Worker] | None]:
    """The database, and the workers that it knows to live."""
    try:
        alive = [worker for worker, _ in workers.alive(context)]
    except DatabaseUnavailable as error:
        return _part(UNAVAILABLE, error.detail), None
    except Exception as error:
        # Whatever is wrong with the database, nothing can be done without it.
        log.warning("the database can't be used", error=str(error))
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
    return _part(READY)


def _workers(alive: list[Worker] | None) -> dict[str, Any]:
    if alive is None:
        return {"status": "unknown", "alive": None}
    able = any(worker.ready for worker in alive)
    return {"status": READY if able else "missing", "alive": len(alive)}


def _part(status: str, detail: str | None = None) -> dict[str, Any]:
    return {"status": status, "detail": detail}
