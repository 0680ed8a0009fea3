"""The Keras callbacks of a plan, and their state."""

import math
from typing import Any

import keras
import numpy as np

from models.training.monitoring import is_better
from models.training.plan import EarlyStopping, ReduceOnPlateau, TrainingPlan

STATE = {
    "EarlyStopping": ("wait", "stopped_epoch", "best", "best_epoch"),
    "ReduceLROnPlateau": ("wait", "cooldown_counter", "best"),
    "BestWeights": ("best",),
}
"""The attributes of each callback that change from epoch to epoch."""
WEIGHTS = "best_weights"
"""The attribute that holds a list of arrays, or None."""


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the best epoch according to the plan."""

    def __init__(self, plan: TrainingPlan) -> None:
        super().__init__()
        self._plan = plan
        self.best: float | None = None
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        monitor, mode = self._plan.best_by("val_loss" in logs)
        value = logs.get(monitor, math.nan)
        if is_better(value, self.best, mode):
            self.best, self.best_weights = value, self.model.get_weights()

    def restore(self) -> None:
        """Restore those weights, if an epoch has ended."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class Callbacks:
    """The callbacks of one training; they run between epochs and may set `network.stop_training`."""

    def __init__(self, network: keras.Model, plan: TrainingPlan, steps: int) -> None:
        self._best = BestWeights(plan) if plan.time_limit_seconds is not None else None
        made = [
            self._best,
            plan.early_stopping and make_early_stopping(plan.early_stopping),
            plan.reduce_on_plateau and make_reduce_on_plateau(plan.reduce_on_plateau),
        ]
        self._callbacks = [callback for callback in made if callback is not None]
        self._list = keras.callbacks.CallbackList(self._callbacks, model=network, epochs=plan.epochs, steps=steps)

    def begin(self, state: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Begin the training, with the state of a checkpoint if there is one."""
        self._list.on_train_begin()
        for callback in self._callbacks:
            name = type(callback).__name__
            for attribute, value in state.get(name, {}).items():
                setattr(callback, attribute, value)
            count = sum(key.startswith(f"{name}/") for key in arrays)
            if count:
                setattr(callback, WEIGHTS, [arrays[f"{name}/{number}"] for number in range(count)])

    def begin_epoch(self, epoch: int) -> None:
        self._list.on_epoch_begin(epoch - 1)

    def end_epoch(self, epoch: int, metrics: dict[str, float]) -> None:
        self._list.on_epoch_end(epoch - 1, dict(metrics))

    def end(self, *, out_of_time: bool) -> None:
        """End the training; a callback may now replace the weights."""
        self._list.on_train_end()
        if out_of_time and self._best is not None:
            self._best.restore()

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Their state for a checkpoint: JSON, and arrays."""
        state: dict[str, Any] = {}
        arrays: dict[str, np.ndarray] = {}
        for callback in self._callbacks:
            name = type(callback).__name__
            state[name] = {attribute: getattr(callback, attribute) for attribute in STATE[name]}
            for number, weights in enumerate(getattr(callback, WEIGHTS, None) or ()):
                arrays[f"{name}/{number}"] = np.asarray(weights)
        return state, arrays


def make_early_stopping(stopping: EarlyStopping) -> keras.callbacks.Callback:
    return keras.callbacks.EarlyStopping(
        monitor=stopping.monitor,
        mode=stopping.mode,
        patience=stopping.patience,
        min_delta=stopping.min_delta,
        restore_best_weights=stopping.restore_best,
    )


def make_reduce_on_plateau(schedule: ReduceOnPlateau) -> keras.callbacks.Callback:
    return keras.callbacks.ReduceLROnPlateau(
        monitor=schedule.monitor,
        mode=schedule.mode,
        factor=schedule.factor,
        patience=schedule.patience,
        min_delta=schedule.min_delta,
        cooldown=schedule.cooldown,
        min_lr=schedule.min_lr,
    )
