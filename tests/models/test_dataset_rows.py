"""Pages of a dataset's rows: what they hold, and how large they become."""

import io
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from models.datasets import Dataset
from tests.models.made_datasets import read_rows
from tests.models.made_uploads import import_upload

ALL_TRAIN = {"validation": 0, "test": 0}


def import_arrays(folder: Path, **arrays: Any) -> Dataset:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return import_upload(folder, file.getvalue(), "made.npz", target=None, split=ALL_TRAIN)


def test_large_rows_come_in_pages_of_few(tmp_path: Path) -> None:
    pictures = np.arange(4 * 512 * 512 * 3, dtype=np.uint32).astype(np.uint8).reshape(4, 512, 512, 3)
    dataset = import_arrays(tmp_path, x=pictures, y=[0, 1, 0, 1])
    assert [item["row"] for item in read_rows(dataset, "train", 2, 100)] == [2]
    tracemalloc.start()
    (row,) = dataset.rows_page("train", 0, 100)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(row["instance"], pictures[0])
    assert most < 2 * pictures[0].nbytes


def test_rows_of_middling_size_fill_a_page(tmp_path: Path) -> None:
    dataset = import_arrays(tmp_path, x=np.ones((8, 500, 500)), y=[0, 1] * 4)
    assert [item["row"] for item in read_rows(dataset, "train", 0, 100)] == [0, 1, 2]
    assert [item["row"] for item in read_rows(dataset, "train", 6, 100)] == [6, 7]
    assert read_rows(dataset, "train", 8, 100) == read_rows(dataset, "train", 2**62, 100) == []


def test_numbers_are_the_shortest_that_read_back_as_the_same(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(0, 1e5, (6, 4)).astype(np.float32)
    values[0] = 0.1, 1, 3e38, 1e-7
    dataset = import_arrays(tmp_path, x=values, y=values[:, :2])
    items = read_rows(dataset, "train", 0, 6)
    assert items[0]["instance"] == [0.1, 1, 3e38, 1e-7]
    assert np.array_equal(np.array([item["instance"] for item in items], np.float32), values)
    assert [item["target"] for item in items] == values[:, :2].tolist()


def test_long_names_of_classes_cost_a_row_no_more_than_short_ones(tmp_path: Path) -> None:
    classes = ["a", "b" * 256]
    data = "x,y\n" + "".join(f"{row % 9},{classes[row % 50 == 0]}\n" for row in range(50_000))
    dataset = import_upload(tmp_path, data)
    assert dataset.descriptor.target.counts == [49_000, 1000]
    tracemalloc.start()
    targets = dataset.split("train").targets
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert targets.tolist().count("b" * 256) == 600
    assert most < 50 * len(targets)
    assert (dataset.folder / "train" / "targets.npy").stat().st_size < 5 * len(targets)


def test_a_dataset_whose_classes_were_stored_as_texts_is_still_read(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, "x,y\n1,b\n2,a\n3,b\n4,a\n", split=ALL_TRAIN)
    rows = read_rows(dataset, "train", 0, 4)
    assert [row["target"] for row in rows] == ["b", "a", "b", "a"]
    np.save(dataset.folder / "train" / "targets.npy", np.array(["b", "a", "b", "a"]))
    again = Dataset.open(dataset.folder)
    assert again.split("train").targets.tolist() == ["b", "a", "b", "a"]
    assert read_rows(again, "train", 0, 4) == rows
