"""Specs as Keras code: the scripts build the same networks, and make the same rows as the built-in sources."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.building import build_network
from models.datasets import SOURCES
from models.datasets.generated import blobs, circles, line, moons, sine, spirals, xor
from models.keras_code import write_script
from models.keras_code.rendering import WIDTH
from models.limits import Limits
from models.spec import NetworkSpec
from tests.journeys.specs import (
    CIFAR_DENSE_GRAPH,
    DIGITS,
    LINE,
    LINE_DATASET,
    RINGS,
    RINGS_DATASET,
    STATEFUL,
    TWO,
)

WRAPPED: dict[str, Any] = {
    "task": "multilabel",
    "input": {"shape": [6, 3]},
    "layers": [
        {"type": "Bidirectional", "layer": {"type": "GRU", "units": 4, "return_sequences": True}, "name": "both-ways"},
        {"type": "TimeDistributed", "layer": {"type": "Dense", "units": 3, "kernel_regularizer": "l2"}},
        {
            "type": "RNN",
            "cell": {
                "type": "StackedRNNCells",
                "cells": [{"type": "LSTMCell", "units": 2}, {"type": "GRUCell", "units": 3}],
            },
        },
        {"type": "Dense", "units": 2, "kernel_initializer": {"type": "RandomNormal", "stddev": 0.1}},
    ],
    "optimizer": {
        "type": "AdamW",
        "learning_rate": {"type": "CosineDecay", "initial_learning_rate": 0.1, "decay_steps": 9},
    },
    "loss": {"type": "BinaryCrossentropy", "from_logits": True},
}
"""Wrappers, cells, nested objects, a schedule."""
LABELS: dict[str, Any] = {
    "name": "labels",
    "task": "multilabel",
    "input": {"shape": [3]},
    "layers": [{"type": "Dense", "units": 2}],
    "optimizer": "sgd",
    "loss": {"type": "BinaryCrossentropy", "from_logits": True},
    "metrics": ["accuracy", {"type": "F1Score", "name": "f1"}, "AUC"],
}
"""Logits, and metrics whose defaults are Fitserve's."""
RESIDUAL: dict[str, Any] = {
    "name": "residual",
    "task": "regression",
    "input": {"shape": [4]},
    "layers": [
        {"type": "Dense", "units": 4, "name": "first", "inputs": ["input"]},
        {"type": "Add", "name": "sum", "inputs": ["input", "first"]},
        {"type": "Dense", "units": 1, "name": "model", "inputs": "sum"},
    ],
    "optimizer": "Lamb",
    "loss": "huber",
    "metrics": ["mae", "R2Score"],
}
"""A graph with a branch, and a layer with the name of a variable of the script."""
GENERATED: dict[str, Callable[..., Any]] = {
    "line": line, "circles": circles, "moons": moons, "spirals": spirals, "xor": xor, "blobs": blobs, "sine": sine
}  # fmt: skip


def run(script: str, **given: Any) -> dict[str, Any]:
    """The variables of a script after it has run, without the graphs that take Keras seconds to make."""
    variables = dict(given)
    script = script.replace("model.summary()", "").replace("model.compile(", "model.compile(run_eagerly=True, ")
    exec(script, variables)
    return variables


@pytest.mark.parametrize(
    "document",
    [RINGS, STATEFUL, DIGITS, CIFAR_DENSE_GRAPH, TWO, WRAPPED, LABELS, RESIDUAL],
    ids=lambda document: document.get("name", document["task"]),
)
def test_a_script_builds_the_network_of_the_spec(document: dict[str, Any]) -> None:
    made = run(write_script(document))["model"]
    built = build_network(NetworkSpec.from_document(document), Limits())
    assert made.count_params() == built.count_params()
    assert [weight.shape for weight in made.weights] == [weight.shape for weight in built.weights]
    types = [[type(layer) for layer in network.layers if layer.weights] for network in (made, built)]
    assert types[0] == types[1]
    named = {layer["name"] for layer in document["layers"] if "name" in layer}
    assert named <= {layer.name for layer in made.layers}
    configurations = [network.optimizer.get_config() | {"name": ""} for network in (made, built)]
    assert configurations[0] == configurations[1]


