"""Starts child processes for jobs, and reads their messages, output, memory use and exit codes."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import orjson
import psutil
import structlog

from models.jobs.assignment import Assignment
from service.operations.jobs.registry import KINDS
from service.worker import child

TASK = "models.tasks:run"
PRELOADED = (
    "service.worker.child",
    "service.worker.quiet_import",
    *(kind.assignment.task.partition(":")[0] for kind in KINDS.values()),
    "sklearn.metrics",
    "service.worker.frozen_heap",
)
"""The modules that the fork server imports once for all jobs, in this order. They import TensorFlow, Keras and the
exporter."""

START_ATTEMPTS = 3
SECONDS_BETWEEN_ATTEMPTS = 0.1
KILL_SECONDS = 5.0
EXIT_CODE_SECONDS = 1.0
MESSAGE_BATCH = 500
OUTPUT_CHUNK = 65536
CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
EXIT_CODE_UNKNOWN = 255
"""The exit code that multiprocessing reports for a child process whose fork server ended."""

CHILDREN = threading.Lock()
"""Held while multiprocessing reads exit codes. Starting a process also reads those of all ended processes. If two
threads read the same one, the second gets EXIT_CODE_UNKNOWN."""

log = structlog.get_logger()


class StartFailed(Exception):
    """No process could be started."""


class JobProcess:
    """A child process that was started for a job, with its two pipes. `close` kills it if it still runs."""

    def __init__(self, process: BaseProcess, connection: Connection, output: Connection) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process
        self._connection: Connection | None = connection
        self._output: Connection | None = output
        os.set_blocking(output.fileno(), False)
        # Signals the end of this process, not of the fork server, and can't refer to a later process with the same id.
        self._pidfd = os.pidfd_open(self.pid)

    def wait(self, seconds: float, *, for_messages: bool = True) -> None:
        """Wait at most `seconds`, until there is something to read or the process has ended."""
        pipes = [self._connection, self._output] if for_messages else [self._output]
        wait([*(pipe for pipe in pipes if pipe is not None), self._pidfd], seconds)

    @property
    def ended(self) -> bool:
        return bool(wait([self._pidfd], 0))

    def messages(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived, at most MESSAGE_BATCH."""
        for _ in range(MESSAGE_BATCH):
            try:
                if self._connection is None or not self._connection.poll():
                    return
                yield orjson.loads(self._connection.recv_bytes())
            except (EOFError, OSError):
                self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def printed(self) -> bytes:
        """The next at most OUTPUT_CHUNK bytes that were printed; empty if there are none."""
        if self._output is None:
            return b""
        try:
            chunk = os.read(self._output.fileno(), OUTPUT_CHUNK)
        except BlockingIOError:
            return b""
        if not chunk:
            self._output.close()
            self._output = None
        return chunk

    def memory(self) -> int:
        """Bytes of memory that the process uses, without pages of mapped files; 0 if it has ended."""
        try:
            memory = psutil.Process(self.pid).memory_info()
            return int(memory.rss - memory.shared)
        except psutil.Error:
            return 0

    def send(self, **message: Any) -> None:
        """Send the task that it begins, a command, orders, or whether it may end. Does nothing if the process has
        ended."""
        with contextlib.suppress(OSError):
            if self._connection is not None:
                self._connection.send_bytes(orjson.dumps(message))

    def kill(self) -> None:
        """Kill the process and wait until it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        wait([self._pidfd], KILL_SECONDS)

    def lost_fork_server(self) -> bool:
        """Whether the process ended because its fork server ended."""
        return self._exit_code() == EXIT_CODE_UNKNOWN

    def _exit_code(self) -> int | None:
        """The exit code of a process that has ended; None if it isn't known within the timeout."""
        wait([self._process.sentinel], EXIT_CODE_SECONDS)
        with CHILDREN:
            self._process.join(EXIT_CODE_SECONDS)
            return self._process.exitcode

    def crashed_by(self, *, again: bool) -> str | None:
        """The name of the signal that the process's own work caused, such as SIGSEGV; None if it ended otherwise.

        If an earlier attempt crashed too, that includes SIGKILL, which the kernel sends when memory runs out. Once it
        may have been the memory of other processes.
        """
        killed = -(self._exit_code() or 0)
        return signal.Signals(killed).name if killed in CRASHES or (again and killed == signal.SIGKILL) else None

    def describe_end(self) -> str:
        """The exit code or the signal that ended the process, as text."""
        code = self._exit_code()
        if code is None or code == EXIT_CODE_UNKNOWN:
            return "killed, or its fork server was"
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def close(self) -> None:
        """Kill the process and release its resources."""
        self.kill()
        self._disconnect()
        if self._output is not None:
            self._output.close()
        os.close(self._pidfd)
        self._exit_code()
        with contextlib.suppress(ValueError), CHILDREN:
            self._process.close()


