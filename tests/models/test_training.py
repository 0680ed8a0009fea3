"""Training: the losses of `Model.fit`, the same weights for the same seed, stopping, early stopping, divergence."""

import math
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from models.class_weights import row_weights
from models.errors import Diverged
from models.memory import aligned, aligned_empty
from models.training.loop import train
from models.training.order import epoch_order
from models.training.pace import GROWTH, Pace
from models.training.plan import Arrays, EarlyStopping
from models.training.resident import as_tensor
from tests.models.training_networks import (
    Recorder,
    classifier,
    compiled,
    convolution,
    labelled_rows,
    line,
    line_rows,
    plan,
)


def fit(network: keras.Model, training: Arrays, validation: Arrays | None = None) -> dict[str, list[float]]:
    """The history of `Model.fit` as the plans of these tests ask for it."""
    pair = None if validation is None else (validation.inputs["input"], validation.targets)
    inputs = training.inputs["input"]
    return network.fit(
        inputs, training.targets, batch_size=8, epochs=3, shuffle=False, validation_data=pair, verbose=0
    ).history


@pytest.mark.parametrize(
    ("make_network", "shape"),
    [(classifier, (4,)), (lambda: classifier("sgd", regularizer="l2"), (4,)), (convolution, (6, 6, 2))],
    ids=["dense", "regularized", "convolution"],
)
def test_graph_execution_has_the_losses_of_fit_bit_for_bit(make_network, shape) -> None:  # type: ignore[no-untyped-def]
    training, validation = labelled_rows(44, shape), labelled_rows(19, shape, seed=1)
    expected, recorder = make_network(), Recorder()
    history = fit(expected, training, validation)
    network = make_network()
    train(network, training, validation, plan(), recorder)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert recorder.history(name) == history[name]
    assert_same_weights(network, expected)


def test_compiled_execution_comes_close_to_fit() -> None:
    def make() -> keras.Model:
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Dense(8, activation="relu"), keras.layers.BatchNormalization(), keras.layers.Dense(3)]
        return compiled((4,), [*layers, keras.layers.Softmax()], "adam")

    training, recorder = labelled_rows(44), Recorder()
    history = fit(make(), training)
    train(make(), training, None, plan(execution="compiled"), recorder)
    np.testing.assert_allclose(recorder.history("loss"), history["loss"], rtol=1e-4)


def test_a_batch_larger_than_the_data_is_one_step() -> None:
    recorder = Recorder()
    outcome = train(line(), line_rows(), None, plan(500, batch_size=32), recorder)
    assert outcome.steps == 500
    assert recorder.history("loss")[-1] < 1e-3


def test_rows_that_divide_evenly_leave_no_smaller_batch() -> None:
    outcome = train(classifier(), labelled_rows(24), None, plan(2), Recorder())
    assert outcome.steps == 6


def test_several_inputs_are_told_apart_by_their_names() -> None:
    keras.utils.set_random_seed(1)
    right, left = keras.Input((1,), name="right"), keras.Input((1,), name="left")
    network = keras.Model([right, left], keras.layers.Subtract()([left, keras.layers.Dense(1)(right)]))
    network.compile("sgd", "mean_squared_error")
    inputs = {"left": np.full((4, 1), 5, np.float32), "right": np.zeros((4, 1), np.float32)}
    recorder = Recorder()
    train(network, Arrays(inputs, np.full((4, 1), 5, np.float32)), None, plan(1), recorder)
    assert recorder.history("loss") == [0.0]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "bool"])
def test_arrays_of_any_type_and_layout_train_alike(dtype: str) -> None:
    arrays, recorders = labelled_rows(20), [Recorder(), Recorder()]
    inputs = arrays.processed()["input"].round()
    targets = arrays.targets.astype(dtype)
    targets.flags.writeable = False
    train(classifier(), Arrays({"input": inputs}, arrays.targets), None, plan(1), recorders[0])
    train(classifier(), Arrays({"input": np.asfortranarray(inputs)}, targets), None, plan(1), recorders[1])
    assert recorders[0].history("loss") == recorders[1].history("loss")


