"""The faults of an invalid spec, before anything is built."""

from typing import Any

import pytest

from models.errors import Fault, InvalidSpec
from models.limits import Limits
from models.validation import check_component, check_network

DIGITS: dict[str, Any] = {
    "name": "digits-mlp",
    "task": "multiclass",
    "input": {"shape": [28, 28], "scaling": "unit"},
    "layers": [
        {"type": "Flatten"},
        {"type": "Dense", "units": 512, "activation": "relu", "name": "hidden"},
        {"type": "Dense", "units": 10, "activation": "softmax"},
    ],
    "optimizer": {"type": "RMSprop", "learning_rate": 0.001},
    "loss": "categorical_crossentropy",
    "metrics": ["accuracy"],
}


def faults(**changes: Any) -> dict[str | None, Fault]:
    """The faults of the digits network with changes, by pointer."""
    try:
        check_network(DIGITS | changes, Limits(layers=50))
    except InvalidSpec as error:
        return {fault.pointer: fault for fault in error.faults}
    return {}


def layer_faults(layer: Any) -> dict[str | None, Fault]:
    return faults(layers=[layer, {"type": "Softmax"}])


def test_a_right_spec_passes() -> None:
    assert faults() == {}


def test_an_unknown_layer_names_the_nearest() -> None:
    fault = layer_faults({"type": "Dence", "units": 3})["#/layers/0/type"]
    assert fault.did_you_mean == "Dense"
    assert "Conv2D" in fault.allowed


def test_all_faults_are_reported_together() -> None:
    found = faults(
        task="ranking",
        input={"shape": [28, 0], "scaling": "double"},
        layers=[{"type": "Dense", "unit": 3}, {"units": 3}, "Flatten", {"type": "Conv2D", "filters": 0}],
        optimizer={"type": "adam", "learning_rate": -1},
        loss="cross_entropy",
        metrics=["acuracy"],
    )
    assert found.keys() == {
        "#/task",
        "#/input/scaling",
        "#/input/shape/1",
        "#/layers/0/unit",
        "#/layers/0/units",
        "#/layers/1/type",
        "#/layers/2",
        "#/layers/3/filters",
        "#/layers/3/kernel_size",
        "#/optimizer/learning_rate",
        "#/loss",
        "#/metrics/0",
    }
    assert found["#/layers/0/unit"].did_you_mean == "units"
    assert found["#/metrics/0"].did_you_mean == "accuracy"


@pytest.mark.parametrize("units", [True, 2.5, "ten", 0, -1, None, [3], {}, 10**30, float("nan")])
def test_units_are_a_whole_number_from_1(units: Any) -> None:
    assert "#/layers/0/units" in layer_faults({"type": "Dense", "units": units})


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), -0.1, 1.1, True, "0.5", None, 10**400])
def test_a_rate_is_a_fraction(rate: Any) -> None:
    fault = layer_faults({"type": "Dropout", "rate": rate})["#/layers/0/rate"]
    assert "from 0 to 1" in fault.detail


def test_a_kernel_size_is_one_number_or_two() -> None:
    kernel_size: Any
    for kernel_size in (3, [3, 2]):
        assert layer_faults({"type": "Conv2D", "filters": 2, "kernel_size": kernel_size}) == {}
    for kernel_size in ([3], [3, 3, 3], "3", 0):
        layer = {"type": "Conv2D", "filters": 2, "kernel_size": kernel_size}
        assert "#/layers/0/kernel_size" in layer_faults(layer)
    assert "#/layers/0/kernel_size/1" in layer_faults({"type": "Conv2D", "filters": 2, "kernel_size": [3, True]})


def test_values_from_a_list_name_the_list() -> None:
    fault = layer_faults({"type": "Conv2D", "filters": 2, "kernel_size": 3, "padding": "full"})["#/layers/0/padding"]
    assert fault.allowed == ("valid", "same")


def test_nested_components_are_names_or_objects() -> None:
    layer = {
        "type": "Dense",
        "units": 3,
        "activation": {"type": "relu"},
        "kernel_initializer": {"type": "RandomNormal", "stddev": 0.1},
        "kernel_regularizer": "l2",
        "kernel_constraint": {"type": "MaxNorm", "max_value": 2},
    }
    assert layer_faults(layer) == {}
    found = layer_faults(layer | {"activation": "rely", "kernel_initializer": {"type": "RandomNormal", "stdev": 1}})
    assert found["#/layers/0/activation"].did_you_mean == "relu"
    assert found["#/layers/0/kernel_initializer/stdev"].did_you_mean == "stddev"


