"""The faults of invalid connections between layers."""

from typing import Any

import pytest
from keras.src.utils.naming import to_snake_case

from models.catalogue import load_catalogue
from models.errors import Fault, InvalidSpec
from models.graph import connect, resolve
from models.limits import Limits
from models.spec import LayerSpec, NetworkSpec
from models.validation import check_network

TWO = {"left": {"shape": [4]}, "right": {"shape": [4]}}


def dense(name: str | None = None, *inputs: str, **parameters: Any) -> dict[str, Any]:
    given = {"name": name, "inputs": list(inputs) or None}
    return {"type": "Dense", "units": 4} | {member: value for member, value in given.items() if value} | parameters


def merge(name: str, *inputs: str, type_: str = "Add") -> dict[str, Any]:
    return {"type": type_, "name": name, "inputs": list(inputs)}


def faults(layers: list[Any], inputs: dict[str, Any] | None = None, **changes: Any) -> dict[str | None, Fault]:
    """The faults of a network of these layers, by pointer."""
    document: dict[str, Any] = {"task": "regression", "layers": layers, "optimizer": "adam", "loss": "mse"}
    document |= {"input": {"shape": [4]}} if inputs is None else {"inputs": inputs}
    try:
        check_network(document | changes, Limits())
    except InvalidSpec as error:
        return {fault.pointer: fault for fault in error.faults}
    return {}


def test_branches_merge_again() -> None:
    assert faults([dense("a"), dense("b", "a"), merge("sum", "a", "b"), dense()]) == {}
    assert faults([merge("sum", "left", "right"), dense()], TWO) == {}
    assert faults([merge("twice", "input", "input"), dense()]) == {}


def test_layers_may_be_listed_in_any_order_but_for_the_last() -> None:
    layers = [merge("sum", "a", "b"), dense("b", "a"), dense("a", "input"), dense("out", "sum")]
    assert faults(layers) == {}
    document = {"task": "regression", "input": {"shape": [4]}, "layers": layers, "optimizer": "adam", "loss": "mse"}
    nodes = resolve(NetworkSpec.from_document(document))
    assert [node.name for node in nodes] == ["a", "b", "sum", "out"]
    assert [node.index for node in nodes] == [2, 1, 0, 3]


def test_a_list_keeps_its_order_and_its_names() -> None:
    nodes = connect([LayerSpec("Dense"), LayerSpec("MaxPool2D"), LayerSpec("Dense", name="dense_1")], ["input"])
    assert [node.name for node in nodes] == ["dense", "max_pooling2d", "dense_1"]
    assert [node.inputs for node in nodes] == [("input",), ("dense",), ("max_pooling2d",)]


def test_unnamed_layers_are_called_as_keras_calls_them() -> None:
    for type_ in load_catalogue().layers:
        (node,) = connect([LayerSpec(type_)], ["input"])
        assert node.name == to_snake_case(type_)


def test_one_input_may_be_posted_without_a_list() -> None:
    assert faults([dense("a", inputs="input"), dense(inputs="a")]) == {}
    assert faults([dense("a"), dense(inputs="b")])["#/layers/1/inputs"].allowed == ("input", "a", "dense")


def test_layers_without_a_name_go_by_the_one_in_the_summary() -> None:
    assert faults([dense(), dense(), merge("sum", "dense", "dense_1"), dense()]) == {}


@pytest.mark.parametrize(
    ("layers", "cyclic"),
    [
        ([dense("a"), merge("b", "a", "c"), dense("c", "b"), dense("d", "c")], {1, 2}),
        ([dense("a"), merge("b", "a", "b"), dense("c", "b")], {1}),
        ([dense("a", "b"), dense("b", "a")], {0, 1}),
        ([merge("a", "b", "input"), dense("b", "a"), merge("c", "d", "b"), dense("d", "c")], {0, 1, 2, 3}),
    ],
)
def test_a_cycle_is_a_fault_of_each_of_its_layers(layers: list[Any], cyclic: set[int]) -> None:
    found = faults(layers)
    assert found.keys() == {f"#/layers/{index}/inputs" for index in cyclic}
    assert all("cycle" in fault.detail for fault in found.values())


def test_many_cycles_are_found_in_one_search() -> None:
    names = [f"l{number}" for number in range(500)]
    found = faults([merge(name, *names[max(0, place - 50) : place + 50]) for place, name in enumerate(names)])
    assert len(found) == 100


