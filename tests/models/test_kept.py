"""A training that takes weights from a version keeps the preprocessing that belongs to them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.compatibility import check_fit, check_kept
from models.datasets import Dataset
from models.errors import InvalidData, InvalidSpec
from models.kept import Kept
from models.predictor import write_preprocessing
from models.preprocessing import Preprocessing, inputs_from_dataset
from models.pretrained import NETWORK, take_layers
from models.spec import NetworkSpec
from models.targets import TargetEncoding
from models.version_differences import check_taken_inputs
from models.version_files import ARTIFACTS
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

ROWS: list[dict[str, Any]] = [
    {"size": size, "city": city, "price": size * 2}
    for size, city in zip(range(12), ["Oslo", "Rome", "Bern"] * 4, strict=True)
]
LAYERS = [{"type": "Dense", "units": 4}, {"type": "Dense", "units": 1}]


def make_table(folder: Path, rows: list[dict[str, Any]], **members: Any) -> Dataset:
    return make_dataset(folder, "inline", rows=rows, target="price", **members)


def spec_for(dataset: Dataset, **members: Any) -> NetworkSpec:
    (input_,) = inputs_from_dataset(dataset.descriptor, "d").values()
    document = {
        "task": "regression", "input": input_.to_document(), "layers": LAYERS, "optimizer": "sgd",
        "loss": "mean_squared_error", **members,
    }  # fmt: skip
    return NetworkSpec.from_document(document)


def save(folder: Path, spec: NetworkSpec, dataset: Dataset, outputs: int = 1) -> Kept:
    """What is kept of a version for the spec that was trained on the dataset."""
    folder.mkdir(exist_ok=True)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, outputs)
    write_preprocessing(folder / ARTIFACTS["preprocessing"], spec, Preprocessing.fit(spec, dataset), encoding)
    return Kept.of_version(folder, spec)


@pytest.fixture
def trained(tmp_path: Path) -> tuple[NetworkSpec, Dataset, Kept]:
    dataset = make_table(tmp_path / "first", ROWS)
    spec = spec_for(dataset)
    return spec, dataset, save(tmp_path / "version", spec, dataset)


def types_of(found: Any) -> list[str]:
    return [type_ for type_, _ in found]


def test_rows_are_encoded_as_in_the_version(trained: Any, tmp_path: Path) -> None:
    spec, dataset, kept = trained
    shifted = [
        {"price": row["price"], "extra": number % 5, "city": row["city"], "size": row["size"] + 100}
        for number, row in enumerate(ROWS)
    ]
    other = make_table(tmp_path / "other", [*ROWS, *shifted])
    fitted = Preprocessing.fit(spec, dataset).network_inputs(dataset.split("train"))["input"]
    again = kept.preprocess(spec, other).network_inputs(other.split("train"))["input"]
    assert np.array_equal(again[: len(ROWS)], fitted)
    refitted = Preprocessing.fit(spec, other).network_inputs(other.split("train"))["input"]
    assert not np.array_equal(refitted[: len(ROWS)], fitted)


def test_what_the_version_does_not_know_is_found_with_counts(trained: Any, tmp_path: Path) -> None:
    spec, dataset, kept = trained
    assert list(kept.find_unfamiliar(spec, dataset)) == []
    rows = [*ROWS, *({"size": size, "city": "Kyiv", "price": 1} for size in (20, 30)), {**ROWS[0], "city": "Lima"}]
    (categories, ranges) = kept.find_unfamiliar(spec, make_table(tmp_path / "other", rows))
    assert categories == (
        "unknown_categories",
        'The training rows have 2 categories of "city" without inputs of their own: "Kyiv" (2 rows), "Lima" (1 row). '
        "The network treats these like unknown categories. A model that is created from this dataset has an input for "
        "each.",
    )
    assert ranges == (
        "out_of_range",
        '13.33% of "size" (2 rows) lies outside the range that the version learned, 0 to 11. The training rows have 0 '
        "to 30.",
    )


def test_numbers_in_another_unit_than_the_versions_are_found(tmp_path: Path) -> None:
    def make(unit: str) -> Dataset:
        rows = [{"way": f"{number % 9}.5 {unit}", "price": number} for number in range(20)]
        return make_dataset(tmp_path / unit, "inline", rows=rows, target="price")

    first = make("mile")
    spec = make_spec(inputs=inputs_from_dataset(first.descriptor, "first"))
    kept = Kept(Preprocessing.fit(spec, first))
    assert list(kept.find_unfamiliar(spec, make("miles"))) == []
    assert list(kept.find_unfamiliar(spec, make("km"))) == [
        (
            "out_of_range",
            'The numbers of "way" are in "km", but the version learned them in "mile". They are used without '
            "conversion.",
        )
    ]


def test_predictions_know_the_training_rows_of_both(trained: Any, tmp_path: Path) -> None:
    spec, _, kept = trained
    rows = [*ROWS, {"size": 30, "city": "Kyiv", "price": 1}, {"size": 31, "city": "Oslo", "price": 2}]
    continued = kept.preprocess(spec, make_table(tmp_path / "other", rows))
    instances = [{"size": 25, "city": "Kyiv"}, {"size": 40, "city": "Lima"}, {"size": 2, "city": "Rome"}]
    for preprocessing in (continued, Preprocessing.from_document(continued.to_document())):
        _, warnings = preprocessing.read_instances(instances)
        assert [(warning["row"], warning["type"]) for warning in warnings] == [
            (1, "out_of_range"), (1, "unseen_category"),
        ]  # fmt: skip
        assert "between 0 and 31" in warnings[0]["detail"]


def test_a_category_is_unseen_if_no_training_row_has_it_whatever_the_model_was_created_from(tmp_path: Path) -> None:
    spec = spec_for(make_table(tmp_path / "first", ROWS))
    rows = [{**row, "city": "Kyiv" if row["city"] == "Bern" else row["city"]} for row in ROWS]
    other = make_table(tmp_path / "other", rows)
    assert types_of(Kept().find_unfamiliar(spec, other)) == ["unknown_categories"]
    preprocessing = Preprocessing.fit(spec, other)
    instances = [{"size": 1, "city": city} for city in ("Kyiv", "Bern", "Oslo", "Lima")]
    encoded, warnings = preprocessing.read_instances(instances)
    assert [(warning["row"], warning["detail"]) for warning in warnings] == [
        (1, '"Bern" isn\'t in the training rows.'), (3, '"Lima" isn\'t in the training rows.'),
    ]  # fmt: skip
    assert np.array_equal(encoded["input"][0], encoded["input"][3])
    assert not np.array_equal(encoded["input"][0], encoded["input"][1])


def test_dates_and_numbers_are_read_in_the_formats_of_the_new_file(tmp_path: Path) -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 21)]
    dataset = make_table(tmp_path / "first", [{"day": day, "price": n} for n, day in enumerate(days)])
    spec = spec_for(dataset)
    kept = save(tmp_path / "version", spec, dataset)
    written = [f"{day[8:]}.{day[5:7]}.{day[:4]}" for day in days]
    other = make_table(tmp_path / "other", [{"day": day, "price": n} for n, day in enumerate(written)])
    preprocessing = kept.preprocess(spec, other)
    one, _ = preprocessing.read_instances([{"day": "20.01.2024"}])
    same, _ = preprocessing.read_instances([{"day": "2024-01-20"}])
    assert np.array_equal(one["input"], same["input"])
    assert np.array_equal(
        one["input"][0], Preprocessing.fit(spec, dataset).read_instances([{"day": days[-1]}])[0]["input"][0]
    )


def test_a_model_with_other_columns_can_not_keep_the_preprocessing(trained: Any, tmp_path: Path) -> None:
    _, _, kept = trained
    other = make_table(tmp_path / "other", [{"floor": row["size"], "city": row["city"], "price": 1.5} for row in ROWS])
    with pytest.raises(InvalidData) as caught:
        check_kept(spec_for(other), kept.preprocessing, other.descriptor)
    details = [fault.detail for fault in caught.value.faults]
    assert details[0].startswith('The version takes the column "size", which the model doesn\'t take. To fit')
    assert '"refit"' in details[0]
    assert {fault.pointer for fault in caught.value.faults} == {"#/preprocessing"}


def make_classes(folder: Path, targets: list[Any]) -> Dataset:
    return make_dataset(folder, "inline", inputs=[[n, 1] for n in range(len(targets))], targets=targets)


@pytest.mark.parametrize(
    ("targets", "classes", "indices", "types"),
    [
        (["c", "a", "b"] * 4, ["a", "b", "c"], [2, 0, 1], []),
        (["c", "b"] * 6, ["a", "b", "c"], [2, 1], []),
        (["c", "d", "b"] * 4, ["d", "b", "c"], [2, 0, 1], ["new_classes"]),
        (["x", "y", "z"] * 4, ["x", "y", "z"], [0, 1, 2], ["new_classes"]),
    ],
)
def test_classes_keep_their_outputs(
    tmp_path: Path, targets: list[Any], classes: list[Any], indices: list[int], types: list[str]
) -> None:
    first, other = make_classes(tmp_path / "1", ["a", "b", "c"] * 4), make_classes(tmp_path / "2", targets)
    spec = spec_for(first, task="multiclass", loss="sparse_categorical_crossentropy")
    kept = save(tmp_path / "version", spec, first, 3)
    check_fit(spec, (3,), replace(other.descriptor, name="d"), "dense", kept.encoding)
    encoding = kept.encode(spec, other, 3)
    assert encoding.classes == classes
    split = other.split("train")
    targets_ = encoding.translate(split.targets, other.descriptor.target.classes)
    assert encoding.encode(targets_)[: len(indices)].tolist() == indices
    assert types_of(kept.find_unfamiliar(spec, other)) == types


def test_numbers_far_from_what_a_vector_has_learned_are_found(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    first, other = (
        make_dataset(tmp_path / str(mean), "inline", inputs=generator.normal([0, mean], 1, (200, 2)).tolist(),
                     targets=[0.5] * 199 + [1])
        for mean in (0, 7)
    )  # fmt: skip
    spec = spec_for(first)
    kept = save(tmp_path / "version", spec, first)
    assert list(kept.find_unfamiliar(spec, first)) == []
    ((type_, detail),) = kept.find_unfamiliar(spec, other)
    assert type_ == "out_of_range"
    assert "feature 1" in detail
    assert "feature 0" not in detail


def taking(dataset: Dataset, kept: Kept, version: NetworkSpec) -> NetworkSpec:
    """A network for the dataset whose first layer is Pretrained."""
    network = take_layers(version, "dense", "#/layers/0", kept.preprocessing.to_document())
    layers = [{"type": "Pretrained", "model": "m", "version": 1, NETWORK: network}, LAYERS[1]]
    return spec_for(dataset, layers=layers)


def test_pretrained_layers_bring_the_preprocessing_of_their_version(trained: Any, tmp_path: Path) -> None:
    version, dataset, kept = trained
    rows = [{"city": row["city"], "size": row["size"] * 10, "price": row["price"]} for row in ROWS]
    other = make_table(tmp_path / "other", rows)
    spec = taking(other, kept, version)
    check_taken_inputs(spec)
    preprocessing = Kept.of_layers(spec).preprocess(spec, other)
    instances = [{"size": 7, "city": "Rome"}]
    expected, _ = Preprocessing.fit(version, dataset).read_instances(instances)
    assert np.array_equal(preprocessing.read_instances(instances)[0]["input"], expected["input"])
    assert [column.name for column in preprocessing.complete(spec).input.columns or ()] == ["size", "city"]


def test_pretrained_layers_of_other_columns_are_refused(trained: Any, tmp_path: Path) -> None:
    version, _, kept = trained
    other = make_table(
        tmp_path / "other", [{"size": n, "town": row["city"], "price": 1.5} for n, row in enumerate(ROWS)]
    )
    with pytest.raises(InvalidSpec) as caught:
        check_taken_inputs(taking(other, kept, version))
    assert [(fault.pointer, fault.detail) for fault in caught.value.faults] == [
        ("#/layers/0", 'The version takes the column "city", which the model doesn\'t take.'),
        ("#/layers/0", 'The model takes the column "town", which the version doesn\'t take.'),
    ]


def test_a_model_with_other_categories_is_told_to_take_the_input_of_the_version(trained: Any, tmp_path: Path) -> None:
    version, _, kept = trained
    other = make_table(tmp_path / "other", [*ROWS, {"size": 3, "city": "Kyiv", "price": 1.5}])
    with pytest.raises(InvalidSpec, match='"city" becomes 4 numbers in the version, but 5 in the model'):
        check_taken_inputs(taking(other, kept, version))
