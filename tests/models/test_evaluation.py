"""A trained network on a dataset's split: the figures of Keras and scikit-learn, for any size of the blocks."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import sklearn.metrics

from models import evaluation
from models.building import build_network
from models.datasets import Dataset
from models.evaluation import evaluate_split
from models.limits import Limits
from models.preprocessing import Preprocessing
from models.preprocessing.dataset_inputs import inputs_from_dataset
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.versions import TrainedNetwork
from tests.models.made_datasets import make_dataset


def fresh(
    dataset: Dataset,
    task: str,
    loss: str,
    units: int,
    activation: Any,
    layers: list[dict[str, Any]] | None = None,
    metrics: tuple[str, ...] = ("mean_absolute_error",),
    **dense: Any,
) -> TrainedNetwork:
    """A network that was not trained at all: these layers, or a single one."""
    inputs = inputs_from_dataset(dataset.descriptor, "d")
    document = {
        "task": task,
        "inputs": {name: input_.to_document() for name, input_ in inputs.items()},
        "layers": layers or [{"type": "Dense", "units": units, "activation": activation, **dense}],
        "optimizer": "sgd",
        "loss": loss,
        "metrics": [] if loss.startswith("sparse") else list(metrics),
    }
    spec = NetworkSpec.from_document(document)
    network = build_network(spec, Limits(), seed=1)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, units)
    return TrainedNetwork(network, spec, Preprocessing.fit(spec, dataset), encoding, {})


def outputs_and_targets(trained: TrainedNetwork, dataset: Dataset, split: str) -> tuple[np.ndarray, np.ndarray]:
    rows = dataset.split(split)
    (inputs,) = trained.preprocessing.network_inputs(rows).values()
    return np.asarray(trained.network(inputs)), trained.encoding.encode(rows.targets)


def expect_keras(trained: TrainedNetwork, dataset: Dataset, split: str) -> dict[str, float]:
    rows = dataset.split(split)
    (inputs,) = trained.preprocessing.network_inputs(rows).values()
    found: dict[str, float] = trained.network.evaluate(
        inputs, trained.encoding.encode(rows.targets), verbose=0, return_dict=True
    )
    return found


@pytest.fixture(params=[None, 5])
def small_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole splits at once, and a few rows at a time."""
    if request.param is not None:
        monkeypatch.setattr(evaluation, "PART_ROWS", request.param)
        monkeypatch.setattr(evaluation, "rows_at_once", lambda network: 2)


