"""Layers within layers, cells within RNN, and the limits of their size."""

from typing import Any

import pytest

from models.building import build_network
from models.errors import InvalidSpec
from models.limits import Limits
from models.spec import NetworkSpec
from models.validation import check_network

LSTM = {"type": "LSTM", "units": 2}


def faults_of(layer: dict[str, Any], shape: tuple[int, ...] = (4, 3), build: bool = False) -> dict[str, str]:
    """What is wrong with a network that starts with a layer, by pointer."""
    document = {
        "task": "regression",
        "input": {"shape": list(shape)},
        "layers": [layer, {"type": "Flatten"}, {"type": "Dense", "units": 1}],
        "optimizer": "sgd",
        "loss": "mse",
    }
    try:
        check_network(document, Limits())
        if build:
            build_network(NetworkSpec.from_document(document), Limits())
    except InvalidSpec as error:
        return {fault.pointer or "": fault.detail for fault in error.faults}
    return {}


def within(depth: int) -> dict[str, Any]:
    """A layer Dense in as many layers TimeDistributed."""
    return {"type": "Dense", "units": 1} if depth == 0 else {"type": "TimeDistributed", "layer": within(depth - 1)}


@pytest.mark.parametrize(
    ("layer", "pointer", "words"),
    [
        ({"type": "Bidirectional", "layer": {"type": "LSTM", "units": 0}}, "layer/units", "at least 1"),
        ({"type": "Bidirectional", "layer": {"type": "LSTM"}}, "layer/units", "needs `units`"),
        ({"type": "Bidirectional", "layer": {"type": "Dense", "units": 2}}, "layer/type", "Dense can't be used here"),
        ({"type": "Bidirectional", "layer": "LSTM"}, "layer", "A layer must be an object"),
        ({"type": "Bidirectional", "layer": {**LSTM, "inputs": ["input"]}}, "layer/inputs", "no parameter `inputs`"),
        ({"type": "Bidirectional"}, "layer", "needs `layer`"),
        ({"type": "SpectralNormalization", "layer": {"type": "ReLU"}}, "layer/type", "ReLU can't be used here"),
        ({"type": "TimeDistributed", "layer": {"type": "Add"}}, "layer/type", "Add can't be used here"),
        ({"type": "TimeDistributed", "layer": {"type": "LSTMCell", "units": 2}}, "layer/type", "`cell` of a layer RNN"),
        ({"type": "RNN", "cell": {"type": "Dense", "units": 2}}, "cell/type", "There is no cell `Dense`"),
        ({"type": "RNN", "cell": LSTM}, "cell/type", "There is no cell `LSTM`"),
        (
            {"type": "RNN", "cell": {"type": "StackedRNNCells", "cells": [{"type": "LSTMCell", "units": 0}]}},
            "cell/cells/0/units",
            "at least 1",
        ),
        ({"type": "RNN", "cell": {"type": "StackedRNNCells", "cells": []}}, "cell/cells", "a list of cells"),
        ({"type": "LSTMCell", "units": 2}, "type", "post it as the `cell` of a layer RNN"),
        (within(8), "layer/layer/layer/layer/layer/layer", "5 deep"),
    ],
)
def test_a_fault_within_a_layer_has_its_pointer(layer: dict[str, Any], pointer: str, words: str) -> None:
    faults = faults_of(layer)
    assert list(faults) == [f"#/layers/0/{pointer}"]
    assert words in faults[f"#/layers/0/{pointer}"]


def test_layers_may_be_nested() -> None:
    assert faults_of(within(3), (2, 2, 2, 3), build=True) == {}


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        ({**LSTM, "unroll": True}, (10_000, 3), "10,000 layers"),
        ({"type": "Bidirectional", "layer": {**LSTM, "unroll": True}}, (400, 3), "801 layers"),
        (within(2), (100, 100, 3), "10,101 layers"),
        (LSTM, (30_000, 3), "30,000 recurrent steps"),
        ({"type": "Embedding", "input_dim": 10**9, "output_dim": 8}, (4,), "parameters"),
        ({"type": "Bidirectional", "layer": {"type": "LSTM", "units": 10**6}}, (4, 3), "parameters"),
        (
            {"type": "MultiHeadAttention", "num_heads": 8, "key_dim": 2, "inputs": ["input", "input"]},
            (10_000, 3),
            "activations per row",
        ),
        ({"type": "RepeatVector", "n": 10**9}, (4,), "activations per row"),
        ({"type": "CategoryEncoding", "num_tokens": 10**9}, (4,), "activations per row"),
        ({"type": "ZeroPadding1D", "padding": 10**6}, (4, 30), "activations per row"),
        ({"type": "Resizing", "height": 10**5, "width": 10**5}, (4, 4, 3), "activations per row"),
    ],
)
def test_networks_that_would_exhaust_the_machine_are_refused(
    layer: dict[str, Any], shape: tuple[int, ...], words: str
) -> None:
    (detail,) = faults_of(layer, shape, build=True).values()
    assert words in detail


def test_a_long_sequence_is_accepted_if_it_is_not_unrolled() -> None:
    assert faults_of(LSTM, (10_000, 3), build=True) == {}


def test_weights_of_nested_layers_have_the_same_names_each_time() -> None:
    document = {
        "task": "regression",
        "input": {"shape": [4, 3]},
        "layers": [{"type": "Bidirectional", "layer": LSTM}, {"type": "Dense", "units": 1}],
        "optimizer": "sgd",
        "loss": "mse",
    }
    spec = NetworkSpec.from_document(document)
    first, second = ([weight.path for weight in build_network(spec, Limits()).weights] for _ in range(2))
    assert first == second
