"""Whether this process can do its work, part by part."""

import threading
from dataclasses import dataclass
from typing import Any

import structlog

from service.context import Context
from service.operations.upkeep import workers

READY = "ready"

log = structlog.get_logger()

_draining = threading.Event()


def begin_draining() -> None:
    """This process ends: it answers what it has, and wants no new requests."""
    _draining.set()


@dataclass(frozen=True)
class Readiness:
    """`status` is `ready`, `unavailable` or `draining`; each part has a `status` of its own."""

    status: str
    parts: dict[str, dict[str, Any]]


def readiness(context: Context) -> Readiness:
    """What each part does. A missing worker makes nothing unready: everything but new work goes on."""
    try:
        alive = [worker for worker, _ in workers.alive(context)]
    except Exception as error:
        # Whatever is wrong with the database, nothing can be done without it.
        log.warning("the database doesn't answer", error=str(error))
        parts: dict[str, dict[str, Any]] = {
            "database": {"status": "unavailable"},
            "workers": {"status": "unknown", "alive": None},
        }
        return Readiness("unavailable", parts)
    able = any(worker.ready for worker in alive)
    parts = {
        "database": {"status": READY},
        "workers": {"status": READY if able else "missing", "alive": len(alive)},
    }
    return Readiness("draining" if _draining.is_set() else READY, parts)
