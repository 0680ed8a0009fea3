"""Runs one claimed job: starts its child process, watches it, ends it, and records the outcome."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import structlog

from models.jobs.assignment import Assignment, Unfinished
from models.training.plan import Command
from service import statuses
from service.context import Context
from service.errors import (
    ArtifactsError,
    ArtifactsUnavailable,
    DatabaseUnavailable,
    DiskFull,
    LeaseLost,
    StorageError,
    of_disk,
)
from service.operations.jobs import leases, queue
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.leases import Instructions, Lease
from service.operations.jobs.lifecycle import STALLED, WORKER_LOST
from service.operations.jobs.registry import kind_of
from service.operations.upkeep import space
from service.storage.records import Job
from service.tracing import Tracing
from service.worker import failures
from service.worker.conclusion import Conclusion, Failure, fail, give_back
from service.worker.journal import Journal
from service.worker.output import PrintedOutput
from service.worker.processes import JobProcess, ProcessStarter, StartFailed
from service.worker.spans import JobSpans
from service.worker.timing import Grace, Timer, growing_delays

TICK_SECONDS = 0.2
ORDER_SECONDS = 0.4
MEMORY_SECONDS = 0.2
RENEWALS_PER_LEASE = 3
RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 15.0
"""The longest wait before a job runs again whose files couldn't be stored: a large one fills the disk each time."""
SHUTDOWN_GRACE_SECONDS = 3.0
"""How long a worker that shuts down waits for a job's last checkpoint, or for the model of a stopped job."""
ORDER_GRACE_SECONDS = 1.5
"""How long a pause waits for the child process to write a checkpoint. After that the job resumes from the previous
checkpoint, with the same result. Also how long a stop waits for a child process that has done no step and so has no
model to save."""


Written = TypeVar("Written")

log = structlog.get_logger()


def supervise(
    context: Context,
    lease: Lease,
    job: Job,
    starter: ProcessStarter,
    shutdown: threading.Event,
    tracing: Tracing | None = None,
) -> None:
    """Run a claimed job until it has ended, was put back because of `shutdown`, or lost its lease.

    Raises nothing. If the database can't be written during a shutdown, the reapers put the job back later.
    """
    spans = JobSpans(tracing, job)
    with (
        spans.supervising(partial(queue.find_queued, context, job)) as trace,
        structlog.contextvars.bound_contextvars(job_id=job.id, kind=job.kind, **(_describe(job) | trace)),
    ):
        try:
            with context.holding_files() as holding:
                Supervision(holding, lease, job, starter, shutdown, spans).run()
        except LeaseLost as error:
            log.warning("job abandoned", reason=error.detail)
            spans.note_outcome("abandoned")
            context.artifacts.discard(lease.staging_name)
        except StorageError as error:
            if shutdown.is_set():
                give_back(context, lease, error, spans)
            else:
                log.error("job failed", reason=error.detail)
                fail(context, lease, failures.flatten(error), spans)
        except Exception as error:
            log.exception("job failed")
            fail(context, lease, failures.flatten(error), spans)


def _describe(job: Job) -> dict[str, str]:
    """What lines of the log say about a job besides its id and its kind."""
    return ({} if job.part_of is None else {"part_of": job.part_of}) | job.describe_origin()


