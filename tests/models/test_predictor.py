"""A version's folder predicts from raw values, in the API's forms."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.datasets import Dataset
from models.errors import DamagedNetwork, InvalidInstances, TookTooLong
from models.predictor import Predictor, write_preprocessing
from models.preprocessing import Preprocessing, inputs_from_dataset
from models.pretrained import NETWORK
from models.scores import Activation, find_activation
from models.targets import TargetEncoding
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec


def write_network(path: Path, weights: np.ndarray) -> None:
    """A network that multiplies rows with weights (inputs, outputs)."""
    inputs, outputs = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["input", "weights"], ["output"])],
        "network",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["rows", inputs])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["rows", outputs])],
        [numpy_helper.from_array(weights.astype(np.float32), "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


def make_predictor(dataset: Dataset, weights: Any, **spec: Any) -> Predictor:
    """A version in the dataset's folder that was fitted to the dataset, with these weights."""
    network = np.array(weights, dtype=np.float32)
    parsed = make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", "none"), **spec)
    encoding = TargetEncoding.for_network(parsed, dataset.descriptor, network.shape[1])
    write_preprocessing(dataset.folder / "preprocessing.json", parsed, Preprocessing.fit(parsed, dataset), encoding)
    write_network(dataset.folder / "network.onnx", network)
    return Predictor.load(dataset.folder)


def three_classes(folder: Path) -> Dataset:
    return make_dataset(folder, "inline", inputs=[[0, 0, 0]] * 3, targets=["a", "b", "c"])


def two_classes(folder: Path) -> Dataset:
    return make_dataset(folder, "inline", inputs=[0, 0], targets=["no", "yes"])


def test_several_classes_give_label_score_and_scores(tmp_path: Path) -> None:
    predictor = make_predictor(three_classes(tmp_path), np.eye(3))

    answer = predictor.predict([[0.25, 0.5, 0.25], [1, 0, 0]])

    assert answer.classes == ["a", "b", "c"]
    assert answer.warnings == []
    assert answer.predictions == [
        {"label": "b", "score": 0.5, "scores": [0.25, 0.5, 0.25]},
        {"label": "a", "score": 1, "scores": [1, 0, 0]},
    ]
    assert json.loads(json.dumps(answer.predictions)) == answer.predictions


def test_the_best_labels_come_in_order_and_scores_can_be_left_out(tmp_path: Path) -> None:
    predictor = make_predictor(three_classes(tmp_path), np.eye(3))

    (prediction,) = predictor.predict([[0.25, 0.125, 0.5]], top=2, scores=False).predictions

    assert prediction == {
        "label": "c", "score": 0.5, "top": [{"label": "c", "score": 0.5}, {"label": "a", "score": 0.25}],
    }  # fmt: skip
    assert len(predictor.predict([[0.25, 0.125, 0.5]], top=50).predictions[0]["top"]) == 3


def test_softmax_is_applied_where_the_loss_took_logits(tmp_path: Path) -> None:
    loss = {"type": "CategoricalCrossentropy", "from_logits": True}
    predictor = make_predictor(three_classes(tmp_path), np.eye(3), loss=loss)

    (prediction,) = predictor.predict([[1, 2, 500]]).predictions

    assert prediction["label"] == "c"
    assert sum(prediction["scores"]) == pytest.approx(1)
    assert predictor.predict([[1, 1, 1]]).predictions[0]["scores"] == pytest.approx([1 / 3] * 3)


@pytest.mark.parametrize(("p", "label", "score"), [(0.75, "yes", 0.75), (0.25, "no", 0.75), (0.5, "yes", 0.5)])
def test_one_unit_for_two_classes(p: float, label: str, score: float, tmp_path: Path) -> None:
    predictor = make_predictor(two_classes(tmp_path), [[1]], task="binary", loss="binary_crossentropy")

    (prediction,) = predictor.predict([[p]]).predictions

    assert prediction == {"label": label, "score": score, "scores": [1 - p, p]}


