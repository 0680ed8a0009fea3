"""What a training is asked to do, and what it reports: plain data, without Keras."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from models.documents import Document
from models.training.checkpoint_state import CheckpointState
from models.training.monitoring import MIN

GRAPH = "graph"
"""Steps run as a plain TensorFlow graph: the losses of `keras.Model.fit`, bit for bit."""
COMPILED = "compiled"
"""Steps run as machine code that XLA made for this network."""


@dataclass(frozen=True)
class Arrays:
    """Rows in memory, ready for the network: `inputs` by name, (rows, …) each; `targets` as the loss takes them.

    Training computes on an array's own memory where that is aligned (models/memory.py): don't change it meanwhile.
    """

    inputs: dict[str, np.ndarray]
    targets: np.ndarray
    weights: np.ndarray | None = None
    """How much each row counts in the loss (rows,), float32; None: all the same."""

    @property
    def rows(self) -> int:
        return len(self.targets)

    def part(self, rows: slice) -> "Arrays":
        """Some of the rows, on the same memory."""
        weights = None if self.weights is None else self.weights[rows]
        return Arrays({name: values[rows] for name, values in self.inputs.items()}, self.targets[rows], weights)


class Rows(Protocol):
    """Rows (rows, …) that are read and made ready when somebody takes some of them, in several threads at once."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray: ...


@dataclass(frozen=True)
class StreamedArrays:
    """What Arrays holds, of rows that needn't fit into memory."""

    inputs: Mapping[str, Rows]
    targets: Rows
    weights: np.ndarray | None = None

    @property
    def rows(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class EarlyStopping:
    """End when `monitor` hasn't improved by more than `min_delta` for `patience` epochs.

    `monitor` is `loss` or a metric's name, with `val_` before it for the validation rows; `mode` says whether more of
    it is better (`max`) or less (`min`). With `restore_best` the network ends with the weights of its best epoch,
    however the training ended.
    """

    monitor: str
    mode: str
    patience: int
    min_delta: float
    restore_best: bool


@dataclass(frozen=True)
class ReduceOnPlateau:
    """Multiply the learning rate by `factor` when `monitor` hasn't improved for `patience` epochs; members as those of
    Keras's ReduceLROnPlateau, `mode` as in EarlyStopping."""

    monitor: str
    mode: str
    factor: float
    patience: int
    min_delta: float
    cooldown: int
    min_lr: float


@dataclass(frozen=True)
class TrainingPlan:
    """How to train. `seed` draws each epoch's order; the network's own randomness was seeded when it was built."""

    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    execution: str
    """`graph` or `compiled`."""
    early_stopping: EarlyStopping | None = None
    reduce_on_plateau: ReduceOnPlateau | None = None
    time_limit_seconds: float | None = None
    """When these have passed since the first step was done, pauses and crashes not counted, training ends with the
    weights of its best epoch."""
    checkpoint_seconds: float = math.inf
    """Time between checkpoints."""

    def best_by(self, validated: bool) -> tuple[str, str]:
        """What the best epoch is the best of, and its mode: what early stopping monitors, else the loss, of the
        validation rows where there are any."""
        if self.early_stopping is not None:
            return self.early_stopping.monitor, self.early_stopping.mode
        return "val_loss" if validated else "loss", MIN


class Command(StrEnum):
    """What a training is asked to do now."""

    RUN = "run"
    STOP = "stop"
    """End, and keep the network as it is."""
    PAUSE = "pause"
    """Write a checkpoint and end."""


@dataclass(frozen=True)
class Order(Document):
    """A change of a training under way, which takes effect when an epoch begins; orders are numbered from 1."""

    number: int
    epochs: int | None = None
    learning_rate: float | None = None
    epoch: int | None = None
    """The epoch with which it took effect; None: the next one."""
    earliest: int = 1
    """The first epoch with which it may take effect: what was told of those before holds."""
    step: int | None = None
    """The steps of the whole training that were done when it took effect."""


@dataclass(frozen=True)
class Progress:
    """How far a training is. `epoch` counts from 1 and is the running one; `step` is the steps done of its `steps`."""

    epoch: int
    epochs: int
    step: int
    steps: int
    fraction: float
    """Of the whole training, 0 to 1."""
    eta_seconds: float | None
    """Until the last epoch ends; None until there is something to judge by."""


@dataclass(frozen=True)
class EpochResult:
    """An epoch that ended, counted from 1. A number may be NaN or infinite."""

    epoch: int
    seconds: float
    metrics: dict[str, float]
    """`loss` and the network's metrics, then the same of the validation rows with `val_` before the name."""
    learning_rate: float
    best: dict[str, float] | None
    """The `epoch` that is the best so far by `TrainingPlan.best_by`, and what it reached there."""


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    epochs: int
    """Epochs that ended; one that was stopped in the middle is none."""
    steps: int
    """Updates of the weights: 0 when it was stopped before the first."""
    reason: str | None
    """`early_stopping`, `stopped`, `paused`, `time_limit`, or None after the last epoch."""
    best: dict[str, float] | None
    """As the last epoch's result had it; None without an epoch."""


class Observer(Protocol):
    """Who watches a training; called in the training process between graph calls, at most 0.3 s apart or so."""

    def on_progress(self, progress: Progress) -> None:
        """At most five times a second."""

    def on_epoch(self, result: EpochResult) -> None:
        """After each epoch, also after the one that diverged."""

    def on_order(self, order: Order, step: int) -> None:
        """When an order takes effect, with the `epoch` filled in, after so many steps of the whole training."""

    def on_checkpoint(self, checkpoint: "Checkpoint") -> None:
        """When a checkpoint should be kept."""

    def command(self) -> Command:
        """What is asked for now."""

    def orders(self) -> Sequence[Order]:
        """All orders that were ever given, by number, with the `epoch` of those that took effect in an earlier run."""

    def may_end(self) -> bool:
        """Whether the training may end with its last epoch; False when there is an order that it hasn't seen. After
        True there will be no more orders."""


@dataclass(frozen=True)
class Checkpoint:
    """All of a training's state: who continues from it ends with the weights of a training that never stopped."""

    epoch: int
    """The running epoch, from 1."""
    step: int
    """Steps of it that are done."""
    state: CheckpointState
    arrays: dict[str, np.ndarray]
