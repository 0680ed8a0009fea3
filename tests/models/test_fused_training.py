"""Training with fused pieces: the losses of `Model.fit` up to rounding, and the network unchanged afterwards."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.training.block_lstm import STEPS_AT_ONCE, run_lstm
from models.training.fused import fused
from models.training.loop import train
from models.training.plan import Arrays
from tests.models.training_networks import Recorder, compiled, convolution, labelled_rows, plan

normalization = keras.layers.BatchNormalization
ROUNDING = 1e-4
"""The relative difference of losses after three epochs."""


def normalized(rank: int, optimizer: str | keras.Optimizer = "adam", **options: object) -> keras.Model:
    """Dense and BatchNormalization over rows with this number of axes."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(6), normalization(**options), keras.layers.LeakyReLU(), keras.layers.Flatten()]
    return compiled((4, 2, 3, 2)[:rank], [*layers, keras.layers.Dense(3, activation="softmax")], optimizer)


def assert_close_to_fit(network: keras.Model, expected: keras.Model, shape: tuple[int, ...]) -> None:
    training, validation, recorder = labelled_rows(44, shape), labelled_rows(19, shape, seed=1), Recorder()
    history = expected.fit(
        training.inputs["input"], training.targets, batch_size=8, epochs=3, shuffle=False, verbose=0,
        validation_data=(validation.inputs["input"], validation.targets),
    ).history  # fmt: skip
    train(network, training, validation, plan(fused=True), recorder)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(recorder.history(name), history[name], rtol=ROUNDING)
    for weight, other in zip(network.weights, expected.weights, strict=True):
        np.testing.assert_allclose(weight.numpy(), other.numpy(), rtol=1e-3, atol=1e-3)


def test_a_convolutional_network_has_the_losses_of_fit_up_to_rounding() -> None:
    assert_close_to_fit(convolution(), convolution(), (6, 6, 2))


@pytest.mark.parametrize("rank", [1, 4])
def test_rows_with_any_number_of_axes_are_normalized(rank: int) -> None:
    assert_close_to_fit(normalized(rank), normalized(rank), (4, 2, 3, 2)[:rank])