@pytest.mark.parametrize(
    ("loss", "raw", "scores"),
    [
        ({"type": "BinaryCrossentropy", "from_logits": True}, 0, [0.5, 0.5]),
        ({"type": "BinaryCrossentropy", "from_logits": True}, np.log(3), [0.25, 0.75]),
        ({"type": "BinaryCrossentropy", "from_logits": True}, -1000, [1, 0]),
        ("hinge", 0.5, [0.25, 0.75]),
        ("squared_hinge", -7, [1, 0]),
    ],
)
def test_raw_outputs_of_one_unit_become_scores(loss: Any, raw: float, scores: list, tmp_path: Path) -> None:
    predictor = make_predictor(two_classes(tmp_path), [[1]], task="binary", loss=loss)

    assert predictor.predict([[raw]]).predictions[0]["scores"] == pytest.approx(scores)
    assert predictor.network.run(predictor.prepare([[raw]])[0]) == pytest.approx(np.array([[raw]]))


def test_a_unit_for_each_of_two_classes(tmp_path: Path) -> None:
    predictor = make_predictor(two_classes(tmp_path), [[0.25, 0.75]], task="binary")

    assert predictor.predict([[1]]).predictions == [{"label": "yes", "score": 0.75, "scores": [0.25, 0.75]}]


def test_several_labels_a_row(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 0]] * 2, targets=[["x"], ["x", "y"]])
    predictor = make_predictor(dataset, np.eye(2), task="multilabel", loss="binary_crossentropy")

    answer = predictor.predict([[0.75, 1], [0, 0.5]], top=1)

    assert answer.classes == ["x", "y"]
    assert answer.predictions == [
        {"labels": ["x", "y"], "scores": [0.75, 1], "top": [{"label": "y", "score": 1}]},
        {"labels": ["y"], "scores": [0, 0.5], "top": [{"label": "y", "score": 0.5}]},
    ]


@pytest.mark.parametrize(
    ("targets", "weights", "value"), [([1.5, 2.5], [[2]], 6), ([[1, 2.5], [3, 4]], [[2, 3]], [6, 9])]
)
def test_a_regression_gives_a_value_or_a_list(targets: list, weights: list, value: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[0, 0], targets=targets)

    answer = make_predictor(dataset, weights, task="regression", loss="mse").predict([[3]], top=1)

    assert answer.classes is None
    assert answer.predictions == [{"value": value}]


@pytest.mark.filterwarnings("ignore:overflow")
def test_what_is_not_finite_is_none(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "numbers", "inline", inputs=[0, 0], targets=[0.5, 1.5])
    values = make_predictor(dataset, [[np.inf]], task="regression", loss="mse").predict([[1], [0]])
    scores = make_predictor(three_classes(tmp_path), np.eye(3) * np.nan).predict([[1, 2, 3]])

    assert values.predictions == [{"value": None}, {"value": None}]
    assert scores.predictions == [{"label": None, "score": None, "scores": [None, None, None]}]


def test_a_table_is_predicted_from_its_columns_with_warnings(tmp_path: Path) -> None:
    rows = [{"width": 1, "colour": "red", "y": 0.5}, {"width": 2, "colour": "blue", "y": 1.5}]
    dataset = make_dataset(tmp_path, "inline", rows=rows, target="y")
    predictor = make_predictor(dataset, [[1], [10], [100], [1000]], task="regression", loss="mse")

    answer = predictor.predict([{"width": 2, "colour": "red"}, {"width": 1, "colour": "green"}])

    assert answer.predictions == [{"value": 102}, {"value": 1001}]
    assert [(warning["row"], warning["type"]) for warning in answer.warnings] == [(1, "unseen_category")]


def test_integer_classes_come_back_as_integers(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "digits")
    (entry,) = dataset.descriptor.inputs
    predictor = make_predictor(
        Dataset(dataset.folder, replace(dataset.descriptor, inputs=(replace(entry, shape=[64]),))),
        np.ones((64, 10)) / 640,
    )

    label = predictor.predict([np.ones((8, 8)).tolist()]).predictions[0]["label"]

    assert type(label) is int


