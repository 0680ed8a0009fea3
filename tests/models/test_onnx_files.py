"""ONNX files that scikit-learn and PyTorch wrote (onnx_files/make.py) are served as these libraries predict."""

import json
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.batches.dataset_rows import read_dataset
from models.compatibility import check_inputs_fit, check_version_fit
from models.datasets import Dataset
from models.errors import InvalidData, InvalidInstances, InvalidSpec
from models.limits import Limits
from models.model_files.imported import ImportedNetwork, ImportFields
from models.model_files.onnx_file import import_onnx
from models.model_files.onnx_version import make_version
from models.predictor import Predictor
from models.preprocessing import fit_to_dataset
from models.spec import Task
from models.version_files import TRAINED
from tests.models.made_datasets import make_dataset, read_rows
from tests.models.onnx_files.backend_cases import load_cases, try_case

FILES = Path(__file__).parent / "onnx_files"
IRIS = ["setosa", "versicolor", "virginica"]


def read(name: str, folder: Path, **fields: Any) -> tuple[ImportedNetwork, Predictor, dict[str, Any]]:
    """A file's network, its predictor, and what its library gives."""
    network = make_version(FILES / f"{name}.onnx", ImportFields(**fields), folder, Limits())
    return network, Predictor.load(folder), json.loads((FILES / f"{name}.json").read_text())


@pytest.mark.parametrize(
    ("name", "classes", "task"),
    [
        ("logistic_names", IRIS, "multiclass"),
        ("logistic_binary", [0, 1], "binary"),
        ("forest", IRIS, "multiclass"),
        ("pipeline", [7, 8, 9], "multiclass"),
        ("mlp", IRIS, "multiclass"),
    ],
)
def test_classifiers_of_scikit_learn_give_its_labels_and_probabilities(
    tmp_path: Path, name: str, classes: list[Any], task: str
) -> None:
    network, predictor, expected = read(name, tmp_path)
    assert (network.document["task"], network.version.classes) == (task, classes)
    found = predictor.predict(expected["rows"]).predictions
    assert [one["label"] for one in found] == expected["labels"]
    np.testing.assert_allclose([one["scores"] for one in found], expected["scores"], atol=1e-5)
    assert "The classes are those that the file names." in network.notes
    assert any("not from the output" in note and "label" in note for note in network.notes)


def test_a_support_vector_machine_gives_scores_that_are_no_probabilities_and_says_so(tmp_path: Path) -> None:
    network, predictor, expected = read("svc", tmp_path)
    assert [one["label"] for one in predictor.predict(expected["rows"]).predictions] == expected["labels"]
    assert any("no probabilities" in note for note in network.notes)


@pytest.mark.parametrize("name", ["boosting", "linear_double"])
def test_regressors_of_scikit_learn_give_its_values(tmp_path: Path, name: str) -> None:
    network, predictor, expected = read(name, tmp_path)
    assert network.document["task"] == "regression"
    found = [one["value"] for one in predictor.predict(expected["rows"]).predictions]
    np.testing.assert_allclose(found, np.ravel(expected["values"]), rtol=1e-5)


@pytest.mark.parametrize("name", ["torch_mlp", "torch_mlp_dynamo", "torch_mlp_fixed"])
def test_networks_of_pytorch_give_its_outputs_whatever_their_batch_size(tmp_path: Path, name: str) -> None:
    network, predictor, expected = read(name, tmp_path)
    found = [list(one["value"]) for one in predictor.predict(expected["rows"]).predictions]
    np.testing.assert_allclose(found, expected["outputs"], atol=1e-5)
    assert any("one by one" in note for note in network.notes) == (name == "torch_mlp_fixed")


def test_classes_make_a_classifier_of_a_network_that_ends_in_logits(tmp_path: Path) -> None:
    network, predictor, expected = read("torch_mlp", tmp_path, classes=["a", "b", "c"])
    logits = np.array(expected["outputs"])
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = predictor.predict(expected["rows"]).predictions
    np.testing.assert_allclose([one["scores"] for one in found], scores, atol=1e-5)
    assert [one["label"] for one in found] == ["abc"[index] for index in logits.argmax(axis=1)]
    assert any("the softmax of them" in note for note in network.notes)
    assert (network.document["optimizer"], network.document["loss"]) == (None, None)
    evaluated = json.loads((tmp_path / TRAINED).read_text())["spec"]
    assert evaluated["loss"] == {"type": "SparseCategoricalCrossentropy", "from_logits": True}