def test_aligned_rows_are_not_copied() -> None:
    rows = aligned_empty((5, 3), "float32")
    rows[:] = 1
    assert aligned(rows, "float32") is rows
    tensor = as_tensor(rows)
    rows[4, 2] = 7
    assert tensor.numpy()[4, 2] == 7


def test_each_epoch_has_its_own_order_known_without_the_others() -> None:
    orders = [epoch_order(50, seed=7, epoch=epoch) for epoch in (1, 2, 2)]
    assert sorted(orders[0]) == list(range(50))
    assert orders[0].tolist() != orders[1].tolist()
    assert orders[1].tolist() == orders[2].tolist()
    assert epoch_order(50, seed=8, epoch=1).tolist() != orders[0].tolist()


TRAIN_ONCE = """
import hashlib
from models.training.loop import train
from models.training.threads import configure_threads
configure_threads(2)
from models.training.resident import as_tensor
from tests.models.training_networks import Recorder, classifier, labelled_rows, plan
network = classifier()
train(network, labelled_rows(200), labelled_rows(50, seed=1), plan(3, shuffle=True), Recorder())
print(hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in network.weights)).hexdigest())
"""


def test_the_same_seed_gives_the_same_weights_in_two_processes() -> None:
    runs = [
        subprocess.run([sys.executable, "-c", TRAIN_ONCE], capture_output=True, text=True, check=True) for _ in range(2)
    ]
    assert len(runs[0].stdout.split()[-1]) == 64
    assert runs[0].stdout.split()[-1] == runs[1].stdout.split()[-1]


