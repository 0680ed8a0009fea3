"""The folds of a cross-validation: parts of the training rows, and the datasets that hold each out once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset, assign_folds, fold_dataset
from models.datasets.storage import GROUPS_FILE
from models.errors import InvalidData
from models.jobs.training import CrossValidation
from tests.models.made_datasets import make_dataset
from tests.models.made_uploads import NO_SPLIT, import_upload, to_csv

TARGETS = ["rare"] * 6 + ["usual"] * 24


def make_table(folder: Path, **members: Any) -> Dataset:
    rows = [{"x": number, "y": number % 7, "kind": kind} for number, kind in enumerate(TARGETS)]
    return make_dataset(folder, "inline", rows=rows, target="kind", **members)


def make_vectors(folder: Path, targets: list[Any]) -> Dataset:
    return make_dataset(folder, "inline", inputs=[[number, 1] for number in range(len(targets))], targets=targets)


@pytest.mark.parametrize("make", [make_table, lambda folder: make_vectors(folder, TARGETS)])
def test_each_fold_has_its_share_of_the_rows_and_of_every_class(make: Any, tmp_path: Path) -> None:
    dataset = make(tmp_path)
    folds = assign_folds(dataset, 3, seed=1)
    rare = np.array([kind == "rare" for kind in dataset.split("train").targets.tolist()])
    assert np.bincount(folds).tolist() == [10, 10, 10]
    assert np.bincount(folds[rare]).tolist() == [2, 2, 2]
    assert np.array_equal(folds, assign_folds(dataset, 3, seed=1))
    assert not np.array_equal(folds, assign_folds(dataset, 3, seed=2))


def test_numbers_are_dealt_out_at_random(tmp_path: Path) -> None:
    folds = assign_folds(make_vectors(tmp_path, [number / 3 for number in range(11)]), 4, seed=1)
    assert sorted(np.bincount(folds).tolist()) == [2, 3, 3, 3]


def test_the_rows_of_a_group_are_in_one_fold(tmp_path: Path) -> None:
    dataset = make_table(tmp_path)
    groups = np.arange(30) // 4
    np.save(dataset.folder / "train" / GROUPS_FILE, groups)
    folds = assign_folds(dataset, 3, seed=1)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in range(8))
    assert np.bincount(folds).min() >= 8
    with pytest.raises(InvalidData, match="8 groups, too few for 9 folds"):
        assign_folds(dataset, 9, seed=1)


def test_windows_of_a_series_are_held_out_in_blocks_of_time(tmp_path: Path) -> None:
    dataset = make_vectors(tmp_path, [number / 3 for number in range(6)])
    (entry,) = dataset.descriptor.inputs
    dataset.descriptor = replace(dataset.descriptor, inputs=(replace(entry, features=["x", "y"]),))
    assert assign_folds(dataset, 3, seed=1).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("make", [make_table, lambda folder: make_vectors(folder, TARGETS)])
def test_a_fold_is_a_dataset_of_the_other_rows_which_is_removed_afterwards(make: Any, tmp_path: Path) -> None:
    dataset = make(tmp_path)
    held_out = np.arange(30) % 5 == 0
    whole = dataset.rows_page("train", 0, 30)
    with fold_dataset(dataset, held_out, tmp_path / "fold") as fold:
        assert fold.descriptor.splits == {"train": 24, "validation": 6, "test": 0}
        for split, chosen in (("train", ~held_out), ("validation", held_out)):
            rows = fold.rows_page(split, 0, 30)
            expected = [whole[place] for place in np.flatnonzero(chosen)]
            assert [str(row["instance"]) for row in rows] == [str(row["instance"]) for row in expected]
            assert [row["target"] for row in rows] == [row["target"] for row in expected]
    assert not (tmp_path / "fold").exists()


def test_a_fold_trains_on_no_target_that_is_held_out(tmp_path: Path) -> None:
    data = to_csv({"load": [float(number) for number in range(40)]})
    window = {"steps": 3, "horizon": [1, 2, 4]}
    dataset = import_upload(tmp_path, data, target="load", split=NO_SPLIT, window=window)
    folds = assign_folds(dataset, 4, seed=1)

    for number in range(4):
        with fold_dataset(dataset, folds == number, tmp_path / "fold") as fold:
            trained, held_out = (set(np.ravel(np.asarray(fold.targets(split)))) for split in ("train", "validation"))
        assert trained
        assert held_out
        assert not trained & held_out


def test_windows_with_too_many_horizons_for_their_folds_are_refused(tmp_path: Path) -> None:
    data = to_csv({"load": [float(number) for number in range(20)]})
    window = {"steps": 2, "horizon": list(range(1, 12))}
    dataset = import_upload(tmp_path, data, target="load", split=NO_SPLIT, window=window)
    held_out = assign_folds(dataset, 2, seed=1) == 0
    with (
        pytest.raises(InvalidData, match="fewer folds or horizons"),
        fold_dataset(dataset, held_out, tmp_path / "fold"),
    ):
        pass


def test_the_summary_has_mean_and_deviation_of_each_metric() -> None:
    found = CrossValidation([{"loss": 1.0, "mae": 2.0}, {"loss": 3.0, "mae": None}]).summarize()
    assert found == {"loss": {"mean": 2.0, "std": 1.0}, "mae": {"mean": None, "std": None}}
    assert CrossValidation().summarize() == {}
