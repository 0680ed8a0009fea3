"""Training with fused pieces: the losses of `Model.fit` up to rounding, and the network unchanged afterwards."""

import keras
import numpy as np
import pytest

from models.training.fused import fused
from models.training.loop import train
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
    network = normalized(2)
    with fused(network):
        assert [type(layer) for layer in network.layers if "call" in vars(layer)] == [normalization]
        assert "update_step" in vars(network.optimizer)
    assert not any("call" in vars(layer) for layer in network.layers)
    assert "update_step" not in vars(network.optimizer)
