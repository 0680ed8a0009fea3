"""Cross-validation: before a training, the same training on all folds of the rows but one, for each fold."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import keras

from models.datasets import Dataset, assign_folds, fold_dataset
from models.errors import Diverged
from models.jobs.assignment import Unfinished
from models.jobs.training import TrainingRequest
from models.training.checkpoint_state import CheckpointState, Position
from models.training.plan import Checkpoint, Command, EpochResult, Observer, Order, Outcome, Progress

Metrics = dict[str, float]


@dataclass
class Trainings:
    """The trainings of a job, one after the other: one for each fold, and the one that makes the version."""

    folds: int = 0
    finished: list[Metrics] = field(default_factory=list)
    """The metrics of the finished folds on their held-out rows."""

    def overall(self, progress: Progress) -> Progress:
        """The progress of all trainings, from that of the running one. Each counts the same."""
        left = self.folds - len(self.finished)
        eta = progress.eta_seconds
        if left and eta is not None:
            eta = eta * (1 + left / (1 - progress.fraction)) if progress.fraction < 1 else None
        fraction = (len(self.finished) + progress.fraction) / (self.folds + 1)
        return replace(progress, fraction=fraction, eta_seconds=eta)


class Reporter(Protocol):
    """Where the trainings of the folds report to."""

    def report(self, progress: Progress, fold: int | None = None) -> None: ...

    def save(self, checkpoint: Checkpoint, epoch: int, step: int) -> None: ...

    def fold(self, number: int, metrics: Metrics) -> None: ...

    def command(self) -> Command: ...


class FoldObserver:
    """Observes the training of a fold (models.training.plan.Observer): its epochs aren't those of the job, and orders
    to change the job apply to the training that makes the version."""

    def __init__(self, reporter: Reporter, fold: int, steps_before: int, epoch_steps: int) -> None:
        self._reporter = reporter
        self._fold = fold
        self._steps_before, self._epoch_steps = steps_before, epoch_steps

    def on_progress(self, progress: Progress) -> None:
        self._reporter.report(replace(progress, epoch=0), self._fold)

    def on_epoch(self, result: EpochResult) -> None: ...

    def on_order(self, order: Order, step: int) -> None: ...

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        step = self._steps_before + (checkpoint.epoch - 1) * self._epoch_steps + checkpoint.step
        self._reporter.save(checkpoint, 0, step)

    def command(self) -> Command:
        return self._reporter.command()

    def orders(self) -> Sequence[Order]:
        return ()

    def may_end(self) -> bool:
        return True


TrainFold = Callable[[Dataset, Observer, Checkpoint | None], tuple[Outcome, Metrics | None]]
"""Trains on the dataset of a fold, from a checkpoint if there is one. Returns the metrics on the held-out rows, unless
the training was paused or stopped."""


def cross_validate(
    dataset: Dataset,
    request: TrainingRequest,
    trainings: Trainings,
    train_fold: TrainFold,
    reporter: Reporter,
    folder: Path,
    checkpoint: Checkpoint | None,
) -> Unfinished | None:
    """Train on the folds that aren't finished, and append their metrics; returns why some are left, or None.

    `checkpoint` is within the first of them. Raises Diverged, InvalidData.
    """
    if len(trainings.finished) == trainings.folds:
        return None
    folds = assign_folds(dataset, trainings.folds, request.seed)
    epoch_steps = -(-len(folds) // request.batch_size)
    for number in range(len(trainings.finished), trainings.folds):
        observer = FoldObserver(reporter, number + 1, number * request.epochs * epoch_steps, epoch_steps)
        with fold_dataset(dataset, folds == number, folder / f"fold-{number + 1}") as part:
            try:
                outcome, metrics = train_fold(part, observer, checkpoint)
            except Diverged as error:
                raise Diverged(f"Fold {number + 1}: {error.detail}") from error
        checkpoint = None
        # Keras numbers the names of metrics within a session, and keeps what belongs to it.
        keras.utils.clear_session()
        if metrics is None:
            return Unfinished.PAUSED if outcome.reason == "paused" else Unfinished.STOPPED_BEFORE_TRAINING
        trainings.finished.append(metrics)
        reporter.fold(number + 1, metrics)
        state = CheckpointState(Position(request.epochs))
        reporter.save(Checkpoint(1, 0, state, {}), 0, (number + 1) * request.epochs * epoch_steps)
    return None