class ProcessStarter:
    """Starts child processes through a fork server that has imported TensorFlow, or as new interpreters (`spawn`)."""

    def __init__(self, start_method: str, task: str = TASK, preloaded: Sequence[str] = PRELOADED) -> None:
        self._context: Any = multiprocessing.get_context(start_method)
        self._start_method = start_method
        self._task = task
        self._preloaded = tuple(preloaded)
        self._closed = False
        self.warm = False
        """Whether a process was started, and nothing has happened since then that may have ended the fork server."""
        self.problem: str | None = None
        """Why the latest `warm_up` failed; None if it succeeded. Clients can read it; the log has the details."""
        os.environ["KERAS_BACKEND"] = "tensorflow"
        # TensorFlow raises its errors. It also logs doubts about compiled code that it finds, which clients would see.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        if start_method == "forkserver":
            self._context.set_forkserver_preload(list(preloaded))

    def start_task(self, assignment: Assignment, folder: Path) -> JobProcess:
        """Start a child process that runs the assignment and writes into `folder`.

        Of several processes that a fork server forks before one start succeeds, only that one runs the assignment.
        Raises StartFailed.
        """
        return self._start(child.run_task, self._task, assignment, str(folder))

    def warm_up(self) -> None:
        """Start a process that imports the modules of jobs. If no fork server runs yet, this takes seconds.

        Sets `warm` on success, `problem` otherwise. A fork server hides import errors; this logs them.
        """
        began = time.monotonic()
        try:
            with contextlib.closing(self._start(child.check_imports, self._preloaded)) as process:
                message = _last_message(process)
                how = "" if message else process.describe_end()
        except StartFailed as error:
            log.error("can't start a process", reason=str(error))
            self.problem = f"No process for a job can be started{_describe(error.__cause__)}."
            return
        if message.get("type") != "result":
            log.error("can't start jobs", how=how, exception=message.get("traceback", ""))
            self.problem = f"The libraries for jobs can't be imported{f' ({how})' if how else ''}."
            return
        if message["data"]["missing"] and self._start_method == "forkserver":
            log.warning("each job imports these modules, so jobs start slowly", modules=message["data"]["missing"])
        self.warm, self.problem = True, None
        log.info("ready to start jobs", seconds=round(time.monotonic() - began, 2))

    def close(self) -> None:
        """Start no more processes and no more fork servers."""
        self._closed = True

    def _start(self, target: Callable[..., None], *arguments: Any) -> JobProcess:
        reason: Exception | None = None
        for _ in range(START_ATTEMPTS):
            if self._closed:
                break
            try:
                return self._try_to_start(target, arguments)
            except (OSError, EOFError) as error:  # the fork server crashed; the next attempt starts another
                reason = error
                time.sleep(SECONDS_BETWEEN_ATTEMPTS)
        self.warm = False
        raise StartFailed("The worker is shutting down." if self._closed else repr(reason)) from reason

    def _try_to_start(self, target: Callable[..., None], arguments: tuple[Any, ...]) -> JobProcess:
        with contextlib.ExitStack() as on_failure:
            connection, far_connection = self._context.Pipe()
            output, far_output = self._context.Pipe(duplex=False)
            for end in (connection, output):
                on_failure.callback(end.close)
            with far_connection, far_output:
                process = self._context.Process(
                    target=target, args=(far_connection, far_output, *arguments), daemon=True
                )
                with CHILDREN:
                    process.start()
            # The process waits for `begin`. If this fails, it has ended or ends now, and nothing of its task was done.
            started = JobProcess(process, connection, output)
            on_failure.pop_all()
            started.send(begin=True)
            return started


def _describe(error: BaseException | None) -> str:
    """The reason of the operating system, in parentheses and without the path; empty if there is none."""
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
    return f" ({reason})" if reason else ""


def _last_message(process: JobProcess) -> dict[str, Any]:
    """The process's last message; empty if it ends without one."""
    while True:
        process.wait(KILL_SECONDS)
        ended = process.ended
        for message in process.messages():
            return message
        if ended:
            return {}
