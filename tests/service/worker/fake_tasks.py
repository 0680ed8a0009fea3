"""What jobs' processes do in these tests, without TensorFlow: the wishes in a job's request, one after another."""

import errno
import itertools
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from models.documents import Document
from models.errors import Diverged
from models.jobs.assignment import Assignment, Phase, Unfinished
from models.jobs.build import BuildAssignment, BuildResult
from models.jobs.dataset_import import ImportAssignment
from models.jobs.model_import import ModelImportAssignment
from models.jobs.training import TrainingAssignment, TrainingResult
from models.training.plan import Command
from models.version_details import VersionDetails

if TYPE_CHECKING:  # its package imports TensorFlow
    from models.tasks.channel import Channel

TASK = "tests.service.worker.fake_tasks:run"
PRELOADED = ("service.worker.child", "pytest")
"""pytest, because a process that is started by a program first imports what that program's file does."""


class Stopped(Exception):
    """The supervisor handed on an order to stop."""


class NothingDone(Stopped):
    """And the task has done no step yet."""


class Paused(Exception):
    """The supervisor handed on an order to pause."""


def run(assignment: Assignment, folder: Path, channel: "Channel") -> Document | Unfinished:
    reason = None
    try:
        for wish, value in wishes_of(assignment, folder).items():
            WISHES[wish](value, channel)
    except NothingDone:
        return Unfinished.STOPPED_BEFORE_TRAINING
    except Stopped:
        reason = "stopped"
    except Paused:
        (folder / "checkpoint-1").mkdir()
        (folder / "checkpoint-1" / "state").write_text("where it was")
        channel.checkpoint("checkpoint-1", {"epoch": 2, "step": 5})
        return Unfinished.PAUSED
    if isinstance(assignment, BuildAssignment):
        return BuildResult({"layers": []}, "no layers")
    (folder / "network.onnx").write_text("weights")
    return TrainingResult(VersionDetails(servable=True), status_reason=reason)


def wishes_of(assignment: Assignment, folder: Path) -> dict[str, Any]:
    """The members that are for a network's components to read, and that nothing before the task does."""
    if isinstance(assignment, BuildAssignment):
        return assignment.spec.layers[0].parameters
    if isinstance(assignment, TrainingAssignment):
        assert isinstance(assignment.request.optimizer, dict)
        return assignment.request.optimizer
    if isinstance(assignment, ModelImportAssignment):
        return assignment.fields.input or {}
    assert isinstance(assignment, ImportAssignment)
    request = orjson.loads((assignment.upload / "request.json").read_bytes())
    if "rows" not in request:
        fill_the_disk(folder)
    return {wish: value for wish, value in request["rows"][0].items() if wish != request["target"]}


def fill_the_disk(folder: Path) -> None:
    (folder / "rows.npy").write_bytes(b"a first part")
    Path("/dev/full").write_bytes(b"for which there is no room")


def train(epochs: int, channel: "Channel") -> None:
    for epoch in range(1, epochs + 1):
        channel.progress({"epoch": epoch, "epochs": epochs})
        channel.epoch({"epoch": epoch, "seconds": 0.1, "loss": 1 / epoch}, {"epoch": epoch, "loss": 1 / epoch})


def begin_phase(text: str, channel: "Channel") -> None:
    """`PHASE`, or `PHASE: line of the log`."""
    phase, _, line = text.partition(": ")
    channel.phase(Phase(phase), line)


def save_checkpoint(epoch: int, channel: "Channel") -> None:
    folder = Path(tempfile.gettempdir()).parent / f"checkpoint-{epoch}"
    folder.mkdir()
    (folder / "state").write_text(f"checkpoint {epoch}")
    channel.checkpoint(folder.name, {"epoch": epoch, "step": 0})


def save_checkpoints(path: str, channel: "Channel") -> None:
    """Save one after another until there is a file at `path`."""
    for epoch in itertools.count(1):
        if Path(path).exists():
            return
        save_checkpoint(epoch, channel)
        time.sleep(0.05)


