"""Layers taken from a trained version: copied, frozen or not, as one layer of a new network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.building import build_network, summarize_network
from models.datasets import Dataset
from models.errors import InvalidSpec
from models.export import export_onnx
from models.limits import Limits
from models.parity import compare_with_keras, random_rows
from models.preprocessing import Preprocessing
from models.pretrained import NETWORK, reference_faults, take_layers
from models.pretrained_weights import copy_pretrained, pretrained_weights, restore_pretrained, save_pretrained
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.training.adaptation import adapt
from models.training.loop import train
from models.training.plan import Arrays
from models.version_files import read_spec
from models.versions import TrainedNetwork, load_version, save_version
from models.weights import weight_values
from tests.models.made_datasets import make_dataset
from tests.models.training_networks import Recorder, plan

# Keras itself, when it saves a network, calls NumPy as NumPy 1 wanted it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

SOURCE: dict[str, Any] = {
    "task": "multiclass",
    "input": {"shape": [6, 6, 1]},
    "layers": [
        {"type": "Conv2D", "filters": 3, "kernel_size": 3, "activation": "relu"},
        {"type": "BatchNormalization"},
        {"type": "Dropout", "rate": 0.2},
        {"type": "Flatten"},
        {"type": "Dense", "units": 4, "activation": "relu"},
        {"type": "Dense", "units": 3, "activation": "softmax"},
    ],
    "optimizer": {"type": "Adam", "learning_rate": 0.01},
    "loss": "categorical_crossentropy",
}
HEAD = {"type": "Dense", "units": 3, "activation": "softmax"}


def train_version(folder: Path, spec: NetworkSpec, dataset: Dataset, network: Any = None) -> TrainedNetwork:
    """A version in the folder, trained for two epochs."""
    network = network or build_network(spec, Limits(), seed=5)
    preprocessing = Preprocessing.fit(spec, dataset)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, 3)
    split = dataset.split("train")
    arrays = Arrays(preprocessing.network_inputs(split), encoding.encode(split.targets))
    train(network, arrays, None, plan(epochs=2), Recorder())
    trained = TrainedNetwork(network, spec, preprocessing, encoding, {})
    folder.mkdir()
    assert save_version(folder, trained, arrays.processed()).servable
    return trained


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    rows = np.random.default_rng(1).normal(size=(24, 6, 6, 1)).tolist()
    return make_dataset(tmp_path_factory.mktemp("dataset"), "inline", inputs=rows, targets=["a", "b", "c"] * 8)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Path:
    """The folder of a trained version."""
    folder = tmp_path_factory.mktemp("source") / "version"
    train_version(folder, NetworkSpec.from_document(SOURCE), dataset)
    return folder


def pretrained(until: str | None, trainable: bool, document: dict[str, Any] = SOURCE, **members: Any) -> dict[str, Any]:
    network = take_layers(NetworkSpec.from_document(document), until, "#/layers/0")
    return {"type": "Pretrained", "model": "m", "version": 1, "trainable": trainable, NETWORK: network, **members}


def with_layers(*layers: dict[str, Any]) -> NetworkSpec:
    return NetworkSpec.from_document({**SOURCE, "layers": list(layers)})


def build(spec: NetworkSpec, folder: Path) -> Any:
    network = build_network(spec, Limits(), seed=1)
    copy_pretrained(network, spec, {0: folder}, Limits())
    return network


def values(weights: dict[str, Any]) -> dict[str, bytes]:
    return {name: weight.numpy().tobytes() for name, weight in weights.items()}


def test_the_layers_have_the_same_outputs_as_in_their_version(source: Path) -> None:
    network = build(with_layers(pretrained(None, True)), source)
    trained = load_version(source, Limits()).network
    rows = random_rows(network, 5)["input"]
    assert np.array_equal(network(rows), trained(rows))


def test_the_summary_counts_frozen_layers_as_one_that_is_not_trained(source: Path) -> None:
    network = build(with_layers(pretrained("flatten", False, name="eyes"), HEAD), source)
    summary = summarize_network(network)
    eyes, head = summary["layers"]
    convolution, normalization = 3 * 9 + 3, 4 * 3
    assert (eyes["name"], eyes["type"], eyes["inputs"]) == ("eyes", "Pretrained", ["input"])
    assert (eyes["parameters"], eyes["trainable"], eyes["output_shape"]) == (convolution + normalization, False, [48])
    assert (head["name"], head["inputs"]) == ("dense", ["eyes"])
    assert summary["trainable_parameters"] == head["parameters"] == 48 * 3 + 3
    assert summary["non_trainable_parameters"] == convolution + normalization
    assert next(iter(pretrained_weights(network))) == "eyes/conv2d/kernel"


def test_frozen_weights_stay_as_they_were_and_others_learn(source: Path, dataset: Dataset, tmp_path: Path) -> None:
    spec = with_layers(pretrained("dense", False), HEAD)
    network = build(spec, source)
    before, head = values(pretrained_weights(network)), network.get_layer("dense").get_weights()
    train_version(tmp_path / "version", spec, dataset, network)
    assert values(pretrained_weights(network)) == before
    assert not np.array_equal(network.get_layer("dense").get_weights()[0], head[0])


def test_thawed_weights_learn(source: Path, dataset: Dataset, tmp_path: Path) -> None:
    spec = with_layers(pretrained("dense", True), HEAD)
    network = build(spec, source)
    before = values(pretrained_weights(network))
    train_version(tmp_path / "version", spec, dataset, network)
    assert all(values(pretrained_weights(network))[name] != before[name] for name in before)


def test_the_copy_is_stored_with_the_model(source: Path, tmp_path: Path) -> None:
    spec = with_layers(pretrained("dense", False), HEAD)
    network = build(spec, source)
    save_pretrained(network, tmp_path)
    other = build_network(spec, Limits(), seed=2)
    restore_pretrained(other, tmp_path)
    assert values(pretrained_weights(other)) == values(pretrained_weights(network))


def test_pretrained_layers_can_be_copied_again(source: Path, dataset: Dataset, tmp_path: Path) -> None:
    first = {**SOURCE, "layers": [pretrained("dense", False, name="eyes"), HEAD]}
    spec = NetworkSpec.from_document(first)
    trained = train_version(tmp_path / "version", spec, dataset, build(spec, source))
    assert load_version(tmp_path / "version", Limits()).spec == spec
    second = with_layers(pretrained("eyes", True, first), {"type": "Dropout", "rate": 0.5}, HEAD)
    network = build(second, tmp_path / "version")
    kept = [list(values(pretrained_weights(each)).values()) for each in (network, trained.network)]
    assert kept[0] == kept[1]
    assert network.get_layer("pretrained").trainable_weights
    export_onnx(second, weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", random_rows(network, 5))


def test_an_input_that_does_not_fit_points_to_the_layer(source: Path) -> None:
    document = {**SOURCE, "input": {"shape": [5, 6, 1]}, "layers": [pretrained("dense", True), HEAD]}
    with pytest.raises(InvalidSpec, match=r"Pretrained can't take the shape \[5, 6, 1\]") as caught:
        build_network(NetworkSpec.from_document(document), Limits())
    assert [fault.pointer for fault in caught.value.faults] == ["#/layers/0"]


def test_the_limits_count_nested_layers(source: Path) -> None:
    with pytest.raises(InvalidSpec, match="activations per row"):
        build_network(with_layers(pretrained(None, True)), Limits(activations_per_row=100))
    with pytest.raises(InvalidSpec, match="parameters"):
        build_network(with_layers(pretrained(None, True)), Limits(parameters=100))


def test_an_unknown_layer_is_a_fault_that_suggests_another() -> None:
    with pytest.raises(InvalidSpec) as caught:
        take_layers(NetworkSpec.from_document(SOURCE), "flaten", "#/layers/3")
    (fault,) = caught.value.faults
    assert (fault.pointer, fault.did_you_mean) == ("#/layers/3/until", "flatten")
    assert fault.allowed == ("conv2d", "batch_normalization", "dropout", "flatten", "dense", "dense_1")


def test_a_version_of_several_inputs_is_refused() -> None:
    layers = [{"type": "Concatenate", "inputs": ["left", "right"]}, HEAD]
    inputs = {"left": {"shape": [2]}, "right": {"shape": [2]}}
    document = {**SOURCE, "input": None, "inputs": inputs, "layers": layers}
    with pytest.raises(InvalidSpec, match="has 2 inputs") as caught:
        take_layers(NetworkSpec.from_document(document), None, "#/layers/0")
    assert [fault.pointer for fault in caught.value.faults] == ["#/layers/0/model"]


def test_only_the_branches_that_reach_the_last_layer_are_copied_from_a_graph() -> None:
    layers = [
        {"type": "Dense", "units": 4, "name": "left", "inputs": ["input"]},
        {"type": "Dense", "units": 4, "name": "right", "inputs": ["input"]},
        {"type": "Dense", "units": 2, "name": "far", "inputs": ["right"]},
        {"type": "Add", "name": "sum", "inputs": ["left", "right"]},
        {"type": "Concatenate", "inputs": ["sum", "far"]},
        HEAD,
    ]
    document = {**SOURCE, "input": {"shape": [3]}, "layers": layers}
    taken = pretrained("sum", False, document)
    assert [layer["name"] for layer in taken[NETWORK]["layers"]] == ["left", "right", "sum"]
    network = build_network(NetworkSpec.from_document({**document, "layers": [taken, HEAD]}), Limits())
    assert network.get_layer("pretrained").output.shape == (None, 4)


def test_pretrained_layers_may_be_anywhere_in_a_graph(source: Path) -> None:
    branches = [
        pretrained("flatten", False, name="eyes", inputs=["input"]),
        {"type": "Flatten", "name": "raw", "inputs": ["input"]},
        {"type": "Concatenate", "inputs": ["eyes", "raw"]},
    ]
    network = build(with_layers(*branches, HEAD), source)
    assert summarize_network(network)["non_trainable_parameters"] == 42
    assert network.get_layer("concatenate").output.shape == (None, 48 + 36)


@pytest.mark.parametrize("nested", ["layer", "cell"])
def test_pretrained_layers_can_not_be_nested_in_another_layer(nested: str) -> None:
    layers = [{"type": "TimeDistributed", nested: {"type": "Pretrained", "model": "m", "version": 1}}]
    (fault,) = reference_faults(layers)
    assert fault.pointer == f"#/layers/0/{nested}"


def test_ordinary_layers_that_are_frozen_stay_as_they_were(dataset: Dataset, tmp_path: Path) -> None:
    frozen = [{**layer, "trainable": False} for layer in SOURCE["layers"][:2]]
    spec = with_layers(*frozen, {"type": "Flatten"}, HEAD)
    network = build_network(spec, Limits(), seed=1)
    assert summarize_network(network)["non_trainable_parameters"] == 42
    before = [weight.tobytes() for layer in network.layers[:3] for weight in layer.get_weights()]
    train_version(tmp_path / "version", spec, dataset, network)
    assert [weight.tobytes() for layer in network.layers[:3] for weight in layer.get_weights()] == before


def test_pretrained_layers_keep_what_they_learned_from_the_rows(tmp_path: Path) -> None:
    rows = np.random.default_rng(4).normal([500, -3], [20, 1], (24, 2)).astype(np.float32)
    dataset = make_dataset(tmp_path, "inline", inputs=rows.tolist(), targets=["a", "b", "c"] * 8)
    document = {**SOURCE, "input": {"shape": [2]}, "layers": [{"type": "Normalization"}, HEAD]}
    train_version(tmp_path / "version", adapt(NetworkSpec.from_document(document), {"input": rows}), dataset)
    taken = take_layers(read_spec(tmp_path / "version"), None, "#/layers/0")
    layers = [{"type": "Pretrained", "model": "m", "version": 1, NETWORK: taken}]
    network = build(NetworkSpec.from_document({**document, "layers": layers}), tmp_path / "version")
    trained = load_version(tmp_path / "version", Limits()).network
    assert np.array_equal(network(rows), trained(rows))
    assert len(np.unique(trained(rows), axis=0)) == len(rows)
