"""The positive class of two, and rows without a target."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.dataset_descriptor import TargetDescriptor
from models.datasets import check_request
from models.errors import Fault, InvalidData
from tests.models.made_datasets import make_dataset, read_rows
from tests.models.made_uploads import faults_of_request, faults_of_upload, import_upload, to_csv

MIXED = "width,y\n1,fraud\n2,ok\n3,ok\n4,fraud\n5,ok\n"


def target_of(folder: Path, targets: list[Any], **options: Any) -> dict[str, Any]:
    inputs = list(range(len(targets)))
    dataset = make_dataset(folder, "inline", inputs=inputs, targets=targets, target_options=options or None)
    return dataset.descriptor.target.to_document()


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        (["ok", "ok", "fraud"], ["ok", "fraud"]),
        (["fraud", "fraud", "ok"], ["fraud", "ok"]),
        (["ok", "fraud"], ["fraud", "ok"]),
        ([0, 1, 1], [0, 1]),
        ([True, True, False], [False, True]),
        ([7, 7, 3, 7], [7, 3]),
    ],
)
def test_the_rarer_class_is_positive_and_the_last_of_equal_ones_and_one_and_true_always(
    targets: list[Any], classes: list[Any], tmp_path: Path
) -> None:
    target = target_of(tmp_path, targets)
    assert (target["classes"], target["positive_class"]) == (classes, classes[1])
    assert target["counts"] == [targets.count(name) for name in classes]


@pytest.mark.parametrize(
    ("targets", "wanted", "positive"),
    [
        (["ok", "ok", "fraud"], "ok", "ok"),
        ([0, 0, 1], 0, 0),
        ([0, 0, 1], "0", 0),
        ([0, 1, 1], 0.0, 0),
        ([True, False], False, False),
        ([True, False], "false", False),
    ],
)
def test_a_request_names_the_positive_class(targets: list[Any], wanted: Any, positive: Any, tmp_path: Path) -> None:
    target = target_of(tmp_path, targets, positive_class=wanted)
    assert (target["classes"][1], target["positive_class"]) == (positive, positive)
    assert type(target["positive_class"]) is type(positive)


def test_rows_keep_their_classes_when_these_are_ordered(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, MIXED, target_options={"positive_class": "ok"}, split={"test": 0})
    assert [row["target"] for row in read_rows(dataset, "train", 0, 9)] == ["fraud", "ok", "ok", "fraud", "ok"]


def test_two_labels_of_which_each_row_has_one_are_a_decision_too(tmp_path: Path) -> None:
    assert target_of(tmp_path / "one", [["a"], ["b"]])["positive_class"] == "b"
    assert "positive_class" not in target_of(tmp_path / "any", [["a"], ["a", "b"]])
    assert "positive_class" not in target_of(tmp_path / "three", ["a", "b", "c"])


def test_of_a_dataset_of_an_older_release_the_last_class_is_positive() -> None:
    target = TargetDescriptor.from_document(
        {"name": "y", "type": "category", "classes": ["fraud", "ok"], "counts": [1, 9]}
    )
    assert target.with_positive_class().positive_class == "ok"
    assert TargetDescriptor("y", "number").with_positive_class() == TargetDescriptor("y", "number")


@pytest.mark.parametrize(
    ("targets", "detail"),
    [
        (["a", "b", "c"], "Only a target with two classes has a positive one, but the target has 3 classes."),
        ([0.5, 1.5], "Only a target with two classes has a positive one, but the target has no classes."),
        ([["a"], ["b"]], "A target with lists of labels has no positive class."),
        (["freud", "ok"], '"fraud" isn\'t a class of the target.'),
    ],
)
def test_a_positive_class_that_is_none_is_refused(targets: list[Any], detail: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData) as caught:
        target_of(tmp_path, targets, positive_class="fraud")
    (fault,) = caught.value.faults
    assert (fault.detail, fault.pointer) == (detail, "#/target_options/positive_class")
    assert fault.did_you_mean == ("freud" if "freud" in targets else None)


def faults_of_source(**request: Any) -> list[Fault]:
    with pytest.raises(InvalidData) as caught:
        check_request(request)
    return list(caught.value.faults)


def test_options_that_do_not_exist_are_refused() -> None:
    faults = faults_of_request(target_options={"positive": 1, "positive_class": ["a"], "missing": "ignore"})
    assert [fault.pointer for fault in faults] == [
        f"#/target_options/{name}" for name in ("positive", "positive_class", "missing")
    ]
    assert faults[2].allowed == ("refuse", "drop")
    assert faults_of_request(target_options=[])[0].pointer == "#/target_options"
    (fault,) = faults_of_source(source="iris", target_options={"missing": "drop"})
    assert (fault.detail, fault.pointer) == ("Only rows of a table can lack a target.", "#/target_options/missing")


GAPS = "width,odd,day,y\n1,,2026-01-01,a\n2,5,2026-01-02,\n3,,2026-01-03,b\n4,6,2026-01-04,\n5,,2026-01-05,a\n"


def test_rows_without_a_target_are_refused_with_the_way_to_drop_them(tmp_path: Path) -> None:
    first, second = faults_of_upload(tmp_path, GAPS)
    assert (first.row, second.row) == (1, 3)
    assert '{"missing": "drop"} in `target_options`' in first.detail


def test_rows_without_a_target_are_dropped_and_counted(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, GAPS, target_options={"missing": "drop"}, split={"test": 0})
    descriptor = dataset.descriptor
    assert (descriptor.rows, descriptor.splits["train"]) == (3, 3)
    assert descriptor.target.counts == [2, 1]
    assert [note.to_document() for note in descriptor.notes] == [
        {"type": "missing_target", "column": "y", "detail": "2 rows without a target were left out.", "count": 2}
    ]
    rows = read_rows(dataset, "train", 0, 9)
    assert [(row["row"], row["instance"]["width"], row["target"]) for row in rows] == [
        (0, 1, "a"),
        (2, 3, "b"),
        (4, 5, "a"),
    ]
    assert [entry.name for entry in descriptor.inputs] == ["width", "day"]
    assert {entry.name: entry.reason for entry in descriptor.left_out or ()} == {"odd": "empty"}


@pytest.mark.parametrize(
    "split", [{"time_column": "day", "test": 0.4}, {"column": "part"}, {"group": "g", "test": 0.5}]
)
def test_dropped_rows_are_in_no_split(split: dict[str, Any], tmp_path: Path) -> None:
    columns = {"x": [1, 2, 3, 4, 5], "day": [5, 4, 3, 2, 1], "part": ["test"] + ["train"] * 4, "g": list("aabbc")}
    data = to_csv(columns | {"y": [1.5, None, 3.5, 4.5, 5.5]})
    dataset = import_upload(tmp_path, data, target_options={"missing": "drop"}, split=split)
    found = {name: dataset.split(name) for name in ("train", "validation", "test")}
    assert sorted(np.concatenate([part.rows for part in found.values()])) == [0, 2, 3, 4]
    for part in found.values():
        assert part.targets.tolist() == [row + 1.5 for row in part.rows.tolist()]
    if "group" not in split:
        assert 0 in found["test"].rows


def test_a_faulty_cell_is_named_by_its_row_in_the_file(tmp_path: Path) -> None:
    data = "width,y\n1,\n2,1.5\nwide,2.5\n"
    (fault,) = faults_of_upload(tmp_path, data, types={"width": "number"}, target_options={"missing": "drop"})
    assert (fault.row, fault.column) == (2, "width")


def test_a_window_without_a_target_is_left_out(tmp_path: Path) -> None:
    data = "x,y\n" + "".join(f"{number},{'' if number in (4, 6) else number * 10}\n" for number in range(9))
    window = {"steps": 2, "horizon": 1}
    assert {fault.row for fault in faults_of_upload(tmp_path, data, window=window)} == {4, 6}
    split, options = {"validation": 0, "test": 0}, {"missing": "drop"}
    dataset = import_upload(tmp_path, data, window=window, split=split, target_options=options)
    assert dataset.split("train").targets.tolist() == [20, 30, 50, 70, 80]
    assert dataset.descriptor.rows == 5
    assert [note.to_document() for note in dataset.descriptor.notes] == [
        {"type": "missing_target", "column": "y", "detail": "2 windows without a target were left out.", "count": 2}
    ]
    tensors = dataset.split("train").tensors
    assert tensors is not None
    assert tensors["input"][2, :, 0].tolist() == [3, 4]
