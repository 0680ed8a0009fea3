"""The plan of a training and its reports, as plain data without Keras."""

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
"""Steps run as a plain TensorFlow graph. The losses equal those of `keras.Model.fit` bit for bit, unless the plan is
`fused` and the network has a layer that models/training/fused.py replaces."""
COMPILED = "compiled"
"""Steps run as machine code that XLA compiles for this network."""

PRECISIONS = FLOAT32, BFLOAT16 = "float32", "bfloat16"
"""The precision of a training: that of all its layers, or of those that models/training/precision.py finds."""


@dataclass(frozen=True)
class Arrays:
    """Rows in memory: `inputs` by name, (rows, …) each, processed or as StoredRows; `targets` encoded for the loss.

    Training uses an array's own memory if it is aligned (models/memory.py): don't change the array meanwhile.
    """

    inputs: Mapping[str, "Rows"]
    targets: np.ndarray
    weights: np.ndarray | None = None
    """The weight of each row in the loss (rows,), float32; None: equal weights."""

    @property
    def rows(self) -> int:
        return len(self.targets)

    def processed(self) -> dict[str, np.ndarray]:
        """The inputs as the network takes them."""
        return {name: rows[:] for name, rows in self.inputs.items()}

    def part(self, rows: slice) -> "Arrays":
        """A slice of the rows, processed; in the same memory if they were processed before."""
        weights = None if self.weights is None else self.weights[rows]
        return Arrays({name: values[rows] for name, values in self.inputs.items()}, self.targets[rows], weights)


class Rows(Protocol):
    """Rows (rows, …) that are read and processed on access; several threads may access them concurrently."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: np.ndarray | slice) -> np.ndarray: ...


@dataclass(frozen=True)
class StreamedArrays:
    """As Arrays, for rows that may be larger than memory."""

    inputs: Mapping[str, Rows]
    targets: Rows
    weights: np.ndarray | None = None

    @property
    def rows(self) -> int:
        return len(self.targets)

    def part(self, rows: slice) -> Arrays:
        """A slice of the rows, read and processed."""
        weights = None if self.weights is None else self.weights[rows]
        return Arrays({name: values[rows] for name, values in self.inputs.items()}, self.targets[rows], weights)


@dataclass(frozen=True)
class EarlyStopping:
    """Stop if `monitor` hasn't improved by more than `min_delta` for `patience` epochs.

    `monitor` is `loss` or a metric's name, prefixed with `val_` for the validation rows; `mode` says whether higher
    (`max`) or lower (`min`) is better. With `restore_best` the network has the weights of its best epoch, however the
    training ended.
    """

    monitor: str
    mode: str
    patience: int
    min_delta: float
    restore_best: bool


@dataclass(frozen=True)
class ReduceOnPlateau:
    """Multiply the learning rate by `factor` if `monitor` hasn't improved for `patience` epochs.

    The fields are those of Keras's ReduceLROnPlateau, `mode` as in EarlyStopping.
    """

    monitor: str
    mode: str
    factor: float
    patience: int
    min_delta: float
    cooldown: int
    min_lr: float


@dataclass(frozen=True)
class TrainingPlan:
    """How to train. `seed` determines each epoch's order; the network's own randomness is seeded when it is built."""

    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    execution: str
    """`graph` or `compiled`."""
    fused: bool = False
    """Whether a graph may run layers as fused operations, which are faster and round differently than Keras's own."""
    bfloat16_layers: tuple[str, ...] = ()
    """The layers that compute in bfloat16 (models/training/precision.py); variables stay float32."""
    early_stopping: EarlyStopping | None = None
    reduce_on_plateau: ReduceOnPlateau | None = None
    time_limit_seconds: float | None = None
    """The time limit from the end of the first step, without pauses and crashes; then training ends with the weights
    of its best epoch."""
    checkpoint_seconds: float = math.inf
    """Time between checkpoints."""
    watches_weights: bool = False
    """Whether epochs' results have the weights of a small network. Reading them costs more than an epoch's rest."""

    def best_by(self, validated: bool) -> tuple[str, str]:
        """The metric that determines the best epoch, and its mode: the one that early stopping monitors, or else the
        loss, of the validation rows if there are any."""
        if self.early_stopping is not None:
            return self.early_stopping.monitor, self.early_stopping.mode
        return "val_loss" if validated else "loss", MIN


class Command(StrEnum):
    """What a training must do now."""

    RUN = "run"
    STOP = "stop"
    """End and keep the current network."""
    PAUSE = "pause"
    """Write a checkpoint and end."""


@dataclass(frozen=True)
class Order(Document):
    """A change to a running training, which takes effect when an epoch begins; orders are numbered from 1."""

    number: int
    epochs: int | None = None
    learning_rate: float | None = None
    epoch: int | None = None
    """The epoch at which it took effect; None: the next one."""
    earliest: int = 1
    """The first epoch at which it may take effect: earlier epochs have already been reported."""
    step: int | None = None
    """The steps of the whole training that were done when it took effect."""


@dataclass(frozen=True)
class Progress:
    """The progress of a training. `epoch` is the running one, from 1; `step` is the number of its `steps` that are
    done."""

    epoch: int
    epochs: int
    step: int
    steps: int
    fraction: float
    """The fraction of the whole training, from 0 to 1."""
    eta_seconds: float | None
    """The estimated time until the last epoch ends; None until there is enough data."""


@dataclass(frozen=True)
class EpochResult:
    """A finished epoch, counted from 1. Values may be NaN or infinite."""

    epoch: int
    seconds: float
    metrics: dict[str, float]
    """`loss` and the network's metrics, then those of the validation rows with the prefix `val_`."""
    learning_rate: float
    best: dict[str, float] | None
    """The best `epoch` so far according to `TrainingPlan.best_by`, and its value."""
    weights: np.ndarray | None = None
    """The weights after the epoch in Keras's order, one after another; None if they weren't watched."""


@dataclass(frozen=True)
class Outcome:
    """How a training ended."""

    epochs: int
    """Finished epochs, without one that was stopped in the middle."""
    steps: int
    """Updates of the weights; 0 if the training was stopped before the first."""
    reason: str | None
    """`early_stopping`, `stopped`, `paused`, `time_limit`, or None after the last epoch."""
    best: dict[str, float] | None
    """As in the last epoch's result; None without an epoch."""


class Observer(Protocol):
    """Observes a training; called in the training process between graph calls, about every 0.3 s."""

    def on_progress(self, progress: Progress) -> None:
        """Called at most five times a second."""

    def on_epoch(self, result: EpochResult) -> None:
        """Called after each epoch, including one that diverged."""

    def on_order(self, order: Order, step: int) -> None:
        """Called when an order takes effect, with its `epoch` filled in, after `step` steps of the whole training."""

    def on_checkpoint(self, checkpoint: "Checkpoint") -> None:
        """Called when a checkpoint must be saved. If that fails, the training continues without it."""

    def command(self) -> Command:
        """The current command."""

    def orders(self) -> Sequence[Order]:
        """All orders so far, by number, with the `epoch` of those that took effect in an earlier run."""

    def may_end(self) -> bool:
        """Whether the training may end with its last epoch; False if there is an order that it hasn't seen. After True
        there are no more orders."""


@dataclass(frozen=True)
class Checkpoint:
    """The complete state of a training: resuming from it gives the same weights as an uninterrupted training."""

    epoch: int
    """The running epoch, from 1."""
    step: int
    """Finished steps of the running epoch."""
    state: CheckpointState
    arrays: dict[str, np.ndarray]
