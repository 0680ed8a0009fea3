"""Raw values become network inputs: the same in training and prediction."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.compatibility import check_fit
from models.datasets import Dataset
from models.errors import Fault, InvalidData, InvalidInstances
from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset
from models.tabular.csv_instances import CsvColumns, read_csv_instances
from tests.models.made_datasets import make_dataset, read_rows
from tests.models.made_uploads import import_upload
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
    instances = [item["instance"] for item in read_rows(dataset, "test", 0, 50)]
    inputs, _ = served.read_instances(json.loads(json.dumps(instances)))

    assert trained.dtype == inputs["input"].dtype == np.float32
    assert trained.shape[1:] == tuple(input_["shape"])
    assert np.array_equal(inputs["input"], trained[:50])


def test_unit_scaling_divides_by_255(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 51], [255, 0]], targets=[0, 1])

    inputs = fit(dataset, shape=[2], scaling="unit").network_inputs(dataset.split("train"))

    assert inputs["input"].tolist() == [[0, np.float32(0.2)], [1, 0]]


@pytest.mark.parametrize(
    ("inputs", "scaling"),
    [
        ([[1, 300], [2, 100]], "standard"),
        ([[[1, 2]], [[3, 4]]], "standard"),
        ([[[[0], [255]]], [[[7], [9]]]], "unit"),
        ([[[[0], [1]]], [[[1], [0]]]], "standard"),
        ([[[[0], [300]]], [[[7], [9]]]], "standard"),
        ([[[[-1], [200]]], [[[7], [9]]]], "standard"),
    ],
)
def test_a_dataset_determines_the_default_scaling_unless_a_layer_does(
    inputs: list, scaling: str, tmp_path: Path
) -> None:
    descriptor = make_dataset(tmp_path, "inline", inputs=inputs, targets=["a", "b"]).descriptor

    def scalings(*arguments: Any) -> list[str]:
        return [input_.scaling.value for input_ in inputs_from_dataset(descriptor, "made", *arguments).values()]

    assert scalings() == [scaling]
    assert scalings("none") == ["none"]
    assert scalings(None, ["Rescaling", "Flatten"]) == ["none"]
    assert scalings("unit", ["Rescaling"]) == ["unit"]


def test_a_table_is_standardised_for_any_layers(fruit: Dataset) -> None:
    (input_,) = inputs_from_dataset(fruit.descriptor, "fruit", None, ["Rescaling"]).values()
    assert input_.scaling == "standard"


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
        ({"ripe": "perhaps"}, "#/instances/2/ripe", "ripe"),
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


def test_rows_of_another_shape_are_refused_with_the_expected_shape(vectors: Dataset) -> None:
    faults = faults_of(fit(vectors, shape=[2]), [[1, 2, 3], [4, 5, 6]])

    assert [fault.row for fault in faults] == [0, 1]
    assert faults[0].detail == "Row 0 has the shape [3], but [2] is expected."


@pytest.mark.parametrize("instances", [[], None, {"a": 1}, "text"])
def test_instances_are_a_list_with_something_in_it(instances: Any, vectors: Dataset) -> None:
    (fault,) = faults_of(fit(vectors, shape=[2]), instances)

    assert fault.pointer == "#/instances"


def make_orders(rows: int) -> str:
    """A table with a column of every type and values missing, as CSV."""
    rng = np.random.default_rng(0)
    moments = np.datetime64("2020-02-28T22:13:07") + rng.integers(0, 10**8, rows).astype("timedelta64[s]")
    lines = ["ordered,shipped,width,count,colour,ripe,y"]
    for row, moment in enumerate(moments):
        shipped = "" if row % 11 == 3 else f"{moment.item():%d.%m.%Y}"
        width = "" if row % 7 == 2 else repr(rng.normal(3, 2))
        colour = ["red", "blue", "", "green"][row % 4]
        lines.append(f"{moment},{shipped},{width},{rng.integers(100)},{colour},{row % 3 == 0},{row % 2}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return import_upload(tmp_path_factory.mktemp("orders"), make_orders(1000))


@pytest.mark.parametrize("scaling", ["standard", "none"])
@pytest.mark.parametrize("together", [1, 3, 200])
def test_a_row_of_every_type_gives_the_same_bits_alone_or_among_others(
    together: int, scaling: str, orders: Dataset
) -> None:
    fitted = fit_whole(orders, scaling)
    trained = fitted.network_inputs(orders.split("test"))["input"]

    served = Preprocessing.from_document(json.loads(json.dumps(fitted.to_document())))
    instances = [item["instance"] for item in read_rows(orders, "test", 0, 200)]
    parts = [served.read_instances(instances[start : start + together])[0] for start in range(0, 200, together)]

    assert np.array_equal(np.concatenate([part["input"] for part in parts]), trained)


def test_rows_posted_as_csv_give_the_same_bits_as_in_training(orders: Dataset) -> None:
    fitted = fit_whole(orders)
    lines = make_orders(1000).splitlines()
    test = orders.split("test")
    body = "\n".join(line.rpartition(",")[0] for line in [lines[0], *(lines[1 + row] for row in test.rows)])
    inputs, _ = fitted.read_instances(CsvText(body.encode()))

    assert np.array_equal(inputs["input"], fitted.network_inputs(test)["input"])


def test_a_date_becomes_a_number_and_cyclic_parts(tmp_path: Path) -> None:
    rows = [{"day": day, "y": y} for day, y in (("2024-01-01T00:00", 1.5), ("2023-07-02T12:00:00", 2.5), (None, 3.0))]
    dataset = make_dataset(tmp_path, "inline", rows=rows, target="y")
    fitted = fit_whole(dataset, "none")

    inputs = fitted.network_inputs(dataset.split("train"))["input"]

    assert inputs.shape == (3, 7)
    assert inputs[:, 0] == pytest.approx([19723, 19540.5, (19723 + 19540.5) / 2])
    # the beginning of a year, of a week (a Monday), of a day
    assert inputs[0, 1:] == pytest.approx([0, 1] * 3)
    # the middle of 2023, a Sunday at noon
    angle = 2 * np.pi * 6 / 7
    assert inputs[1, 1:] == pytest.approx([0, -1, np.sin(angle), np.cos(angle), 0, -1], abs=1e-6)


def test_dates_are_posted_in_iso_8601_or_as_the_table_wrote_them(orders: Dataset) -> None:
    fitted = fit_whole(orders)

    inputs, warnings = fitted.read_instances(
        [{"shipped": "28.02.2021"}, {"shipped": "2021-02-28"}, {"shipped": "2021-02-28T01:00:00+01:00"}]
    )
    assert np.array_equal(inputs["input"], inputs["input"][[0, 0, 0]])
    assert {warning["type"] for warning in warnings} == {"missing"}

    (fault,) = faults_of(fitted, [{"shipped": "28/02/2021"}])
    assert (fault.row, fault.column) == (0, "shipped")
    assert 'or written as day.month.year, such as 31.12.2024, not the text "28/02/2021".' in fault.detail
    _, warnings = fitted.read_instances([{"shipped": "1999-12-31"}])
    (warning,) = (warning for warning in warnings if warning["type"] == "out_of_range")
    assert warning["detail"].startswith("1999-12-31 is out of range: the training rows lie between 2020-0")


def test_a_date_needs_a_model_that_takes_it(orders: Dataset) -> None:
    with pytest.raises(InvalidData, match='The column "ordered" of the dataset is a date'):
        check_fit(make_spec(shape=[6]), (2,), orders.descriptor)


def test_a_csv_body_of_a_table_has_a_header() -> None:
    body = b"colour;width\nred;1,5\n;NA\n"

    assert read_csv_instances(body, CsvColumns(("width", "colour"))) == [
        {"colour": "red", "width": "1,5"}, {"colour": "", "width": "NA"},
    ]  # fmt: skip


def test_a_csv_body_of_numbers_has_none() -> None:
    assert read_csv_instances(b"1, 2.5\n3,4e1\n", None) == [[1, 2.5], [3, 40]]
    assert read_csv_instances(b"1,5;2\n", None) == [[1.5, 2]]


@pytest.mark.parametrize(
    ("body", "columns", "row", "column"),
    [
        (b"1,2\n3\n", None, 1, None),
        (b"1,2\n3,x\n", None, 1, "1"),
        (b"1,2\n3,nan\n", None, 1, "1"),
        (b"width,colour\n1,red\n2\n", ["width", "colour"], 1, None),
        (b"width,width\n1,2\n", ["width"], None, "width"),
        (b"width,size\n1,2\n", ["width"], None, "size"),
        (b"1.5,red\n", ["width", "colour"], None, None),
        (b"width\n\xff\n", ["width"], 0, None),
        (b"wid\xffth\n1\n", ["width"], None, None),
    ],
)
def test_faults_of_a_csv_body_are_named(
    body: bytes, columns: list[str] | None, row: int | None, column: str | None
) -> None:
    with pytest.raises(InvalidInstances) as caught:
        read_csv_instances(body, None if columns is None else CsvColumns(tuple(columns)))

    assert (caught.value.faults[0].row, caught.value.faults[0].column) == (row, column)


def test_a_cell_that_doesnt_suit_its_column_is_named(orders: Dataset) -> None:
    (fault,) = faults_of(fit_whole(orders), CsvText(b"width,colour\n1,red\nwide,red\n"))

    assert (fault.row, fault.column) == (1, "width")
    assert fault.detail == 'Row 1: "width" must be a number, such as 1,234.5, not "wide".'
