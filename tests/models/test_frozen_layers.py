"""Layers that are not trainable keep their weights, whether they are nested or have nested layers."""

from typing import Any

import keras
import numpy as np
import pytest

from models.building import build_network, summarize_network
from models.limits import Limits
from models.pretrained import NETWORK, take_layers
from models.spec import NetworkSpec
from models.validation import check_network

SEQUENCE = [2, 3]
DENSE = {"type": "Dense", "units": 2}
LSTM = {"type": "LSTM", "units": 2}
TWICE = {"inputs": ["input", "input"]}
SPECTRAL = {"type": "SpectralNormalization", "layer": DENSE}
LAYERS: list[tuple[list[int], dict[str, Any]]] = [
    (SEQUENCE, DENSE),
    (SEQUENCE, LSTM),
    (SEQUENCE, {"type": "BatchNormalization"}),
    (SEQUENCE, {"type": "TimeDistributed", "layer": DENSE}),
    (SEQUENCE, {"type": "TimeDistributed", "layer": {"type": "BatchNormalization"}}),
    (SEQUENCE, {"type": "TimeDistributed", "layer": SPECTRAL}),
    (SEQUENCE, {"type": "Bidirectional", "layer": LSTM}),
    (SEQUENCE, {"type": "Bidirectional", "layer": LSTM, "backward_layer": {**LSTM, "go_backwards": True}}),
    (SEQUENCE, {"type": "RNN", "cell": {"type": "LSTMCell", "units": 2}}),
    (SEQUENCE, {"type": "RNN", "cell": {"type": "StackedRNNCells", "cells": [{"type": "GRUCell", "units": 2}] * 2}}),
    (SEQUENCE, SPECTRAL),
    (SEQUENCE, {"type": "MultiHeadAttention", "num_heads": 1, "key_dim": 2, **TWICE}),
    (SEQUENCE, {"type": "GroupQueryAttention", "num_query_heads": 2, "num_key_value_heads": 1, "head_dim": 2, **TWICE}),
    ([2, 4, 2], {"type": "ConvLSTM1D", "filters": 2, "kernel_size": 1}),
    ([2, 4, 4, 2], {"type": "ConvLSTM2D", "filters": 2, "kernel_size": 1}),
    ([2, 3, 3, 3, 2], {"type": "ConvLSTM3D", "filters": 2, "kernel_size": 1}),
]


def build(shape: list[int], layer: dict[str, Any]) -> keras.Model:
    """A network with the layer under the name `tested`."""
    document = {
        "task": "regression",
        "input": {"shape": shape},
        "layers": [{**layer, "name": "tested"}, {"type": "Flatten"}, {"type": "Dense", "units": 1}],
        "optimizer": "sgd",
        "loss": "mse",
    }
    if layer["type"] != "Pretrained":
        check_network(document, Limits())
    return build_network(NetworkSpec.from_document(document), Limits(), seed=1)


def changed(network: keras.Model) -> list[str]:
    """The weights of the tested layer that a step of training changes."""
    weights = network.get_layer("tested").weights
    before = [weight.numpy().tobytes() for weight in weights]
    rows = np.random.default_rng(1).normal(size=(4, *network.input_shape[1:])).astype(np.float32)
    network.train_on_batch(rows, np.ones((4, 1), np.float32))
    return [weight.path for weight, old in zip(weights, before, strict=True) if weight.numpy().tobytes() != old]


def assert_frozen(network: keras.Model) -> None:
    summary = summarize_network(network)
    tested, last = summary["layers"][0], summary["layers"][-1]
    assert tested["parameters"] > 0
    assert not tested["trainable"]
    assert summary["non_trainable_parameters"] == tested["parameters"]
    assert summary["trainable_parameters"] == last["parameters"]
    assert changed(network) == []


def name(value: Any) -> str:
    return "-".join([value["type"], *(name(value[key]) for key in ("layer", "cell") if key in value)])


@pytest.mark.parametrize(("shape", "layer"), [pytest.param(*each, id=name(each[1])) for each in LAYERS])
def test_a_frozen_layer_keeps_all_its_weights(shape: list[int], layer: dict[str, Any]) -> None:
    assert_frozen(build(shape, {**layer, "trainable": False}))
    assert changed(build(shape, layer))


@pytest.mark.parametrize("frozen", [DENSE, LSTM, SPECTRAL], ids=lambda layer: layer["type"])
def test_a_layer_that_is_frozen_within_another_keeps_all_its_weights(frozen: dict[str, Any]) -> None:
    wrapper = "Bidirectional" if frozen is LSTM else "TimeDistributed"
    assert changed(build(SEQUENCE, {"type": wrapper, "layer": {**frozen, "trainable": False}})) == []


def test_the_kernel_of_a_frozen_layer_is_not_normalized() -> None:
    network = build(SEQUENCE, {**SPECTRAL, "layer": {**DENSE, "trainable": False}})
    assert changed(network) == []


@pytest.mark.parametrize("trainable", [False, True])
def test_taken_layers_are_frozen_as_the_new_network_says(trainable: bool) -> None:
    """... not as the network did that they come from."""
    source = {
        "task": "regression",
        "input": {"shape": SEQUENCE},
        "layers": [{**SPECTRAL, "name": "spectral", "trainable": not trainable}],
        "optimizer": "sgd",
        "loss": "mse",
    }
    layers = take_layers(NetworkSpec.from_document(source), None, "#/layers/0")
    taken = {"type": "Pretrained", "model": "m", "version": 1, NETWORK: layers, "trainable": trainable}
    if trainable:
        assert len(changed(build(SEQUENCE, taken))) == 3
    else:
        assert_frozen(build(SEQUENCE, taken))
