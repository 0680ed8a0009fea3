"""Splits that keep groups together, and those that aren't stratified."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset
from models.datasets.grouping import split_groups
from models.errors import InvalidData
from tests.models.made_datasets import make_dataset
from tests.models.made_uploads import faults_of_request, faults_of_upload, import_upload, read_reasons, to_csv

RANDOM = np.random.default_rng(5)
SPLITS = ("train", "validation", "test")


def visits() -> dict[str, Any]:
    """400 visits of 80 patients; some patients come often, and most visits of a few have the rarer outcome."""
    patients = RANDOM.integers(0, 80, 400) * RANDOM.integers(0, 2, 400)
    ill = (patients % 7 == 0) & (RANDOM.random(400) < 0.6)
    return {"x": RANDOM.random(400), "patient": patients, "y": np.where(ill, "ill", "well")}


def groups_of(dataset: Dataset, columns: dict[str, Any], *names: str) -> list[set[tuple[Any, ...]]]:
    """The groups of each split."""
    rows = (dataset.split(name).rows.tolist() for name in SPLITS)
    return [{tuple(columns[name][row] for name in names) for row in found} for found in rows]


def test_all_rows_of_a_group_are_in_one_split(tmp_path: Path) -> None:
    columns = visits()
    dataset = import_upload(tmp_path, to_csv(columns), split={"validation": 0.2, "test": 0.2, "group": "patient"})
    train, validation, test = groups_of(dataset, columns, "patient")
    assert [train & validation, train & test, validation & test] == [set()] * 3
    assert read_reasons(dataset) == {"patient": "group"}
    (note,) = dataset.descriptor.notes
    counts = f"{len(train)} for train, {len(validation)} for validation, {len(test)} for test"
    total = len(train | validation | test)
    assert note.to_document() == {
        "type": "groups",
        "column": "patient",
        "detail": f'The rows of each of the {total} groups of "patient" are in one split: {counts}.',
        "count": total,
    }


def test_groups_of_several_columns_are_the_combinations(tmp_path: Path) -> None:
    columns = {"x": range(40), "clinic": [n % 2 for n in range(40)], "bed": [n % 10 for n in range(40)], "y": range(40)}
    split = {"validation": 0, "test": 0.4, "group": ["clinic", "bed"], "seed": 3}
    dataset = import_upload(tmp_path, to_csv(columns), split=split, types={"y": "number"})
    train, _, test = groups_of(dataset, columns, "clinic", "bed")
    assert (len(train), len(test)) == (6, 4)
    assert dataset.descriptor.notes[0].count == 10
    assert dataset.descriptor.notes[0].column is None


def test_shares_of_rows_and_classes_are_nearly_kept() -> None:
    groups = np.unique(RANDOM.integers(0, 300, 5000), return_inverse=True)[1]
    classes = (RANDOM.random(5000) < np.where(groups % 10 == 0, 0.5, 0.02)).astype(int)
    places = split_groups(groups, classes, (0.1, 0.2), np.random.default_rng(1))
    for wanted in (np.ones(5000, bool), classes == 1):
        shares = np.bincount(places[wanted], minlength=3) / wanted.sum()
        assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.03)


def test_the_seed_chooses_the_groups() -> None:
    groups, classes = np.repeat(np.arange(50), 4), np.zeros(200, int)
    places = [split_groups(groups, classes, (0.2, 0.2), np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)]
    assert places[0] == places[1] != places[2]


def test_every_split_gets_a_group_if_there_are_enough() -> None:
    groups = np.array([0] * 97 + [1, 2, 3])
    places = split_groups(groups, np.zeros(100, int), (0.01, 0.01), np.random.default_rng(1))
    assert set(places.tolist()) == {0, 1, 2}
    assert places[0] == 0


def test_groups_that_cannot_be_split_are_faults(tmp_path: Path) -> None:
    few = faults_of_upload(
        tmp_path, "x,g,y\n1,a,1\n2,b,2\n3,b,3\n", split={"group": "g", "validation": 0.2, "test": 0.2}
    )
    assert few[0].detail == "There are 2 groups, too few for 3 splits: a group isn't divided."
    (missing,) = faults_of_upload(tmp_path, "x,g,y\n1,a,1\n2,,2\n3,b,3\n", split={"group": "g"})
    assert (missing.row, missing.column) == (1, "g")
    (unknown,) = faults_of_upload(tmp_path, "x,g,y\n1,a,1\n2,b,2\n", split={"group": ["g", "h"]})
    assert unknown.pointer == "#/split/group/1"
    (target,) = faults_of_upload(tmp_path, "x,g,y\n1,a,1\n2,b,2\n", split={"group": "y"})
    assert target.pointer == "#/split/group"


@pytest.mark.parametrize(
    ("split", "pointers"),
    [
        ({"group": 5}, ["group"]),
        ({"group": []}, ["group"]),
        ({"group": ["a", "a"]}, ["group"]),
        ({"group": "a", "time_column": "b"}, ["group"]),
        ({"group": "a", "column": "b"}, ["group"]),
        ({"stratify": "yes"}, ["stratify"]),
        ({"stratify": True, "time_column": "b"}, ["stratify"]),
    ],
)
def test_faults_of_a_split_are_located(split: dict[str, Any], pointers: list[str]) -> None:
    assert [fault.pointer for fault in faults_of_request(split=split)] == [f"#/split/{name}" for name in pointers]


def test_only_tables_have_groups_and_windows_neither_groups_nor_proportions(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="Only a table"):
        make_dataset(tmp_path, "circles", split={"group": "x"})
    with pytest.raises(InvalidData, match="Only a table"):
        make_dataset(tmp_path / "inline", "inline", inputs=[1, 2], targets=[1, 2], split={"group": "x"})
    window = {"steps": 1}
    assert faults_of_request(window=window, split={"group": "g"})[0].pointer == "#/split/group"
    assert faults_of_request(window=window, split={"stratify": True})[0].pointer == "#/split/stratify"
    with pytest.raises(InvalidData, match="option is for tables"):
        import_upload(tmp_path, npz(tmp_path), "made.npz", target=None, split={"group": "x"})


def npz(folder: Path) -> bytes:
    np.savez(folder / "made.npz", x=np.arange(10.0)[:, None], y=np.arange(10) % 2)
    return (folder / "made.npz").read_bytes()


def test_rows_of_a_request_can_be_grouped(tmp_path: Path) -> None:
    rows = [{"x": n / 10, "who": f"p{n % 6}", "y": n * 1.5} for n in range(30)]
    split = {"test": 0.5, "group": "who"}
    dataset = make_dataset(tmp_path, "inline", rows=rows, target="y", split=split)
    assert dataset.descriptor.splits == {"train": 15, "validation": 0, "test": 15}


@pytest.mark.parametrize("stratify", [None, True, False])
def test_splits_have_the_proportions_of_the_classes_unless_turned_off(stratify: bool | None, tmp_path: Path) -> None:
    rare = [n % 10 == 0 for n in range(100)]
    split = {"test": 0.5, "stratify": stratify, "seed": 4}
    dataset = make_dataset(tmp_path, "inline", inputs=list(range(100)), targets=rare, split=split)
    assert dataset.descriptor.splits["test"] == 50
    in_proportion = np.count_nonzero(np.array(dataset.split("test").targets)) == 5
    assert in_proportion == (stratify is not False)


@pytest.mark.parametrize(
    ("targets", "why"),
    [
        ([0.5, 1.5, 2.5], "holds numbers that aren't classes"),
        ([["a"], ["b"], []], "has several numbers or labels per row"),
    ],
)
def test_what_has_no_classes_cannot_be_stratified(targets: list[Any], why: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidData) as caught:
        make_dataset(tmp_path, "inline", inputs=[1, 2, 3], targets=targets, split={"stratify": True})
    (fault,) = caught.value.faults
    assert fault.detail == f'The target "target" {why}, so the split can\'t be stratified.'
    assert fault.pointer == "#/split/stratify"