def test_layer_names_are_unique_and_not_that_of_the_input() -> None:
    named = [{"type": "Dense", "units": 3, "name": name} for name in ("input", "a", "a", "no/slash")]
    assert faults(layers=named, loss="mse").keys() == {"#/layers/0/name", "#/layers/2/name", "#/layers/3/name"}


def test_a_layer_may_not_take_the_name_that_the_client_gave_the_input() -> None:
    layers = [{"type": "Flatten", "name": "left"}]
    changes = {"input": None, "inputs": {"left": {"shape": [3]}}, "layers": layers, "loss": "mse"}
    assert faults(**changes).keys() == {"#/layers/0/name"}


def test_a_network_has_layers_but_not_too_many() -> None:
    assert faults(layers=[]).keys() == {"#/layers"}
    assert faults(layers=[{"type": "Nonsense"}] * 10_000).keys() == {"#/layers"}


def test_at_most_100_faults_are_reported() -> None:
    layer = {"type": "Dense"} | {f"parameter_{number}": 1 for number in range(500)}
    assert len(layer_faults(layer)) == 100


@pytest.mark.parametrize(
    ("task", "loss"),
    [("multiclass", "mape"), ("binary", "categorical_crossentropy"), ("regression", "binary_crossentropy")],
)
def test_a_loss_that_does_not_suit_the_task_names_those_that_do(task: str, loss: str) -> None:
    fault = faults(task=task, loss=loss, metrics=[])["#/loss"]
    assert "MeanSquaredError" in fault.allowed


@pytest.mark.parametrize(
    ("task", "loss"),
    [
        ("binary", "binary_crossentropy"),
        ("multilabel", {"type": "BinaryFocalCrossentropy"}),
        ("multiclass", "categorical_crossentropy"),
        ("multiclass", {"type": "SparseCategoricalCrossentropy", "from_logits": False}),
        ("multiclass", "kl_divergence"),
    ],
)
@pytest.mark.parametrize("activation", [None, "linear", {"type": "relu"}, "exponential"])
def test_a_loss_of_probabilities_refuses_other_outputs(task: str, loss: Any, activation: Any) -> None:
    layers = [{"type": "Flatten"}, {"type": "Dense", "units": 3, "activation": activation}]
    fault = faults(task=task, loss=loss, layers=layers, metrics=[])["#/layers/1/activation"]
    usual = "softmax" if task == "multiclass" else "sigmoid"
    assert f'Set the activation of the last layer to "{usual}"' in fault.detail
    assert usual in fault.allowed
    assert ('"from_logits" on the loss' in fault.detail) == (loss != "kl_divergence")


@pytest.mark.parametrize(
    "last",
    [
        [{"type": "Softmax"}],
        [{"type": "Activation", "activation": "softmax"}],
        [{"type": "Dense", "units": 3, "activation": {"type": "sigmoid"}}],
        [
            {"type": "Conv2D", "filters": 3, "kernel_size": 1, "activation": "softmax"},
            {"type": "GlobalAveragePooling2D"},
        ],
        [{"type": "Dense", "units": 3, "activation": "sparsemax"}, {"type": "Dropout", "rate": 0.1}],
    ],
)
def test_probabilities_may_come_from_any_layer_that_makes_them(last: list[Any]) -> None:
    assert faults(layers=last) == {}


def test_layers_without_an_activation_are_told_to_add_one() -> None:
    dense = {"type": "Dense", "units": 3, "activation": "softmax"}
    fault = faults(layers=[dense, {"type": "BatchNormalization"}])["#/layers/1"]
    assert 'End with an Activation layer with "softmax"' in fault.detail
    assert faults(layers=[{"type": "Flatten"}]).keys() == {"#/layers/0"}


def test_a_softmax_over_one_unit_is_not_a_probability() -> None:
    layers = [{"type": "Dense", "units": 1, "activation": "softmax"}]
    assert "#/layers/0/activation" in faults(task="binary", loss="bce", layers=layers)


def test_logits_are_outputs_without_an_activation() -> None:
    loss = {"type": "CategoricalCrossentropy", "from_logits": True}
    assert faults(loss=loss, layers=[{"type": "Dense", "units": 3}]) == {}
    assert "twice" in faults(loss=loss)["#/layers/2/activation"].detail
    assert "twice" in faults(loss=loss, layers=[{"type": "Softmax"}])["#/layers/0"].detail


