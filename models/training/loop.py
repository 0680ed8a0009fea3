"""The training loop: epochs of paced graph calls, with the observer between calls and callbacks between epochs."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace

import keras
import numpy as np
import tensorflow as tf

from models.building import SCALED_LOSS
from models.errors import Diverged
from models.training.callbacks import Callbacks
from models.training.checkpoint_state import CheckpointState, Position
from models.training.checkpoints import copy_variables, restore_variables
from models.training.fused import fused
from models.training.gangs.exchange import Exchange, draw_apart, spread_variables, together
from models.training.gangs.gang import ALONE, Gang
from models.training.gangs.observer import Agreed
from models.training.gangs.steps import SharedSteps
from models.training.graph_calls import Results, Step
from models.training.mixed_precision import computing_in_bfloat16
from models.training.monitoring import is_better
from models.training.order import epoch_order, stored_order
from models.training.pace import Pace
from models.training.plan import (
    COMPILED,
    GRAPH,
    Arrays,
    Checkpoint,
    Command,
    EpochResult,
    Observer,
    Outcome,
    StreamedArrays,
    TrainingPlan,
)
from models.training.progress import ProgressReporter
from models.training.steps import EpochSteps, make_steps

MOST_WATCHED = 2**14
"""The numbers that a call returns at most as weights."""


def train(
    network: keras.Model,
    training: Arrays | StreamedArrays,
    validation: Arrays | StreamedArrays | None,
    plan: TrainingPlan,
    observer: Observer,
    checkpoint: Checkpoint | None = None,
    gang: Gang = ALONE,
) -> Outcome:
    """Train a compiled network according to `plan`, from the start or from a checkpoint. Unless it was paused, the
    network has the trained weights afterwards.

    The members of a gang train equal networks on the same rows, as a graph. Only the leader's observer is asked for
    commands and orders, and `plan.batch_size` is the number of rows per member.

    With `graph` execution the losses equal those of `network.fit` on rows in the same order, unless layers run fused or
    in bfloat16. Raises Diverged if the loss or a weight becomes NaN or infinite, after the observer has received that
    epoch; BadCheckpoint; MemberLost.
    """
    pieces = fused(network) if plan.fused and plan.execution == GRAPH else nullcontext()
    exchange = Exchange(gang)
    shared = together(network, exchange) if gang.hosts > 1 else nullcontext()
    with pieces, shared, computing_in_bfloat16(network, plan.bfloat16_layers):
        return _Training(network, training, validation, plan, observer, checkpoint, gang, exchange).run()


class _Ended(Exception):
    """Ends the training in the middle of an epoch; the argument is the reason of the outcome."""


class _Training:
    """One training and its position."""

    def __init__(
        self,
        network: keras.Model,
        training: Arrays | StreamedArrays,
        validation: Arrays | StreamedArrays | None,
        plan: TrainingPlan,
        observer: Observer,
        checkpoint: Checkpoint | None,
        gang: Gang,
        exchange: Exchange,
    ) -> None:
        self._network, self._plan = network, plan
        self._gang, self._exchange = gang, exchange
        self._observer = observer if gang.hosts == 1 else Agreed(observer, gang)
        self._rows = training.rows
        compiled = plan.execution == COMPILED
        watched = find_small_weights(network) if plan.watches_weights else []
        self._steps = self._make_steps(network.train_step, training, compiled, watched)
        self._pace, self._validation_pace = Pace(gang), Pace(gang)
        self._validation: EpochSteps | None = None
        if validation is not None:
            # Without the optimizer's arithmetic, compiling gains less than it costs.
            self._validation = self._make_steps(network.test_step, validation)
        self._position = Position(plan.epochs)
        self._callbacks = Callbacks(network, plan, self._steps.steps)
        network.stop_training = False
        self._restore(checkpoint)
        if gang.rank:
            draw_apart(network, gang.rank)
        self._progress = ProgressReporter(observer, self._position.epochs, self._steps.steps, self._position.steps_done)
        self._under_way = False
        """Whether a call has finished since this start."""
        self._clock = self._checkpointed_at = time.perf_counter()

    def _make_steps(
        self,
        step: Step,
        rows: Arrays | StreamedArrays,
        compiled: bool = False,
        watched: Sequence[tf.Variable] = (),
    ) -> EpochSteps:
        """The steps over the rows as they are stored; in a gang, this member's share of them."""
        network, batch_size = self._network, self._plan.batch_size

        def make(count: int) -> EpochSteps:
            return make_steps(network, step, rows, batch_size, compiled, watched, count)

        steps = (
            make(rows.rows)
            if self._gang.hosts == 1
            else SharedSteps(make, network, self._gang, self._exchange, rows.rows, batch_size)
        )
        steps.set_order(stored_order(rows.rows))
        return steps

    def _restore(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            self._callbacks.begin({}, {})
            return
        restore_variables(self._network, checkpoint.arrays)
        self._callbacks.begin(checkpoint.state.callbacks, checkpoint.arrays)
        self._network.stop_training = checkpoint.state.stop_training
        self._position = replace(checkpoint.state.position)
        if self._plan.shuffle and self._position.step:
            self._shuffle()

    def run(self) -> Outcome:
        self._progress.report()
        try:
            reason = self._run_epochs()
        except _Ended as ended:
            reason = ended.args[0]
            if reason == "time_limit":
                self._refuse_orders()
        finally:
            self._progress.report()
        at = self._position
        if at.steps_done and reason != "paused":
            # Only here does an optimizer that averages weights replace them by the averages.
            self._network.optimizer.finalize_variable_values(self._network.trainable_weights)
            self._callbacks.end(out_of_time=reason == "time_limit")
            check_weights(self._network)
        return Outcome(at.epochs_done, at.steps_done, reason, at.best)

    def _run_epochs(self) -> str | None:
        at = self._position
        while True:
            if at.step == 0:
                self._take_orders()
            early = self._network.stop_training and at.epochs_done < at.epochs
            if not early and at.epochs_done < at.epochs:
                self._run_epoch()
            elif self._observer.may_end():
                return "early_stopping" if early else None
            else:
                self._between_calls()

    def _refuse_orders(self) -> None:
        """Refuse the remaining orders, which came too late."""
        while not self._observer.may_end():
            self._take_orders()

    def _take_orders(self) -> None:
        """Apply the orders that are due before the next epoch."""
        at = self._position
        epoch = at.epochs_done + 1
        for order in self._observer.orders():
            if order.number <= at.last_order:
                continue
            if (order.epoch or order.earliest) > epoch:
                return
            if order.epochs is not None:
                at.epochs = max(order.epochs, at.epochs_done)
                self._progress.epochs = at.epochs
            if order.learning_rate is not None:
                self._network.optimizer.learning_rate = order.learning_rate
            at.last_order = order.number
            if order.epoch is None:
                self._observer.on_order(replace(order, epoch=epoch), at.steps_done)

    def _run_epoch(self) -> None:
        at = self._position
        epoch = at.epochs_done + 1
        if at.step == 0:
            self._callbacks.begin_epoch(epoch)
            if self._gang.hosts > 1:
                spread_variables(self._network, self._gang)
            if self._plan.shuffle:
                self._shuffle()
        weights = None
        if at.results is None:
            results = self._run_steps(self._steps, self._pace, at.step, self._advance)
            at.results, weights = [results.metrics, results.learning_rate], results.watched
        metrics, learning_rate = dict(at.results[0]), at.results[1]
        if self._validation is not None and math.isfinite(trained_loss(metrics)):
            validated = self._run_steps(self._validation, self._validation_pace, 0, self._progress.go_on)
            metrics |= {f"val_{name}": value for name, value in validated.metrics.items()}
        self._keep_best(epoch, metrics)
        self._count_seconds()
        result = EpochResult(epoch, at.epoch_seconds, metrics, learning_rate, at.best, weights)
        self._observer.on_epoch(result)
        check_loss(result)
        at.epochs_done, at.step, at.results, at.epoch_seconds = epoch, 0, None, 0.0
        self._callbacks.end_epoch(epoch, metrics)

    def _shuffle(self) -> None:
        self._steps.set_order(epoch_order(self._rows, self._plan.seed, self._position.epochs_done + 1))

    def _run_steps(self, steps: EpochSteps, pace: Pace, done: int, advance: Callable[[int], None]) -> Results:
        """Run the steps from `done`, as long as the loss stays finite, in calls of about 0.3 s; report each call to
        `advance`."""
        while True:
            self._between_calls()
            begin = done
            done, results = pace.run(steps, begin)
            advance(done - begin)
            if done == steps.steps or not math.isfinite(trained_loss(results.metrics)):
                return results

    def _advance(self, steps: int) -> None:
        self._count_seconds()
        self._under_way = True
        self._position.step += steps
        self._position.steps_done += steps
        self._progress.advance(steps)

    def _between_calls(self) -> None:
        """Between two calls: obey commands, check the time limit, and write a checkpoint if one is due."""
        self._count_seconds()
        command = self._observer.command()
        over, due = self._gang.agree(self._find_due)
        if over and command is Command.RUN:
            raise _Ended("time_limit")
        # A stopped training must not be lost if this process crashes before the network is evaluated and saved.
        stopped = command is Command.STOP and self._under_way
        if command is Command.PAUSE or stopped or (due and self._position.steps_done):
            self._observer.on_checkpoint(self._make_checkpoint())
            self._checkpointed_at = time.perf_counter()
        if command is not Command.RUN:
            raise _Ended("stopped" if command is Command.STOP else "paused")

    def _find_due(self) -> tuple[bool, bool]:
        """Whether the time limit is over, and whether a checkpoint is due."""
        limit, position = self._plan.time_limit_seconds, self._position
        over = limit is not None and position.seconds >= limit and position.steps_done > 0
        return over, time.perf_counter() - self._checkpointed_at >= self._plan.checkpoint_seconds

    def _count_seconds(self) -> None:
        now = time.perf_counter()
        if self._under_way:
            self._position.seconds += now - self._clock
        self._position.epoch_seconds += now - self._clock
        self._clock = now

    def _make_checkpoint(self) -> Checkpoint:
        at = self._position
        callbacks, arrays = self._callbacks.state()
        state = CheckpointState(replace(at), callbacks, self._network.stop_training)
        return Checkpoint(at.epochs_done + 1, at.step, state, copy_variables(self._network) | arrays)

    def _keep_best(self, epoch: int, metrics: dict[str, float]) -> None:
        monitor, mode = self._plan.best_by(self._validation is not None)
        value, best = metrics.get(monitor, math.nan), self._position.best
        if is_better(value, None if best is None else best[monitor], mode):
            self._position.best = {"epoch": epoch, monitor: value}


def find_small_weights(network: keras.Model) -> list[tf.Variable]:
    """The weights, if they are so few that returning them from each call costs nothing, and all float32."""
    variables = [weight.value for weight in network.weights]
    small = sum(math.prod(variable.shape) for variable in variables) <= MOST_WATCHED
    return variables if small and all(variable.dtype == tf.float32 for variable in variables) else []


def trained_loss(metrics: dict[str, float]) -> float:
    """The loss that the training minimizes: in the target's own units it may overflow although training goes well."""
    return metrics.get(SCALED_LOSS, metrics["loss"])


def check_loss(result: EpochResult) -> None:
    loss = trained_loss(result.metrics)
    if not math.isfinite(loss):
        name = "NaN" if math.isnan(loss) else "infinite"
        raise Diverged(f"The loss became {name} in epoch {result.epoch}; try a lower learning rate or scaled inputs.")


def check_weights(network: keras.Model) -> None:
    """Raise Diverged if weights aren't finite: an epoch's loss doesn't show the effect of its last step."""
    if not all(np.isfinite(weight.numpy()).all() for weight in network.weights):
        raise Diverged("The last step made weights NaN or infinite; try a lower learning rate or scaled inputs.")
