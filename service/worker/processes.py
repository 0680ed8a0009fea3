"""Starting processes for jobs, and holding one: its messages, its output, its memory, its end."""

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
)
"""What the fork server imports once for all jobs: TensorFlow, Keras and the exporter come with it."""

START_TRIES = 3
SECONDS_BETWEEN_TRIES = 0.1
KILL_SECONDS = 5.0
EXIT_CODE_SECONDS = 1.0
MESSAGES_AT_ONCE = 500
OUTPUT_CHUNK = 65536
CRASHES = (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
EXIT_CODE_UNKNOWN = 255
"""What multiprocessing reports for a child whose fork server died."""

CHILDREN = threading.Lock()
"""Held while multiprocessing reads exit codes, as it also does for all that have ended when another process starts: of
two threads that read the same one, the second takes the fork server for dead."""

log = structlog.get_logger()


class StartFailed(Exception):
    """No process could be started."""


class JobProcess:
    """A process that was started for a job, with both pipes; killed by `close` if it still runs."""

    def __init__(self, process: BaseProcess, connection: Connection, output: Connection) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self._process = process
        self._connection: Connection | None = connection
        self._output: Connection | None = output
        os.set_blocking(output.fileno(), False)
        # Ends with the process itself and not with the fork server, and never means another process of that id.
        self._pidfd = os.pidfd_open(self.pid)

    def wait(self, seconds: float, *, for_messages: bool = True) -> None:
        """Wait until something can be read or the process has ended, at most `seconds`."""
        pipes = [self._connection, self._output] if for_messages else [self._output]
        wait([*(pipe for pipe in pipes if pipe is not None), self._pidfd], seconds)

    @property
    def ended(self) -> bool:
        return bool(wait([self._pidfd], 0))

    def messages(self) -> Iterator[dict[str, Any]]:
        """The messages that have arrived, some hundred at most."""
        for _ in range(MESSAGES_AT_ONCE):
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
        """Some of what was printed since the last call; nothing once all of it was given."""
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
        """Bytes of memory that the process occupies, without pages of mapped files; 0 when it has ended."""
        try:
            memory = psutil.Process(self.pid).memory_info()
            return int(memory.rss - memory.shared)
        except psutil.Error:
            return 0

    def tell(self, **message: Any) -> None:
        """Send the task a command, orders, or the answer whether it may end; one that has ended hears nothing."""
        with contextlib.suppress(OSError):
            if self._connection is not None:
                self._connection.send_bytes(orjson.dumps(message))

    def kill(self) -> None:
        """End the process at once, whatever it does; returns when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        wait([self._pidfd], KILL_SECONDS)

    def lost_fork_server(self) -> bool:
        """Whether the process ended because its fork server did."""
        return self._exit_code() == EXIT_CODE_UNKNOWN

    def _exit_code(self) -> int | None:
        """The exit code of a process that has ended; None if it doesn't arrive in time."""
        wait([self._process.sentinel], EXIT_CODE_SECONDS)
        with CHILDREN:
            self._process.join(EXIT_CODE_SECONDS)
            return self._process.exitcode

    @property
    def crashed_by(self) -> str | None:
        """The name of the signal by which the process's own code ended it; None where it ended otherwise."""
        code = self._exit_code() or 0
        return signal.Signals(-code).name if -code in CRASHES else None

    def describe_end(self) -> str:
        """In what way the process ended, in words."""
        code = self._exit_code()
        if code is None or code == EXIT_CODE_UNKNOWN:
            return "killed, or its fork server was"
        return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"

    def close(self) -> None:
        """Give everything back."""
        self.kill()
        self._disconnect()
        if self._output is not None:
            self._output.close()
        os.close(self._pidfd)
        self._exit_code()
        with contextlib.suppress(ValueError), CHILDREN:
            self._process.close()


class ProcessStarter:
    """Starts processes by a fork server that has imported TensorFlow, or afresh (`spawn`)."""

    def __init__(self, start_method: str, task: str = TASK, preloaded: Sequence[str] = PRELOADED) -> None:
        self._context: Any = multiprocessing.get_context(start_method)
        self._start_method = start_method
        self._task = task
        self._preloaded = tuple(preloaded)
        self._closed = False
        self.warm = False
        """Whether a process was started lately, and nothing happened since that may have ended the fork server."""
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if start_method == "forkserver":
            self._context.set_forkserver_preload(list(preloaded))

    def start_task(self, assignment: Assignment, folder: Path) -> JobProcess:
        """Start a process that does the assignment into `folder`. Raises StartFailed."""
        return self._start(child.run_task, self._task, assignment, str(folder))

    def warm_up(self) -> None:
        """Start a process that imports what jobs need, which takes seconds when there is no fork server yet.

        `warm` says afterwards whether it could. A fork server hides the errors of its imports; this shows them.
        """
        began = time.monotonic()
        try:
            with contextlib.closing(self._start(child.answer, self._preloaded)) as process:
                message = _last_message(process)
                how = "" if message else process.describe_end()
        except StartFailed as error:
            log.error("no process can be started", reason=str(error))
            return
        if message.get("type") != "result":
            log.error("jobs can't be started", how=how, exception=message.get("traceback", ""))
            return
        if message["data"]["missing"] and self._start_method == "forkserver":
            log.warning("every job imports these anew, and starts slowly", modules=message["data"]["missing"])
        self.warm = True
        log.info("ready to start jobs", seconds=round(time.monotonic() - began, 2))

    def close(self) -> None:
        """Start nothing more, neither a process nor a fork server."""
        self._closed = True

    def _start(self, target: Callable[..., None], *arguments: Any) -> JobProcess:
        reason: Exception | None = None
        for _ in range(START_TRIES):
            if self._closed:
                break
            try:
                return self._try_to_start(target, arguments)
            except (OSError, EOFError) as error:  # the fork server died; the next try starts another
                reason = error
                time.sleep(SECONDS_BETWEEN_TRIES)
        self.warm = False
        raise StartFailed("The worker is ending." if self._closed else repr(reason)) from reason

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
            started = JobProcess(process, connection, output)
            on_failure.pop_all()
            return started


def _last_message(process: JobProcess) -> dict[str, Any]:
    """The message that the process ends with; empty when it ends without one."""
    while True:
        process.wait(KILL_SECONDS)
        ended = process.ended
        for message in process.messages():
            return message
        if ended:
            return {}
