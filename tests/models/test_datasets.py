"""Built-in sources, splits, and the folder of a dataset."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.dataset_descriptor import DatasetDescriptor
from models.datasets import Dataset, check_request, import_dataset, source_documents
from models.errors import InvalidData
from models.limits import Limits
from tests.models.made_datasets import make_dataset, read_rows
from tests.models.made_uploads import faults_of_upload

OFFLINE = [source["name"] for source in source_documents() if source["group"] != "downloaded"]


def fault_of(request: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(InvalidData) as caught:
        check_request(request)
    (fault,) = caught.value.faults
    return fault.to_dict()


def test_the_table_of_sources_has_all_three_groups_and_is_json() -> None:
    documents = source_documents()

    assert {document["group"] for document in documents} == {"generated", "bundled", "downloaded"}
    circles = next(document for document in documents if document["name"] == "circles")
    assert [parameter["name"] for parameter in circles["parameters"]] == ["samples", "noise", "factor", "seed"]
    assert circles["parameters"][0] == {
        "name": "samples", "type": "integer", "default": 1000, "minimum": 2, "maximum": 1_000_000,
        "description": "The number of rows.",
    }  # fmt: skip
    assert json.loads(json.dumps(documents)) == documents


@pytest.mark.parametrize("source", OFFLINE)
def test_every_source_without_a_network_gives_a_dataset_that_can_be_opened(source: str, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, source)

    descriptor = dataset.descriptor
    members = {"kind", "rows", "splits", "bytes", "inputs", "notes", "target"}
    assert set(descriptor.to_document()) == members | ({"left_out"} if descriptor.kind == "table" else set())
    splits = [dataset.split(name) for name in ("train", "validation", "test")]
    assert [len(split.rows) for split in splits] == list(descriptor.splits.values())
    assert sorted(np.concatenate([split.rows for split in splits])) == list(range(descriptor.rows))
    document = json.dumps(descriptor.to_document(), allow_nan=False)
    assert DatasetDescriptor.from_document(json.loads(document)) == descriptor
    kinds = {document["name"]: document["kind"] for document in source_documents()}
    assert descriptor.kind == kinds[source]


def test_the_line_is_six_points_unless_asked_otherwise(tmp_path: Path) -> None:
    split = make_dataset(tmp_path, "line").split("train")

    assert split.tensors is not None
    assert split.tensors["input"].tolist() == [[-1], [0], [1], [2], [3], [4]]
    assert split.targets.tolist() == [-3, -1, 1, 3, 5, 7]


def test_circles_have_the_radii_asked_for(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "circles", parameters={"samples": 200, "noise": 0, "factor": 0.25})

    split = dataset.split("train")
    assert split.tensors is not None
    radii = np.linalg.norm(split.tensors["input"], axis=1)
    assert np.allclose(radii[split.targets == 0], 1)
    assert np.allclose(radii[split.targets == 1], 0.25)
    assert dataset.descriptor.target.to_document() == {
        "name": "target", "type": "category", "classes": [0, 1], "counts": [100, 100], "positive_class": 1,
    }  # fmt: skip


def test_the_same_seed_gives_the_same_rows_and_splits_and_another_seed_others(tmp_path: Path) -> None:
    def rows(number: int, seed: int) -> list[Any]:
        return read_rows(make_dataset(tmp_path / str(number), "moons", parameters={"seed": seed}), "test", 0, 5)

    assert rows(1, seed=7) == rows(2, seed=7) != rows(3, seed=8)


def test_iris_is_a_table_with_names_and_every_species_in_every_split(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "iris")

    assert [entry.name for entry in dataset.descriptor.inputs] == [
        "sepal_length", "sepal_width", "petal_length", "petal_width",
    ]  # fmt: skip
    assert dataset.descriptor.inputs[0].mean == pytest.approx(5.8433, abs=1e-4)
    assert dataset.descriptor.target.to_document() == {
        "name": "species", "type": "category", "classes": ["setosa", "versicolor", "virginica"],
        "counts": [50, 50, 50],
    }  # fmt: skip
    assert dataset.descriptor.splits == {"train": 90, "validation": 30, "test": 30}
    for name, count in {"train": 30, "validation": 10, "test": 10}.items():
        assert list(Counter(dataset.split(name).targets.tolist()).values()) == [count] * 3


def test_rows_of_a_table_come_as_they_would_be_posted(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "iris", split={"validation": 0, "test": 0})

    assert read_rows(dataset, "train", 0, 1) == [{
        "row": 0, "target": "setosa", "split": "train",
        "instance": {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2},
    }]  # fmt: skip
    assert len(read_rows(dataset, "train", 140, 20)) == 10
    assert read_rows(dataset, "test", 0, 20) == []


def test_tensors_are_mapped_from_the_disk_in_their_raw_type(tmp_path: Path) -> None:
    split = make_dataset(tmp_path, "digits").split("train")

    assert split.tensors is not None
    assert isinstance(split.tensors["input"], np.memmap)
    assert split.tensors["input"].dtype == np.uint8
    assert split.tensors["input"].shape == (1079, 8, 8)


@pytest.mark.parametrize(
    ("split", "sizes"),
    [
        (None, {"train": 600, "validation": 200, "test": 200}),
        ({"seed": 3}, {"train": 600, "validation": 200, "test": 200}),
        ({"test": 0.3}, {"train": 700, "validation": 0, "test": 300}),
        ({"validation": 0.1, "test": 0.25, "seed": 3}, {"train": 650, "validation": 100, "test": 250}),
    ],
)
def test_splits_take_the_shares_asked_for(split: Any, sizes: dict[str, int], tmp_path: Path) -> None:
    assert make_dataset(tmp_path, "circles", split=split).descriptor.splits == sizes


def test_the_line_can_be_split_when_asked(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "line", parameters={"samples": 100}, split={"test": 0.5})

    assert dataset.descriptor.splits == {"train": 50, "validation": 0, "test": 50}


def test_an_unknown_source_names_the_nearest() -> None:
    fault = fault_of({"source": "irsi"})

    assert fault["pointer"] == "#/source"
    assert fault["did_you_mean"] == "iris"
    assert {"inline", "mnist"} <= set(fault["allowed"])


@pytest.mark.parametrize(
    ("request_", "pointer"),
    [
        ({"source": "circles", "parameters": {"samples": 1}}, "#/parameters/samples"),
        ({"source": "circles", "parameters": {"samples": 10.5}}, "#/parameters/samples"),
        ({"source": "circles", "parameters": {"noise": "much"}}, "#/parameters/noise"),
        ({"source": "circles", "parameters": {"noise": float("nan")}}, "#/parameters/noise"),
        ({"source": "circles", "parameters": {"seed": True}}, "#/parameters/seed"),
        ({"source": "circles", "parameters": {"sample": 10}}, "#/parameters/sample"),
        ({"source": "circles", "parameters": []}, "#/parameters"),
        ({"source": "iris", "parameters": {"seed": 1}}, "#/parameters/seed"),
        ({"source": "iris", "split": {"validation": 1.5}}, "#/split/validation"),
        ({"source": "iris", "split": {"validation": 0.6, "test": 0.6}}, "#/split"),
        ({"source": "iris", "split": {"tets": 0.1}}, "#/split/tets"),
        ({"source": "iris", "split": {"seed": -1}}, "#/split/seed"),
        ({"source": "mnist", "split": {"test": 0.1}}, "#/split/test"),
        ({"source": "circles", "split": {"column": "part"}}, "#/split/column"),
    ],
)
def test_an_invalid_request_is_refused_before_anything_is_loaded(request_: dict[str, Any], pointer: str) -> None:
    assert fault_of(request_)["pointer"] == pointer


def test_all_faults_of_a_request_are_reported_together() -> None:
    with pytest.raises(InvalidData) as caught:
        check_request({"source": "moons", "parameters": {"samples": 0, "noise": -1}, "split": {"test": 2}})

    assert [fault.pointer for fault in caught.value.faults] == [
        "#/parameters/samples", "#/parameters/noise", "#/split/test",
    ]  # fmt: skip


def test_an_import_checks_the_request_itself(tmp_path: Path) -> None:
    with pytest.raises(InvalidData):
        import_dataset(
            {"source": "moons", "parameters": {"samples": 0}},
            tmp_path,
            cache=tmp_path,
            downloads=False,
            limits=Limits(),
            progress=lambda share: None,
        )

    assert list(tmp_path.iterdir()) == []


def test_a_source_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="1,000 rows; the limit is 999"):
        make_dataset(tmp_path, "moons", limits=Limits(rows=999))


def test_a_dataset_keeps_its_bytes_and_opens_again(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path, "circles").folder

    written = sum(path.stat().st_size for path in folder.rglob("*.npy"))
    assert Dataset.open(folder).descriptor.bytes == written


@pytest.mark.parametrize(
    ("data", "name", "says"),
    [
        (b"PK\x03\x04" + bytes(22) + b"\x13\0\0\0[Content_Types].xml", "sales.xlsx", "save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "sales.xls", "save the sheet as CSV"),
        (b"\x93NUMPY\x01\0", "x.npy", "NPZ"),
        (b"\x89PNG\r\n\x1a\n", "y.csv", "is PNG; expected CSV"),
        (b"", "y.csv", "is empty"),
    ],
)
def test_files_of_other_formats_say_what_to_do(data: bytes, name: str, says: str, tmp_path: Path) -> None:
    (fault,) = faults_of_upload(tmp_path, data, name)
    assert says in fault.detail
    assert (fault.file, fault.pointer) == (name, None)
