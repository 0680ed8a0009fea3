"""A dataset that doesn't fit a version is refused with the reason, before a job is queued."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.compatibility import check_version_fit
from models.dataset_descriptor import DatasetDescriptor
from models.errors import Fault, InvalidData
from models.predictor import FORMAT
from models.preprocessing import Preprocessing, inputs_from_dataset
from models.targets import TargetEncoding
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

TABLE = [{"width": 1.0, "colour": "red", "kind": "a"}, {"width": 2.0, "colour": "blue", "kind": "b"}]


def inline(folder: Path, **members: Any) -> DatasetDescriptor:
    return replace(make_dataset(folder, "inline", **members).descriptor, name="other")


def version_document(folder: Path, task: str, **members: Any) -> dict[str, Any]:
    """The `preprocessing.json` of a version that was trained on inline data."""
    dataset = make_dataset(folder, "inline", **members)
    losses = {"regression": "mean_squared_error", "binary": "binary_crossentropy"}
    spec = make_spec(task, inputs_from_dataset(dataset.descriptor, "own"), losses.get(task, "categorical_crossentropy"))
    target = dataset.descriptor.target
    outputs = len(target.labels) if task == "multiclass" else 1
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, outputs)
    preprocessing = Preprocessing.fit(spec, dataset)
    return {"format": FORMAT, "task": task, "inputs": preprocessing.to_document(), "target": encoding.to_document()}


def faults_of(document: dict[str, Any], descriptor: DatasetDescriptor, split: str = "train") -> list[Fault]:
    with pytest.raises(InvalidData) as caught:
        check_version_fit(document, descriptor, split)
    return list(caught.value.faults)


def test_a_table_needs_the_columns_and_their_types(tmp_path: Path) -> None:
    document = version_document(tmp_path / "own", "multiclass", rows=TABLE, target="kind")
    check_version_fit(document, inline(tmp_path / "same", rows=list(reversed(TABLE)), target="kind"), "train")
    rows = [{"colour": 3.5, "kind": "a"}, {"colour": 4.5, "kind": "b"}]
    missing, wrong = faults_of(document, inline(tmp_path / "other", rows=rows, target="kind"))
    assert (missing.column, wrong.column) == ("width", "colour")
    assert 'no column "width"' in missing.detail
    assert "is a number, not a category" in wrong.detail


def test_a_table_is_no_row_of_numbers_nor_the_other_way_round(tmp_path: Path) -> None:
    plain = {"inputs": [[1.0], [2.0]], "targets": ["a", "b"]}
    of_table = version_document(tmp_path / "a", "multiclass", rows=TABLE, target="kind")
    of_numbers = version_document(tmp_path / "b", "multiclass", **plain)
    (fault,) = faults_of(of_table, inline(tmp_path / "c", **plain))
    assert "takes the columns width, colour" in fault.detail
    (fault,) = faults_of(of_numbers, inline(tmp_path / "d", rows=TABLE, target="kind"))
    assert "is a table, but the model takes numbers of the shape [1]" in fault.detail


def test_rows_need_the_shape(tmp_path: Path) -> None:
    document = version_document(tmp_path / "own", "regression", inputs=[[1, 2], [3, 4]], targets=[0.5, 1.5])
    (fault,) = faults_of(document, inline(tmp_path / "other", inputs=[[1, 2, 3]], targets=[0.5]))
    assert (fault.pointer, "[3]" in fault.detail, "[2]" in fault.detail) == ("#/dataset", True, True)


def test_classes_that_the_version_does_not_know_are_named(tmp_path: Path) -> None:
    inputs = [[0.0], [1.0], [2.0], [3.0]]
    document = version_document(tmp_path / "own", "multiclass", inputs=inputs[:3], targets=["a", "b", "c"])
    check_version_fit(document, inline(tmp_path / "fewer", inputs=inputs[:2], targets=["c", "a"]), "train")
    (fault,) = faults_of(document, inline(tmp_path / "more", inputs=inputs, targets=["a", "x", "y", "b"]))
    assert "doesn't know the classes x, y" in fault.detail
    assert fault.allowed == ("a", "b", "c")


def test_a_single_class_suits_a_version_of_two(tmp_path: Path) -> None:
    document = version_document(tmp_path / "own", "binary", inputs=[[0.0], [1.0]], targets=["no", "yes"])
    check_version_fit(document, inline(tmp_path / "one", inputs=[[0.0], [1.0]], targets=["yes", "yes"]), "train")
    three = inline(tmp_path / "three", inputs=[[0.0], [1.0], [2.0]], targets=["no", "yes", "perhaps"])
    assert "perhaps" in faults_of(document, three)[0].detail


def test_a_regression_needs_as_many_numbers_a_row(tmp_path: Path) -> None:
    document = version_document(tmp_path / "own", "regression", inputs=[[1.0], [2.0]], targets=[0.5, 1.5])
    (fault,) = faults_of(document, inline(tmp_path / "two", inputs=[[1.0]], targets=[[0.5, 2.5]]))
    assert "the shape [2]" in fault.detail
    (fault,) = faults_of(document, inline(tmp_path / "text", inputs=[[1.0]], targets=["a"]))
    assert "is text" in fault.detail


def test_all_faults_are_told_together(tmp_path: Path) -> None:
    document = version_document(tmp_path / "own", "multiclass", rows=TABLE, target="kind")
    rows = [{"width": 1.0, "kind": "z"}]
    faults = faults_of(document, inline(tmp_path / "other", rows=rows, target="kind"), "test")
    assert [fault.pointer for fault in faults] == ["#/dataset", "#/dataset", "#/split"]
    assert faults[-1].allowed == ("train",)


@pytest.mark.parametrize(
    ("known", "classes", "targets", "expected"),
    [
        (["a", "b"], ["a", "b"], ["b", "a"], ["b", "a"]),
        (["a", "b", "c"], ["c", "a"], ["a", "c"], ["a", "c"]),
        ([3, 5], ["5", "3"], ["3", "5"], [3, 5]),
        (["false", "true"], [False, True], [True, False], ["true", "false"]),
    ],
)
def test_targets_are_translated_by_the_names_of_classes(
    known: list[Any], classes: list[Any], targets: list[Any], expected: list[Any]
) -> None:
    encoding = TargetEncoding.from_document({"name": "t", "form": "indices", "classes": known, "shape": []})
    assert encoding.translate(np.array(targets), classes).tolist() == expected


def test_labels_are_translated_column_by_column() -> None:
    encoding = TargetEncoding.from_document({"name": "t", "form": "multi_hot", "classes": ["a", "b", "c"], "shape": []})
    targets = np.array([[True, False], [True, True]])
    assert encoding.translate(targets, ["c", "a"]).tolist() == [[False, False, True], [True, False, True]]
