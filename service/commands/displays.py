"""Display of a job that is followed: a progress bar in a terminal, or lines in a pipe."""

import sys
import time
from types import TracebackType
from typing import Any, Protocol, Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Column

from fitserve_client import JobEvent
from service.commands.console import Console
from service.commands.output import printable
from service.event_text import EPOCH, PROGRESS, EventText, describe_number, metrics_of

PROGRESS_LINE_SECONDS = 10.0
"""In a pipe: the time without output after which a line shows the progress of a long epoch."""


class Display(Protocol):
    """Shows a job within a `with` block."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Restore the terminal."""

    def show(self, event: JobEvent) -> None:
        """Show an event."""

    def say(self, line: str) -> None:
        """Show a line about the connection."""


class Lines:
    """One line per epoch, status change and message."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._text = EventText(job["epochs"])
        self._wrote_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def show(self, event: JobEvent) -> None:
        text = self._text.put(event.type, event.data)
        if event.type == "transition" and not event.final:
            text = describe_status(event.data["status"], event.data["reason"]) + "\n"
        elif event.type == PROGRESS and time.monotonic() - self._wrote_at > PROGRESS_LINE_SECONDS:
            text = " - ".join(filter(None, describe_progress(event.data))) + "\n"
        if text:
            sys.stdout.write(printable(text))
            sys.stdout.flush()
            self._wrote_at = time.monotonic()


class Bar:
    """A progress bar with the latest metrics and the remaining time, below the printed output."""

    def __init__(self, job: dict[str, Any], console: Console) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TaskProgressColumn(),
            TextColumn("{task.fields[details]}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
            console=console,
            expand=True,
        )
        self._text = EventText(job["epochs"])
        self._progress: dict[str, Any] = job["progress"]
        self._metrics: dict[str, Any] = job["metrics"] or {}
        self._status = describe_status(job["status"], job["status_reason"])
        self._row = self._bar.add_task("", total=1.0)
        self._update()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bar.stop()

    def show(self, event: JobEvent) -> None:
        text = self._text.put(event.type, event.data)
        if event.type == PROGRESS:
            self._progress = event.data
        elif event.type == EPOCH:
            self._metrics = metrics_of(event.data)
        elif event.type == "transition":
            self._status = describe_status(event.data["status"], event.data["reason"])
            self._progress = self._progress | {"eta_seconds": None}
        elif text:
            self.say(text.rstrip("\n"))
        self._update()

    def say(self, line: str) -> None:
        self._bar.console.print(printable(line), markup=False, highlight=False)

    def _update(self) -> None:
        epoch, steps, eta = describe_progress(self._progress)
        metrics = (f"{name} {describe_number(value)}" for name, value in self._metrics.items())
        details = "  ".join(filter(None, [eta, epoch, *metrics, steps]))
        self._bar.update(
            self._row, description=self._status, completed=self._progress["fraction"], details=printable(details)
        )


def describe_status(status: str, reason: str | None) -> str:
    return status if reason is None else f"{status} ({reason})"


def describe_progress(progress: dict[str, Any]) -> tuple[str, str, str]:
    """Epoch, step, and the remaining time if known."""
    steps = "" if progress["steps"] is None else f"step {progress['step']}/{progress['steps']}"
    eta = "" if progress["eta_seconds"] is None else f"{describe_duration(progress['eta_seconds'])} left"
    place = f"Fold {progress['fold']}" if "fold" in progress else f"Epoch {progress['epoch']}/{progress['epochs']}"
    return place, steps, eta


def describe_duration(seconds: float) -> str:
    """Hours, minutes and seconds: `0:04`, `2:00:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def describe_end(job: dict[str, Any]) -> str:
    """One line that says how a final job ended."""
    ended = f"{job['id']} {describe_status(job['status'], job['status_reason'])}"
    if job["error"] is not None:
        return f"{ended}: {printable(job['error']['detail'])}"
    return ended if job["version"] is None else f"{ended}: version {job['version']} of {job['model']}"


def describe_baseline(job: dict[str, Any]) -> str | None:
    """A line with the metrics of the naive guess, for comparison with those of the epochs; None without a result."""
    if job["version"] is None or job["baseline"] is None:
        return None
    metrics = (f"{name}: {describe_number(value)}" for name, value in job["baseline"].items())
    return " - ".join(["Naive guess", *metrics])
