"""Running one claimed job: its process is started, watched and ended, and what became of it is written."""

import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import structlog

from service import statuses
from service.context import Context
from service.errors import DatabaseUnavailable, LeaseLost, ServiceError
from service.operations import assignments, execution
from service.operations.execution import WORKER_LOST, Lease
from service.storage.records import Job
from service.worker import failures
from service.worker.journal import Journal
from service.worker.output import PrintedOutput
from service.worker.processes import JobProcess, ProcessStarter, StartFailed
from service.worker.timing import Timer, growing_delays

TICK_SECONDS = 0.2
ORDER_SECONDS = 0.4
MEMORY_SECONDS = 0.2
RENEWALS_PER_LEASE = 3
RETRY_SECONDS = 1.0
STOP_GRACE_SECONDS = 3.0

STOPPED_BEFORE_TRAINING = "stopped_before_training"

Written = TypeVar("Written")
Conclusion = Callable[[], None]
"""Writes how the job ended."""

log = structlog.get_logger()


def supervise(context: Context, lease: Lease, job: Job, starter: ProcessStarter, shutdown: threading.Event) -> None:
    """Run a claimed job until it has ended, was put back because of `shutdown`, or its lease was lost.

    Raises nothing. When the database stays away although the worker shuts down, the job is left to the reapers.
    """
    with structlog.contextvars.bound_contextvars(job_id=job.id, kind=job.kind):
        try:
            Supervision(context, lease, job, starter, shutdown).run()
        except LeaseLost as error:
            log.warning("job given up", reason=error.detail)
            context.artifacts.discard(lease.staging_name)
        except DatabaseUnavailable:
            log.warning("job given up", reason="The database stays away.")
        except Exception as error:
            log.exception("job failed")
            failure = failures.flatten(error)
            with contextlib.suppress(ServiceError):
                execution.fail(context, lease, failure, failures.STATUS_REASONS.get(failure["code"]))


class Supervision:
    """One execution of a job."""

    def __init__(
        self, context: Context, lease: Lease, job: Job, starter: ProcessStarter, shutdown: threading.Event
    ) -> None:
        self._context = context
        self._lease = lease
        self._job = job
        self._starter = starter
        self._shutdown = shutdown
        self._journal = Journal(context, lease)
        self._output = PrintedOutput(context.settings.max_log_bytes)
        self._status = statuses.RUNNING
        self._stop_ordered = False
        self._order_timer = Timer(ORDER_SECONDS)
        self._memory_timer = Timer(MEMORY_SECONDS)
        self._renewal_timer = Timer(context.settings.lease_seconds / RENEWALS_PER_LEASE)
        self._renewal_timer.restart()
        self._retry_timer = Timer(RETRY_SECONDS)
        self._database_away = False
        self._grace: Timer | None = None

    def run(self) -> None:
        """Raises LeaseLost, and DatabaseUnavailable when the worker shuts down meanwhile."""
        assignment = self._persistently(partial(assignments.describe, self._context, self._job))
        folder = self._context.artifacts.stage(self._lease.staging_name)
        try:
            with contextlib.closing(self._starter.start_task(assignment, folder)) as process:
                log.info("job started", pid=process.pid, attempt=self._job.attempt)
                conclude = self._watch(process)
        except StartFailed as error:
            log.error("job could not be started", reason=str(error))
            conclude = self._end(execution.put_back, WORKER_LOST)
        while not self._journal.empty:
            self._persistently(self._journal.write)
        self._persistently(conclude)

    def _watch(self, process: JobProcess) -> Conclusion:
        """Attend to the process until it is clear how the job ends; it may still run then."""
        while True:
            process.wait(TICK_SECONDS, for_messages=not self._journal.full)
            ended = process.ended
            heard, conclusion = self._read(process, everything=ended)
            if conclusion is not None:
                return conclusion
            if self._shutdown.is_set() and not self._may_still_stop():
                return self._end(execution.put_back)
            if ended and not heard:
                return self._died(process)
            if self._memory_timer.due() and process.memory() > self._context.settings.job_memory_bytes:
                return self._fail(failures.over_memory_limit(self._context.settings.job_memory_bytes))
            self._exchange()
            if self._status == statuses.CANCELLING:
                return self._end(execution.cancelled)
            if self._status == statuses.STOPPING and not self._stop_ordered:
                process.order_stop()
                self._stop_ordered = True

    def _may_still_stop(self) -> bool:
        """Whether the worker's end should wait a little for a process that was told to stop and keep its model."""
        if self._grace is None:
            self._grace = Timer(STOP_GRACE_SECONDS)
            self._grace.restart()
        return self._stop_ordered and not self._grace.due()

    def _read(self, process: JobProcess, *, everything: bool) -> tuple[bool, Conclusion | None]:
        """Collect what arrived: whether anything did, and how the job ends if the task said so.

        Without `everything` a full journal leaves the process waiting.
        """
        heard, conclusion = False, None
        for message in process.messages() if everything or not self._journal.full else ():
            heard = True
            if message["type"] == "result":
                conclusion = self._finish(message["data"])
            elif message["type"] == "failure":
                if message["data"]["code"] == failures.INTERNAL:
                    log.error("the task failed", exception=message["traceback"])
                conclusion = self._fail(message["data"])
            else:
                self._journal.add(message)
        while printed := process.printed():
            heard = True
            self._journal.add_text(self._output.take(printed))
        return heard, conclusion

    def _exchange(self) -> None:
        """Write what is due, show that this execution lives, and hear of orders."""
        if self._database_away and not self._retry_timer.due():
            return
        try:
            if self._journal.due:
                self._status = self._journal.write()
                self._renewal_timer.restart()
            elif self._renewal_timer.due():
                self._status = execution.renew(self._context, self._lease)
            elif self._order_timer.due():
                self._status = execution.status(self._context, self._lease)
            self._database_away = False
        except DatabaseUnavailable:
            if not self._database_away:
                log.warning("the database doesn't answer; the job goes on")
            self._database_away = True
            self._retry_timer.restart()

    def _finish(self, result: dict[str, object]) -> Conclusion:
        if result.get(STOPPED_BEFORE_TRAINING):
            return self._end(execution.cancelled, STOPPED_BEFORE_TRAINING)
        return self._end(execution.succeed, result)

    def _fail(self, failure: dict[str, object]) -> Conclusion:
        return self._end(execution.fail, failure, failures.STATUS_REASONS.get(str(failure["code"])))

    def _died(self, process: JobProcess) -> Conclusion:
        self._starter.warm = False
        how = process.describe_end()
        log.warning("the job's process died", how=how, attempt=self._job.attempt)
        return self._end(execution.died, failures.process_died(how, self._output.tail))

    def _end(self, write: Callable[..., None], *details: object) -> Conclusion:
        def conclude() -> None:
            write(self._context, self._lease, *details)
            log.info("job ended", how=write.__name__)

        return conclude

    def _persistently(self, write: Callable[[], Written]) -> Written:
        """Try again for as long as the database is away; raises DatabaseUnavailable when the worker shuts down."""
        for delay in growing_delays():
            try:
                return write()
            except DatabaseUnavailable:
                log.warning("the database doesn't answer", retry_in_seconds=delay)
                if self._shutdown.wait(delay):
                    raise
        raise AssertionError("the delays never end")
