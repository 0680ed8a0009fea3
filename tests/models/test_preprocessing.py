"""Raw values become what the network takes: the same in training and in predicting."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset
from models.errors import Fault, InvalidInstances
from models.preprocessing import Preprocessing, inputs_from_dataset
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

FRUIT = [
    {"width": 1.0, "colour": "red", "ripe": True, "kind": "a"},
    {"width": None, "colour": "blue", "ripe": False, "kind": "b"},
    {"width": 3.0, "colour": None, "ripe": None, "kind": "a"},
    {"width": 8.0, "colour": "red", "ripe": True, "kind": "b"},
]


def fit(dataset: Dataset, **input_: Any) -> Preprocessing:
    return Preprocessing.fit(make_spec(**input_), dataset)


def fit_whole(dataset: Dataset, scaling: str | None = None) -> Preprocessing:
    """Fitted for a model that takes its inputs from the dataset."""
    return Preprocessing.fit(make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", scaling)), dataset)


def faults_of(preprocessing: Preprocessing, instances: Any) -> list[Fault]:
    with pytest.raises(InvalidInstances) as caught:
        preprocessing.read_instances(instances)
    return list(caught.value.faults)


@pytest.fixture
def fruit(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path, "inline", rows=FRUIT, target="kind")


@pytest.fixture
def vectors(tmp_path: Path) -> Dataset:
    return make_dataset(tmp_path, "inline", inputs=[[1, 10], [2, 10], [6, 10]], targets=[0, 1, 0])


@pytest.mark.parametrize(
    ("source", "input_"),
    [
        ("circles", {"shape": [2]}),
        ("circles", {"shape": [2], "scaling": "standard"}),
        ("digits", {"shape": [8, 8], "scaling": "unit"}),
        ("digits", {"shape": [64], "scaling": "standard"}),
        ("digits", {"shape": [8, 8, 1], "scaling": "standard"}),
        ("iris", {"shape": [4], "scaling": "standard"}),
    ],
)
def test_rows_posted_back_give_the_same_bits_as_in_training(source: str, input_: dict, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, source)
    fitted = fit(dataset, **input_)
    trained = fitted.network_inputs(dataset.split("test"))["input"]

    served = Preprocessing.from_document(json.loads(json.dumps(fitted.to_document())))
    instances = [item["instance"] for item in dataset.rows_page("test", 0, 50)]
    inputs, _ = served.read_instances(json.loads(json.dumps(instances)))

    assert trained.dtype == inputs["input"].dtype == np.float32
    assert trained.shape[1:] == tuple(input_["shape"])
    assert np.array_equal(inputs["input"], trained[:50])


def test_unit_scaling_divides_by_255(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 51], [255, 0]], targets=[0, 1])

    inputs = fit(dataset, shape=[2], scaling="unit").network_inputs(dataset.split("train"))

    assert inputs["input"].tolist() == [[0, np.float32(0.2)], [1, 0]]


def test_standard_scaling_of_vectors_is_by_feature_and_leaves_constant_ones_at_zero(vectors: Dataset) -> None:
    fitted = fit(vectors, shape=[2], scaling="standard")

    inputs = fitted.network_inputs(vectors.split("train"))["input"]
    assert inputs.mean(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert inputs.std(axis=0) == pytest.approx([1, 0], abs=1e-6)
    document = fitted.to_document()["input"]
    assert (document["mean"], document["std"][1]) == ([3, 10], 1)


def test_standard_scaling_learns_from_the_training_rows_alone(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "circles", split={"test": 0.5})

    mean = fit(dataset, shape=[2], scaling="standard").to_document()["input"]["mean"]

    tensors = dataset.split("train").tensors
    assert tensors is not None
    assert mean == pytest.approx(tensors["input"].mean(axis=0, dtype=np.float64).tolist())


@pytest.mark.parametrize(
    ("shape", "means"), [((5, 3), (3,)), ((4, 4, 3), (3,)), ((2, 4, 4, 1), (1,)), ((4, 4, 1), (1,))]
)
def test_standard_scaling_of_anything_larger_is_by_its_last_axis(shape: tuple, means: tuple, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(3, 2, (20, *shape))
    dataset = make_dataset(tmp_path, "inline", inputs=rows.tolist(), targets=[0, 1] * 10)

    fitted = fit(dataset, shape=list(shape), scaling="standard")

    expected = rows.astype(np.float32).mean(axis=tuple(range(len(shape))), dtype=np.float64)
    assert np.shape(fitted.to_document()["input"]["mean"]) == means
    assert fitted.to_document()["input"]["mean"] == pytest.approx(expected.tolist())


def test_grey_pictures_without_channels_have_one_mean(tmp_path: Path) -> None:
    document = fit(make_dataset(tmp_path, "digits"), shape=[8, 8], scaling="standard").to_document()["input"]

    assert document["mean"] == pytest.approx(4.88, abs=0.05)
    assert document["std"] == pytest.approx(6.02, abs=0.05)


@pytest.mark.parametrize("shape", [[64], [8, 8], [8, 8, 1]])
def test_rows_flat_or_with_a_channel_of_one_are_reshaped(shape: list[int], tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "digits")
    fitted = fit(dataset, shape=shape)

    picture = np.arange(64).reshape(8, 8)
    for posted in (picture, picture.reshape(64), picture.reshape(8, 8, 1)):
        inputs, warnings = fitted.read_instances([posted.tolist()])
        assert np.array_equal(inputs["input"], picture.reshape(1, *shape))
        assert warnings == []


def test_a_single_number_is_a_row_of_one(tmp_path: Path) -> None:
    fitted = fit(make_dataset(tmp_path, "line"), shape=[1])

    assert fitted.read_instances([10, 11.5])[0]["input"].tolist() == [[10], [11.5]]


def test_a_table_becomes_numbers_side_by_side(fruit: Dataset) -> None:
    specs = inputs_from_dataset(fruit.descriptor, "made")
    assert specs["input"].shape == (1 + 3 + 1,)
    assert specs["input"].scaling == "standard"

    inputs = fit_whole(fruit).network_inputs(fruit.split("train"))["input"]

    filled = np.array([1, 3, 3, 8])  # the missing width is the median
    assert inputs[:, 0] == pytest.approx((filled - filled.mean()) / filled.std())
    assert inputs[:, 1:4].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert inputs[:, 4].tolist() == [1, 0, 1, 1]


def test_a_table_without_scaling_keeps_its_numbers(fruit: Dataset) -> None:
    inputs = fit_whole(fruit, "none").network_inputs(fruit.split("train"))["input"]

    assert inputs[:, 0].tolist() == [1, 3, 3, 8]


def test_rows_of_a_table_are_posted_by_name_or_in_order(fruit: Dataset) -> None:
    served = Preprocessing.from_document(json.loads(json.dumps(fit_whole(fruit).to_document())))

    by_name, warnings = served.read_instances([{"colour": "red", "ripe": True, "width": 3}])
    in_order, _ = served.read_instances([[3, "red", True]])

    assert np.array_equal(by_name["input"], in_order["input"])
    assert warnings == []


def test_odd_values_of_a_table_are_used_with_a_warning(fruit: Dataset) -> None:
    fitted = fit_whole(fruit, "none")

    inputs, warnings = fitted.read_instances([[3, "red", True], [None, "green", False], [9, None, True]])

    assert inputs["input"].tolist() == [[3, 0, 1, 0, 1], [3, 0, 0, 1, 0], [9, 0, 0, 1, 1]]
    assert [(warning["row"], warning["column"], warning["type"]) for warning in warnings] == [
        (1, "width", "missing"),
        (1, "colour", "unseen_category"),
        (2, "width", "out_of_range"),
        (2, "colour", "missing"),
    ]
    assert warnings[2]["detail"] == "9 is out of range: the training rows lie between 1 and 8."


def test_there_are_at_most_a_hundred_warnings(fruit: Dataset) -> None:
    _, warnings = fit_whole(fruit).read_instances([{}] * 500)

    assert len(warnings) == 100


def test_a_plain_shape_takes_the_columns_of_a_table_in_order(tmp_path: Path) -> None:
    fitted = fit(make_dataset(tmp_path, "iris"), shape=[4])

    by_name = {"petal_width": 0.2, "petal_length": 1.4, "sepal_width": 3.5, "sepal_length": 5.1}
    for posted in (by_name, [5.1, 3.5, 1.4, 0.2]):
        inputs, _ = fitted.read_instances([posted])
        assert inputs["input"] == pytest.approx(np.array([[5.1, 3.5, 1.4, 0.2]]))


@pytest.mark.parametrize(
    ("row", "pointer", "column"),
    [
        ({"width": "wide"}, "#/instances/2/width", "width"),
        ({"width": True}, "#/instances/2/width", "width"),
        ({"width": float("nan")}, "#/instances/2/width", "width"),
        ({"width": 10**400}, "#/instances/2/width", "width"),
        ({"colour": 3}, "#/instances/2/colour", "colour"),
        ({"ripe": "yes"}, "#/instances/2/ripe", "ripe"),
        ({"widht": 1}, "#/instances/2/widht", "widht"),
        (["wide", "red", True], "#/instances/2/0", "width"),
        ([1, "red"], "#/instances/2", None),
        (5, "#/instances/2", None),
        (None, "#/instances/2", None),
    ],
)
def test_cells_at_fault_are_named_by_row_and_column(row: Any, pointer: str, column: str | None, fruit: Dataset) -> None:
    (fault,) = faults_of(fit_whole(fruit), [{"width": 1}, {"width": 2}, row])

    assert (fault.pointer, fault.row, fault.column) == (pointer, 2, column)


def test_a_misspelt_column_names_the_nearest(fruit: Dataset) -> None:
    (fault,) = faults_of(fit_whole(fruit), [{"widht": 1}])

    assert fault.did_you_mean == "width"
    assert fault.allowed == ("width", "colour", "ripe")


@pytest.mark.parametrize(
    ("row", "pointer", "column"),
    [
        ([1], "#/instances/1", None),
        ([1, 2, 3], "#/instances/1", None),
        ([[1, 2], [1, 2]], "#/instances/1", None),
        ([1, [2]], "#/instances/1/1", "1"),
        ([1, "2"], "#/instances/1/1", "1"),
        ([None, 2], "#/instances/1/0", "0"),
        ([True, 2], "#/instances/1/0", "0"),
        ([float("nan"), 2], "#/instances/1/0", "0"),
        ([1, 1e39], "#/instances/1/1", "1"),
        ([1, 10**400], "#/instances/1/1", "1"),
        ("text", "#/instances/1", None),
        ({"a": 1}, "#/instances/1", None),
        ([], "#/instances/1", None),
    ],
)
def test_numbers_at_fault_are_named_by_row_and_column(
    row: Any, pointer: str, column: str | None, vectors: Dataset
) -> None:
    (fault,) = faults_of(fit(vectors, shape=[2]), [[1, 2], row, [3, 4]])

    assert (fault.pointer, fault.row, fault.column) == (pointer, 1, column)


def test_rows_that_all_have_another_shape_are_told_which_is_wanted(vectors: Dataset) -> None:
    faults = faults_of(fit(vectors, shape=[2]), [[1, 2, 3], [4, 5, 6]])

    assert [fault.row for fault in faults] == [0, 1]
    assert faults[0].detail == "Row 0 has the shape [3], but [2] is wanted."


@pytest.mark.parametrize("instances", [[], None, {"a": 1}, "text"])
def test_instances_are_a_list_with_something_in_it(instances: Any, vectors: Dataset) -> None:
    (fault,) = faults_of(fit(vectors, shape=[2]), instances)

    assert fault.pointer == "#/instances"


def test_several_inputs_are_read_by_name(tmp_path: Path) -> None:
    posted = {"left": [[1, 2], [3, 4]], "right": [[5], [6]]}
    dataset = make_dataset(tmp_path, "inline", inputs=posted, targets=[0, 1])
    fitted = fit_whole(dataset)

    inputs, _ = fitted.read_instances([{"left": [1, 2], "right": [5]}, {"right": [6], "left": [3, 4]}])

    assert {name: values.tolist() for name, values in inputs.items()} == posted
    (fault,) = faults_of(fitted, [{"left": [1, 2], "right": [5]}, {"left": [1, 2]}])
    assert (fault.row, fault.pointer) == (1, "#/instances/1")
    (fault,) = faults_of(fitted, [{"left": [1, "x"], "right": [5]}])
    assert (fault.column, fault.pointer) == ("left/1", "#/instances/0/left/1")
