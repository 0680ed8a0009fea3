"""What jobs' processes do in these tests, without TensorFlow: the wishes in a job's request, one after another."""

import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.errors import Diverged
from models.training.plan import Command

if TYPE_CHECKING:  # its package imports TensorFlow
    from models.tasks.channel import Channel

TASK = "tests.service.worker.fake_tasks:run"
PRELOADED = ("service.worker.child", "pytest")
"""pytest, because a process that is started by a program first imports what that program's file does."""


class Stopped(Exception):
    """The supervisor handed on an order to stop."""


class Paused(Exception):
    """The supervisor handed on an order to pause."""


def run(assignment: dict[str, Any], folder: Path, channel: "Channel") -> dict[str, Any]:
    if assignment["kind"] == "import":
        fill_the_disk(folder)
    wishes = assignment["request"] if assignment["kind"] == "training" else assignment["document"]
    reason = None
    try:
        for wish, value in wishes["wishes"].items():
            WISHES[wish](value, channel)
    except Stopped:
        reason = "stopped"
    except Paused:
        (folder / "checkpoint-1").mkdir()
        (folder / "checkpoint-1" / "state").write_text("where it was")
        channel.checkpoint("checkpoint-1", {"epoch": 2, "step": 5})
        return {"paused": True}
    if assignment["kind"] == "build":
        return {"summary": {"layers": []}, "summary_text": "no layers"}
    if wishes.get("stopped_before_training"):
        return {"stopped_before_training": True}
    (folder / "network.onnx").write_text("weights")
    return {"status_reason": reason, "version": {"servable": True, "metrics": {}}, "evaluation": None}


def fill_the_disk(folder: Path) -> None:
    (folder / "rows.npy").write_bytes(b"a first part")
    Path("/dev/full").write_bytes(b"for which there is no room")


def train(epochs: int, channel: "Channel") -> None:
    for epoch in range(1, epochs + 1):
        channel.progress({"epoch": epoch, "epochs": epochs})
        channel.epoch({"epoch": epoch, "seconds": 0.1, "loss": 1 / epoch}, {"epoch": epoch, "loss": 1 / epoch})


def wait_for_file(path: str, channel: "Channel") -> None:
    while not Path(path).exists():
        if channel.command() is Command.STOP:
            raise Stopped
        if channel.command() is Command.PAUSE:
            raise Paused
        time.sleep(0.01)


def wait_for_file_deafly(path: str, _channel: "Channel") -> None:
    while not Path(path).exists():
        time.sleep(0.01)


def note_pid(path: str, _channel: "Channel") -> None:
    temporary = Path(f"{path}.{os.getpid()}")
    temporary.write_text(str(os.getpid()))
    temporary.rename(path)


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
    "epochs": train,
    "fall": fall,
    "until": wait_for_file,
    "deaf_until": wait_for_file_deafly,
    "pid": note_pid,
    "temporary": write_temporary_file,
    "print": print_text,
    "print_bytes": print_bytes,
    "die": die,
    "allocate": allocate,
    "diverge": diverge,
    "crash": crash,
    "memory_error": run_out_of_memory,
}
