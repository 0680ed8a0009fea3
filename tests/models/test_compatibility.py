"""A dataset that doesn't fit a network is refused with the reason and the fix."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.compatibility import check_fit, check_target
from models.dataset_descriptor import DatasetDescriptor
from models.errors import Fault, InvalidData, InvalidSpec
from models.preprocessing import inputs_from_dataset
from models.spec import InputSpec, NetworkSpec
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec


@pytest.fixture
def flowers(tmp_path: Path) -> DatasetDescriptor:
    return replace(make_dataset(tmp_path, "iris").descriptor, name="flowers")


def faults_of(
    spec: NetworkSpec, output: tuple[int, ...], descriptor: DatasetDescriptor, layer: str = "dense_1"
) -> list[Fault]:
    with pytest.raises(InvalidData) as caught:
        check_fit(spec, output, descriptor, layer)
    return list(caught.value.faults)


def inline(folder: Path, **members: Any) -> DatasetDescriptor:
    return replace(make_dataset(folder, "inline", **members).descriptor, name="few")


def test_a_model_created_from_the_dataset_fits(flowers: DatasetDescriptor) -> None:
    check_fit(make_spec(inputs=inputs_from_dataset(flowers, "flowers")), (3,), flowers)


def test_a_plain_shape_fits_a_table_of_numbers(flowers: DatasetDescriptor) -> None:
    check_fit(make_spec(shape=[4], scaling="standard"), (3,), flowers)


@pytest.mark.parametrize("shape", [[8, 8], [64], [8, 8, 1]])
def test_pictures_fit_flat_and_with_a_channel(shape: list[int], tmp_path: Path) -> None:
    check_fit(make_spec(shape=shape), (10,), make_dataset(tmp_path, "digits").descriptor)


def test_ten_units_for_three_classes_name_the_layer_and_the_fix(flowers: DatasetDescriptor) -> None:
    (fault,) = faults_of(make_spec(shape=[4]), (10,), flowers)

    assert fault.pointer == "#/model"
    assert fault.detail == (
        'The last layer, "dense_1", has 10 units, but dataset "flowers" has 3 classes: set it to 3 units.'
    )


def test_a_network_for_a_dataset_has_faults_that_point_into_its_spec(flowers: DatasetDescriptor) -> None:
    inputs = inputs_from_dataset(flowers, "flowers")
    layers: list[dict[str, Any]] = [{"type": "Dense", "units": 10}, {"type": "Softmax"}]
    cases = (
        (make_spec(inputs=inputs), (10,), "#/layers/0/units", "set it to 3 units"),
        (make_spec(inputs=inputs, layers=layers), (10,), "#/layers/1", "set it to 3 units"),
        (make_spec("regression", inputs, "mse"), (1,), "#/task", "is text"),
        (make_spec("binary", inputs, "binary_crossentropy"), (1,), "#/task", "3 classes"),
    )
    for spec, output, pointer, says in cases:
        with pytest.raises(InvalidSpec) as caught:
            check_target(spec, output, flowers.target, flowers.name)
        (fault,) = caught.value.faults
        assert fault.pointer == pointer
        assert says in fault.detail
    check_target(make_spec(inputs=inputs), (3,), flowers.target, flowers.name)


def test_all_faults_are_reported_together(flowers: DatasetDescriptor) -> None:
    faults = faults_of(make_spec(shape=[5]), (10,), replace(flowers, splits={"train": 0, "validation": 0, "test": 150}))

    assert [fault.pointer for fault in faults] == ["#/dataset", "#/model", "#/dataset"]
    assert faults[0].detail == 'Dataset "flowers" has 4 columns, but the model takes rows of the shape [5].'
    assert faults[2].detail == 'Dataset "flowers" has no training rows.'


@pytest.mark.parametrize(
    ("task", "output", "detail"),
    [
        ("regression", (1,), 'The target "species" is text'),
        ("binary", (1,), 'The target "species" has 3 classes, but a binary task needs two'),
        ("multilabel", (3,), 'The target "species" has one value per row'),
        ("multiclass", (4, 3), 'The last layer, "dense_1", outputs the shape [4, 3]: it must be a vector'),
        ("multiclass", (1,), 'The last layer, "dense_1", has 1 unit, but dataset "flowers" has 3 classes'),
    ],
)
def test_a_target_must_suit_the_task(task: str, output: tuple, detail: str, flowers: DatasetDescriptor) -> None:
    (fault,) = faults_of(make_spec(task=task, shape=[4]), output, flowers)

    assert fault.detail.startswith(detail)


def test_fractions_are_not_classes(tmp_path: Path) -> None:
    descriptor = inline(tmp_path, inputs=[[1], [2]], targets=[0.5, 0.25])

    (fault,) = faults_of(make_spec(shape=[1]), (2,), descriptor)

    assert "fractions" in fault.detail


def test_a_regression_needs_an_output_for_each_number(tmp_path: Path) -> None:
    descriptor = inline(tmp_path, inputs=[[1], [2]], targets=[[0.5, 1], [0.25, 2]])

    check_fit(make_spec(task="regression", shape=[1]), (2,), descriptor)
    (fault,) = faults_of(make_spec(task="regression", shape=[1]), (1,), descriptor)
    assert fault.detail.endswith('has 1 unit, but a row\'s target in dataset "few" is 2 numbers: set it to 2 units.')


def test_sequences_of_numbers_may_be_put_out(tmp_path: Path) -> None:
    descriptor = inline(tmp_path, inputs=[[1], [2]], targets=[[[0.5], [1]], [[0.25], [2]]])

    check_fit(make_spec(task="regression", shape=[1]), (2, 1), descriptor)
    assert faults_of(make_spec(task="regression", shape=[1]), (2,), descriptor)[0].pointer == "#/model"


def test_two_classes_fit_one_unit_or_two(tmp_path: Path) -> None:
    descriptor = make_dataset(tmp_path, "circles").descriptor

    check_fit(make_spec(task="binary", loss="binary_crossentropy", shape=[2]), (1,), descriptor)
    check_fit(make_spec(task="binary", shape=[2]), (2,), descriptor)
    assert faults_of(make_spec(task="binary", shape=[2]), (3,), descriptor)[0].pointer == "#/model"


def test_categories_do_not_fit_a_plain_shape(tmp_path: Path) -> None:
    descriptor = inline(tmp_path, rows=[{"width": 1, "colour": "red", "kind": "a"}], target="kind")

    (fault,) = faults_of(make_spec(shape=[2]), (1,), descriptor)

    assert 'The column "colour" of dataset "few" is a category' in fault.detail


def test_another_table_must_have_the_columns_by_name_and_type(flowers: DatasetDescriptor, tmp_path: Path) -> None:
    spec = make_spec(inputs=inputs_from_dataset(flowers, "flowers"))
    row = {"sepal_length": 1, "sepal_width": "wide", "petal_length": 1, "kind": "a"}
    other = inline(tmp_path / "other", rows=[row], target="kind")

    faults = faults_of(spec, (1,), other)

    assert [fault.column for fault in faults] == ["sepal_width", "petal_width"]


@pytest.mark.parametrize("shape", [[3], [2, 1, 1, 2], [4, 1]])
def test_rows_of_another_shape_do_not_fit(shape: list[int], tmp_path: Path) -> None:
    descriptor = inline(tmp_path, inputs=[[[1, 2], [3, 4]], [[1, 2], [3, 4]]], targets=["a", "b"])
    if shape == [4, 1]:
        assert faults_of(make_spec(shape=shape), (2,), descriptor)
        return
    (fault,) = faults_of(make_spec(shape=shape), (2,), descriptor)
    assert fault.detail == f'Rows of dataset "few" have the shape [2, 2], but the model takes {shape}.'


def test_inputs_go_by_name(tmp_path: Path) -> None:
    descriptor = inline(tmp_path, inputs={"left": [[1]], "right": [[2]]}, targets=["a"])

    (fault,) = faults_of(make_spec(shape=[1]), (1,), descriptor)

    assert fault.detail == 'Dataset "few" has no input "input".'
    assert fault.allowed == ("left", "right")


def test_a_single_input_takes_that_of_the_dataset_whatever_its_name(tmp_path: Path) -> None:
    descriptor = inline(tmp_path, inputs=[[1], [2]], targets=["a", "b"])
    spec = replace(make_spec(shape=[1]), inputs={"measurements": InputSpec((1,))})
    check_fit(spec, (2,), descriptor)


def test_columns_do_not_fit_pictures(flowers: DatasetDescriptor, tmp_path: Path) -> None:
    spec = make_spec(inputs=inputs_from_dataset(flowers, "flowers"))

    (fault,) = faults_of(spec, (10,), make_dataset(tmp_path, "digits").descriptor)

    assert fault.detail == "The model takes the columns of a table, but the dataset isn't a table."


EMBEDDING: list[dict[str, Any]] = [
    {"type": "Embedding", "input_dim": 5, "output_dim": 2},
    {"type": "Flatten"},
    {"type": "Dense", "units": 3},
]


def test_a_number_that_an_embedding_does_not_know_names_the_layer_and_the_fix(tmp_path: Path) -> None:
    descriptor = inline(tmp_path, inputs=[[0, 7], [1, 2], [3, 4]], targets=["a", "b", "c"])
    (fault,) = faults_of(make_spec(shape=[2], layers=EMBEDDING), (3,), descriptor)
    assert fault.pointer == "#/model"
    assert fault.detail == (
        'Dataset "few" has the number 7, but the layer "embedding" accepts integers from 0 to 4: '
        "set its `input_dim` to at least 8."
    )