@pytest.mark.parametrize("loss", ["mse", "hinge"])
def test_other_losses_take_any_output(loss: str) -> None:
    assert faults(loss=loss, layers=[{"type": "Dense", "units": 3}]) == {}


def test_metrics_take_targets_as_the_loss_does() -> None:
    assert faults(loss="sparse_categorical_crossentropy", metrics=["acc", "sparse_categorical_accuracy"]) == {}
    fault = faults(loss="sparse_categorical_crossentropy", metrics=["categorical_accuracy"])["#/metrics/0"]
    assert "SparseCategoricalAccuracy" in fault.allowed
    assert "#/metrics/0" in faults(task="regression", loss="mse", metrics=["accuracy"])


def test_metrics_of_probabilities_refuse_logits() -> None:
    loss = {"type": "binary_crossentropy", "from_logits": True}
    layers = [{"type": "Dense", "units": 1}]
    assert faults(task="binary", loss=loss, layers=layers, metrics=["accuracy", "AUC"]) == {}
    assert faults(task="binary", loss=loss, layers=layers, metrics=["Precision"]).keys() == {"#/metrics/0"}


def test_metrics_have_names_of_their_own() -> None:
    recall = {"type": "Recall", "class_id": 1, "name": "recall_1"}
    assert faults(metrics=["Recall", recall]) == {}
    assert "#/metrics/1" in faults(metrics=["AUC", "AUC"])
    assert "#/metrics/0" in faults(metrics=[recall | {"name": "val_recall"}])


def test_a_network_has_either_one_input_or_several_by_name() -> None:
    shape = {"shape": [28, 28]}
    assert faults(input=None, inputs={"left": shape}) == {}
    assert "#/inputs" in faults(inputs={"left": shape})
    assert faults(input={"dataset": "flowers"}) == {}
    assert faults(input=None, inputs={}).keys() == {"#/inputs"}
    assert faults(input=None, inputs={"output": shape}).keys() == {"#/inputs/output"}
    assert "#/inputs/a~1b" in faults(input=None, inputs={"a/b": shape})
    assert faults(input=None, inputs={str(number): shape for number in range(101)}).keys() >= {"#/inputs"}


def test_pointers_are_escaped() -> None:
    assert "#/layers/0/a~1b%20~0%C3%A9" in layer_faults({"type": "Flatten", "a/b ~é": 1})


@pytest.mark.parametrize("odd", [None, 3, True, "x", [], {}, [[]], {"type": []}, [None], {"type": {"type": "x"}}])
@pytest.mark.parametrize("place", ["task", "input", "inputs", "layers", "optimizer", "loss", "metrics"])
def test_odd_documents_give_faults_and_no_other_errors(place: str, odd: Any) -> None:
    faults(**{place: odd})
    faults(**{place: [odd]})
    faults(**{place: {"type": "Dense", "units": odd, "shape": odd}})


def test_an_empty_document_gives_faults() -> None:
    with pytest.raises(InvalidSpec) as caught:
        check_network({}, Limits())
    assert {fault.pointer for fault in caught.value.faults} == {
        "#/task",
        "#/input",
        "#/layers",
        "#/optimizer",
        "#/loss",
    }


def test_one_component_may_be_checked_by_itself() -> None:
    assert check_component("optimizer", {"type": "SGD", "momentum": 0.9}, "#/optimizer") == []
    (fault,) = check_component("optimizer", "sdg", "#/optimizer")
    assert fault.did_you_mean is not None
    assert fault.did_you_mean.lower() == "sgd"


def test_a_piecewise_schedule_has_a_value_for_each_piece() -> None:
    schedule = {"type": "PiecewiseConstantDecay", "boundaries": [5, 3], "values": [1.0]}
    found = faults(optimizer={"type": "SGD", "learning_rate": schedule})
    assert found.keys() == {"#/optimizer/learning_rate/boundaries", "#/optimizer/learning_rate/values"}
    assert not check_component("schedule", schedule | {"boundaries": [5], "values": [1, 0.1]}, "#")


def test_a_plateau_schedule_in_an_optimizer_names_the_right_place() -> None:
    found = faults(optimizer={"type": "SGD", "learning_rate": {"type": "ReduceLROnPlateau"}})
    fault = found["#/optimizer/learning_rate/type"]
    assert "post it as the `learning_rate_schedule` of a training job" in fault.detail


def test_a_list_of_cells_is_told_of_stacked_cells() -> None:
    found = layer_faults({"type": "RNN", "cell": [{"type": "LSTMCell", "units": 2}]})
    assert "StackedRNNCells" in found["#/layers/0/cell"].detail
