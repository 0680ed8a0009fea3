"""Running one claimed job: its process is started, watched and ended, and what became of it is written."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import structlog

from models.jobs.assignment import Unfinished
from models.training.plan import Command
from service import statuses
from service.context import Context
from service.errors import DatabaseUnavailable, DiskFull, LeaseLost, ServiceError, StorageError
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.lifecycle import STALLED, WORKER_LOST, WORKER_SHUTDOWN, Instructions, Lease
from service.operations.jobs.registry import kind_of
from service.storage.records import Job
from service.worker import failures
from service.worker.journal import Journal
from service.worker.output import PrintedOutput
from service.worker.processes import JobProcess, ProcessStarter, StartFailed
from service.worker.timing import Grace, Timer, growing_delays

TICK_SECONDS = 0.2
ORDER_SECONDS = 0.4
MEMORY_SECONDS = 0.2
RENEWALS_PER_LEASE = 3
RETRY_SECONDS = 1.0
SHUTDOWN_GRACE_SECONDS = 3.0
"""How long the worker's end waits for a job's last checkpoint, or for a model that it was told to keep."""
ORDER_GRACE_SECONDS = 1.5
"""How long a pause waits for the process; then the checkpoint before counts, from which the job goes on as exactly. And
how long a stop waits for a process that has done no step; then there is nothing to keep."""


Written = TypeVar("Written")
Conclusion = Callable[[], None]
"""Writes how the job ended."""

log = structlog.get_logger()


def supervise(context: Context, lease: Lease, job: Job, starter: ProcessStarter, shutdown: threading.Event) -> None:
    """Run a claimed job until it has ended, was put back because of `shutdown`, or its lease was lost.

    Raises nothing. When nothing can be written although the worker shuts down, the job is left to the reapers.
    """
    with structlog.contextvars.bound_contextvars(job_id=job.id, kind=job.kind):
        try:
            Supervision(context, lease, job, starter, shutdown).run()
        except LeaseLost as error:
            log.warning("job given up", reason=error.detail)
            context.artifacts.discard(lease.staging_name)
        except StorageError as error:
            if shutdown.is_set():
                log.warning("job given up", reason=error.detail)
            else:
                log.error("job failed", reason=error.detail)
                _fail(context, lease, failures.flatten(error))
        except Exception as error:
            log.exception("job failed")
            _fail(context, lease, failures.flatten(error))


def _fail(context: Context, lease: Lease, failure: dict[str, object]) -> None:
    """Write that the job failed. If that fails too, the reapers put the job back once they can write."""
    context.artifacts.discard(lease.staging_name)  # its files may be what fills the disk
    try:
        execution.fail(context, lease, failure, failures.STATUS_REASONS.get(str(failure["code"])))
    except ServiceError as error:
        log.warning("job given up", reason=error.detail)
    except Exception:
        log.exception("job given up")


class Supervision:
    """One execution of a job."""

    def __init__(
        self, context: Context, lease: Lease, job: Job, starter: ProcessStarter, shutdown: threading.Event
    ) -> None:
        self._context = context
        self._lease = lease
        self._job = job
        self._kind = kind_of(job)
        self._starter = starter
        self._shutdown = shutdown
        self._journal = Journal(context, lease, job.checkpoint)
        self._output = PrintedOutput(context.settings.max_log_bytes)
        self._instructions = Instructions(job.status, job.orders, closed=False)
        self._command = Command.RUN
        self._orders_told = len(job.orders)
        self._asks_to_end_knowing: int | None = None
        """How many orders the task knew when it asked whether it may end."""
        self._may_end: bool | None = None
        self._began_at = self._heard_at = time.monotonic()
        self._order_timer = Timer(ORDER_SECONDS)
        self._memory_timer = Timer(MEMORY_SECONDS)
        self._renewal_timer = Timer(context.settings.lease_seconds / RENEWALS_PER_LEASE)
        self._renewal_timer.restart()
        self._retry_timer = Timer(RETRY_SECONDS)
        self._database_away = False
        self._disk_grace = Grace(self._context.settings.disk_full_seconds)
        self._shutdown_grace = Grace(SHUTDOWN_GRACE_SECONDS if self._kind.resumable else 0)
        self._order_grace = Grace(ORDER_GRACE_SECONDS)

    def run(self) -> None:
        """Raises LeaseLost, DiskFull and DatabaseUnusable; DatabaseUnavailable when the worker shuts down meanwhile."""
        assignment = self._persistently(partial(self._kind.describe, self._context, self._job))
        folder = self._context.artifacts.stage(self._lease.staging_name)
        try:
            with contextlib.closing(self._starter.start_task(assignment, folder)) as process:
                log.info("job started", pid=process.pid, attempt=self._job.attempt)
                conclude = self._watch(process)
        except StartFailed as error:
            log.error("job could not be started", reason=str(error))
            conclude = self._end(execution.put_back, WORKER_LOST)
        with self._renewing():
            while not self._journal.empty:
                self._persistently(self._journal.write)
            self._persistently(conclude)

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        """Show meanwhile that this execution lives: large files may reach the disk only after a lease's length."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self._context.settings.lease_seconds / RENEWALS_PER_LEASE):
                with contextlib.suppress(LeaseLost, StorageError):
                    execution.renew(self._context, self._lease)

        thread = threading.Thread(target=renew, name=f"{self._lease.staging_name}-renewing", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _watch(self, process: JobProcess) -> Conclusion:
        """Attend to the process until it is clear how the job ends; it may still run then."""
        while True:
            process.wait(TICK_SECONDS, for_messages=not self._journal.full)
            ended = process.ended
            heard, conclusion = self._read(process, everything=ended)
            if conclusion is not None:
                return conclusion
            if ended and not heard:
                return self._died(process)
            if (conclusion := self._give_up(process)) is not None:
                return conclusion
            self._exchange()
            if self._instructions.status == statuses.CANCELLING:
                return self._end(execution.cancelled)
            self._instruct(process)

    def _give_up(self, process: JobProcess) -> Conclusion | None:
        """How the job ends because its process may not go on, if so."""
        settings = self._context.settings
        if self._shutdown.is_set() and self._shutdown_grace.over:
            return self._end(execution.put_back, WORKER_SHUTDOWN)
        if self._instructions.status == statuses.PAUSING and self._order_grace.over:
            return self._end(execution.put_back)
        if self._instructions.status == statuses.STOPPING and not self._journal.began and self._order_grace.over:
            return self._end(execution.cancelled, Unfinished.STOPPED_BEFORE_TRAINING.value)
        if self._memory_timer.due() and process.memory() > settings.job_memory_bytes:
            return self._fail(failures.over_memory_limit(settings.job_memory_bytes))
        if (error := self._kind.explain_timeout(settings, time.monotonic() - self._began_at)) is not None:
            return self._fail(error)
        silent = time.monotonic() - self._heard_at
        if silent > settings.stall_seconds:
            process.kill()
            log.warning("the job's process stood still", seconds=round(silent), attempt=self._job.attempt)
            self._log(f"The process did no step for {settings.stall_seconds:g} s and was ended")
            return self._end(execution.died, failures.stalled(settings.stall_seconds, self._output.tail), STALLED)
        return None

    def _read(self, process: JobProcess, *, everything: bool) -> tuple[bool, Conclusion | None]:
        """Collect what arrived: whether anything did, and how the job ends if the task said so.

        Without `everything` a full journal leaves the process waiting.
        """
        heard, conclusion = False, None
        for message in process.messages() if everything or not self._journal.full else ():
            heard = True
            if message["type"] == "result":
                conclusion = self._end(execution.succeed, message["data"])
            elif message["type"] == "unfinished":
                conclusion = self._end_unfinished(Unfinished(message["data"]))
            elif message["type"] == "failure":
                if message["data"]["code"] == failures.INTERNAL:
                    log.error("the task failed", exception=message["traceback"])
                conclusion = self._fail(message["data"])
            elif message["type"] == "ending":
                self._asks_to_end_knowing = len(self._job.orders) + message["data"]["orders"]
            else:
                self._journal.add(message)
        if heard or self._journal.full:
            self._heard_at = time.monotonic()
        while printed := process.printed():
            heard = True
            self._journal.add_text(self._output.take(printed))
        return heard, conclusion

    def _exchange(self) -> None:
        """Write what is due, show that this execution lives, and hear what is asked of it.

        Raises LeaseLost, DatabaseUnusable, and DiskFull when the disk stays full.
        """
        if self._database_away and not self._retry_timer.due():
            return
        try:
            if self._journal.due:
                self._instructions = self._journal.write()
                self._renewal_timer.restart()
            elif self._asks_to_end_knowing is not None:
                self._instructions = execution.close(self._context, self._lease, self._asks_to_end_knowing)
                self._may_end, self._asks_to_end_knowing = self._instructions.closed, None
            elif (
                self._database_away or self._renewal_timer.due()
            ):  # after a failed write only a write shows that it works again
                self._instructions = execution.renew(self._context, self._lease)
            elif self._order_timer.due():
                self._instructions = execution.instructions(self._context, self._lease)
            self._database_away = False
            self._disk_grace = Grace(self._context.settings.disk_full_seconds)
        except (DatabaseUnavailable, DiskFull) as error:
            if isinstance(error, DiskFull) and self._disk_grace.over:
                raise
            if not self._database_away:
                log.warning("nothing can be written; the job goes on", reason=error.detail)
            self._database_away = True
            self._retry_timer.restart()

    def _instruct(self, process: JobProcess) -> None:
        """Tell the process what it doesn't know yet."""
        orders = self._instructions.orders[self._orders_told :]
        if orders:
            process.tell(orders=[order.to_document() for order in orders])
            self._orders_told += len(orders)
        command = self._find_command()
        if command is not self._command:
            process.tell(command=command)
            self._command = command
        if self._may_end is not None:
            process.tell(may_end=self._may_end)
            self._may_end = None

    def _find_command(self) -> Command:
        if self._instructions.status == statuses.STOPPING:
            return Command.STOP
        pausing = self._instructions.status == statuses.PAUSING or self._shutdown.is_set()
        return Command.PAUSE if pausing else Command.RUN

    def _end_unfinished(self, how: Unfinished) -> Conclusion:
        if how is Unfinished.PAUSED:
            return self._end(execution.put_back, WORKER_SHUTDOWN if self._shutdown.is_set() else None)
        return self._end(execution.cancelled, how.value)

    def _fail(self, failure: dict[str, object]) -> Conclusion:
        return self._end(execution.fail, failure, failures.STATUS_REASONS.get(str(failure["code"])))

    def _died(self, process: JobProcess) -> Conclusion:
        self._starter.warm = False
        how = process.describe_end()
        log.warning("the job's process died", how=how, attempt=self._job.attempt)
        self._log(f"The process died: {how}")
        if process.lost_fork_server():
            return self._end(execution.orphaned)
        if process.crashed_by and (error := self._kind.explain_crash(process.crashed_by)) is not None:
            return self._fail(error)
        return self._end(execution.died, failures.process_died(how, self._output.tail))

    def _log(self, what: str) -> None:
        """Put a line into the job's log, after what was printed last."""
        printed = self._output.tail
        begin = "" if not printed or printed.endswith("\n") else "\n"
        self._journal.add_text(f"{begin}{what} (attempt {self._job.attempt}).\n")

    def _end(self, write: Callable[..., None], *details: object) -> Conclusion:
        def conclude() -> None:
            write(self._context, self._lease, *details)
            log.info("job ended", how=write.__name__)

        return conclude

    def _persistently(self, write: Callable[[], Written]) -> Written:
        """Retry while the database is away, and for `disk_full_seconds` while its disk is full.

        Raises DiskFull after that, and either error when the worker shuts down.
        """
        for delay in growing_delays():
            try:
                return write()
            except (DatabaseUnavailable, DiskFull) as error:
                log.warning("nothing can be written", reason=error.detail, retry_in_seconds=delay)
                too_long = isinstance(error, DiskFull) and self._disk_grace.over
                if too_long or self._shutdown.wait(delay):
                    raise
        raise AssertionError("the delays never end")