def skip_checkpoints(path: str, channel: "Channel") -> None:
    """Have no room for a checkpoint until there is a file at `path`."""
    while not Path(path).exists():
        channel.checkpoint_skipped(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), {"epoch": 2, "step": 0})
        time.sleep(0.05)


def fail_to_write(error_number: int, _channel: "Channel") -> None:
    raise OSError(error_number, os.strerror(error_number), "network.keras")


def fail_to_write_until(path: str, channel: "Channel") -> None:
    if not Path(path).exists():
        fail_to_write(errno.EROFS, channel)


def wait_for_file(path: str, channel: "Channel") -> None:
    while not Path(path).exists():
        if channel.command() is Command.STOP:
            raise Stopped
        if channel.command() is Command.PAUSE:
            raise Paused
        time.sleep(0.01)


def wait_before_the_first_step(path: str, channel: "Channel") -> None:
    try:
        wait_for_file(path, channel)
    except Stopped:
        raise NothingDone from None


def wait_for_file_deafly(path: str, _channel: "Channel") -> None:
    while not Path(path).exists():
        time.sleep(0.01)


def note_pid(path: str, _channel: "Channel") -> None:
    temporary = Path(f"{path}.{os.getpid()}")
    temporary.write_text(str(os.getpid()))
    temporary.rename(path)


def note_run(path: str, _channel: "Channel") -> None:
    """Add a line to the file at `path`."""
    with open(path, "a") as file:
        file.write("run\n")


def write_temporary_file(path: str, _channel: "Channel") -> None:
    """Write one that nobody removes, and note at `path` where it is."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        Path(path).write_text(file.name)


def print_text(text: str, _channel: "Channel") -> None:
    print(text, end="")


def print_bytes(count: int, _channel: "Channel") -> None:
    os.write(1, b"x" * count)


def die(times: str, _channel: "Channel") -> None:
    """`FILE:N`: be killed the first N times."""
    path, _, most = times.rpartition(":")
    deaths = Path(path).stat().st_size if Path(path).exists() else 0
    if deaths < int(most):
        with open(path, "a") as file:
            file.write("x")
        print("about to die")
        os.kill(os.getpid(), signal.SIGKILL)


def fall(signal_number: int, _channel: "Channel") -> None:
    """Be ended as by an instruction that the processor refuses."""
    os.kill(os.getpid(), signal_number)


def allocate(size: int, channel: "Channel") -> None:
    held = b"x" * size
    wait_for_file_deafly("/nonexistent", channel)
    assert held


def diverge(_value: bool, channel: "Channel") -> None:
    channel.epoch({"epoch": 1, "seconds": 0.1, "loss": float("nan")}, None)
    raise Diverged("The loss became NaN in epoch 1.")


def crash(text: str, _channel: "Channel") -> None:
    raise RuntimeError(text)


def run_out_of_memory(_value: bool, _channel: "Channel") -> None:
    raise MemoryError


WISHES: dict[str, Callable[..., None]] = {
    "build": begin_phase,
    "epochs": train,
    "evaluate": begin_phase,
    "fall": fall,
    "save_checkpoint": save_checkpoint,
    "save_checkpoints_until": save_checkpoints,
    "skip_checkpoints_until": skip_checkpoints,
    "fail_to_write": fail_to_write,
    "fail_to_write_until": fail_to_write_until,
    "until": wait_for_file,
    "before_the_first_step_until": wait_before_the_first_step,
    "deaf_until": wait_for_file_deafly,
    "pid": note_pid,
    "note_run": note_run,
    "temporary": write_temporary_file,
    "print": print_text,
    "print_bytes": print_bytes,
    "die": die,
    "allocate": allocate,
    "diverge": diverge,
    "crash": crash,
    "memory_error": run_out_of_memory,
}