def test_many_rows_are_predicted_in_one_call(tmp_path: Path) -> None:
    predictor = make_predictor(three_classes(tmp_path), np.eye(3))
    rows = np.random.default_rng(0).dirichlet([1, 1, 1], 3000)

    answer = predictor.predict(rows.tolist())

    scores = [prediction["scores"] for prediction in answer.predictions]
    assert np.array_equal(np.array(scores, np.float32), rows.astype(np.float32))


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    predictor = make_predictor(three_classes(tmp_path), np.eye(3))

    with pytest.raises(InvalidInstances) as caught:
        predictor.predict([[1, 2, 3], [1, 2]])

    assert caught.value.faults[0].row == 1


def test_a_folder_without_a_network_can_not_be_served(tmp_path: Path) -> None:
    dataset = three_classes(tmp_path)
    make_predictor(dataset, np.eye(3))
    (dataset.folder / "network.onnx").unlink()

    with pytest.raises(DamagedNetwork):
        Predictor.load(dataset.folder)


@pytest.mark.parametrize("number", [-1, 5, 1.5])
def test_a_number_that_an_embedding_does_not_know_names_its_row(number: float, tmp_path: Path) -> None:
    layers: list[dict[str, Any]] = [{"type": "Embedding", "input_dim": 5, "output_dim": 2}, {"type": "Flatten"}]
    predictor = make_predictor(three_classes(tmp_path), np.eye(3), layers=[*layers, {"type": "Dense", "units": 3}])
    with pytest.raises(InvalidInstances) as caught:
        predictor.predict([[0, 4, 1], [2, number, 3]])
    (fault,) = caught.value.faults
    assert (fault.row, fault.pointer) == (1, "#/instances/1")
    assert fault.detail.startswith(f'Row 1: the number {number:g} at [1] is unknown; the layer "embedding" accepts')


SIGMOIDS = [
    [{"type": "Dense", "units": 1, "activation": "sigmoid"}],
    [{"type": "Dense", "units": 1, "activation": {"type": "sigmoid"}}],
    [{"type": "Dense", "units": 1, "activation": "hard_sigmoid"}],
    [{"type": "Dense", "units": 1, "activation": "sigmoid"}, {"type": "Flatten"}],
    [{"type": "Dense", "units": 1}, {"type": "Activation", "activation": "sigmoid"}, {"type": "Identity"}],
]


@pytest.mark.parametrize("layers", SIGMOIDS)
def test_what_ends_in_probabilities_has_no_margin_to_be_scaled(layers: list[dict[str, Any]]) -> None:
    assert find_activation(make_spec("binary", loss="hinge", layers=layers)) is None
    taken = {"input": {"name": "input", "shape": [2]}, "layers": layers}
    pretrained = [{"type": "Pretrained", NETWORK: taken}]
    assert find_activation(make_spec("binary", loss="hinge", layers=pretrained)) is None


@pytest.mark.parametrize("activation", [None, "tanh", {"type": "relu"}])
def test_other_outputs_of_hinge_losses_are_margins(activation: Any) -> None:
    layers = [{"type": "Dense", "units": 1, "activation": activation}]
    assert find_activation(make_spec("binary", loss="hinge", layers=layers)) is Activation.MARGIN


def test_the_numbers_of_wide_rows_are_arrays(tmp_path: Path) -> None:
    targets = [f"{number:02}" for number in range(40)] * 2
    dataset = make_dataset(tmp_path / "classes", "inline", inputs=[[0]] * 80, targets=targets)
    weights = np.linspace(0, 1, 40, dtype=np.float32)
    (prediction,) = make_predictor(dataset, weights[None]).predict([[1]]).predictions
    assert (prediction["label"], prediction["score"]) == ("39", 1.0)
    assert prediction["scores"].tolist() == weights.tolist()
    (unknown,) = make_predictor(dataset, weights[None] * np.nan).predict([[1]]).predictions
    assert (unknown["label"], unknown["score"]) == (None, None)


def test_a_prediction_is_given_up_at_its_deadline(tmp_path: Path) -> None:
    predictor = make_predictor(three_classes(tmp_path), np.eye(3))
    with pytest.raises(TookTooLong):
        predictor.predict([[1, 2, 3]] * 1000, deadline=time.monotonic() - 1)
