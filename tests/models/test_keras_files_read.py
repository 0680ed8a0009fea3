"""How networks that Keras saved become networks here: names, operations, masks, defaults, and notes about changes."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.jobs.model_import import ExtendedModel
from models.limits import Limits
from models.model_files.fit import check_same_network, complete_fields, network_inputs
from models.model_files.imported import ImportFields
from models.model_files.keras import import_keras
from models.model_files.keras.container import open_keras
from models.model_files.keras.importing import read_network
from models.parity import run_keras
from models.spec import Task
from tests.models.made_keras_files import (
    BIAS,
    KERNEL,
    called,
    dense,
    functional,
    input_layer,
    keras_file,
    layer,
    sequential,
    stored,
    tensor,
)

ROWS = np.array([[1, 2, 3], [-1, 0.5, 4]], np.float32)


def read(path: Path, fields: ImportFields | None = None) -> tuple[dict[str, Any], keras.Model, list[str]]:
    with open_keras(path, Limits()) as file:
        return read_network(file, fields or ImportFields(), Limits())


def with_operation(*layers: dict[str, Any], last: str) -> dict[str, Any]:
    """A network with `numbers` as its input that ends in the Dense layer `scores`."""
    head = called(dense(activation="linear"), tensor(last))
    return functional(called(input_layer(3)), *layers, head, inputs=[["numbers", 0, 0]], outputs=[["scores", 0, 0]])


def operation(class_name: str, name: str, *arguments: Any) -> dict[str, Any]:
    return called(layer(class_name, name, "keras.src.ops.numpy"), *arguments)


OPERATIONS: dict[str, tuple[list[Any], np.ndarray]] = {
    "x + y": (["Add", tensor("numbers"), tensor("flat")], 2 * ROWS),
    "x * y": (["Multiply", tensor("numbers"), tensor("flat")], ROWS**2),
    "x - 1": (["Subtract", tensor("numbers"), 1.0], ROWS - 1),
    "1 - x": (["Subtract", 1, tensor("numbers")], 1 - ROWS),
    "x / 4": (["TrueDivide", tensor("numbers"), 4.0], ROWS / 4),
    "x * a list": (["Multiply", tensor("numbers"), [1.0, 2.0, 0.5]], ROWS * [1, 2, 0.5]),
    "-x": (["Negative", tensor("numbers")], -ROWS),
    "relu(x)": (["Relu", tensor("numbers")], np.maximum(ROWS, 0)),
}


@pytest.mark.parametrize("kind", OPERATIONS)
def test_an_operation_becomes_a_layer_that_computes_the_same(kind: str, tmp_path: Path) -> None:
    (class_name, *arguments), expected = OPERATIONS[kind]
    flat = [called(layer("Identity", "flat"), tensor("numbers"))] if "y" in kind else []
    network = with_operation(*flat, operation(class_name, "computed", *arguments), last="computed")
    document, built, _ = read(keras_file(tmp_path / "network.keras", network), ImportFields(task=Task.REGRESSION))
    assert "computed" in [one["name"] for one in document["layers"]]
    np.testing.assert_allclose(run_keras(built, {"numbers": ROWS}), expected @ KERNEL + BIAS, rtol=1e-5, atol=1e-5)


def test_a_network_that_was_not_compiled_gets_defaults_with_notes(tmp_path: Path) -> None:
    document, _, notes = read(keras_file(tmp_path / "network.keras"))
    assert (document["task"], document["loss"], document["optimizer"], document["metrics"]) == (
        "multiclass",
        "sparse_categorical_crossentropy",
        "adam",
        [],
    )
    assert notes == [
        "The task is multiclass: inferred from the last activation and the number of outputs, 2.",
        "The file doesn't say how the network was compiled: the optimizer is `adam`.",
        "The file has no loss that can be used here: the loss is `sparse_categorical_crossentropy`, which suits the "
        "task multiclass.",
    ]


def test_what_the_catalogue_does_not_have_of_a_training_is_replaced_with_notes(tmp_path: Path) -> None:
    compiled = {"optimizer": {"class_name": "Mine", "config": {}}, "loss": "my_loss", "metrics": [["mine", "accuracy"]]}
    network = {**sequential(), "compile_config": compiled}
    document, _, notes = read(keras_file(tmp_path / "network.keras", network))
    assert (document["optimizer"], document["metrics"]) == ("adam", ["Accuracy"])
    assert {
        "The loss `my_loss` isn't in the catalogue.",
        "The optimizer `Mine` isn't in the catalogue as it is: `adam` replaces it.",
        "The metric `mine` was dropped: it isn't in the catalogue or doesn't suit the network.",
    } <= set(notes)


def test_logits_stay_logits(tmp_path: Path) -> None:
    network = sequential(input_layer(3), dense(activation="linear"))
    document, _, notes = read(keras_file(tmp_path / "network.keras", network), ImportFields(task=Task.MULTICLASS))
    assert document["loss"] == {"type": "sparse_categorical_crossentropy", "from_logits": True}
    assert any("with `from_logits`" in note for note in notes)


def test_names_stay_unless_they_are_invalid_here(tmp_path: Path) -> None:
    network = functional(
        called(input_layer(3, name="output")),
        called(layer("Flatten", "block/flat"), tensor("output")),
        called(dense(), tensor("block/flat")),
        inputs=["output", 0, 0],
        outputs=["scores", 0, 0],
    )
    document, _, notes = read(keras_file(tmp_path / "network.keras", network))
    assert list(document["inputs"]) == ["output_input"]
    assert [one["name"] for one in document["layers"]] == ["block_flat", "scores"]
    assert "`block/flat` is now called `block_flat`." in notes


def test_a_network_of_another_session_fits_a_model_that_calls_its_input_otherwise(tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    first.mkdir()
    again.mkdir()
    imported = import_keras(keras_file(tmp_path / "a.keras"), ImportFields(), first, Limits())
    model = ExtendedModel(
        Task.MULTICLASS, network_inputs(imported.document), imported.document["layers"], imported.summary, [0, 1], True
    )
    renumbered = sequential(input_layer(3, name="numbers_1"), dense())
    fields = complete_fields(ImportFields(), model)
    added = import_keras(keras_file(tmp_path / "b.keras", renumbered), fields, again, Limits())
    check_same_network(added, model)
    assert [input_["name"] for input_ in added.version.inputs] == ["numbers"]
    assert added.document["layers"][0]["inputs"] == ["numbers"]


def test_a_nested_network_becomes_its_layers_whose_names_stay_unique(tmp_path: Path) -> None:
    block = {**sequential(input_layer(3, name="inner"), layer("Flatten", "flat")), "name": "block"}
    block["config"]["name"] = "block"
    network = with_operation(
        called(layer("Flatten", "flat"), tensor("numbers")), called(block, tensor("flat")), last="block"
    )
    document, _, notes = read(keras_file(tmp_path / "network.keras", network), ImportFields(task=Task.REGRESSION))
    assert [(one["name"], one["inputs"]) for one in document["layers"]] == [
        ("flat", ["numbers"]),
        ("block_flat", ["flat"]),
        ("scores", ["block_flat"]),
    ]
    assert "The nested network `block` was replaced by its layers." in notes


def test_a_layer_without_weights_that_is_called_twice_becomes_two(tmp_path: Path) -> None:
    twice = called(layer("ReLU", "relu"), tensor("numbers"))
    twice["inbound_nodes"].append({"args": [tensor("relu")], "kwargs": {}})
    again = {**tensor("relu")["config"], "keras_history": ["relu", 1, 0]}
    network = with_operation(twice, last="relu")
    network["config"]["layers"][-1]["inbound_nodes"][0]["args"] = [{"class_name": "__keras_tensor__", "config": again}]
    document, _, notes = read(keras_file(tmp_path / "network.keras", network), ImportFields(task=Task.REGRESSION))
    assert [(one["name"], one["inputs"]) for one in document["layers"]] == [
        ("relu", ["numbers"]),
        ("relu_1", ["relu"]),
        ("scores", ["relu_1"]),
    ]
    assert "`relu` is called 2 times: each call became a layer of its own." in notes


def test_the_shape_that_a_client_sends_replaces_dimensions_that_vary(tmp_path: Path) -> None:
    network = sequential(input_layer(None, 3), layer("GlobalAveragePooling1D", "pool"), dense())
    path = keras_file(tmp_path / "network.keras", network)
    document, _, notes = read(path, ImportFields(input={"shape": [4, 3], "scaling": "unit"}))
    assert document["inputs"] == {"numbers": {"shape": [4, 3], "scaling": "unit"}}
    assert "The input `numbers` has the fixed shape [4, 3] here; in the file it varies." in notes


def test_a_file_with_the_ending_of_another_format_is_read_as_what_it_is(tmp_path: Path) -> None:
    _, _, notes = read(keras_file(tmp_path / "network.h5"))
    assert "The file is named .h5, but it was read as a `.keras` file." in notes


def test_weights_that_are_not_finite_are_noted(tmp_path: Path) -> None:
    weights = stored({"layers/dense/vars/0": KERNEL * np.float32("nan"), "layers/dense/vars/1": BIAS})
    _, _, notes = read(keras_file(tmp_path / "network.keras", weights=weights))
    assert "1 weights have values that are NaN or infinite, so predictions may be too." in notes


def test_a_parameter_that_only_matters_in_training_is_dropped_with_a_note(tmp_path: Path) -> None:
    network = sequential(input_layer(3), layer("Dropout", "drop", rate=0.1, noise_shape=[None, 1]), dense())
    _, _, notes = read(keras_file(tmp_path / "network.keras", network))
    assert "`noise_shape` of `drop` was dropped: it changes training, but not predictions." in notes


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_masks_and_cells_are_those_of_the_saved_network(ending: str, tmp_path: Path) -> None:
    inputs = keras.Input((4,), name="tokens")
    steps = keras.layers.Embedding(6, 3, mask_zero=True)(inputs)
    cells = [keras.layers.LSTMCell(3), keras.layers.LSTMCell(2), keras.layers.GRUCell(2)]
    steps = keras.layers.RNN(cells, return_sequences=True)(steps)
    outputs = keras.layers.Dense(2)(keras.layers.LSTM(2)(steps))
    saved = keras.Model(inputs, outputs)
    path = tmp_path / f"network.{ending}"
    saved.save(path)

    _, built, _ = read(path, ImportFields(task=Task.REGRESSION))

    rows = np.array([[1, 2, 0, 0], [5, 4, 3, 2]], np.float32)
    np.testing.assert_allclose(run_keras(built, {"tokens": rows}), np.asarray(saved(rows)), atol=1e-6)


def test_vocabularies_and_bins_that_layers_have_learned_are_taken(tmp_path: Path) -> None:
    lookup = keras.layers.IntegerLookup(output_mode="multi_hot")
    lookup.adapt(np.array([7, 7, 3, 9, 9, 9]))
    bins = keras.layers.Discretization(num_bins=3, output_mode="multi_hot")
    bins.adapt(np.arange(30, dtype=np.float32))
    inputs = keras.Input((2,), name="numbers")
    joined = keras.layers.Concatenate()([lookup(inputs), bins(inputs)])
    saved = keras.Model(inputs, keras.layers.Dense(1)(joined))
    path = tmp_path / "network.keras"
    saved.save(path)

    document, built, _ = read(path, ImportFields(task=Task.REGRESSION))

    assert next(one for one in document["layers"] if one["type"] == "IntegerLookup")["vocabulary"] == [9, 7, 3]
    rows = np.array([[7, 1], [3, 25], [4, 9]], np.float32)
    np.testing.assert_allclose(run_keras(built, {"numbers": rows}), np.asarray(saved(rows)), atol=1e-6)
