"""From a spec to a compiled Keras network: sized first, checked against limits, equal for the same seed."""

import dataclasses
import os
import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from keras.src.backend.common.global_state import get_global_attribute

from models.building import build_network, print_summary, rows_at_once, summarize_network
from models.errors import Fault, InvalidSpec
from models.limits import Limits
from models.spec import ComponentSpec, NetworkSpec
from models.validation import check_network

SOFTMAX = {"type": "Dense", "units": 10, "activation": "softmax"}
DIGITS: list[dict[str, Any]] = [{"type": "Flatten"}, {"type": "Dense", "units": 512, "activation": "relu"}, SOFTMAX]


def spec_of(layers: list[dict[str, Any]], shape: tuple[int, ...] = (28, 28), **changes: Any) -> NetworkSpec:
    document = {
        "task": "multiclass",
        "input": {"shape": list(shape)},
        "layers": layers,
        "optimizer": {"type": "RMSprop", "learning_rate": 0.01},
        "loss": "categorical_crossentropy",
        "metrics": ["accuracy"],
    } | changes
    check_network(document, Limits())
    return NetworkSpec.from_document(document)


def fault_of(layers: list[dict[str, Any]], shape: tuple[int, ...] = (28, 28), **changes: Any) -> Fault:
    """The only fault of a network that can't be built."""
    with pytest.raises(InvalidSpec) as caught:
        build_network(spec_of(layers, shape, **changes), Limits(parameters=10**6, activations_per_row=10**6))
    (fault,) = caught.value.faults
    return fault


def test_the_digits_network_has_its_summary() -> None:
    network = build_network(spec_of(DIGITS), Limits(), seed=7)
    summary = summarize_network(network)
    assert summary["layers"][1] == {
        "name": "dense",
        "type": "Dense",
        "output_shape": [512],
        "parameters": 401_920,
        "weight_shapes": [[784, 512], [512]],
        "trainable": True,
        "inputs": ["flatten"],
    }
    assert [layer["name"] for layer in summary["layers"]] == ["flatten", "dense", "dense_1"]
    assert summary["layers"][0]["inputs"] == ["input"]
    assert summary["parameters"] == summary["trainable_parameters"] == 407_050
    assert summary["non_trainable_parameters"] == 0
    assert summary["bytes"] == 4 * 407_050
    table = print_summary(network)
    assert "407,050" in table
    assert "Param #" in table


def test_frozen_layers_and_moving_statistics_are_not_trainable() -> None:
    layers: list[dict[str, Any]] = [
        {"type": "Dense", "units": 4, "trainable": False},
        {"type": "BatchNormalization"},
        SOFTMAX,
    ]
    summary = summarize_network(build_network(spec_of(layers, (3,)), Limits()))
    assert [layer["trainable"] for layer in summary["layers"]] == [False, True, True]
    assert summary["non_trainable_parameters"] == 16 + 8
    assert summary["trainable_parameters"] == 8 + 50


def test_names_do_not_depend_on_what_was_built_before() -> None:
    layers = [{"type": "Dense", "units": 4, "name": "dense_1"}, {"type": "Dense", "units": 4}, SOFTMAX]
    for _ in range(2):
        network = build_network(spec_of(layers, (3,)), Limits())
        assert [layer.name for layer in network.layers] == ["input", "dense_1", "dense", "dense_2"]


def test_the_same_seed_gives_the_same_weights() -> None:
    layers = [
        {"type": "Dense", "units": 4, "kernel_initializer": "he_normal"},
        {"type": "Dropout", "rate": 0.5},
        SOFTMAX,
    ]
    first, again, other = (build_network(spec_of(layers, (3,)), Limits(), seed).get_weights() for seed in (7, 7, 8))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    assert (first[0] != other[0]).any()


def test_it_is_compiled_as_the_spec_says() -> None:
    network = build_network(spec_of(DIGITS, metrics=["acc", {"type": "AUC", "name": "area"}]), Limits())
    assert isinstance(network.optimizer, keras.optimizers.RMSprop)
    assert float(network.optimizer.learning_rate) == pytest.approx(0.01)
    assert network.jit_compile is False
    results = network.train_on_batch(np.zeros((2, 28, 28)), np.eye(10)[:2], return_dict=True)
    assert results.keys() == {"loss", "acc", "area"}


