"""A score of exactly 0.5 counts as predicted, in predictions, batch predictions, evaluations and accuracy."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.batches.files import read_file
from models.batches.predicting import predict_blocks
from models.batches.results import RESULT_FILE, stream_json_lines
from models.building import build_network
from models.datasets import Dataset
from models.evaluation import evaluate_split
from models.limits import Limits
from models.predictor import Predictor
from models.preprocessing import Preprocessing
from models.preprocessing.dataset_inputs import inputs_from_dataset
from models.scores import predicted_classes, predicted_labels, ranked_classes
from models.spec import NetworkSpec, Task
from models.targets import TargetEncoding
from models.versions import TrainedNetwork, save_version
from tests.models.made_datasets import make_dataset

UNDECIDED = [[0.0, 0.0]] * 4
"""Rows for which a network without biases gives exactly 0."""
LOGITS = {"type": "BinaryCrossentropy", "from_logits": True}
WAYS = [("sigmoid", "binary_crossentropy"), (None, LOGITS), (None, "hinge")]
"""How a network that gives 0 before its activation comes to the score 0.5."""


def make_version(dataset: Dataset, task: str, units: int, activation: str | None, loss: Any) -> TrainedNetwork:
    """An untrained version, saved in the dataset's folder."""
    inputs = inputs_from_dataset(dataset.descriptor, "d", "none")
    spec = NetworkSpec.from_document(
        {
            "task": task,
            "inputs": {name: input_.to_document() for name, input_ in inputs.items()},
            "layers": [{"type": "Dense", "units": units, "activation": activation, "use_bias": False}],
            "optimizer": "sgd",
            "loss": loss,
            "metrics": ["accuracy"],
        }
    )
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, units)
    network = build_network(spec, Limits(), seed=1)
    trained = TrainedNetwork(network, spec, Preprocessing.fit(spec, dataset), encoding, {})
    folder = dataset.folder / "version"
    folder.mkdir()
    save_version(folder, trained, {name: np.zeros((2, 2), np.float32) for name in inputs})
    return trained


def predict_in_batch(folder: Path, predictor: Predictor, rows: list[list[float]]) -> list[dict[str, Any]]:
    (folder / "posted").write_text(json.dumps(rows))
    (folder / "batch").mkdir()
    blocks = read_file(folder / "posted", "rows.json", predictor.preprocessing, Limits(), folder)
    predict_blocks(predictor, blocks, folder / "batch", lambda rows, fraction: None)
    return [json.loads(line) for line in b"".join(stream_json_lines(folder / "batch" / RESULT_FILE)).splitlines()]


@pytest.mark.parametrize(("activation", "loss"), WAYS)
def test_two_classes_at_the_threshold_are_the_second(activation: str | None, loss: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=UNDECIDED, targets=["no", "yes", "no", "no"])
    trained = make_version(dataset, "binary", 1, activation, loss)
    predictor = Predictor.load(dataset.folder / "version")

    answer = predictor.predict(UNDECIDED, top=2).predictions
    assert [(one["label"], one["score"]) for one in answer] == [("yes", 0.5)] * 4
    assert [best["label"] for best in answer[0]["top"]] == ["yes", "no"]
    assert [one["label"] for one in predict_in_batch(tmp_path, predictor, UNDECIDED)] == ["yes"] * 4
    result = evaluate_split(trained, dataset, "train", tmp_path).to_result().to_document()
    matrix = np.array(result["confusion_matrix"])
    assert matrix[:, 0].tolist() == [0, 0]
    assert result["metrics"]["accuracy"] == pytest.approx(matrix[1, 1] / matrix.sum())


@pytest.mark.parametrize(("activation", "loss"), WAYS)
def test_labels_at_the_threshold_are_given(activation: str | None, loss: Any, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=UNDECIDED, targets=[["a", "b"], ["a"], ["a"], []])
    trained = make_version(dataset, "multilabel", 2, activation, loss)
    predictor = Predictor.load(dataset.folder / "version")

    assert [one["labels"] for one in predictor.predict(UNDECIDED).predictions] == [["a", "b"]] * 4
    assert [one["labels"] for one in predict_in_batch(tmp_path, predictor, UNDECIDED)] == [["a", "b"]] * 4
    result = evaluate_split(trained, dataset, "train", tmp_path).to_result().to_document()
    matrices = np.array([entry["confusion_matrix"] for entry in result["per_class"]])
    assert matrices[:, :, 0].tolist() == [[0, 0], [0, 0]]
    assert result["metrics"]["accuracy"] == pytest.approx(matrices[:, 1, 1].sum() / matrices.sum())


def test_what_is_just_below_the_threshold_is_not_predicted() -> None:
    below = np.nextafter(np.float32(0.5), np.float32(0))
    scores = np.array([[1 - below, below], [0.5, 0.5]], np.float32)
    assert predicted_labels(scores).tolist() == [[True, False], [True, True]]
    assert predicted_classes(scores, Task.BINARY).tolist() == [0, 1]
    assert ranked_classes(scores, Task.BINARY).tolist() == [[0, 1], [1, 0]]


def test_of_several_equal_classes_the_first_is_predicted() -> None:
    scores = np.full((1, 3), 1 / 3, np.float32)
    assert predicted_classes(scores, Task.MULTICLASS).tolist() == [0]
    assert ranked_classes(scores, Task.MULTICLASS).tolist() == [[0, 1, 2]]


def test_another_threshold_holds_in_batch_predictions_and_evaluations(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=UNDECIDED, targets=["no", "yes", "no", "no"])
    trained = make_version(dataset, "binary", 1, "sigmoid", "binary_crossentropy")
    predictor = Predictor.load(dataset.folder / "version")

    (tmp_path / "posted").write_text(json.dumps(UNDECIDED))
    blocks = read_file(tmp_path / "posted", "rows.json", predictor.preprocessing, Limits(), tmp_path)
    predict_blocks(predictor, blocks, tmp_path, lambda rows, fraction: None, threshold=0.6)
    lines = b"".join(stream_json_lines(tmp_path / RESULT_FILE)).splitlines()
    assert [json.loads(line)["label"] for line in lines] == ["no"] * 4
    result = evaluate_split(trained, dataset, "train", tmp_path, threshold=0.6).to_result()
    assert (result.positive_class, result.threshold) == ("yes", 0.6)
    # Keras's accuracy has the threshold 0.5, at which all rows would be predicted as yes
    assert (result.metrics["accuracy"], result.metrics["recall"]) == (0.75, 0.0)


def test_the_scores_of_two_outputs_need_not_add_up_to_one() -> None:
    scores = np.array([[0.3, 0.4], [0.9, 0.7]], np.float32)
    assert predicted_classes(scores, Task.BINARY).tolist() == [1, 0]
    assert predicted_classes(scores, Task.BINARY, threshold=0.6).tolist() == [0, 1]