@pytest.mark.usefixtures("small_parts")
def test_classes_of_a_table(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "iris")
    trained = fresh(dataset, "multiclass", "categorical_crossentropy", 3, "softmax", kernel_regularizer="l2")
    result = evaluate_split(trained, dataset, "test", tmp_path).to_result().to_document()
    expected = expect_keras(trained, dataset, "test")
    scores, encoded = outputs_and_targets(trained, dataset, "test")
    truth = encoded.argmax(axis=1)
    assert result["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert result["metrics"]["mean_absolute_error"] == pytest.approx(expected["mean_absolute_error"], rel=1e-5)
    assert result["classes"] == ["setosa", "versicolor", "virginica"]
    assert result["confusion_matrix"] == sklearn.metrics.confusion_matrix(truth, scores.argmax(axis=1)).tolist()
    areas = sklearn.metrics.roc_auc_score(truth, scores / scores.sum(axis=1, keepdims=True), multi_class="ovr")
    assert result["metrics"]["roc_auc"] == pytest.approx(areas)


@pytest.mark.usefixtures("small_parts")
def test_two_classes_by_one_logit(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "circles")
    trained = fresh(dataset, "binary", "hinge", 1, "tanh")
    result = evaluate_split(trained, dataset, "test", tmp_path).to_result().to_document()
    outputs, truth = outputs_and_targets(trained, dataset, "test")
    matrix = sklearn.metrics.confusion_matrix(truth[:, 0], outputs[:, 0] > 0)
    assert result["confusion_matrix"] == matrix.tolist()
    assert result["metrics"]["roc_auc"] == pytest.approx(sklearn.metrics.roc_auc_score(truth, outputs))
    (curve,) = result["points"]["roc"]["curves"]
    assert (curve["class"], curve["area"]) == (1, pytest.approx(result["metrics"]["roc_auc"]))


@pytest.mark.usefixtures("small_parts")
def test_numbers(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "diabetes")
    trained = fresh(dataset, "regression", "mean_squared_error", 1, None)
    result = evaluate_split(trained, dataset, "validation", tmp_path).to_result().to_document()
    outputs, truth = outputs_and_targets(trained, dataset, "validation")
    assert result["metrics"]["r2"] == pytest.approx(sklearn.metrics.r2_score(truth, outputs), rel=1e-5)
    assert result["metrics"]["mae"] == pytest.approx(result["metrics"]["mean_absolute_error"], rel=1e-5)
    assert result["metrics"]["rmse"] ** 2 == pytest.approx(result["loss"], rel=1e-5)
    assert (result["classes"], result["confusion_matrix"], result["per_class"]) == (None, None, None)
    assert result["points"]["target"]["name"] == dataset.descriptor.target.name
    np.testing.assert_allclose(result["points"]["rows"]["true"], truth.T, rtol=1e-5)
    np.testing.assert_allclose(result["points"]["rows"]["predicted"], outputs.T, rtol=1e-5)


def test_labels(tmp_path: Path) -> None:
    rows = np.random.default_rng(2).random((20, 2)).round(3).tolist()
    labels = [["a"], ["b", "a"], [], ["c"]] * 5
    dataset = make_dataset(tmp_path, "inline", inputs=rows, targets=labels)
    trained = fresh(dataset, "multilabel", "binary_crossentropy", 3, "sigmoid")
    result = evaluate_split(trained, dataset, "train", tmp_path).to_result().to_document()
    scores, truth = outputs_and_targets(trained, dataset, "train")
    assert result["loss"] == pytest.approx(expect_keras(trained, dataset, "train")["loss"], rel=1e-5)
    assert [entry["support"] for entry in result["per_class"]] == [10, 5, 5]
    expected = sklearn.metrics.multilabel_confusion_matrix(truth > 0, scores > 0.5)
    assert [entry["confusion_matrix"] for entry in result["per_class"]] == expected.tolist()


def test_classes_are_matched_by_name_in_any_order_and_of_any_type(tmp_path: Path) -> None:
    inputs = [[0.0], [1.0], [2.0], [3.0]]
    own = make_dataset(tmp_path / "own", "inline", inputs=inputs, targets=[3, 5, 7, 3])
    trained = fresh(own, "multiclass", "sparse_categorical_crossentropy", 3, "softmax")
    trained.network.layers[-1].bias.assign([0, 9, 0])
    other = make_dataset(tmp_path / "other", "inline", inputs=inputs[:3], targets=["7", "5", "7"])
    result = evaluate_split(trained, other, "train", tmp_path).to_result().to_document()
    assert result["classes"] == [3, 5, 7]
    assert np.array(result["confusion_matrix"]).sum(axis=1).tolist() == [0, 1, 2]
    assert result["per_class"][0]["recall"] is None


def test_several_inputs(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    inputs = {"left": random.random((9, 2)).tolist(), "right": random.random((9, 3)).tolist()}
    dataset = make_dataset(tmp_path, "inline", inputs=inputs, targets=random.random(9).tolist())
    layers: list[dict[str, Any]] = [
        {"type": "Concatenate", "name": "both", "inputs": ["right", "left"]},
        {"type": "Dense", "units": 1, "inputs": ["both"]},
    ]
    trained = fresh(dataset, "regression", "mean_squared_error", 1, None, layers=layers)
    result = evaluate_split(trained, dataset, "train", tmp_path).to_result().to_document()
    split = dataset.split("train")
    predicted = np.asarray(trained.network(trained.preprocessing.network_inputs(split)))[:, 0]
    assert result["loss"] == pytest.approx(((predicted - split.targets) ** 2).mean(), rel=1e-5)


def test_batches_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "rows_at_once", lambda network: 8)
    dataset = make_dataset(tmp_path, "iris")
    trained = fresh(dataset, "multiclass", "categorical_crossentropy", 3, "softmax")
    seen: list[tuple[int, int]] = []
    evaluate_split(trained, dataset, "test", tmp_path, lambda step, steps: seen.append((step, steps)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_evaluating_changes_no_weight(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "iris")
    trained = fresh(dataset, "multiclass", "categorical_crossentropy", 3, "softmax")
    before = trained.network.get_weights()
    first, second = (evaluate_split(trained, dataset, "test", tmp_path).to_result().to_document() for _ in range(2))
    assert first == second
    np.testing.assert_equal(trained.network.get_weights(), before)
    assert isinstance(trained.network, keras.Model)


@pytest.mark.parametrize("activation", [None, "tanh", "sigmoid", "hard_sigmoid", {"type": "sigmoid"}])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_accuracy_agrees_with_the_confusion_matrix_of_hinge_losses(loss: str, activation: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "circles")
    trained = fresh(dataset, "binary", loss, 1, activation, metrics=("accuracy",))
    result = evaluate_split(trained, dataset, "test", tmp_path).to_result().to_document()
    matrix = np.array(result["confusion_matrix"])
    assert result["metrics"]["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
    assert matrix.sum(axis=0).min() > 0 or activation not in (None, "tanh")