@pytest.mark.parametrize("document", [RINGS, LABELS, RESIDUAL], ids=lambda document: document.get("name", "residual"))
def test_a_script_measures_the_same_metrics(document: dict[str, Any]) -> None:
    made = run(write_script(document))["model"]
    built = build_network(NetworkSpec.from_document(document), Limits())
    built.run_eagerly = True
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=weight.shape) for weight in made.get_weights()]
    made.set_weights(weights)
    built.set_weights(weights)
    rows = rng.normal(size=(8, *document["input"]["shape"]))
    targets = (rows[:, : document["layers"][-1]["units"]] > 0).astype(float)
    results = [network.evaluate(rows, targets, verbose=0, return_dict=True) for network in (made, built)]
    assert results[0] == pytest.approx(results[1], rel=1e-5)
    assert list(results[0]) == list(results[1])


@pytest.mark.parametrize("name", GENERATED)
def test_a_script_makes_the_rows_of_a_generated_source(name: str) -> None:
    source = SOURCES[name]
    for posted in ({}, {parameter.name: max(parameter.minimum, 2) for parameter in source.parameters}):
        rows = run(write_script(None, dataset={"name": "made", "source": name, "parameters": posted}))
        expected = GENERATED[name](**source.complete(posted))
        np.testing.assert_allclose(rows["x"], expected.tensors["input"], rtol=1e-6)
        np.testing.assert_allclose(rows["y"], expected.targets, rtol=1e-6)


def test_a_script_trains_as_the_job_would() -> None:
    job = {
        "model": "rings",
        "dataset": "rings",
        "epochs": 2,
        "batch_size": 16,
        "seed": 7,
        "shuffle": False,
        "class_weights": {"0": 1, "1": 2},
        "early_stopping": {"monitor": "val_accuracy", "patience": 2},
        "learning_rate_schedule": {"type": "ReduceLROnPlateau", "factor": 0.5},
        "time_limit_seconds": 60,
    }
    dataset = {**RINGS_DATASET, "parameters": {"samples": 40}}
    script = write_script(RINGS, job, dataset)
    lines = script.splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert "keras.callbacks.EarlyStopping(" in script
    assert 'mode="max"' in script
    assert "# Fitserve also ends the training after 60 seconds." in lines
    variables = run(script)
    assert len(variables["model"].history.history["val_accuracy"]) <= 2
    assert [len(variables[f"y_{split}"]) for split in ("train", "validation", "test")] == [24, 8, 8]
    assert variables["class_weight"] == {0: 1, 1: 2}


@pytest.mark.parametrize("document", [RINGS, RESIDUAL], ids=lambda document: document["name"])
def test_a_script_computes_in_the_precision_of_the_job(document: dict[str, Any]) -> None:
    job = {"model": document["name"], "dataset": "rows", "epochs": 1, "precision": "bfloat16"}
    width = document["input"]["shape"][0]
    rows = {"inputs": [[0.5] * width, [1.5] * width], "targets": [0, 1]}
    network = run(write_script(document, job, {"name": "rows", "source": "inline", **rows}))["model"]
    *hidden, last = (layer for layer in network.layers if layer.weights)
    assert {layer.compute_dtype for layer in hidden} == {"bfloat16"}
    assert last.compute_dtype == "float32"
    assert {weight.dtype for weight in network.weights} == {"float32"}


