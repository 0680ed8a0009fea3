"""Data in the request."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import check_request
from models.errors import Fault, InvalidData
from models.limits import Limits
from tests.models.made_datasets import make_dataset, read_rows


def faults_of(folder: Path, **members: Any) -> list[Fault]:
    with pytest.raises(InvalidData) as caught:
        make_dataset(folder, "inline", **members)
    return list(caught.value.faults)


def test_points_and_targets_are_all_for_training(tmp_path: Path) -> None:
    dataset = make_dataset(
        tmp_path, "inline", inputs=[[-1], [0], [1], [2], [3], [4]], targets=[[-3], [-1], [1], [3], [5], [7]]
    )

    assert dataset.descriptor.kind == "vector"
    assert dataset.descriptor.splits == {"train": 6, "validation": 0, "test": 0}
    assert dataset.descriptor.inputs[0].shape == [1]
    assert dataset.descriptor.target.type == "number"
    assert read_rows(dataset, "train", 1, 2) == [
        {"row": 1, "instance": [0], "target": -1, "split": "train"},
        {"row": 2, "instance": [1], "target": 1, "split": "train"},
    ]


def test_a_flat_list_is_rows_of_one_number(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[0.1, 0.2, 0.3], targets=[1.5, 2.5, 3.5])

    assert dataset.descriptor.inputs[0].shape == [1]
    assert read_rows(dataset, "train", 0, 1) == [{"row": 0, "instance": [0.1], "target": 1.5, "split": "train"}]


@pytest.mark.parametrize(
    ("shape", "kind"), [((3,), "vector"), ((2, 3), "sequence"), ((2, 3, 1), "image"), ((2, 2, 2, 3), "video")]
)
def test_the_rank_of_a_row_tells_the_kind(shape: tuple[int, ...], kind: str, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=np.zeros((4, *shape)).tolist(), targets=[0, 1, 0, 1])

    assert dataset.descriptor.kind == kind
    assert dataset.descriptor.inputs[0].shape == list(shape)


def test_several_inputs_go_by_name(tmp_path: Path) -> None:
    inputs = {"left": [[1, 2], [3, 4]], "a.b": [[0.5], [0.25]]}
    dataset = make_dataset(tmp_path, "inline", inputs=inputs, targets=["yes", "no"])

    assert [entry.name for entry in dataset.descriptor.inputs] == ["left", "a.b"]
    assert read_rows(dataset, "train", 1, 1) == [
        {"row": 1, "instance": {"left": [3, 4], "a.b": [0.25]}, "target": "no", "split": "train"}
    ]


@pytest.mark.parametrize(
    ("name", "pointer"), [("a/b", "#/inputs/a~1b"), ("output", "#/inputs/output"), ("", "#/inputs/")]
)
def test_an_input_has_a_name_that_a_network_can_use(name: str, pointer: str, tmp_path: Path) -> None:
    faults = faults_of(tmp_path, inputs={"left": [[1]], name: [[2]]}, targets=[1])

    assert [fault.pointer for fault in faults] == [pointer]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["b", "a", "b", "a"], {"type": "category", "classes": ["a", "b"], "counts": [2, 2]}),
        ([True, False, True, True], {"type": "category", "classes": [False, True], "counts": [1, 3]}),
        ([0, 1, 1, 1], {"type": "category", "classes": [0, 1], "counts": [1, 3]}),
        ([5, 7, 7, 5], {"type": "category", "classes": [5, 7], "counts": [2, 2]}),
        ([[0], [1], [0], [1]], {"type": "category", "classes": [0, 1], "counts": [2, 2]}),
        ([3, 5, 9, 3], {"type": "number", "classes": [3, 5, 9], "counts": [2, 1, 1]}),
        ([0.0, 1.0, 1.0, 1.0], {"type": "number", "classes": [0, 1], "counts": [1, 3]}),
        ([0.5, 1.0, 1.0, 1.0], {"type": "number", "shape": []}),
        ([[0.5, 2], [1, 3], [1, 4], [1, 5]], {"type": "number", "shape": [2]}),
        (
            [["b"], ["a", "b"], [], ["c"]],
            {"type": "labels", "classes": ["a", "b", "c"], "counts": [1, 2, 1], "exclusive": False},
        ),
        ([[0, 1], [1, 0], [0, 1], [1, 0]], {"type": "labels", "classes": [0, 1], "counts": [2, 2], "exclusive": True}),
    ],
)
def test_targets_are_classes_labels_or_numbers(targets: list, expected: dict[str, Any], tmp_path: Path) -> None:
    target = make_dataset(tmp_path, "inline", inputs=[1, 2, 3, 4], targets=targets).descriptor.target.to_document()

    assert target | expected == target


def test_rows_become_a_table_with_missing_values(tmp_path: Path) -> None:
    rows = [
        {"width": 1.2, "colour": "red", "ripe": True, "count": 1, "kind": "a"},
        {"width": None, "colour": "blue", "ripe": False, "count": 2, "kind": "b"},
        {"width": 3.5, "ripe": None, "count": 3, "kind": "a"},
    ]
    dataset = make_dataset(tmp_path, "inline", rows=rows, target="kind")

    width, colour, ripe, count = (entry.to_document() for entry in dataset.descriptor.inputs)
    assert dataset.descriptor.kind == "table"
    assert width == {
        "name": "width", "type": "number", "shape": [], "missing": 1,
        "mean": 2.35, "std": pytest.approx(1.15), "min": 1.2, "max": 3.5,
        "quantiles": pytest.approx({"0.05": 1.315, "0.25": 1.775, "0.5": 2.35, "0.75": 2.925, "0.95": 3.385}),
        "histogram": {"edges": pytest.approx(np.linspace(1.2, 3.5, 11).tolist()), "counts": [1, *[0] * 8, 1]},
    }  # fmt: skip
    assert (colour["type"], colour["categories"], colour["counts"]) == ("category", ["blue", "red"], [1, 1])
    assert (ripe["type"], ripe["missing"], count["type"]) == ("boolean", 1, "number")
    assert read_rows(dataset, "train", 2, 1) == [
        {
            "row": 2,
            "instance": {"width": 3.5, "colour": None, "ripe": None, "count": 3},
            "target": "a",
            "split": "train",
        }
    ]
    table = dataset.split("train").table
    assert table is not None
    assert table["colour"].tolist() == ["red", "blue", None]
    assert repr(table["ripe"].tolist()) == "[1.0, 0.0, nan]"


def test_a_single_row_is_enough(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", rows=[{"width": 1.2, "colour": "red", "kind": "a"}], target="kind")

    assert dataset.descriptor.rows == 1


@pytest.mark.parametrize(
    ("inputs", "pointer"),
    [
        ([[1, 2], [1, 2], [1, 2], [1]], "#/inputs/3"),
        ([[1, 2], [1, "2"], [1, 2], [1, 2]], "#/inputs/1/1"),
        ([[1, 2], [1, None], [1, 2], [1, 2]], "#/inputs/1/1"),
        ([[1, 2], [1, 2], [True, 2], [1, 2]], "#/inputs/2/0"),
        ([[1, 2], [1, 2], [float("nan"), 2], [1, 2]], "#/inputs/2/0"),
        ([[1, 2], [1, 2], [1, float("inf")], [1, 2]], "#/inputs/2/1"),
        ([[1, 2], [1, 2], [1, 10**400], [1, 2]], "#/inputs/2/1"),
        ([[1, 2], [1, 2], [1, 1e300], [1, 2]], "#/inputs/2/1"),
        ([1, 2, [3], 4], "#/inputs/2"),
        ([[], [], [], []], "#/inputs/0"),
        ([[[1], [2, 3]], [[1], [2]], [[1], [2]], [[1], [2]]], "#/inputs/0/1"),
        ([[[[[[1]]]]]] * 4, "#/inputs"),
    ],
)
def test_numbers_at_fault_are_named(inputs: list, pointer: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, inputs=inputs, targets=[0, 1, 0, 1])[0].pointer == pointer


def test_very_deep_nesting_is_a_fault_like_others(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]

    assert "nested too deep" in faults_of(tmp_path, inputs=[deep, deep], targets=[0, 1])[0].detail


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"inputs": [[1], [2]], "targets": [1]}, "#/targets"),
        ({"inputs": {"a": [[1], [2]], "b": [[1]]}, "targets": [1, 2]}, "#/inputs"),
        ({"inputs": {"a": "text"}, "targets": [1, 2]}, "#/inputs/a"),
        ({"inputs": [], "targets": []}, "#/inputs"),
        ({"inputs": {}, "targets": [1]}, "#/inputs"),
        ({"inputs": [[1]]}, "#/targets"),
        ({}, "#/inputs"),
        ({"rows": [], "target": "a"}, "#/rows"),
        ({"rows": [{"a": 1, "b": 2}]}, "#/target"),
        ({"rows": [{"a": 1, "b": 2}], "target": "c"}, "#/target"),
        ({"rows": [{"a": 1}], "target": "a"}, "#/rows"),
        ({"rows": [{"a": 1, "b": 2}, 3], "target": "a"}, "#/rows/1"),
        ({"rows": [{"a": 1}], "inputs": [1], "target": "a"}, "#/rows"),
        ({"inputs": [1, 2], "targets": [1, 2], "target": "a"}, "#/target"),
        ({"inputs": [1, 2], "targets": [1, 2], "types": {"a": "number"}}, "#/types"),
    ],
)
def test_the_outline_is_checked_before_anything_is_read(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidData) as caught:
        check_request({"source": "inline", **members})

    assert caught.value.faults[0].pointer == pointer


@pytest.mark.parametrize(
    ("rows", "pointer"),
    [
        ([{"width": 1, "kind": "a"}, {"width": "wide", "kind": "a"}], "#/rows/1/width"),
        ([{"width": 1, "kind": "a"}, {"width": [1], "kind": "a"}], "#/rows/1/width"),
        ([{"width": 1, "kind": "a"}, {"width": True, "kind": "a"}], "#/rows/1/width"),
        ([{"width": float("inf"), "kind": "a"}], "#/rows/0/width"),
        ([{"width": None, "kind": "a"}], "#/rows/0/width"),
        ([{"width": 1, "kind": "a"}, {"width": 1, "kind": None}], "#/rows/1/kind"),
        ([{"a/b c": "x", "kind": "a"}, {"a/b c": 1, "kind": "a"}], "#/rows/1/a~1b%20c"),
    ],
)
def test_cells_at_fault_are_named(rows: list, pointer: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, rows=rows, target="kind")[0].pointer == pointer


@pytest.mark.parametrize(
    ("targets", "pointer"),
    [
        (["a", 1], "#/targets/1"),
        ([1, "a"], "#/targets/1"),
        ([1, True], "#/targets/1"),
        ([1, None], "#/targets/1"),
        ([[1, 2], [1]], "#/targets/1"),
        ([float("nan"), 1], "#/targets/0"),
        ([[], []], "#/targets"),
    ],
)
def test_targets_at_fault_are_named(targets: list, pointer: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, inputs=[[1], [2]], targets=targets)[0].pointer == pointer


def test_an_unknown_target_column_names_the_nearest() -> None:
    with pytest.raises(InvalidData) as caught:
        check_request({"source": "inline", "rows": [{"width": 1, "kind": "a"}], "target": "knd"})

    assert caught.value.faults[0].did_you_mean == "kind"
    assert caught.value.faults[0].allowed == ("width", "kind")


@pytest.mark.timeout(60)
def test_at_most_a_hundred_faults_and_names_are_reported(tmp_path: Path) -> None:
    names = [f"column_{number}" for number in range(50_000)]
    with pytest.raises(InvalidData) as caught:
        check_request({"source": "inline", "rows": [dict.fromkeys(names, 1)], "target": "colunm" * 10_000})
    assert len(caught.value.faults[0].allowed) == 100
    for split in ({"split": dict.fromkeys(names)}, {"parameters": dict.fromkeys(names), "source": "blobs"}):
        with pytest.raises(InvalidData) as caught:
            check_request({"source": "inline", "inputs": [1], "targets": [1], **split})
        assert len(caught.value.faults) == 100
    rows: list[dict[str, Any]] = [{"x": 1} | {name: {} for name in names[:200]}]
    assert len(faults_of(tmp_path, rows=rows, target="x")) == 100


def test_more_rows_than_the_limit_are_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, inputs=[1, 2, 3], targets=[1, 2, 3], limits=Limits(rows=2))

    assert fault.detail == "There are 3 rows; the limit is 2."


def test_a_column_with_too_many_texts_is_not_a_category(tmp_path: Path) -> None:
    rows = [{"name": f"name {number}", "kind": "a"} for number in range(1001)]

    assert "1,001 distinct texts" in faults_of(tmp_path, rows=rows, target="kind")[0].detail


def test_a_column_of_dates_or_of_one_value_is_detected(tmp_path: Path) -> None:
    rows = [{"day": f"2024-01-0{day}", "shop": "north", "kind": "ab"[day % 2]} for day in range(1, 6)]
    descriptor = make_dataset(tmp_path, "inline", rows=rows, target="kind").descriptor

    assert [(entry.name, entry.type) for entry in descriptor.inputs] == [("day", "date")]
    assert [(entry.name, entry.reason) for entry in descriptor.left_out or ()] == [("shop", "constant")]