@pytest.mark.parametrize("steps", [1, 3, 1000])
def test_the_size_of_the_calls_changes_nothing(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    networks = [classifier(), classifier()]
    train(networks[0], labelled_rows(60), None, plan(shuffle=True), Recorder())
    monkeypatch.setattr(Pace, "next_steps", lambda pace: steps)
    train(networks[1], labelled_rows(60), None, plan(shuffle=True), Recorder())
    assert_same_weights(*networks)


def test_calls_grow_to_about_their_time_and_shrink_again() -> None:
    pace = Pace()
    assert pace.next_steps() == 1
    pace.record(1, seconds=0.001)
    assert pace.next_steps() == GROWTH
    pace.record(100, seconds=1.0)
    assert pace.next_steps() == 30
    pace.record(1, seconds=20.0)
    assert pace.next_steps() == 1


def test_progress_counts_up_to_the_whole() -> None:
    recorder = Recorder()
    train(classifier(), labelled_rows(20), None, plan(2), recorder)
    first, last = recorder.progress[0], recorder.progress[-1]
    assert (first.epoch, first.step, first.fraction, first.eta_seconds) == (1, 0, 0.0, None)
    assert (last.epoch, last.epochs, last.step, last.steps, last.fraction, last.eta_seconds) == (2, 2, 3, 3, 1.0, 0.0)


def test_progress_is_reported_while_the_epoch_is_validated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.training.progress.REPORT_SECONDS", 0)
    monkeypatch.setattr(Pace, "next_steps", lambda pace: 1)
    recorder = Recorder()
    train(classifier(), labelled_rows(8), labelled_rows(80), plan(1), recorder)
    assert [progress.step for progress in recorder.progress] == [0, *[1] * 12]
    assert {progress.fraction for progress in recorder.progress[1:]} == {1.0}


def test_an_epoch_reports_time_metrics_and_learning_rate() -> None:
    decay = keras.optimizers.schedules.InverseTimeDecay(0.1, decay_steps=3, decay_rate=1.0)
    recorder = Recorder()
    train(classifier(keras.optimizers.SGD(decay)), labelled_rows(20), labelled_rows(9), plan(2), recorder)
    assert [result.epoch for result in recorder.epochs] == [1, 2]
    assert set(recorder.epochs[0].metrics) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert recorder.epochs[0].seconds > 0
    np.testing.assert_allclose([result.learning_rate for result in recorder.epochs], [0.05, 0.1 / 3], rtol=1e-6)


def test_the_outcome_names_the_best_epoch() -> None:
    recorder = Recorder()
    outcome = train(classifier(), labelled_rows(40), labelled_rows(20, seed=1), plan(4), recorder)
    losses = recorder.history("val_loss")
    assert outcome.epochs == 4
    assert outcome.reason is None
    assert outcome.best == {"epoch": losses.index(min(losses)) + 1, "val_loss": min(losses)}


def test_stopping_keeps_the_network_as_it_is() -> None:
    recorder = Recorder(stop=lambda recorder: len(recorder.epochs) == 2)
    network, expected = classifier(), classifier()
    outcome = train(network, labelled_rows(20), None, plan(1000), recorder)
    train(expected, labelled_rows(20), None, plan(2), Recorder())
    assert (outcome.epochs, outcome.steps, outcome.reason) == (2, 6, "stopped")
    assert_same_weights(network, expected)


def test_stopping_in_the_middle_of_an_epoch_ends_none() -> None:
    outcome = train(
        classifier(), labelled_rows(80), None, plan(1000), Recorder(lambda recorder: recorder.questions > 1)
    )
    assert (outcome.epochs, outcome.steps, outcome.reason, outcome.best) == (0, 1, "stopped", None)


def test_stopping_before_the_first_step_changes_nothing() -> None:
    network = classifier()
    before = network.get_weights()
    outcome = train(network, labelled_rows(20), None, plan(), Recorder(stop=lambda recorder: True))
    assert (outcome.steps, outcome.reason) == (0, "stopped")
    np.testing.assert_equal(network.get_weights(), before)


def test_early_stopping_restores_the_best_weights() -> None:
    stopping = EarlyStopping("val_accuracy", mode="max", patience=2, min_delta=0.0, restore_best=True)
    training, validation = labelled_rows(40), labelled_rows(30, seed=1)
    network, recorder = classifier(keras.optimizers.SGD(0.5)), Recorder()
    outcome = train(network, training, validation, plan(200, early_stopping=stopping), recorder)
    accuracies = recorder.history("val_accuracy")
    assert outcome.reason == "early_stopping"
    assert outcome.epochs == len(accuracies) == accuracies.index(max(accuracies)) + 3
    assert outcome.best == {"epoch": accuracies.index(max(accuracies)) + 1, "val_accuracy": max(accuracies)}
    accuracy = network.evaluate(validation.inputs["input"], validation.targets, verbose=0, return_dict=True)["accuracy"]
    assert accuracy == pytest.approx(max(accuracies))


def test_a_loss_that_becomes_nan_is_reported_before_it_is_raised() -> None:
    recorder = Recorder()
    with pytest.raises(Diverged, match=r"in epoch \d+; .*\.$"):
        train(line(learning_rate=1e6), line_rows(), None, plan(50), recorder)
    assert not math.isfinite(recorder.history("loss")[-1])
    assert all(math.isfinite(loss) for loss in recorder.history("loss")[:-1])
    assert recorder.progress[-1].epoch == recorder.epochs[-1].epoch


def test_weights_that_the_last_step_broke_are_noticed() -> None:
    with pytest.raises(Diverged, match=r"last step .*\.$"):
        train(line(learning_rate=math.inf), line_rows(), None, plan(1), Recorder())


def assert_same_weights(left: keras.Model, right: keras.Model) -> None:
    for ours, theirs in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rows_count_as_much_as_their_weights_say() -> None:
    training, recorder = labelled_rows(44), Recorder()
    classes = training.targets.argmax(axis=1)
    weights = row_weights({"a": 0.5, "c": 3}, classes, ["a", "b", "c"])
    assert set(weights[classes == 0]) == {0.5}
    assert set(weights[classes == 1]) == {1.0}
    expected = classifier("sgd")
    history = expected.fit(
        training.inputs["input"], training.targets, batch_size=8, epochs=3, shuffle=False, verbose=0,
        class_weight={0: 0.5, 1: 1.0, 2: 3.0},
    ).history  # fmt: skip
    train(classifier("sgd"), replace(training, weights=weights), None, plan(), recorder)
    assert recorder.history("loss") == history["loss"]
    assert recorder.history("accuracy") == history["accuracy"]


def test_balanced_weights_make_each_class_count_the_same() -> None:
    indices = np.array([0, 0, 0, 2])
    weights = row_weights("balanced", indices, ["a", "b", "c"])
    assert weights[indices == 0].sum() == pytest.approx(weights[indices == 2].sum())
    assert weights.mean() == pytest.approx(1)