@pytest.mark.parametrize("last", [False, True])
def test_pictures_may_have_their_channels_first_as_in_the_file_or_last_as_images_have_them(
    tmp_path: Path, *, last: bool
) -> None:
    network, predictor, expected = read("torch_cnn", tmp_path, **({"input": {"shape": [8, 8, 1]}} if last else {}))
    rows = np.array(expected["rows"])
    found = predictor.predict((np.moveaxis(rows, 1, -1) if last else rows).tolist()).predictions
    np.testing.assert_allclose([one["scores"] for one in found], expected["outputs"], atol=1e-5)
    assert network.document["task"] == "multiclass"
    assert predictor.signature.takes_pictures("pictures") == last


def test_axes_of_any_length_are_fixed_by_the_request_and_integers_are_checked_row_by_row(tmp_path: Path) -> None:
    with pytest.raises(InvalidSpec, match="takes rows of the shape \\[any\\]") as caught:
        read("torch_lstm", tmp_path)
    assert caught.value.faults[0].pointer == "#/input"
    _, predictor, expected = read("torch_lstm", tmp_path, input={"shape": [7]})
    found = [list(one["value"]) for one in predictor.predict(expected["rows"]).predictions]
    np.testing.assert_allclose(found, expected["outputs"], atol=1e-5)
    for number, wanted in ((1.5, "1.5 at"), (20, "from 0 to 19"), (-1, "from 0 to 19")):
        rows = [expected["rows"][0], [0, 0, number, 0, 0, 0, 0]]
        with pytest.raises(InvalidInstances, match=f"Row 1: .*{wanted}") as refused:
            predictor.predict(rows)
        assert (refused.value.faults[0].pointer, refused.value.faults[0].row) == ("#/instances/1", 1)


def test_several_inputs_are_taken_by_name_and_the_output_that_is_served_is_named(tmp_path: Path) -> None:
    network, predictor, expected = read("torch_two_inputs", tmp_path)
    found = [list(one["value"]) for one in predictor.predict(expected["rows"]).predictions]
    np.testing.assert_allclose(found, expected["outputs"], atol=1e-5)
    assert 'Predictions come from the output "output"; these are not served: "other".' in network.notes
    assert predictor.output_name == "output"
    with pytest.raises(InvalidSpec, match="`input` describes a single one: omit it") as caught:
        read("torch_two_inputs", tmp_path, input={"left": {"shape": [3]}})
    assert [fault.pointer for fault in caught.value.faults] == ["#/input"]