def test_another_optimizer_replaces_the_compiled_one() -> None:
    optimizer = ComponentSpec("sgd", {"momentum": 0.5})
    network = build_network(dataclasses.replace(spec_of(DIGITS), optimizer=optimizer), Limits())
    assert isinstance(network.optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize(
    ("type_", "parameters"),
    [
        ("SGD", {"learning_rate": 1, "momentum": 0}),
        ("SGD", {"learning_rate": 100, "momentum": 1}),
        ("RMSprop", {"learning_rate": 1, "rho": 1}),
        ("Adam", {"learning_rate": 0, "beta_1": 0, "clipnorm": 1}),
    ],
)
def test_integers_are_accepted_where_keras_expects_floats(type_: str, parameters: dict[str, Any]) -> None:
    optimizer = {"type": type_, **parameters}
    network = build_network(spec_of(DIGITS, optimizer=optimizer), Limits())
    assert float(network.optimizer.learning_rate) == parameters["learning_rate"]


@pytest.mark.parametrize("from_logits", [False, True])
def test_accuracy_knows_where_an_output_changes_sides(from_logits: bool) -> None:
    kernel = {"kernel_initializer": "ones"}
    layer = {"type": "Dense", "units": 1, "activation": "linear" if from_logits else "sigmoid", **kernel}
    loss = {"type": "BinaryCrossentropy", "from_logits": from_logits}
    network = build_network(spec_of([layer], (1,), task="binary", loss=loss), Limits())
    results = network.test_on_batch(np.array([[0.2], [-0.2]]), np.array([[1], [0]]), return_dict=True)
    assert results["accuracy"] == 1


def test_a_billion_units_are_refused_without_being_allocated() -> None:
    fault = fault_of([{"type": "Flatten"}, {"type": "Dense", "units": 10**9}, SOFTMAX])
    assert fault.pointer == "#/layers/1"
    assert "785,000,000,000 parameters" in fault.detail


def test_activations_are_held_to_their_limit() -> None:
    wide = {"type": "Conv2D", "filters": 2000, "kernel_size": 1}
    fault = fault_of([wide, {"type": "Flatten"}, SOFTMAX], (28, 28, 1))
    assert fault.pointer == "#/layers/0"
    assert "activations" in fault.detail


@pytest.mark.parametrize(
    ("layers", "shape", "pointer", "words"),
    [
        ([{"type": "Conv2D", "filters": 2, "kernel_size": 3}], (28, 28), "#/layers/0", "at least 3 dimensions, not 2"),
        ([{"type": "Conv2D", "filters": 2, "kernel_size": 9}], (4, 4, 1), "#/layers/0", "[4, 4, 1]"),
        ([{"type": "Flatten"}, {"type": "MaxPooling2D"}], (4, 4, 1), "#/layers/1", "[16]"),
        ([{"type": "Reshape", "target_shape": [5, 5]}], (28, 28), "#/layers/0", "[28, 28]"),
        ([{"type": "Reshape", "target_shape": [-1, -1]}], (28, 28), "#/layers/0", "at most one"),
        ([{"type": "BatchNormalization", "axis": 7}], (4, 4, 1), "#/layers/0/axis", "-1 to -3"),
        ([{"type": "Rescaling", "scale": [1, 2, 3]}], (4, 4, 2), "#/layers/0", "[4, 4, 2]"),
        ([{"type": "Conv2D", "filters": 4, "kernel_size": 1, "groups": 3}], (4, 4, 1), "#/layers/0", "groups"),
        ([SOFTMAX], (28, 28), "#/layers/0", "Flatten"),
        ([{"type": "Dense", "units": 1}], (3,), "#/layers/0/units", "at least 2"),
        (
            [{"type": "Dense", "units": 2, "kernel_constraint": {"type": "MaxNorm", "axis": [5]}}],
            (3,),
            "#/layers/0",
            "5",
        ),
    ],
)
def test_a_layer_that_does_not_fit_is_named(layers: Any, shape: tuple[int, ...], pointer: str, words: str) -> None:
    fault = fault_of(layers, shape, loss="mse")
    assert fault.pointer == pointer
    assert words in fault.detail
    assert "None" not in fault.detail
    assert "keras" not in fault.detail.lower()


@pytest.mark.parametrize(
    ("layer", "shape", "words"),
    [
        ({"type": "AdaptiveMaxPooling3D", "output_size": 2}, (1, 1), "rows of 4 dimensions, not 2"),
        ({"type": "CategoryEncoding", "num_tokens": 1, "output_mode": "count"}, (17, 2), "outputs the shape [2, 1]"),
    ],
)
def test_a_layer_that_keras_itself_misjudges_is_refused(layer: Any, shape: tuple[int, ...], words: str) -> None:
    fault = fault_of([layer, {"type": "Flatten"}, SOFTMAX], shape, loss="mse")
    assert fault.pointer == "#/layers/0"
    assert words in fault.detail


def test_the_scores_of_an_attention_count_among_the_rows_of_a_call() -> None:
    attention = {"type": "MultiHeadAttention", "num_heads": 8, "key_dim": 2, "inputs": ["input", "input"]}
    network = build_network(spec_of([attention, {"type": "Flatten"}, SOFTMAX], (500, 2)), Limits())
    assert rows_at_once(network) == 4


def test_a_binary_network_has_one_output() -> None:
    sigmoid = {"type": "Dense", "units": 10, "activation": "sigmoid"}
    assert fault_of([sigmoid], (3,), task="binary", loss="bce").pointer == "#/layers/0/units"


def test_optimizer_and_metrics_that_keras_refuses_are_named() -> None:
    optimizer = {"type": "adam", "clipnorm": 1, "clipvalue": 1}
    assert fault_of([SOFTMAX], (3,), optimizer=optimizer).pointer == "#/optimizer"
    fault = fault_of([SOFTMAX], (3,), metrics=["accuracy", {"type": "Precision", "class_id": 12}])
    assert fault.pointer == "#/metrics/1"


FORKING = """
import os, sys
import models.building, models.export
from models.limits import Limits
from models.spec import NetworkSpec
child = os.fork()
if child == 0:
    spec = NetworkSpec.from_document({
        "task": "regression", "input": {"shape": [1]}, "layers": [{"type": "Dense", "units": 1}],
        "optimizer": "sgd", "loss": "mse"})
    models.building.build_network(spec, Limits(), seed=1)
    os._exit(7)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
def test_a_process_that_has_imported_the_modules_can_still_fork() -> None:
    """Importing runs no TensorFlow operation: after one, a forked child would hang."""
    result = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, timeout=120, check=False)
    assert result.returncode == 7, result.stderr[-2000:]


def test_a_network_that_was_refused_for_its_size_is_never_allocated_later() -> None:
    fault_of([{"type": "Flatten"}, {"type": "Dense", "units": 10**9}, SOFTMAX])
    network = build_network(spec_of(DIGITS), Limits())
    network.evaluate(np.zeros((1, 28, 28)), np.eye(10)[:1], verbose=0)
    assert get_global_attribute("uninitialized_variables", []) == []
