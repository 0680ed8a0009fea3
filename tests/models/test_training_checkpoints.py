"""A training that resumes from a checkpoint ends with exactly the weights of an uninterrupted one."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from models.errors import BadCheckpoint
from models.training.checkpoints import read_checkpoint, write_checkpoint
from models.training.loop import train
from models.training.pace import Pace
from models.training.plan import Checkpoint, EarlyStopping, EpochResult, Order, ReduceOnPlateau, TrainingPlan
from tests.models.training_networks import Recorder, classifier, compiled, convolution, labelled_rows, plan

TRAINING, VALIDATION = labelled_rows(60), labelled_rows(20, seed=1)


@pytest.fixture(autouse=True)
def short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "next_steps", lambda pace: 3)


def finish(network: keras.Model, how: TrainingPlan, orders: list[Order] | None = None) -> Recorder:
    recorder = Recorder(orders=orders or ())
    train(network, TRAINING, VALIDATION, how, recorder)
    return recorder


def pause(network: keras.Model, how: TrainingPlan, questions: int, orders: list[Order] | None = None) -> Recorder:
    """Train until the observer was asked so often what to do."""
    recorder = Recorder(pause=lambda recorder: recorder.questions > questions, orders=orders or ())
    assert train(network, TRAINING, VALIDATION, how, recorder).reason == "paused"
    return recorder


def go_on(
    network: keras.Model, how: TrainingPlan, checkpoint: Checkpoint, orders: list[Order] | None = None
) -> Recorder:
    recorder = Recorder(orders=orders or ())
    train(network, TRAINING, VALIDATION, how, recorder, checkpoint)
    return recorder


@pytest.fixture(scope="module")
def uninterrupted() -> Callable[[str], tuple[keras.Model, Recorder]]:
    """The network and what was told of a training by its execution; each training is made once."""

    @cache
    def make(execution: str) -> tuple[keras.Model, Recorder]:
        network, recorder = classifier(), Recorder()
        train(network, TRAINING, VALIDATION, plan(5, shuffle=True, execution=execution), recorder)
        return network, recorder

    return make


@pytest.mark.parametrize(
    ("questions", "execution"), [*((questions, "graph") for questions in (1, 2, 3, 4, 11)), (3, "compiled")]
)
def test_going_on_gives_the_weights_and_metrics_of_an_uninterrupted_training(
    questions: int, execution: str, uninterrupted: Callable[[str], tuple[keras.Model, Recorder]]
) -> None:
    whole, expected = uninterrupted(execution)
    how = plan(5, shuffle=True, execution=execution)
    first = pause(classifier(), how, questions)
    resumed = classifier(seed=2)
    second = go_on(resumed, how, first.checkpoints[-1])
    assert_same_weights(resumed, whole)
    results = [(result.epoch, result.metrics, result.best) for result in [*first.epochs, *second.epochs]]
    assert results == [(result.epoch, result.metrics, result.best) for result in expected.epochs]


def recurrent(seed: int = 1) -> keras.Model:
    """LSTM on 12 time steps, 3 classes."""
    keras.utils.set_random_seed(seed)
    return compiled((12, 2), [keras.layers.LSTM(5), keras.layers.Dense(3, activation="softmax")], "adam")


@pytest.mark.parametrize(
    ("make", "lowered"),
    [(convolution, False), (convolution, True), (recurrent, False)],
    ids=["convolution", "convolution in bfloat16", "LSTM"],
)
def test_going_on_with_fused_pieces_gives_the_same_weights_too(
    make: Callable[[int], keras.Model], lowered: bool
) -> None:
    def learn(seed: int, recorder: Recorder, checkpoint: Checkpoint | None = None) -> keras.Model:
        network = make(seed)
        network.compile("adam", "categorical_crossentropy", jit_compile=False)
        names = tuple(layer.name for layer in network.layers[:-1] if lowered)
        how = plan(3, shuffle=True, fused=True, bfloat16_layers=names)
        train(network, labelled_rows(60, network.input_shape[1:]), None, how, recorder, checkpoint)
        return network

    paused = Recorder(pause=lambda recorder: recorder.questions > 4)
    learn(1, paused)
    assert_same_weights(learn(2, Recorder(), paused.checkpoints[-1]), learn(1, Recorder()))


def test_progress_goes_on_where_it_was_and_judges_the_time_left_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.progress.REPORT_SECONDS", 0)
    first = pause(classifier(), plan(5), 4)
    second = go_on(classifier(), plan(5), first.checkpoints[-1])
    reported = [
        (progress.epoch, progress.step, progress.fraction) for progress in (first.progress[-1], second.progress[0])
    ]
    assert reported[0] == reported[1]
    assert reported[0][2] > 0
    assert [progress.eta_seconds for progress in second.progress[:2]] == [None, None]
    assert second.progress[2].eta_seconds is not None


def test_checkpoints_are_made_at_intervals_and_training_resumes_from_any_of_them() -> None:
    how = plan(3, shuffle=True, checkpoint_seconds=0.0)
    whole = classifier()
    checkpoints = finish(whole, how).checkpoints
    positions = [(checkpoint.epoch, checkpoint.step) for checkpoint in checkpoints]
    assert positions == sorted(positions)
    assert {epoch for epoch, _ in positions} == {1, 2, 3}
    assert any(step > 0 for _, step in positions)
    for checkpoint in checkpoints[::3]:
        resumed = classifier(seed=2)
        go_on(resumed, how, checkpoint)
        assert_same_weights(resumed, whole)


def test_a_checkpoint_survives_the_disk(tmp_path: Path) -> None:
    how = plan(3, shuffle=True)
    checkpoint = pause(classifier(), how, 4).checkpoints[-1]
    write_checkpoint(tmp_path / "one", checkpoint)
    whole, resumed = classifier(), classifier(seed=2)
    finish(whole, how)
    go_on(resumed, how, read_checkpoint(tmp_path / "one"))
    assert_same_weights(resumed, whole)


def test_a_stopped_training_is_kept_if_its_process_crashes_before_it_is_saved() -> None:
    stopped, again, how = classifier(), classifier(seed=2), plan(3, shuffle=True)
    first = Recorder(stop=lambda recorder: recorder.questions > 4)
    assert train(stopped, TRAINING, VALIDATION, how, first).reason == "stopped"
    second = Recorder(stop=lambda recorder: True)
    assert train(again, TRAINING, VALIDATION, how, second, first.checkpoints[-1]).reason == "stopped"
    assert_same_weights(again, stopped)
    assert second.checkpoints == []


def test_early_stopping_and_plateaus_go_on_where_they_were() -> None:
    how = plan(
        60,
        early_stopping=EarlyStopping("val_accuracy", "max", patience=3, min_delta=0.0, restore_best=True),
        reduce_on_plateau=ReduceOnPlateau("val_accuracy", "max", 0.5, 1, min_delta=0.0, cooldown=1, min_lr=0.0),
    )

    def network() -> keras.Model:
        return classifier(keras.optimizers.SGD(0.5))

    whole = network()
    expected = finish(whole, how).epochs
    assert len({result.learning_rate for result in expected}) > 1
    for questions in (5, len(expected) * 3 - 4):
        first, resumed = pause(network(), how, questions), network()
        second = go_on(resumed, how, first.checkpoints[-1])
        assert len(first.epochs) + len(second.epochs) == len(expected)
        assert second.epochs[-1].learning_rate == expected[-1].learning_rate
        assert_same_weights(resumed, whole)


class Ordering(Recorder):
    """Gives an order after each epoch."""

    def on_epoch(self, result: EpochResult) -> None:
        super().on_epoch(result)
        orders = {1: Order(1, learning_rate=0.5), 2: Order(2, epochs=5)}
        if result.epoch in orders:
            self.given.append(orders[result.epoch])


def test_orders_take_effect_with_the_next_epoch_and_again_where_they_did() -> None:
    whole, recorder = classifier("sgd"), Ordering()
    train(whole, TRAINING, VALIDATION, plan(3, checkpoint_seconds=0.0), recorder)
    assert [(order.number, order.epoch) for order in recorder.taken] == [(1, 2), (2, 3)]
    assert [result.learning_rate for result in recorder.epochs] == pytest.approx([0.01, 0.5, 0.5, 0.5, 0.5])
    for checkpoint in recorder.checkpoints[::4]:
        resumed = classifier("sgd")
        go_on(resumed, plan(3), checkpoint, recorder.taken)
        assert_same_weights(resumed, whole)


def test_an_order_does_not_change_epochs_that_were_already_reported() -> None:
    recorder = finish(classifier("sgd"), plan(4), [Order(1, learning_rate=0.5, earliest=3), Order(2, epochs=5)])
    assert [result.learning_rate for result in recorder.epochs] == pytest.approx([0.01, 0.01, 0.5, 0.5, 0.5])
    assert [(order.number, order.epoch) for order in recorder.taken] == [(1, 3), (2, 3)]


def test_an_order_that_arrives_with_the_last_step_is_obeyed() -> None:
    class Late(Recorder):
        def may_end(self) -> bool:
            if not self.given:
                self.given.append(Order(1, epochs=5))
            return super().may_end()

    recorder = Late()
    outcome = train(classifier(), TRAINING, None, plan(2), recorder)
    assert outcome.epochs == 5
    assert recorder.taken == [Order(1, epochs=5, epoch=3)]


def test_fewer_epochs_than_are_done_end_the_training() -> None:
    outcome = train(classifier(), TRAINING, None, plan(9), Recorder(orders=[Order(1, epochs=1)]))
    assert outcome.epochs == 1


def test_the_time_limit_ends_with_the_best_weights() -> None:
    how = plan(10**6, time_limit_seconds=1.0)
    network, recorder = classifier(keras.optimizers.SGD(2.0)), Recorder()
    outcome = train(network, TRAINING, VALIDATION, how, recorder)
    assert outcome.reason == "time_limit"
    evaluated = network.evaluate(VALIDATION.inputs["input"], VALIDATION.targets, verbose=0, return_dict=True)
    assert evaluated["loss"] == pytest.approx(min(recorder.history("val_loss")), rel=1e-5)


def test_the_time_before_the_first_step_is_done_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Recorder()
    monkeypatch.setattr("models.training.loop.time", SimpleNamespace(perf_counter=lambda: clock.questions and 100.0))
    outcome = train(classifier(), TRAINING, None, plan(2, time_limit_seconds=50), clock)
    assert outcome.reason is None


def test_the_time_limit_keeps_the_best_epoch_of_the_monitored_metric() -> None:
    stopping = EarlyStopping("val_accuracy", mode="max", patience=10**6, min_delta=0.0, restore_best=False)
    how = plan(10**6, time_limit_seconds=1.0, early_stopping=stopping)
    network, recorder = classifier(keras.optimizers.SGD(2.0)), Recorder()
    outcome = train(network, TRAINING, VALIDATION, how, recorder)
    assert outcome.best is not None
    evaluated = network.evaluate(VALIDATION.inputs["input"], VALIDATION.targets, verbose=0, return_dict=True)
    assert evaluated["accuracy"] == pytest.approx(outcome.best["val_accuracy"])
    assert outcome.best["val_accuracy"] == max(recorder.history("val_accuracy"))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    checkpoint = pause(classifier(), plan(), 2).checkpoints[-1]
    with pytest.raises(BadCheckpoint, match="another network"):
        train(convolution(), labelled_rows(20, (6, 6, 2)), None, plan(), Recorder(), checkpoint)
    with pytest.raises(BadCheckpoint, match="is unreadable"):
        read_checkpoint(tmp_path)


def test_without_a_time_between_them_there_are_no_checkpoints() -> None:
    assert finish(classifier(), plan(checkpoint_seconds=math.inf)).checkpoints == []


def assert_same_weights(left: keras.Model, right: keras.Model) -> None:
    for ours, theirs in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