def test_a_script_computes_only_those_layers_in_bfloat16_that_the_job_does() -> None:
    hidden = [{"type": "Reshape", "target_shape": [2]}, {"type": "Embedding", "input_dim": 900, "output_dim": 2}]
    layers = [*hidden, {"type": "GRU", "units": 2}, {"type": "Dense", "units": 4}, {"type": "Dense", "units": 1}]
    document = {**LINE, "name": "words", "input": {"shape": [2]}, "layers": layers}
    job = {"model": "words", "dataset": "rows", "epochs": 1, "precision": "bfloat16"}
    rows = {"name": "rows", "source": "inline", "inputs": [[1, 899], [300, 2]], "targets": [0, 1]}
    network = run(write_script(document, job, rows))["model"]
    assert [layer.compute_dtype for layer in network.layers] == ["float32"] * 3 + ["bfloat16", "float32"]


def test_a_script_loads_data_that_is_too_long_to_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = {"name": "long", "source": "inline", "inputs": [[n] for n in range(3000)], "targets": list(range(3000))}
    script = write_script(LINE, {"model": "line", "dataset": "long", "epochs": 1}, dataset)
    assert len(script) < 1000
    (tmp_path / "long.json").write_text(json.dumps(dataset))
    monkeypatch.chdir(tmp_path)
    assert run(script.replace("model.fit", "(lambda *a, **b: None)"))["x_train"].shape == (3000, 1)


def test_texts_are_the_classes_of_inline_targets() -> None:
    dataset = {"name": "d", "source": "inline", "inputs": [[1, 2], [3, 4], [5, 6]], "targets": ["no", "yes", "no"]}
    variables = run(write_script(RINGS, {"model": "rings", "dataset": "d", "epochs": 1}, dataset))
    assert variables["y_train"].tolist() == [[0], [1], [0]]
    assert variables["classes"].tolist() == ["no", "yes"]


def test_rows_of_other_datasets_come_from_the_service() -> None:
    columns = [{"name": "floor", "type": "number"}, {"name": "kind", "type": "category", "categories": ["a", "b"]}]
    flats = {
        **LINE,
        "inputs": {
            "rest": {"dataset": "flats", "shape": [4], "scaling": "standard", "columns": columns},
            "words": {"dataset": "flats", "text": {"column": "advert", "max_tokens": 10, "length": 3}},
        },
        "layers": [
            {"type": "Concatenate", "inputs": ["rest", "words"]},
            {"type": "Dense", "units": 1},
        ],
    }
    script = write_script(flats, {"model": "flats", "dataset": "flats", "epochs": 1}, url="http://here")
    rows = [
        {"instance": {"floor": 1, "kind": "a", "advert": "so nice"}, "target": 1.0},
        {"instance": {"floor": None, "kind": "b", "advert": "nice"}, "target": 2.0},
        {"instance": {"floor": 3, "kind": "a", "advert": "so"}, "target": 3.0},
    ]
    train, _, model = script.partition("from fitserve_client import Client\n")
    variables = run(train + model, Client=fake_client(rows))
    assert variables["x_train"]["rest"].shape == (3, 4)
    assert variables["x_train"]["words"].shape == (3, 3)
    assert variables["x_train"]["rest"][:, 1:].tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]


def fake_client(rows: list[dict[str, Any]]) -> Any:
    """A client of a service with these training rows."""

    class FakeClient:
        def __init__(self, url: str) -> None:
            assert url == "http://here"
            self.datasets = self

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def rows(self, name: str, split: str) -> Any:
            assert name == "flats"
            return iter(rows if split != "test" else [])

    return FakeClient


def test_trained_layers_of_another_model_are_loaded() -> None:
    layers = [{"type": "Pretrained", "model": "digits", "label": "best", "until": "dense", "trainable": False}]
    script = write_script({**LINE, "layers": [*layers, *LINE["layers"]]})
    assert 'pretrained = keras.models.load_model("digits-best.keras", compile=False)' in script
    assert "pretrained.trainable = False" in script


def test_learned_normalization_is_adapted_to_the_training_rows() -> None:
    script = write_script(
        {**LINE, "layers": [{"type": "Normalization"}, *LINE["layers"]]},
        {"model": "line", "dataset": "line", "epochs": 1},
        LINE_DATASET,
    )
    assert "normalization.adapt(x_train)" in script
    run(script)
