"""Every layer of the catalogue trains in a small network, and predicts as in Keras."""

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.building import build_network
from models.catalogue import load_catalogue
from models.export import export_onnx
from models.limits import Limits
from models.parity import compare_with_keras, random_rows
from models.spec import NetworkSpec
from models.training.loop import train
from models.training.plan import Arrays
from models.validation import check_network
from models.weights import weight_values
from tests.models.layer_cases import LAYERS, Case, network_of
from tests.models.training_networks import Recorder, plan

ROWS = 8


def build(type_: str, case: Case) -> keras.Model:
    """The network of a case, with a vector of two numbers as its output."""
    document = network_of(type_, case)
    check_network(document, Limits())
    network = build_network(NetworkSpec.from_document(document), Limits(), seed=1)
    assert "tested" in [layer.name for layer in network.layers], "Keras lost the layer"
    return network


def draw_rows(network: keras.Model) -> dict[str, np.ndarray]:
    """Rows of which some end in zeros, as sequences do that are shorter than others."""
    inputs = random_rows(network, ROWS)
    inputs["input"][::2, inputs["input"].shape[1] // 2 :] = 0
    return inputs


def targets() -> np.ndarray:
    return np.linspace(0, 1, 2 * ROWS, dtype=np.float32).reshape(ROWS, 2)


def train_epoch(network: keras.Model, inputs: dict[str, np.ndarray]) -> None:
    recorder = Recorder()
    outcome = train(network, Arrays(inputs, targets()), None, plan(1, batch_size=4), recorder)
    assert outcome.steps == 2
    assert math.isfinite(recorder.history("loss")[0])


def train_step(network: keras.Model, inputs: dict[str, np.ndarray]) -> None:
    network.run_eagerly = True
    results = network.train_on_batch(inputs["input"], targets(), return_dict=True)
    assert math.isfinite(results["loss"])


@pytest.mark.parametrize(
    ("type_", "case", "is_first"),
    [
        pytest.param(type_, case, i == 0, id=f"{type_}-{i}")
        for type_, cases in LAYERS.items()
        for i, case in enumerate(cases)
    ],
)
def test_layer_trains_and_serves(type_: str, case: Case, is_first: bool, tmp_path: Path) -> None:
    """Tracing the loop of a training takes most of the time: only the first case of each layer has one, the others do a
    step without it. All are traced to predict."""
    network = build(type_, case)
    inputs = draw_rows(network)
    train_network = train_epoch if is_first else train_step
    train_network(network, inputs)
    spec = NetworkSpec.from_document(network_of(type_, case))
    export_onnx(spec, weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", inputs)


def test_every_layer_and_every_cell_has_a_case() -> None:
    assert LAYERS.keys() | {"Pretrained"} == load_catalogue().layers.keys()
    assert cells_in(LAYERS["RNN"]) == load_catalogue().cells.keys()


def cells_in(value: Any) -> set[str]:
    """The types of cells anywhere in some cases."""
    if isinstance(value, dict):
        named = {value["type"]} if str(value.get("type")) in load_catalogue().cells else set()
        return named.union(*(cells_in(member) for member in value.values()))
    return set().union(*(cells_in(member) for member in value)) if isinstance(value, list | tuple) else set()