class Supervision:
    """One execution of a job."""

    def __init__(
        self,
        context: Context,
        lease: Lease,
        job: Job,
        starter: ProcessStarter,
        shutdown: threading.Event,
        spans: JobSpans,
    ) -> None:
        self._context = context
        self._lease = lease
        self._job = job
        self._kind = kind_of(job)
        self._starter = starter
        self._shutdown = shutdown
        self._spans = spans
        self._journal = Journal(context, lease, job.checkpoint)
        self._output = PrintedOutput(context.settings.max_log_bytes)
        self._instructions = Instructions(job.status, job.orders, closed=False)
        self._command = Command.RUN
        self._orders_sent = len(job.orders)
        self._orders_known_at_end: int | None = None
        """How many orders the task had received when it asked whether it may end; None if it isn't asking."""
        self._may_end: bool | None = None
        self._began_at = self._last_message_at = time.monotonic()
        self._order_timer = Timer(ORDER_SECONDS)
        self._memory_timer = Timer(MEMORY_SECONDS)
        self._renewal_timer = Timer(context.settings.lease_seconds / RENEWALS_PER_LEASE)
        self._renewal_timer.restart()
        self._retry_timer = Timer(RETRY_SECONDS)
        self._database_unavailable = False
        self._disk_grace = Grace(self._context.settings.disk_full_seconds)
        self._shutdown_grace = Grace(SHUTDOWN_GRACE_SECONDS if self._kind.resumable else 0)
        self._order_grace = Grace(ORDER_GRACE_SECONDS)

    def run(self) -> None:
        """Raises LeaseLost, DiskFull, ArtifactsError and DatabaseUnusable; DatabaseUnavailable if the worker shuts down
        meanwhile."""
        try:
            with self._renewing():
                assignment = self._persistently(partial(self._kind.describe, self._context, self._job))
                self._persistently(partial(self._journal.snapshots.begin, self._job))
        except ArtifactsUnavailable as error:
            log.warning("job put back: its inputs can't be read", reason=error.detail)
            self._persistently(partial(self._conclude, Conclusion(execution.put_back, queue.INPUTS_UNAVAILABLE)))
            return
        conclusion = self._execute(assignment)
        with self._renewing():
            while not self._journal.empty:
                self._persistently(self._journal.write)
            self._journal.snapshots.end()
            self._persistently(partial(self._conclude, conclusion))

    def _execute(self, assignment: Assignment) -> Conclusion:
        """Run the child process. If its files can't be stored, a job that can't be paused runs again for
        `disk_full_seconds`."""
        grace = Grace(self._context.settings.disk_full_seconds)
        for delay in growing_delays(first=1.0, longest=LONGEST_RETRY_SECONDS):
            conclusion = self._run_process(assignment)
            if not isinstance(conclusion, Failure) or not conclusion.is_of_storage:
                return conclusion
            with self._renewing():  # the disk may be full of its files
                self._context.artifacts.discard(self._lease.staging_name)
            if not execution.may_run_again(self._job) or grace.over:
                return conclusion
            log.warning("the job's files can't be stored", reason=conclusion.detail, retry_in_seconds=delay)
            if (ordered := self._wait_to_run_again(delay, grace)) is not None:
                return ordered
        raise AssertionError("the delays never end")

    def _wait_to_run_again(self, seconds: float, grace: Grace) -> Conclusion | None:
        """Wait, also while there is too little space. Returns how the job ends if it must not run again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until or (space.find_shortage(self._context) is not None and not grace.over):
            self._exchange()
            if self._instructions.status == statuses.CANCELLING:
                return Conclusion(execution.cancelled)
            if self._shutdown.wait(TICK_SECONDS):
                return Conclusion(execution.put_back, queue.WORKER_SHUTDOWN)
        return None

    def _run_process(self, assignment: Assignment) -> Conclusion:
        with self._renewing():
            folder = self._persistently(partial(self._context.artifacts.stage, self._lease.staging_name))
        self._began_at = self._last_message_at = time.monotonic()
        try:
            with contextlib.closing(self._starter.start_task(assignment, folder)) as process:
                log.info("job started", pid=process.pid, attempt=self._job.attempt)
                self._spans.begin_process(process.pid)
                conclusion = self._watch(process)
                self._spans.end_process()
        except StartFailed as error:
            log.error("job could not be started", reason=str(error))
            return Conclusion(execution.put_back, WORKER_LOST)
        return conclusion

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        """Renew the lease during the block: copying large files may take longer than a lease."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(self._context.settings.lease_seconds / RENEWALS_PER_LEASE):
                with contextlib.suppress(LeaseLost, StorageError):
                    leases.renew(self._context, self._lease)

        thread = threading.Thread(target=renew, name=f"{self._lease.staging_name}-renewing", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _watch(self, process: JobProcess) -> Conclusion:
        """Serve the child process until it is clear how the job ends. The process may still run then."""
        while True:
            process.wait(TICK_SECONDS, for_messages=not self._journal.full)
            ended = process.ended
            received, conclusion = self._read(process, everything=ended)
            if conclusion is not None:
                return conclusion
            if ended and not received:
                return self._crashed(process)
            if (conclusion := self._abort(process)) is not None:
                return conclusion
            self._exchange()
            if self._instructions.status == statuses.CANCELLING:
                return Conclusion(execution.cancelled)
            self._instruct(process)

    def _abort(self, process: JobProcess) -> Conclusion | None:
        """How the job ends if its child process must not continue; None if it may."""
        settings = self._context.settings
        if self._shutdown.is_set() and self._shutdown_grace.over:
            return Conclusion(execution.put_back, queue.WORKER_SHUTDOWN)
        if self._instructions.lost:
            return Conclusion(execution.lost_worker, failures.worker_lost())
        if self._instructions.status == statuses.PAUSING and self._order_grace.over:
            return Conclusion(execution.put_back)
        if self._instructions.status == statuses.STOPPING and not self._journal.began and self._order_grace.over:
            return Conclusion(execution.cancelled, Unfinished.STOPPED_BEFORE_TRAINING.value)
        if self._journal.checkpoints.fault is not None:
            return Failure(self._journal.checkpoints.fault)
        most = self._kind.memory_bytes(settings)
        if self._memory_timer.due() and process.memory() > most:
            return Failure(failures.over_memory_limit(most))
        if (error := self._kind.explain_timeout(settings, time.monotonic() - self._began_at)) is not None:
            return Failure(error)
        silent = time.monotonic() - self._last_message_at
        if silent > settings.stall_seconds:
            process.kill()
            log.warning("the child process stalled", seconds=round(silent), attempt=self._job.attempt)
            self._log(f"The child process made no progress for {settings.stall_seconds:g} s and was killed")
            if (error := self._kind.explain_stall(settings)) is not None:
                return Failure(error)
            return Conclusion(execution.crashed, failures.stalled(settings.stall_seconds), STALLED)
        return None

    def _read(self, process: JobProcess, *, everything: bool) -> tuple[bool, Conclusion | None]:
        """Read messages and output: whether there were any, and how the job ends if a message says so.

        Unless `everything` is set, a full journal stops reading messages, so that the process waits.
        """
        received, conclusion = False, None
        for message in process.messages() if everything or not self._journal.full else ():
            received = True
            if message["type"] == "result":
                conclusion = Conclusion(execution.succeed, message["data"])
            elif message["type"] == "unfinished":
                conclusion = self._end_unfinished(Unfinished(message["data"]))
            elif message["type"] == "failure":
                if message["data"]["code"] == failures.INTERNAL:
                    log.error("the task failed", exception=message["traceback"])
                conclusion = Failure(message["data"])
            elif message["type"] == "ending":
                self._orders_known_at_end = len(self._job.orders) + message["data"]["orders"]
            else:
                if message["type"] == "phase":
                    self._spans.begin_phase(message["data"]["phase"], message["at"])
                with self._renewing() if message["type"] == "checkpoint" else contextlib.nullcontext():
                    self._journal.add(message)
        if received or self._journal.full:
            self._last_message_at = time.monotonic()
        while printed := process.printed():
            received = True
            self._journal.add_text(self._output.decode(printed))
        return received, conclusion

    def _exchange(self) -> None:
        """Write what is due, renew the lease, and read the job's instructions.

        Raises LeaseLost, DatabaseUnusable, and DiskFull if the disk stays full.
        """
        if self._database_unavailable and not self._retry_timer.due():
            return
        try:
            if self._journal.due:
                with self._renewing():
                    self._instructions = self._journal.write()
                self._renewal_timer.restart()
            elif self._orders_known_at_end is not None:
                self._instructions = leases.close(self._context, self._lease, self._orders_known_at_end)
                self._may_end, self._orders_known_at_end = self._instructions.closed, None
            elif self._database_unavailable or self._renewal_timer.due():
                # After a failed write, only a write shows that the database works again.
                self._instructions = leases.renew(self._context, self._lease)
            elif self._order_timer.due():
                self._instructions = leases.instructions(self._context, self._lease)
            self._database_unavailable = False
            self._disk_grace = Grace(self._context.settings.disk_full_seconds)
        except (DatabaseUnavailable, DiskFull) as error:
            if isinstance(error, DiskFull) and self._disk_grace.over:
                raise
            if not self._database_unavailable:
                log.warning("can't write to the database; the job continues", reason=error.detail)
            self._database_unavailable = True
            self._retry_timer.restart()

    def _instruct(self, process: JobProcess) -> None:
        """Send the child process the orders and the command that it hasn't received yet."""
        orders = self._instructions.orders[self._orders_sent :]
        if orders:
            process.send(orders=[order.to_document() for order in orders])
            self._orders_sent += len(orders)
        command = self._find_command()
        if command is not self._command:
            process.send(command=command)
            self._command = command
        if self._may_end is not None:
            process.send(may_end=self._may_end)
            self._may_end = None

    def _find_command(self) -> Command:
        if self._instructions.status == statuses.STOPPING:
            return Command.STOP
        pausing = self._instructions.status == statuses.PAUSING or self._shutdown.is_set()
        return Command.PAUSE if pausing else Command.RUN

    def _end_unfinished(self, how: Unfinished) -> Conclusion:
        if how is Unfinished.PAUSED:
            return Conclusion(execution.put_back, queue.WORKER_SHUTDOWN if self._shutdown.is_set() else None)
        if how is Unfinished.MEMBER_LOST:
            return Conclusion(execution.lost_worker, failures.worker_lost())
        return Conclusion(execution.cancelled, how.value)

    def _crashed(self, process: JobProcess) -> Conclusion:
        self._starter.warm = False
        how = process.describe_end()
        log.warning("the child process crashed", how=how, attempt=self._job.attempt)
        self._log(f"The child process crashed: {how}")
        if process.lost_fork_server():
            return Conclusion(execution.lost_fork_server)
        signal_name = process.crashed_by(again=self._job.deaths > 0)
        if signal_name is not None and (error := self._kind.explain_crash(signal_name)) is not None:
            return Failure(error)
        return Conclusion(execution.crashed, failures.process_crashed(how))

    def _log(self, sentence: str) -> None:
        """Add a line to the job's log, after the output so far."""
        printed = self._output.tail
        begin = "" if not printed or printed.endswith("\n") else "\n"
        self._journal.add_text(f"{begin}{sentence} (attempt {self._job.attempt}).\n")

    def _conclude(self, conclusion: Conclusion) -> None:
        record = conclusion.record
        with self._spans.concluding("publish" if record is execution.succeed else "conclude"):
            record(self._context, self._lease, *conclusion.details)
        self._spans.note_outcome(record.__name__, conclusion.error)
        log.info("job ended", how=record.__name__)

    def _persistently(self, write: Callable[[], Written]) -> Written:
        """Retry while the database is unavailable, and for `disk_full_seconds` while a disk is full or the artifact
        store can't be read or written.

        Raises DiskFull or ArtifactsError after that time, and any of the errors if the worker shuts down.
        """
        for delay in growing_delays():
            try:
                return write()
            except (DatabaseUnavailable, DiskFull, ArtifactsError, OSError) as error:
                problem = of_disk(error) if isinstance(error, OSError) else error
                if problem is None:
                    raise
                log.warning("the storage fails", reason=problem.detail, retry_in_seconds=delay)
                too_long = not isinstance(problem, DatabaseUnavailable) and self._disk_grace.over
                if too_long or self._shutdown.wait(delay):
                    if problem is error:
                        raise
                    raise problem from error
        raise AssertionError("the delays never end")
