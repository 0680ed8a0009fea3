"""Networks with branches and several inputs, built as Keras's functional API would."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.building import build_network, print_summary, summarize_network
from models.errors import Fault, InvalidSpec
from models.export import export_onnx
from models.limits import Limits
from models.parity import compare_with_keras, random_rows
from models.spec import NetworkSpec
from models.validation import check_network
from models.weights import weight_values

TWO: dict[str, Any] = {"left": {"shape": [4]}, "right": {"shape": [3]}}
SMALL = Limits(parameters=10**6, activations_per_row=10**6)


def dense(name: str | None = None, *inputs: str, **parameters: Any) -> dict[str, Any]:
    given = {"name": name, "inputs": list(inputs) or None}
    return {"type": "Dense", "units": 4} | {member: value for member, value in given.items() if value} | parameters


def merge(name: str, *inputs: str, type_: str = "Add", **parameters: Any) -> dict[str, Any]:
    return {"type": type_, "name": name, "inputs": list(inputs), **parameters}


def spec_of(layers: list[Any], inputs: dict[str, Any] | None = None, **changes: Any) -> NetworkSpec:
    document: dict[str, Any] = {"task": "regression", "layers": layers, "optimizer": "adam", "loss": "mse"}
    document |= {"inputs": inputs or {"input": {"shape": [4]}}} | changes
    check_network(document, Limits())
    return NetworkSpec.from_document(document)


def build(layers: list[Any], inputs: dict[str, Any] | None = None, seed: int = 7, **changes: Any) -> keras.Model:
    return build_network(spec_of(layers, inputs, **changes), SMALL, seed=seed)


def faults_of(layers: list[Any], inputs: dict[str, Any] | None = None) -> dict[str | None, Fault]:
    with pytest.raises(InvalidSpec) as caught:
        build(layers, inputs)
    return {fault.pointer: fault for fault in caught.value.faults}


RESIDUAL = [dense("a"), dense("b", activation="relu"), merge("sum", "a", "b"), dense("out", units=1)]


def test_a_residual_network_has_its_summary() -> None:
    layers = summarize_network(build(RESIDUAL))["layers"]
    assert [(layer["name"], layer["inputs"]) for layer in layers] == [
        ("a", ["input"]),
        ("b", ["a"]),
        ("sum", ["a", "b"]),
        ("out", ["sum"]),
    ]
    assert layers[2] == {
        "name": "sum",
        "type": "Add",
        "output_shape": [4],
        "parameters": 0,
        "weight_shapes": [],
        "trainable": True,
        "inputs": ["a", "b"],
    }


def test_it_computes_what_keras_does() -> None:
    network = build(RESIDUAL)
    rows = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    a, b, out = (network.get_layer(name) for name in ("a", "b", "out"))
    assert np.allclose(network(rows), out(a(rows) + b(a(rows))))


@pytest.mark.parametrize("names", [("flatten", "dense", "dense_1"), ("first", "second", "third")])
def test_a_list_and_a_graph_of_the_same_layers_are_the_same_network(names: tuple[str, str, str]) -> None:
    plain = [
        {"type": "Flatten", "name": names[0]},
        dense(names[1], activation="relu"),
        {"type": "Dropout", "rate": 0.5, "name": "drop"},
        dense(names[2], units=2),
    ]
    order = [0, 2, 1, 3]
    sources = ["input", names[0], names[1], "drop"]
    graph = [plain[place] | {"inputs": [sources[place]]} for place in order]
    image = {"input": {"shape": [3, 2]}}
    networks = [build(layers, image) for layers in (plain, graph)]
    assert summarize_network(networks[0]) == summarize_network(networks[1])
    assert print_summary(networks[0]) == print_summary(networks[1])
    for ours, theirs in zip(networks[0].get_weights(), networks[1].get_weights(), strict=True):
        assert (ours == theirs).all()


def test_several_inputs_keep_their_names_when_trained_and_exported(tmp_path: Path) -> None:
    layers = [dense("l", "left"), dense("r", "right"), merge("sum", "l", "r"), dense("out", "sum", units=1)]
    network = build(layers, TWO)
    rows = random_rows(network, 6)
    assert {name: values.shape for name, values in rows.items()} == {"left": (6, 4), "right": (6, 3)}
    network.train_on_batch(rows, np.ones((6, 1)))
    export_onnx(spec_of(layers, TWO), weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", rows)


@pytest.mark.parametrize("names", [("1a", "a-b"), ("a.b", "Z_"), ("Identity", "network")])
def test_inputs_may_have_odd_names(names: tuple[str, str], tmp_path: Path) -> None:
    spec = spec_of([merge("sum", *names, type_="Subtract"), dense("output")], {name: {"shape": [4]} for name in names})
    network = build_network(spec, SMALL)
    export_onnx(spec, weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", random_rows(network, 3))


def test_shapes_that_do_not_fit_are_both_named() -> None:
    found = faults_of([dense("a"), dense("b", "a", units=5), merge("sum", "a", "b"), dense()])
    assert found.keys() == {"#/layers/2"}
    assert "Add can't take inputs of the shapes [4] and [5]" in found["#/layers/2"].detail
    assert found["#/layers/2"].detail.count("Add") == 1


def test_every_branch_that_does_not_fit_is_named() -> None:
    layers = [
        {"type": "MaxPooling2D", "name": "pool", "inputs": ["left"]},
        merge("sum", "left", "right"),
        dense("after", "sum"),
        merge("end", "pool", "after", type_="Concatenate"),
    ]
    assert faults_of(layers, TWO).keys() == {"#/layers/0", "#/layers/1"}


@pytest.mark.parametrize(
    ("layer", "pointer"),
    [
        (merge("m", "left", "left", type_="Concatenate", axis=2), "#/layers/0/axis"),
        (merge("m", "left", "left", type_="Concatenate", axis=0), "#/layers/0/axis"),
        (merge("m", "left", "left", type_="Dot", axes=0), "#/layers/0/axes"),
        (merge("m", "left", "left", type_="Dot", axes=[1, 2]), "#/layers/0/axes"),
    ],
)
def test_an_axis_that_a_row_does_not_have_is_named(layer: dict[str, Any], pointer: str) -> None:
    assert faults_of([layer, dense()], {"left": {"shape": [4]}}).keys() == {pointer}


def test_limits_hold_for_all_branches_together() -> None:
    branches: list[dict[str, Any]] = [
        {"type": "ReLU", "name": f"branch_{number}", "inputs": ["input"]} for number in range(5)
    ]
    layers = [*branches, merge("sum", *(branch["name"] for branch in branches)), dense()]
    assert faults_of(layers, {"input": {"shape": [190_000]}}).keys() == {"#/layers/5"}


@pytest.mark.parametrize("sources", [["input", "input"], ["input", "even", "input"]])
def test_attention_gets_query_value_and_key_in_their_order(sources: list[str], tmp_path: Path) -> None:
    """As arguments of their own, where the catalogue says so, rather than in a list."""
    attention = merge("attention", *sources, type_="MultiHeadAttention", num_heads=2, key_dim=3)
    layers = [dense("even", "input"), attention, merge("sum", "attention", "even"), {"type": "Flatten"}, dense("out")]
    sequence = {"input": {"shape": [5, 4]}}
    network = build(layers, sequence)
    assert {layer["name"]: layer["inputs"] for layer in summarize_network(network)["layers"]}["attention"] == sources
    rows = random_rows(network, 6)
    layer = network.get_layer("attention")
    tensors = {"input": rows["input"], "even": network.get_layer("even")(rows["input"])}
    probe = keras.Model(network.input, layer.output)
    assert np.allclose(probe(rows["input"]), layer(*(tensors[source] for source in sources)), atol=1e-6)
    network.train_on_batch(rows["input"], np.ones((6, 4)))
    export_onnx(spec_of(layers, sequence), weight_values(network), tmp_path / "network.onnx")
    compare_with_keras(network, tmp_path / "network.onnx", rows)