def test_a_version_has_the_network_and_its_preprocessing_and_no_weights(tmp_path: Path) -> None:
    network, _, _ = read("torch_mlp", tmp_path)
    assert not network.trainable
    assert [file.format for file in network.version.artifacts] == ["onnx", "preprocessing"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network.onnx", "preprocessing.json", "trained.json"]
    assert network.summary["parameters"] == 4 * 8 + 8 + 8 * 3 + 3
    assert [layer["type"] for layer in network.summary["layers"]] == ["Gemm", "Relu", "Gemm"]
    assert network.summary["layers"][-1]["output_shape"] == [3]
    assert "Parameters: 67" in network.summary_text


@pytest.mark.parametrize(
    ("fields", "pointer", "words"),
    [
        ({"classes": ["a", "b"]}, "#/classes", "3 classes, but `classes` has 2"),
        ({"classes": ["a", "b", "b"]}, "#/classes/2", "twice"),
        ({"classes": ["a", 1, 2]}, "#/classes", "all texts, all numbers"),
        ({"task": Task.BINARY}, "#/task", "1 or 2 outputs, but the network has 3"),
        ({"task": Task.REGRESSION, "classes": ["a", "b", "c"]}, "#/classes", "no classes"),
        ({"input": {"shape": [5]}}, "#/input/shape", r"takes rows of the shape \[4\], not \[5\]"),
        ({"input": {"scaling": "standard"}}, "#/input/scaling", "no training rows"),
        ({"input": {"columns": []}}, "#/input/columns", "not `columns`"),
    ],
)
def test_fields_that_do_not_fit_the_network_are_refused_at_their_place(
    tmp_path: Path, fields: dict[str, Any], pointer: str, words: str
) -> None:
    with pytest.raises(InvalidSpec, match=words) as caught:
        read("torch_mlp", tmp_path, **fields)
    assert [fault.pointer for fault in caught.value.faults] == [pointer]


def test_a_file_is_read_in_a_process_of_its_own_with_the_same_result(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    fields = ImportFields(Task.MULTICLASS, ["a", "b", "c"])
    path = FILES / "torch_mlp.onnx"
    assert import_onnx(path, fields, there, Limits()) == make_version(path, fields, here, Limits())


def test_the_onnx_projects_own_tests_are_served_as_they_expect_or_refused(tmp_path: Path) -> None:
    """A sample; all of them with FITSERVE_TEST_ONNX_CASES=all, or a number of them."""
    wanted, cases = os.environ.get("FITSERVE_TEST_ONNX_CASES", "25"), load_cases()
    drawn = cases if wanted == "all" else random.Random(1).sample(cases, int(wanted))
    served = 0
    for number, case in enumerate(drawn):
        folder = tmp_path / str(number)
        folder.mkdir()
        outcome = try_case(case, folder, in_process=True)
        assert outcome.kind == "served" or (outcome.kind.startswith("refused") and outcome.reason), (case.name, outcome)
        served += outcome.kind == "served"
    assert served > len(drawn) / 3


@pytest.fixture
def flowers(tmp_path: Path) -> Dataset:
    """The iris rows as a table, with the names of the classes."""
    from sklearn.datasets import load_iris

    found = load_iris()
    rows = [
        [*map(float, row), str(found.target_names[label])] for row, label in zip(found.data, found.target, strict=True)
    ]
    columns = ["a", "b", "c", "d", "kind"]
    posted = [dict(zip(columns, row, strict=True)) for row in rows]
    return make_dataset(tmp_path / "datasets", "inline", rows=posted, target="kind", split={"test": 0.2, "seed": 1})


def test_a_classifier_is_evaluated_on_a_table_whose_columns_it_takes_in_order(tmp_path: Path, flowers: Dataset) -> None:
    from models.evaluation import evaluate_split
    from models.versions import load_evaluated

    folder = tmp_path / "version"
    folder.mkdir()
    _, predictor, _ = read("logistic_names", folder)
    document = json.loads((folder / "preprocessing.json").read_text())
    check_version_fit(document, flowers.descriptor, "test")
    served = load_evaluated(folder, flowers, Limits(), 1)
    result = evaluate_split(served, flowers, "test", tmp_path).to_result()
    rows = [row["instance"] | {"kind": row["target"]} for row in read_rows(flowers, "test", 0, 1000)]
    found = predictor.predict([[row[name] for name in "abcd"] for row in rows]).predictions
    right = sum(one["label"] == row["kind"] for one, row in zip(found, rows, strict=True))
    assert result.metrics["accuracy"] == pytest.approx(right / len(rows))
    assert result.loss == pytest.approx(result.metrics["log_loss"], abs=1e-4)
    assert result.classes == IRIS
    assert result.baseline is None


def test_rows_of_a_table_are_predicted_in_a_batch(tmp_path: Path, flowers: Dataset) -> None:
    folder = tmp_path / "version"
    folder.mkdir()
    _, predictor, _ = read("logistic_names", folder)
    check_inputs_fit(json.loads((folder / "preprocessing.json").read_text()), flowers.descriptor, None)
    blocks = read_dataset(flowers, "train", fit_to_dataset(predictor.preprocessing, flowers))
    rows = [row["instance"] | {"kind": row["target"]} for row in read_rows(flowers, "train", 0, 1000)]
    expected = predictor.predict([[row[name] for name in "abcd"] for row in rows]).predictions
    found = [one for block in blocks for one in predictor.describe(predictor.run_inputs(block.inputs))]
    assert found == expected


def test_a_dataset_whose_numbers_are_not_those_that_the_network_takes_is_refused(
    tmp_path: Path, flowers: Dataset
) -> None:
    folder = tmp_path / "version"
    folder.mkdir()
    read("boosting", folder)
    document = json.loads((folder / "preprocessing.json").read_text())
    with pytest.raises(InvalidData, match="4 columns, but the model takes rows of the shape \\[10\\]"):
        check_inputs_fit(document, flowers.descriptor, None)


def test_the_single_input_of_a_dataset_may_have_another_name_than_the_networks(tmp_path: Path) -> None:
    folder = tmp_path / "version"
    folder.mkdir()
    _, predictor, expected = read("torch_cnn", folder, input={"shape": [8, 8, 1]}, classes=["a", "b", "c"])
    pictures = [np.squeeze(row).tolist() for row in expected["rows"]]
    dataset = make_dataset(tmp_path, "inline", inputs=pictures, targets=["a", "b", "c"] * 2, split={"test": 0})
    check_inputs_fit(json.loads((folder / "preprocessing.json").read_text()), dataset.descriptor, None)
    (block,) = read_dataset(dataset, None, fit_to_dataset(predictor.preprocessing, dataset))
    np.testing.assert_allclose(predictor.run_inputs(block.inputs), expected["outputs"], atol=1e-5)