def test_a_long_cycle_of_long_names_has_a_short_sentence() -> None:
    names = [f"{number:03}" + "x" * 100_000 for number in range(50)]
    found = faults([merge(name, "input", before) for name, before in zip(names, names[-1:] + names[:-1], strict=True)])
    assert len(found) == 100
    assert all(len(fault.detail) < 2000 for fault in found.values())


def test_an_unknown_name_suggests_the_nearest() -> None:
    found = faults([dense("alpha"), dense("beta", "alpha"), merge("sum", "alhpa", "beta"), dense()])
    assert found.keys() == {"#/layers/2/inputs/0"}
    assert found["#/layers/2/inputs/0"].did_you_mean == "alpha"
    assert "beta" in found["#/layers/2/inputs/0"].allowed


def test_a_name_is_given_once_and_not_to_an_input_besides() -> None:
    layers = [dense("left", "left"), dense("a", "right"), dense("b"), dense("a"), merge("sum", "a", "b")]
    assert faults(layers, TWO).keys() == {"#/layers/0/name", "#/layers/3/name"}


def test_layers_and_inputs_that_do_not_reach_the_output_are_named() -> None:
    assert faults([dense("a"), dense("b"), dense("c", "a")]).keys() == {"#/layers/1"}
    assert faults([dense("a", "left"), dense("b", "right"), dense("c", "a")], TWO).keys() == {
        "#/layers/1",
        "#/inputs/right",
    }


def test_with_several_inputs_each_first_layer_must_name_its_input() -> None:
    found = faults([dense("a"), merge("b", "a", "right")], TWO)
    assert found.keys() == {"#/layers/0/inputs"}
    assert found["#/layers/0/inputs"].allowed == ("left", "right")


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"type": "Add"}, "at least 2 inputs, not 1"),
        (merge("m", "input"), "at least 2 inputs, not 1"),
        (merge("m", "input", "input", "input", type_="Subtract"), "2 inputs, not 3"),
        (dense("m", "input", "a"), "1 input, not 2"),
    ],
)
def test_a_layer_takes_as_many_tensors_as_its_type(layer: dict[str, Any], words: str) -> None:
    found = faults([dense("a"), layer, merge("sum", "a", layer.get("name", "add")), dense()])
    assert found.keys() == {"#/layers/1/inputs"}
    assert words in found["#/layers/1/inputs"].detail


@pytest.mark.parametrize("inputs", [3, [], {}, True, [None], [["a"]], [3, "a"], ["a"] * 101, {"a": "b"}])
def test_inputs_are_names(inputs: Any) -> None:
    found = faults([dense("a"), dense("b") | {"inputs": inputs}, merge("sum", "a", "b"), dense()])
    assert any(str(pointer).startswith("#/layers/1/inputs") for pointer in found)


def test_a_misspelt_member_is_suggested() -> None:
    assert faults([dense("a") | {"input": "input"}, dense()])["#/layers/0/input"].did_you_mean == "inputs"


def test_every_fault_is_in_one_answer() -> None:
    layers = [
        dense("a", "left"),
        dense("b", "lefft"),
        merge("c", "a"),
        dense("c", "a"),
        merge("d", "e", "c"),
        merge("e", "d", "b"),
        dense("f", "a", units=0),
        dense("out", "e"),
    ]
    assert faults(layers, TWO, loss="nonsense").keys() == {
        "#/layers/1/inputs/0",
        "#/layers/2/inputs",
        "#/layers/3/name",
        "#/layers/4/inputs",
        "#/layers/5/inputs",
        "#/layers/6/units",
        "#/layers/6",
        "#/inputs/right",
        "#/loss",
    }


def test_a_thousand_faults_are_found_quickly() -> None:
    names = [f"layer_{number}" for number in range(500)]
    faults([dense(name, *(f"missing_{number}" for number in range(100))) for name in names])
    faults([merge(name, *names[:100]) for name in names])


def test_probabilities_may_come_from_several_branches() -> None:
    branches = [dense("a", activation="softmax"), dense("b", "input"), merge("mean", "a", "b", type_="Average")]
    found = faults(branches, task="multiclass", loss="categorical_crossentropy")
    assert found.keys() == {"#/layers/1/activation"}
    branches[1]["activation"] = "softmax"
    assert faults(branches, task="multiclass", loss="categorical_crossentropy") == {}
    branches[2]["type"] = "Add"
    assert faults(branches, task="multiclass", loss="categorical_crossentropy").keys() == {"#/layers/2"}
