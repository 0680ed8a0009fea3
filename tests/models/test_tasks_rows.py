"""Rows in memory and rows on disk are the same numbers."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.memory import aligned
from models.preprocessing import Preprocessing, inputs_from_dataset, rows
from models.targets import TargetEncoding
from models.tasks.rows import load_rows
from models.training.plan import Arrays, StreamedArrays
from tests.models.made_datasets import make_dataset
from tests.models.network_specs import make_spec

VISITS = [
    {"day": f"2024-01-{day:02}", "colour": ["red", "blue", None][day % 3], "size": day / 3, "kind": "ab"[day % 2]}
    for day in range(1, 29)
]
PICTURES = {
    "inputs": np.random.default_rng(0).integers(0, 256, (12, 4, 4)).tolist(),
    "targets": ["cat", "dog"] * 6,
}


@pytest.mark.parametrize("members", [{"rows": VISITS, "target": "kind"}, PICTURES], ids=["table", "pictures"])
def test_rows_on_the_disk_are_the_numbers_of_rows_in_memory(
    members: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", 5)
    dataset = make_dataset(tmp_path, "inline", split={"validation": 0.25, "seed": 7}, **members)
    spec = make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", "standard"))
    preprocessing = Preprocessing.fit(spec, dataset)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, 2)
    names = ("train", "validation", "test")
    resident = load_rows(dataset, preprocessing, encoding, names, 10**6, tmp_path)
    streamed = load_rows(dataset, preprocessing, encoding, names, 0, tmp_path)
    assert list(resident) == list(streamed) == ["train", "validation"]
    for name, expected in resident.items():
        assert isinstance(expected, Arrays)
        assert isinstance(streamed[name], StreamedArrays)
        order = np.random.default_rng(1).permutation(expected.rows)
        assert np.array_equal(streamed[name].inputs["input"][order], expected.inputs["input"][order])
        assert np.array_equal(streamed[name].targets[order], expected.targets[order])


@pytest.mark.parametrize(("lowest", "number_bytes"), [(0, 1), (-1, 4), (0.5, 4)], ids=["uint8", "int32", "float32"])
def test_the_bound_counts_the_rows_as_they_are_held(lowest: float, number_bytes: int, tmp_path: Path) -> None:
    pictures = np.array(PICTURES["inputs"], type(lowest))
    pictures[0, 0, 0] = lowest
    dataset = make_dataset(tmp_path, "inline", inputs=pictures.tolist(), targets=PICTURES["targets"])
    spec = make_spec(shape=[4, 4])
    preprocessing = Preprocessing.fit(spec, dataset)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, 2)
    size = 12 * (4 * 4 * number_bytes + 2 * 4)
    assert isinstance(load_rows(dataset, preprocessing, encoding, ["train"], size, tmp_path)["train"], Arrays)
    assert isinstance(
        load_rows(dataset, preprocessing, encoding, ["train"], size - 1, tmp_path)["train"], StreamedArrays
    )


def test_images_stay_bytes_in_memory_that_tensorflow_takes_as_it_is(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", **PICTURES)
    spec = make_spec(shape=[16], scaling="standard")
    preprocessing = Preprocessing.fit(spec, dataset)
    encoding = TargetEncoding.for_network(spec, dataset.descriptor, 2)
    expected = preprocessing.network_inputs(dataset.split("train"))["input"]
    loaded = load_rows(dataset, preprocessing, encoding, ["train"], 10**6, tmp_path)["train"].inputs["input"]
    assert isinstance(loaded, rows.StoredRows)
    assert loaded.values.dtype == np.uint8
    assert loaded.values.shape == (12, 16)
    assert not isinstance(loaded.values, np.memmap)
    assert aligned(loaded.values, np.uint8) is loaded.values
    shutil.rmtree(dataset.folder)
    assert np.array_equal(loaded[:], expected)
