"""Removes the files of abandoned executions beside the main loop, which S3 must not hold up."""

import queue
import threading

import structlog

from service.context import Context
from service.errors import ServiceError
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import Abandoned

log = structlog.get_logger()


class Removal:
    """A thread that removes the files of one execution after another.

    The process doesn't wait for it at its end: the cleanup finds what is left.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queue: queue.SimpleQueue[Abandoned | None] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="removal", daemon=True).start()

    def add(self, abandoned: Abandoned) -> None:
        """Have the files of an execution removed soon."""
        self._queue.put(abandoned)

    def end(self) -> None:
        """Let the thread end when it has removed everything."""
        self._queue.put(None)

    def _run(self) -> None:
        while (abandoned := self._queue.get()) is not None:
            try:
                execution.remove_files(self._context, abandoned)
            except (ServiceError, OSError) as error:
                log.warning("files are left to the cleanup", job_id=abandoned.job.id, reason=str(error))
            except Exception:  # the others are removed nevertheless
                log.exception("files are left to the cleanup", job_id=abandoned.job.id)