@pytest.mark.parametrize(
    "options",
    [
        {"scale": False, "center": False, "momentum": 0.5, "epsilon": 0.1},
        {"trainable": False, "gamma_regularizer": "l2"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_options_of_the_layer_keep_their_meaning(options: dict[str, object]) -> None:
    assert_close_to_fit(normalized(2, **options), normalized(2, **options), (4, 2))


@pytest.mark.parametrize("make", [keras.optimizers.AdamW, lambda: keras.optimizers.Adam(amsgrad=True, clipnorm=0.1)])
def test_optimizers_update_as_in_fit(make) -> None:  # type: ignore[no-untyped-def]
    assert_close_to_fit(normalized(1, make()), normalized(1, make()), (4,))


def recurrent(*before: keras.Layer, **options: object) -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.LSTM(**{"units": 5, **options}),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return compiled((4, 2), [*before, *layers], "adam")


@pytest.mark.parametrize(
    "options",
    [{}, {"return_sequences": True, "go_backwards": True, "use_bias": False, "unit_forget_bias": False}],
    ids=["defaults", "options"],
)
def test_an_lstm_has_the_losses_of_fit_up_to_rounding(options: dict[str, object]) -> None:
    assert_close_to_fit(recurrent(**options), recurrent(**options), (4, 2))


@pytest.mark.parametrize("steps", [1, STEPS_AT_ONCE, 2 * STEPS_AT_ONCE + 3])
def test_an_lstm_has_the_gradients_of_keras_for_all_that_it_takes(steps: int) -> None:
    layer = keras.layers.LSTM(4, return_sequences=True, return_state=True, bias_initializer="random_normal")
    rng = np.random.default_rng(1)
    given = [tf.constant(rng.normal(size=shape).astype(np.float32)) for shape in ((6, steps, 3), (6, 4), (6, 4))]

    def gradients(sequences: tf.Tensor, *states: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([sequences, *states])
            loss = sum(tf.reduce_sum(tf.sin(returned)) for returned in layer(sequences, initial_state=list(states)))
        return tape.gradient(loss, [sequences, *states, *(weight.value for weight in layer.trainable_weights)])

    layer(given[0])
    expected = tf.function(gradients, autograph=False)(*given)
    layer.inner_loop = partial(run_lstm, layer)
    for ours, theirs in zip(tf.function(gradients, autograph=False)(*given), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=ROUNDING, atol=1e-5)


def test_both_directions_of_a_bidirectional_lstm_run_fused() -> None:
    both = keras.layers.Bidirectional(keras.layers.LSTM(5))
    with fused(compiled((4, 2), [both, keras.layers.Dense(3)], "adam")):
        assert all("inner_loop" in vars(layer) for layer in (both.forward_layer, both.backward_layer))
    assert not any("inner_loop" in vars(layer) for layer in (both.forward_layer, both.backward_layer))


def test_masked_time_steps_of_an_lstm_keep_their_meaning() -> None:
    made = labelled_rows(16, (4, 2))
    inputs = made.processed()["input"]
    inputs[:, 2:] = 0
    rows = Arrays({"input": inputs}, made.targets)
    networks = [recurrent(keras.layers.Masking()) for _ in range(2)]
    with fused(networks[1]):
        assert "update_step" not in vars(networks[1].optimizer)
    expected = networks[0].fit(rows.inputs["input"], rows.targets, batch_size=8, shuffle=False, verbose=0)
    recorder = Recorder()
    train(networks[1], rows, None, plan(1, fused=True), recorder)
    np.testing.assert_allclose(recorder.history("loss"), expected.history["loss"], rtol=ROUNDING)


@pytest.mark.parametrize("options", [{"activation": "relu"}, {"dropout": 0.1}, {"units": 97}])
def test_an_lstm_that_computes_something_else_or_is_wide_stays_as_it_is(options: dict[str, object]) -> None:
    network = recurrent(**options)
    with fused(network):
        assert not any("inner_loop" in vars(layer) for layer in network.layers)
        assert "update_step" not in vars(network.optimizer)


@pytest.mark.parametrize("make", [keras.optimizers.Adam, lambda: keras.optimizers.AdamW(beta_1=0.0)])
def test_words_that_occur_several_times_in_a_batch_are_updated_as_in_fit(make) -> None:  # type: ignore[no-untyped-def]
    def network() -> keras.Model:
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Embedding(5, 3), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
        return compiled((4,), layers, make())

    made = labelled_rows(44)
    words = np.abs(made.processed()["input"]).astype(np.int32).clip(max=3).astype(np.float32)
    rows = Arrays({"input": words}, made.targets)
    expected, ours, recorder = network(), network(), Recorder()
    history = expected.fit(
        rows.inputs["input"], rows.targets, batch_size=8, epochs=3, shuffle=False, verbose=0
    ).history  # fmt: skip
    train(ours, rows, None, plan(fused=True), recorder)
    np.testing.assert_allclose(recorder.history("loss"), history["loss"], rtol=ROUNDING)
    np.testing.assert_allclose(ours.get_weights()[0], expected.get_weights()[0], atol=1e-5)


def test_one_row_a_batch_is_normalized_to_the_offset() -> None:
    network, rows = normalized(1), labelled_rows(1)
    train(network, rows, None, plan(1, fused=True), Recorder())
    assert all(np.isfinite(weight.numpy()).all() for weight in network.weights)


def test_only_what_can_run_fused_is_replaced_and_everything_is_put_back() -> None:
    for options in ({"axis": 1}, {"renorm": True}, {"synchronized": True}):
        network = normalized(2, **options)
        with fused(network):
            assert not any("call" in vars(layer) for layer in network.layers)
            assert "update_step" not in vars(network.optimizer)
    for frozen, network in ((True, normalized(2, trainable=False)), (False, recurrent(trainable=False))):
        with fused(network):
            assert ("update_step" in vars(network.optimizer)) is not frozen
    network = normalized(2)
    with fused(network):
        assert [type(layer) for layer in network.layers if "call" in vars(layer)] == [normalization]
        assert "update_step" in vars(network.optimizer)
    assert not any("call" in vars(layer) for layer in network.layers)
    assert "update_step" not in vars(network.optimizer)
