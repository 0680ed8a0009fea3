"""Previews of datasets: pictures, sequences, points and distributions, of a size that doesn't depend on the data."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.datasets import Dataset
from models.previews import make_preview
from tests.models.made_datasets import make_dataset
from tests.models.made_uploads import NO_SPLIT, import_upload

RANDOM = np.random.default_rng(3)
MIXED = "age,city,joined,flag,y\n" + "\n".join(
    f"{'' if row == 3 else row % 7},{('Berlin', 'Paris')[row % 2]},2024-01-{1 + row % 28:02d},{row % 3 == 0},{row}.5"
    for row in range(50)
)


def preview(dataset: Dataset, split: str | None = None, count: int | None = None) -> dict[str, Any]:
    """The preview as a client gets it: it must be JSON."""
    found: dict[str, Any] = json.loads(json.dumps(make_preview(dataset, split, count), allow_nan=False))
    shown = [form for form in ("pictures", "sequences", "points", "histograms") if found[form] is not None]
    assert shown == [found["form"]]
    return found


def save_arrays(folder: Path, x: np.ndarray, y: np.ndarray) -> Dataset:
    file = io.BytesIO()
    np.savez(file, x=x, y=y)
    return import_upload(folder, file.getvalue(), "made.npz", target=None, split=NO_SPLIT)


def test_columns_of_a_table_have_the_distributions_of_all_rows(tmp_path: Path) -> None:
    found = preview(make_dataset(tmp_path, "iris"))
    assert (found["form"], found["split"], found["rows"], found["notes"]) == ("histograms", None, 150, [])
    assert [column["name"] for column in found["histograms"]][:2] == ["sepal_length", "sepal_width"]
    assert all(sum(column["counts"]) == 150 and len(column["edges"]) == 11 for column in found["histograms"])
    assert found["target"]["classes"][0] == {"label": "setosa", "count": 50}


def test_columns_of_a_split_are_counted_in_that_split(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, MIXED, split={"validation": 0, "test": 0.4})
    found = preview(dataset, "test")
    age, city, joined, flag = found["histograms"]
    rows = found["rows"]
    assert rows == dataset.descriptor.splits["test"] == sum(found["target"]["counts"])
    assert (city["categories"], sum(city["counts"]), city["edges"]) == (sorted(city["categories"]), rows, None)
    assert (sorted(flag["categories"]), sum(flag["counts"])) == ([False, True], rows)
    assert (len(joined["edges"]), joined["edges"][0][:7], sum(joined["counts"])) == (11, "2024-01", rows)
    assert age["missing"] + sum(age["counts"]) == rows


def test_missing_values_are_counted(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, MIXED)
    assert [column["missing"] for column in preview(dataset)["histograms"]] == [1, 0, 0, 0]
    missing = sum(preview(dataset, split)["histograms"][0]["missing"] for split in ("train", "validation", "test"))
    assert missing == 1


def test_of_many_columns_the_first_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    names = ",".join(f"column_{number}" for number in range(500))
    rows = [",".join(map(str, row)) for row in RANDOM.normal(size=(12, 500)).round(2).tolist()]
    lines = [f"{row},{number % 2}" for number, row in enumerate(rows)]
    dataset = import_upload(tmp_path, "\n".join([f"{names},y", *lines]))
    found = preview(dataset)
    assert (len(found["histograms"]), found["notes"]) == (12, ["Shown are the first 12 of 500 columns."])
    assert len(preview(dataset, count=100)["histograms"]) == 100


def test_two_inputs_are_points_with_their_classes(tmp_path: Path) -> None:
    found = preview(make_dataset(tmp_path, "circles", parameters={"samples": 3000}))
    points = found["points"]
    assert (found["form"], found["split"], points["classes"]) == ("points", "train", [0, 1])
    assert points["names"] == ["input 1", "input 2", "target"]
    assert len(points["x"]) == len(points["y"]) == len(points["target"]) <= 1000
    assert found["notes"] == ["Drawn are 1,000 of 1,800 rows, at even distances."]
    assert len(json.dumps(found)) < 60_000


def test_one_input_is_drawn_below_its_target(tmp_path: Path) -> None:
    points = preview(make_dataset(tmp_path, "line"))["points"]
    assert (points["x"], points["y"], points["target"]) == ([-1, 0, 1, 2, 3, 4], None, [-3, -1, 1, 3, 5, 7])
    assert points["classes"] is None


def test_beyond_some_classes_points_are_of_another_class(tmp_path: Path) -> None:
    rows = RANDOM.normal(size=(40, 2)).tolist()
    found = preview(make_dataset(tmp_path, "inline", inputs=rows, targets=[f"class {row % 20}" for row in range(40)]))
    assert (len(found["points"]["classes"]), found["points"]["left_out"]) == (8, 12)
    assert found["points"]["target"].count(-1) == 24
    assert found["notes"] == ["12 of 20 classes share a colour."]


def test_columns_of_a_table_with_two_numbers_are_points(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, "a,b,y\n1,2,x\n,4,z\n5,6,x\n7,8,z", split=NO_SPLIT)
    points = preview(dataset)["points"]
    assert (points["x"], points["y"]) == ([1, None, 5, 7], [2, 4, 6, 8])
    assert [points["classes"][place] for place in points["target"]] == ["x", "z", "x", "z"]


def test_a_split_without_rows_has_an_empty_preview(tmp_path: Path) -> None:
    found = preview(make_dataset(tmp_path, "line"), "test")
    assert (found["rows"], found["points"]["x"], found["target"]["counts"]) == (0, [], [])


def test_pictures_are_small_files_with_their_classes(tmp_path: Path) -> None:
    found = preview(make_dataset(tmp_path, "digits"), "test", 5)
    assert (found["form"], found["split"], found["rows"]) == ("pictures", "test", 359)
    assert len(found["pictures"]["items"]) == 5
    for item in found["pictures"]["items"]:
        assert item["target"] in range(10)
        with Image.open(io.BytesIO(base64.b64decode(item["png"]))) as image:
            assert (image.format, image.size, image.mode) == ("PNG", (8, 8), "L")
            assert np.asarray(image).max() >= 239  # 15 or 16 of 16, as nearly every digit has somewhere


@pytest.mark.parametrize(
    ("shape", "size", "mode", "note"),
    [
        ((400, 200, 3), (48, 96), "RGB", "Images of 200 × 400 pixels are shrunk to 96 at most."),
        ((8, 6, 2), (6, 8), "L", "The first of 2 channels is shown."),
        ((5, 8, 6, 3), (6, 8), "RGB", "The middle one of 5 frames is shown."),
    ],
)
def test_what_is_changed_in_pictures_is_said(
    shape: tuple[int, ...], size: tuple[int, int], mode: str, note: str, tmp_path: Path
) -> None:
    found = preview(save_arrays(tmp_path, RANDOM.random((2, *shape)), np.array([0, 1])))
    with Image.open(io.BytesIO(base64.b64decode(found["pictures"]["items"][0]["png"]))) as image:
        assert (image.size, image.mode) == (size, mode)
    assert found["notes"] == [note]


def test_sequences_are_thinned_lines(tmp_path: Path) -> None:
    found = preview(save_arrays(tmp_path, RANDOM.random((20, 300, 6)), RANDOM.random((20, 3))))
    sequences = found["sequences"]
    assert (found["form"], len(sequences["items"]), len(sequences["features"])) == ("sequences", 9, 4)
    assert (sequences["steps"][0], sequences["steps"][-1], len(sequences["steps"])) == (0, 299, 100)
    assert [len(values) for values in sequences["items"][0]["values"]] == [100] * 4
    assert sequences["items"][0]["target"] is None
    assert found["notes"] == [
        "Shown are the first 4 of 6 features.", "Of 300 steps, 100 are shown, at even distances.",
    ]  # fmt: skip


def test_vectors_have_the_distributions_of_their_numbers(tmp_path: Path) -> None:
    found = preview(save_arrays(tmp_path, RANDOM.random((30, 40)), np.arange(30) % 3))
    assert [column["name"] for column in found["histograms"]][:2] == ["input 1", "input 2"]
    assert found["notes"] == ["Shown are the first 12 of 40 numbers of a row."]
    assert all(sum(column["counts"]) == 30 for column in found["histograms"])
