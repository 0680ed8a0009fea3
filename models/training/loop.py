"""The training loop: epochs of paced graph calls; between them the observer, between epochs Keras's callbacks."""

import math
import time
from collections.abc import Callable

import keras
import numpy as np

from models.errors import Diverged
from models.training.graph_calls import Results
from models.training.order import epoch_order, stored_order
from models.training.pace import Pace
from models.training.plan import COMPILED, Arrays, EpochResult, Observer, Outcome, StreamedArrays, TrainingPlan
from models.training.progress import ProgressReporter
from models.training.steps import EpochSteps, make_steps


def train(
    network: keras.Model,
    training: Arrays | StreamedArrays,
    validation: Arrays | StreamedArrays | None,
    plan: TrainingPlan,
    observer: Observer,
) -> Outcome:
    """Train a compiled network as `plan` says; it holds the trained weights afterwards.

    With `graph` execution the losses are those of `network.fit` on rows in the same order. Raises Diverged when the
    loss or a weight becomes NaN or infinite, after the observer has been told of that epoch.
    """
    return _Training(network, training, validation, plan, observer).run()


class _StopRequested(Exception):
    """The observer wants the training to end now."""


class _Training:
    """One training and where it stands."""

    def __init__(
        self,
        network: keras.Model,
        training: Arrays | StreamedArrays,
        validation: Arrays | StreamedArrays | None,
        plan: TrainingPlan,
        observer: Observer,
    ) -> None:
        self._network, self._plan, self._observer = network, plan, observer
        self._rows = training.rows
        compiled = plan.execution == COMPILED
        self._steps = make_steps(network, network.train_step, training, plan.batch_size, compiled)
        self._steps.set_order(stored_order(training.rows))
        self._pace = Pace()
        self._validation: EpochSteps | None = None
        if validation is not None:
            # Without an optimizer's arithmetic there is little to gain that pays for compiling.
            self._validation = make_steps(network, network.test_step, validation, plan.batch_size)
            self._validation.set_order(stored_order(validation.rows))
        self._validation_pace = Pace()
        self._callbacks = make_callbacks(network, plan, self._steps.steps)
        self._progress = ProgressReporter(observer, plan.epochs, self._steps.steps)
        self._epochs_done = 0
        self._best: dict[str, float] | None = None

    def run(self) -> Outcome:
        self._network.stop_training = False
        self._progress.report()
        self._callbacks.on_train_begin()
        try:
            reason = self._run_epochs()
        except _StopRequested:
            reason = "stopped"
        finally:
            self._progress.report()
        if self._progress.steps_done:
            # Only now does an optimizer that averages the weights put its averages in their place.
            self._network.optimizer.finalize_variable_values(self._network.trainable_weights)
            self._callbacks.on_train_end()
            check_weights(self._network)
        return Outcome(self._epochs_done, self._progress.steps_done, reason, self._best)

    def _run_epochs(self) -> str | None:
        for epoch in range(1, self._plan.epochs + 1):
            result = self._run_epoch(epoch)
            self._observer.on_epoch(result)
            check_loss(result)
            self._epochs_done = epoch
            self._callbacks.on_epoch_end(epoch - 1, result.metrics)
            if self._network.stop_training and epoch < self._plan.epochs:
                return "early_stopping"
        return None

    def _run_epoch(self, epoch: int) -> EpochResult:
        start = time.perf_counter()
        self._callbacks.on_epoch_begin(epoch - 1)
        if self._plan.shuffle:
            self._steps.set_order(epoch_order(self._rows, self._plan.seed, epoch))
        metrics, learning_rate = self._run_steps(self._steps, self._pace, self._progress.advance)
        if self._validation is not None and math.isfinite(metrics["loss"]):
            validated = self._run_steps(self._validation, self._validation_pace, lambda steps: None)
            metrics |= {f"val_{name}": value for name, value in validated.metrics.items()}
        self._keep_best(epoch, metrics)
        return EpochResult(epoch, time.perf_counter() - start, metrics, learning_rate, self._best)

    def _run_steps(self, steps: EpochSteps, pace: Pace, advance: Callable[[int], None]) -> Results:
        """Run all steps, or as many as the loss stays finite, in calls of about 0.3 s; tell `advance` of each call."""
        done = 0
        while True:
            if self._observer.stop_requested():
                raise _StopRequested
            begin, done = done, min(done + pace.next_steps(), steps.steps)
            start = time.perf_counter()
            results = steps.run(begin, done)
            pace.record(done - begin, time.perf_counter() - start)
            advance(done - begin)
            if done == steps.steps or not math.isfinite(results.metrics["loss"]):
                return results

    def _keep_best(self, epoch: int, metrics: dict[str, float]) -> None:
        monitor = "loss" if self._validation is None else "val_loss"
        value = metrics.get(monitor, math.nan)
        if math.isfinite(value) and (self._best is None or value < self._best[monitor]):
            self._best = {"epoch": epoch, monitor: value}


def check_loss(result: EpochResult) -> None:
    loss = result.metrics["loss"]
    if not math.isfinite(loss):
        name = "NaN" if math.isnan(loss) else "infinite"
        raise Diverged(f"The loss became {name} in epoch {result.epoch}; try a lower learning rate, or scaled inputs.")


def check_weights(network: keras.Model) -> None:
    """An epoch's loss doesn't show what its last step did."""
    if not all(np.isfinite(weight.numpy()).all() for weight in network.weights):
        raise Diverged("The last step made weights NaN or infinite; try a lower learning rate, or scaled inputs.")


def make_callbacks(network: keras.Model, plan: TrainingPlan, steps: int) -> keras.callbacks.CallbackList:
    """Keras's callbacks that the plan asks for; they run between epochs and may set `network.stop_training`."""
    callbacks: list[keras.callbacks.Callback] = []
    if plan.early_stopping is not None:
        stopping = plan.early_stopping
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor=stopping.monitor,
                mode=stopping.mode,
                patience=stopping.patience,
                min_delta=stopping.min_delta,
                restore_best_weights=stopping.restore_best,
            )
        )
    return keras.callbacks.CallbackList(callbacks, model=network, epochs=plan.epochs, steps=steps)
