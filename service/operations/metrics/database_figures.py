"""What the database says about jobs and workers, read at most once a second, and less often if reading takes long."""

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from service import statuses
from service.context import Context
from service.operations.jobs.kinds import training
from service.storage import figures, workers
from service.storage.figures import Claimed, JobCount, Queue
from service.storage.records import Worker

FRESH_SECONDS = 1.0
"""How long figures count as current at least."""
SHARE = 50
"""Figures count as current for SHARE times as long as reading them took, so that it takes at most 2 % of the time."""
READY, STARTING, DRAINING, SILENT = "ready", "starting", statuses.DRAINING, "silent"
WORKER_STATES = (READY, STARTING, DRAINING, SILENT)

log = structlog.get_logger()


@dataclass(frozen=True)
class DatabaseFigures:
    """What the database says at one moment."""

    at: datetime
    jobs: Sequence[JobCount]
    queues: Sequence[Queue]
    claimed: Sequence[Claimed]
    offered: frozenset[str]
    """The names of the queues from which the known workers claim."""
    finished_training: Mapping[str, float]
    """Seconds by project."""
    running_training: Mapping[str, float]
    workers: Mapping[str, int]
    """The number of workers by state."""
    slots: int
    """The training jobs that the workers that are ready run concurrently, at most."""
    processes: Sequence[dict[str, Any]]
    """The workers' processes, as service.identity describes them."""


class DatabaseReader:
    """Reads and caches the figures of one api process. Thread-safe; the caller of an expired cache reads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._figures: DatabaseFigures | None = None
        self._expires = 0.0

    def read(self) -> DatabaseFigures | None:
        """The current figures; None if the database can't be read."""
        with self._lock:
            started = time.monotonic()
            if started >= self._expires:
                self._figures = self._query()
                ended = time.monotonic()
                self._expires = ended + max(FRESH_SECONDS, SHARE * (ended - started))
            return self._figures

    def _query(self) -> DatabaseFigures | None:
        now = datetime.now(UTC)
        try:
            with self._context.database.read() as session:
                known = workers.all_workers(session)
                return DatabaseFigures(
                    now,
                    figures.job_counts(session),
                    figures.queues(session),
                    figures.claimed(session),
                    frozenset(queue for worker in known for queue in worker.queues),
                    dict(figures.finished_training(session, training.KIND.name)),
                    dict(figures.running_training(session, training.KIND.name, now)),
                    Counter(_state(worker, now) for worker in known),
                    sum(worker.slots for worker in known if _state(worker, now) == READY),
                    [worker.process for worker in known],
                )
        except Exception as error:
            # Any error counts, as in service.operations.upkeep.health: the other metrics are needed then most.
            log.warning("the metrics lack the database", error=str(error))
            return None


def _state(worker: Worker, now: datetime) -> str:
    if worker.heartbeat_at < now - workers.SILENT_AFTER:
        return SILENT
    if worker.desired_status == DRAINING:
        return DRAINING
    return READY if worker.ready else STARTING
