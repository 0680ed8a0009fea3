"""Reports a training job's progress, epochs, folds and checkpoints to its channel, and passes orders on."""

import dataclasses
import itertools
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.tasks.channel import Channel
from models.tasks.cross_validation import Trainings
from models.tasks.snapshots import Snapshots
from models.training.checkpoints import write_checkpoint
from models.training.plan import Checkpoint, Command, EpochResult, Order, Progress

KEEP_ALIVE_SECONDS = 1.0
"""The time between two messages while there is no new progress to report."""


class TrainingReporter:
    """Reports the trainings of a job to the task's channel (models.training.plan.Observer of the one that makes the
    version): progress, epochs with their snapshots, folds, and checkpoints."""

    def __init__(self, channel: Channel, folder: Path, orders: Sequence[Order], trainings: Trainings) -> None:
        self._channel = channel
        self._trainings = trainings
        self._folder = folder
        self._earlier_orders = orders
        self._checkpoints = itertools.count(1)
        self._progress: dict[str, Any] = {}
        self._reported_at = -float("inf")
        self.snapshots: Snapshots | None = None
        """What takes the snapshots of the epochs; None: nothing does."""

    def on_progress(self, progress: Progress) -> None:
        self.report(progress)

    def report(self, progress: Progress, fold: int | None = None) -> None:
        """Report the progress of the running training, which may be that of a fold."""
        self._progress = dataclasses.asdict(self._trainings.overall(progress))
        if fold is not None:
            self._progress["fold"] = fold
        self._report()

    def keep_alive(self) -> None:
        """Report the last progress again, so that a long evaluation after the last step doesn't count as a stall."""
        if time.monotonic() - self._reported_at >= KEEP_ALIVE_SECONDS:
            self._report()

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        self._channel.progress(self._progress)

    def on_epoch(self, result: EpochResult) -> None:
        data = {"epoch": result.epoch, "seconds": result.seconds, **result.metrics}
        data["learning_rate"] = result.learning_rate
        self._channel.epoch(data, result.best, *self._take_snapshot(result))

    def _take_snapshot(self, result: EpochResult) -> list[dict[str, Any]]:
        """What describes the epoch's snapshot, if there is one."""
        if self.snapshots is None:
            return []
        try:
            return [self.snapshots.take(result.epoch, result.weights)]
        except OSError as error:
            self._channel.snapshot_skipped(error, result.epoch)
            return []

    def on_order(self, order: Order, step: int) -> None:
        self._channel.order_taken(order, step)

    def fold(self, number: int, metrics: dict[str, float]) -> None:
        self._channel.fold({"fold": number, "folds": self._trainings.folds, "metrics": metrics})

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.save(checkpoint, checkpoint.epoch, checkpoint.step)

    def save(self, checkpoint: Checkpoint, epoch: int, step: int) -> None:
        """Write a checkpoint, with the finished folds, and report it with this position."""
        name, data = f"checkpoint-{next(self._checkpoints)}", {"epoch": epoch, "step": step}
        state = dataclasses.replace(checkpoint.state, folds=self._trainings.finished)
        checkpoint = dataclasses.replace(checkpoint, state=state)
        try:
            write_checkpoint(self._folder / name, checkpoint)
        except OSError as error:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            self._channel.checkpoint_skipped(error, data)
        else:
            self._channel.checkpoint(name, data)

    def command(self) -> Command:
        return self._channel.command()

    def orders(self) -> Sequence[Order]:
        return [*self._earlier_orders, *self._channel.orders()]

    def may_end(self) -> bool:
        return self._channel.may_end()
