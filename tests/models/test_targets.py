"""Targets are encoded for the loss."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset
from models.errors import InvalidData
from models.targets import TargetEncoding
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

ONE_HOT_LOSSES = [
    "categorical_crossentropy", "CategoricalFocalCrossentropy", "kl_divergence", "KLDivergence", "categorical_hinge",
    "mean_squared_error",
]  # fmt: skip


def targets_dataset(folder: Path, targets: list) -> Dataset:
    return make_dataset(folder, "inline", inputs=[[number] for number in range(len(targets))], targets=targets)


def encode(dataset: Dataset, outputs: int, **spec: Any) -> tuple[list[Any] | None, np.ndarray]:
    encoding = TargetEncoding.for_network(make_spec(**spec), dataset.descriptor, outputs)
    again = TargetEncoding.from_document(json.loads(json.dumps(encoding.to_document())))
    assert again == encoding
    return again.classes, again.encode(dataset.split("train").targets)


@pytest.mark.parametrize("loss", ONE_HOT_LOSSES)
def test_classes_are_one_hot_where_the_loss_needs_it(loss: str, tmp_path: Path) -> None:
    dataset = targets_dataset(tmp_path, ["b", "c", "a"])

    classes, encoded = encode(dataset, 3, loss=loss)

    assert classes == ["a", "b", "c"]
    assert encoded.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]
    assert encoded.dtype == np.float32


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "SparseCategoricalCrossentropy"])
def test_classes_are_numbers_for_sparse_losses(loss: str, tmp_path: Path) -> None:
    _, encoded = encode(targets_dataset(tmp_path, ["b", "c", "a"]), 3, loss=loss)

    assert encoded.tolist() == [1, 2, 0]
    assert encoded.dtype == np.int32


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        (["yes", "no", "no"], ["no", "yes"]),
        ([True, False, False], [False, True]),
        ([7, 3, 3], [3, 7]),
        ([1.0, 0.0, 0.0], [0, 1]),
    ],
)
def test_two_classes_are_a_column_of_zeros_and_ones(targets: list, classes: list, tmp_path: Path) -> None:
    found, encoded = encode(targets_dataset(tmp_path, targets), 1, task="binary", loss="binary_crossentropy")

    assert found == classes
    assert encoded.tolist() == [[1], [0], [0]]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("categorical_crossentropy", [[0, 1], [1, 0]]), ("sparse_categorical_crossentropy", [1, 0])],
)
def test_two_classes_may_have_a_unit_each(loss: str, expected: list, tmp_path: Path) -> None:
    _, encoded = encode(targets_dataset(tmp_path, ["yes", "no"]), 2, task="binary", loss=loss)

    assert encoded.tolist() == expected


def test_the_positive_class_is_the_last_and_is_encoded_as_one(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "breast-cancer", split={"test": 0})

    classes, encoded = encode(dataset, 1, task="binary", loss="binary_crossentropy")

    assert classes == ["benign", "malignant"]
    assert encoded.sum() == 212


def test_a_network_that_gets_weights_keeps_the_order_of_their_classes(tmp_path: Path) -> None:
    spec = make_spec(task="binary", loss="binary_crossentropy")
    datasets = [
        targets_dataset(tmp_path / name, targets)
        for name, targets in (("own", ["ok", "ok", "fraud"]), ("other", ["fraud", "fraud", "ok"]), ("new", ["a", "b"]))
    ]
    own, other, new = (TargetEncoding.for_network(spec, dataset.descriptor, 1) for dataset in datasets)
    assert (own.classes, other.classes) == (["ok", "fraud"], ["fraud", "ok"])

    again = other.ordered_like(own)

    assert again.classes == ["ok", "fraud"]
    assert again.encode(datasets[1].split("train").targets).tolist() == [[1], [1], [0]]
    assert new.ordered_like(own) == new


def test_integer_classes_stay_integers(tmp_path: Path) -> None:
    classes, _ = encode(make_dataset(tmp_path, "digits"), 10)

    assert classes == list(range(10))
    assert all(type(name) is int for name in classes or [])


def test_integers_serve_as_classes_and_as_numbers(tmp_path: Path) -> None:
    few, many = [1, 2, 3, 1, 2, 3], [4, 9, 6, 1, 2, 3]
    for folder, targets in ((tmp_path / "few", few), (tmp_path / "many", many)):
        dataset = targets_dataset(folder, targets)
        _, values = encode(dataset, 1, task="regression", loss="mse")
        classes, one_hot = encode(dataset, len(set(targets)))

        assert values.tolist() == [[target] for target in targets]
        assert [(classes or [])[index] for index in one_hot.argmax(axis=1)] == targets


@pytest.mark.parametrize(("targets", "outputs"), [([0.5, 1, 2], 1), ([[0.5, 1], [1, 2], [2, 3]], 2)])
def test_numbers_are_rows_of_float32(targets: list, outputs: int, tmp_path: Path) -> None:
    classes, encoded = encode(targets_dataset(tmp_path, targets), outputs, task="regression", loss="mse")

    assert classes is None
    assert encoded.shape == (3, outputs)
    assert encoded.dtype == np.float32


@pytest.mark.parametrize("targets", [[["x"], ["x", "y"], []], [[1, 0], [1, 1], [0, 0]]])
def test_labels_are_a_matrix_of_zeros_and_ones(targets: list, tmp_path: Path) -> None:
    _, encoded = encode(targets_dataset(tmp_path, targets), 2, task="multilabel", loss="binary_crossentropy")

    assert encoded.tolist() == [[1, 0], [1, 1], [0, 0]]


def test_one_hot_targets_serve_as_classes(tmp_path: Path) -> None:
    classes, encoded = encode(
        targets_dataset(tmp_path, [[0, 1, 0], [1, 0, 0], [0, 0, 1]]), 3, loss="sparse_categorical_crossentropy"
    )

    assert classes == [0, 1, 2]
    assert encoded.tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("targets", "outputs", "spec"),
    [
        (["a", "b", "c"], 10, {}),
        (["a", "b", "c"], 1, {"task": "regression"}),
        (["a", "b", "c"], 1, {"task": "binary"}),
        ([0.5, 0.7, 0.9], 3, {}),
        (["a", "b", "c"], 3, {"task": "multilabel"}),
        ([[1, 1], [1, 0], [0, 0]], 2, {}),
    ],
)
def test_targets_that_do_not_suit_the_network_are_refused(
    targets: list, outputs: int, spec: dict, tmp_path: Path
) -> None:
    with pytest.raises(InvalidData):
        encode(targets_dataset(tmp_path, targets), outputs, **spec)


def test_a_class_that_the_network_does_not_know_is_refused(tmp_path: Path) -> None:
    dataset = targets_dataset(tmp_path, ["a", "b"])
    encoding = TargetEncoding.for_network(make_spec(), dataset.descriptor, 2)

    with pytest.raises(InvalidData, match='"z" isn\'t a class'):
        encoding.encode(np.array(["a", "z"]))
