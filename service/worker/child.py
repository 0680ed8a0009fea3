"""The child process: it runs one job's task, reports to the supervisor through a pipe, and ends with the supervisor.

It sends JSON objects with a `type`: `phase`, `progress`, `epoch`, `baseline`, `order`, `checkpoint`,
`checkpoint_skipped`, `checkpoint_unreadable`, `snapshot_skipped`, `fold`, `warning`, `ending`, and as the last one
`result`, `unfinished` or `failure`. It receives objects with `begin`, `command`, `orders` or `may_end`.
"""

import contextlib
import gc
import importlib
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

import orjson

from models.documents import Document
from models.errors import BadCheckpoint
from models.jobs.assignment import Assignment, Phase, Unfinished
from models.training.plan import Command, Order
from service.processes import die_with_parent
from service.worker import failures

NICENESS = 10
OOM_SCORE_ADJUSTMENT = 1000
"""If memory runs out, the kernel kills jobs before any other process (proc(5))."""


class PipeChannel:
    """The task's connection to the supervisor: models.tasks.channel.Channel over a pipe. Used by one thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._command = Command.RUN
        self._orders: list[Order] = []

    def wait_to_begin(self) -> None:
        """Wait until the supervisor watches this process.

        If the start fails after the fork, the supervisor closes the connection and starts another process for the same
        attempt. This one ends here, before it has done anything.
        """
        self._wait_for("begin")

    def phase(self, phase: Phase, line: str = "") -> None:
        self.send(encode("phase", {"phase": phase}, at=time.time_ns(), line=line))

    def progress(self, data: dict[str, Any]) -> None:
        self.send(encode("progress", data))

    def epoch(self, data: dict[str, Any], best: dict[str, Any] | None, snapshot: dict[str, Any] | None = None) -> None:
        self.send(encode("epoch", data, best=best, snapshot=snapshot))

    def snapshot_skipped(self, error: OSError, epoch: int) -> None:
        self.send(encode("snapshot_skipped", {"epoch": epoch}, failure=failures.unwritable(error)))

    def baseline(self, metrics: dict[str, float]) -> None:
        self.send(encode("baseline", metrics))

    def order_taken(self, order: Order, step: int) -> None:
        self.send(encode("order", replace(order, step=step).to_document()))

    def checkpoint(self, name: str, data: dict[str, Any]) -> None:
        self.send(encode("checkpoint", data, name=name))

    def checkpoint_skipped(self, error: OSError, data: dict[str, Any]) -> None:
        self.send(encode("checkpoint_skipped", data, failure=failures.unwritable(error)))

    def checkpoint_unreadable(self, error: BadCheckpoint) -> None:
        self.send(encode("checkpoint_unreadable", {"reason": error.detail}))

    def fold(self, data: dict[str, Any]) -> None:
        self.send(encode("fold", data))

    def warning(self, type_: str, detail: str) -> None:
        self.send(encode("warning", {"type": type_, "detail": detail}))

    def command(self) -> Command:
        with _ending_without_supervisor():
            while self._connection.poll():
                self._receive()
        return self._command

    def orders(self) -> Sequence[Order]:
        self.command()
        return self._orders

    def may_end(self) -> bool:
        """Asks the supervisor and waits for its reply."""
        self.send(encode("ending", {"orders": len(self._orders)}))
        return bool(self._wait_for("may_end"))

    def _wait_for(self, field: str) -> Any:
        """Receive messages until one has this field; returns its value."""
        message: dict[str, Any] = {}
        with _ending_without_supervisor():
            while field not in message:
                message = self._receive()
        return message[field]

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = orjson.loads(self._connection.recv_bytes())
        self._command = Command(message.get("command", self._command))
        self._orders += [Order.from_document(order) for order in message.get("orders", ())]
        return message

    def send(self, message: bytes) -> None:
        with _ending_without_supervisor():
            self._connection.send_bytes(message)


def encode(type_: str, data: dict[str, Any] | Unfinished, **fields: Any) -> bytes:
    """A message as JSON. NaN and infinity become null."""
    return orjson.dumps({"type": type_, "data": data, **fields}, option=orjson.OPT_SERIALIZE_NUMPY)


def run_task(connection: Connection, output: Connection, task: str, assignment: Assignment, folder: str) -> NoReturn:
    """The child process's main: call `task` (`module:function`) with the assignment, its folder and a channel."""
    channel = PipeChannel(connection)
    try:
        isolate(output)
        channel.wait_to_begin()
        module, _, function = task.partition(":")
        with _temporary_files_in(Path(folder)):
            outcome = getattr(importlib.import_module(module), function)(assignment, Path(folder), channel)
        finished = isinstance(outcome, Document)
        last_message = encode("result", outcome.to_document()) if finished else encode("unfinished", outcome)
    except Exception as error:
        last_message = encode("failure", failures.flatten(error), traceback=traceback.format_exc())
    _end(channel, last_message)


def check_imports(connection: Connection, output: Connection, modules: Sequence[str]) -> NoReturn:
    """The main of a process that checks whether jobs can start: it imports `modules` and reports the ones that the
    fork server hadn't imported."""
    channel = PipeChannel(connection)
    try:
        isolate(output)
        channel.wait_to_begin()
        missing = [module for module in modules if module not in sys.modules]
        for module in missing:
            importlib.import_module(module)
        last_message = encode("result", {"missing": missing})
    except Exception as error:
        last_message = encode("failure", failures.flatten(error), traceback=traceback.format_exc())
    _end(channel, last_message)


def isolate(output: Connection) -> None:
    """Leave the terminal's session, lower the priority, print into `output`, and end when a parent process ends."""
    die_with_parent(os.getppid())
    # A collection would read all that the fork server has imported, and so copy the pages that they share.
    gc.freeze()
    threading.Thread(target=_end_with_supervisor, name="end-with-supervisor", daemon=True).start()
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(NICENESS)
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE_ADJUSTMENT))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Make libraries write their temporary files into the job's folder, which is removed with the job: a process that
    is killed, or that ends through `_end`, doesn't remove them."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".temporary-") as temporary:
        os.environ["TMPDIR"] = tempfile.tempdir = temporary
        yield


def _end_with_supervisor() -> None:
    # The kernel's parent is the fork server, which runs until all its children have ended.
    supervisor = multiprocessing.parent_process()
    assert supervisor is not None
    wait([supervisor.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def _ending_without_supervisor() -> Any:
    try:
        yield
    except (OSError, EOFError):
        os._exit(1)


def _end(channel: PipeChannel, last_message: bytes) -> NoReturn:
    # Everything is written by now. TensorFlow's shutdown code takes time and can crash.
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    channel.send(last_message)
    os._exit(0)
