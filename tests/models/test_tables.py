"""Tables: types of columns, statistics, columns left out, splits, windows."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from models.limits import Limits
from models.preprocessing import Preprocessing, inputs_from_dataset
from tests.models.made_datasets import make_dataset, read_rows
from tests.models.made_uploads import NO_SPLIT, faults_of_upload, import_upload, read_reasons, read_types, to_csv
from tests.models.network_specs import make_spec


def test_types_are_found_in_the_text(tmp_path: Path) -> None:
    columns = {
        "whole": [1, 2, 3], "fraction": ["1.5", "2e3", "-.5"], "flag": ["true", "FALSE", "True"],
        "postcode": ["01234", "56789", "01234"], "day": ["2024-01-31", "2024-02-01", "2024-02-02"],
        "moment": ["2024-01-31T10:00:00Z", "2024-01-31T12:00:00.5+02:00", "2024-01-31T10:00:01Z"],
        "german": ["31.01.2024", "01.02.2024", "02.02.2024"], "american": ["1/31/2024", "2/1/2024", "2/2/2024"],
        "british": ["31/1/2024", "1/2/2024", "2/2/2024"], "answer": ["yes", "no", "yes"], "y": ["a", "b", "a"],
    }  # fmt: skip
    dataset = import_upload(tmp_path, to_csv(columns), split=NO_SPLIT)

    assert read_types(dataset) == {
        "whole": "number", "fraction": "number", "flag": "boolean", "postcode": "category", "day": "date",
        "moment": "date", "german": "date", "american": "date", "british": "date", "answer": "boolean",
    }  # fmt: skip
    first = read_rows(dataset, "train", 0, 1)[0]["instance"]
    assert first["whole"] == 1
    assert first["flag"] is True
    assert [first[name] for name in ("day", "german", "american", "british")] == ["2024-01-31"] * 4
    assert first["moment"] == "2024-01-31T10:00:00"
    assert read_rows(dataset, "train", 1, 1)[0]["instance"]["moment"] == "2024-01-31T10:00:00.500000"
    formats = {entry.name: entry.format for entry in dataset.descriptor.inputs if entry.type == "date"}
    assert formats == {
        "day": "ISO 8601", "moment": "ISO 8601", "german": "%d.%m.%Y", "american": "%m/%d/%Y", "british": "%d/%m/%Y",
    }  # fmt: skip


def test_each_column_has_its_statistics(tmp_path: Path) -> None:
    columns = {
        "width": [None, *range(1, 12)], "colour": ["red"] * 8 + ["blue"] * 3 + [None],
        "day": [f"2024-01-{day:02d}" for day in range(1, 13)], "ripe": [True] * 5 + [False] * 7, "y": ["a", "b"] * 6,
    }  # fmt: skip
    entries = import_upload(tmp_path, to_csv(columns)).descriptor.inputs
    width, colour, day, ripe = (entry.to_document() for entry in entries)

    assert (width["missing"], width["mean"], width["min"], width["max"]) == (1, 6, 1, 11)
    assert width["quantiles"] == {"0.05": 1.5, "0.25": 3.5, "0.5": 6, "0.75": 8.5, "0.95": 10.5}
    assert width["histogram"] == {"edges": list(range(1, 12)), "counts": [1] * 9 + [2]}
    assert (colour["categories"], colour["counts"], colour["missing"]) == (["blue", "red"], [3, 8], 1)
    assert (day["min"], day["max"], day["parts"]) == ("2024-01-01", "2024-01-12", ["year", "week"])
    assert sum(day["histogram"]["counts"]) == 12
    assert (ripe["categories"], ripe["counts"]) == ([False, True], [7, 5])


def test_columns_that_cant_be_used_are_left_out_with_the_reason(tmp_path: Path) -> None:
    rows = 3000
    columns = {
        "": list(range(rows)), "order_id": list(range(rows)), "code": [f"x{number}" for number in range(rows)],
        "note": [f"the parcel {number} came too late" for number in range(rows)],
        "shop": [f"shop {number % 1001}" for number in range(rows)], "same": [5] * rows, "nothing": [None] * rows,
        "mixed": [*map(str, range(rows - 1)), "unknown"], "width": [number * 2 for number in range(rows)],
        "y": ["a", "b", "c"] * 1000,
    }  # fmt: skip
    dataset = import_upload(tmp_path, to_csv(columns), ignore=["code"])

    assert read_types(dataset) == {"note": "text", "width": "number"}
    assert read_reasons(dataset) == {
        "column_1": "identifier", "order_id": "identifier", "code": "ignored",
        "shop": "too_many_categories", "same": "constant", "nothing": "empty", "mixed": "too_many_categories",
    }  # fmt: skip
    details = {entry.name: entry.detail for entry in dataset.descriptor.left_out or ()}
    assert "1,001 distinct texts" in details["shop"]
    assert 'row 2999 has "unknown"' in details["mixed"]


def test_types_can_be_given(tmp_path: Path) -> None:
    columns = {"id": list(range(30)), "size": [1, 2, 3] * 10, "flag": ["y", "n", "y"] * 10,
               "day": ["20240131", "20240201", "20240301"] * 10, "y": [0, 1, 2] * 10}  # fmt: skip
    types = {"id": "number", "size": "category", "flag": "boolean", "day": "text", "y": "number"}
    dataset = import_upload(tmp_path, to_csv(columns), types=types)

    assert read_types(dataset) == {"id": "number", "size": "category", "flag": "boolean", "day": "text"}
    assert dataset.descriptor.inputs[1].categories == ["1", "2", "3"]
    assert read_reasons(dataset) == {}
    assert dataset.descriptor.target.type == "number"


@pytest.mark.parametrize(
    ("type_", "what"),
    [("number", "isn't a number"), ("boolean", "is neither true nor false"), ("date", "isn't a date")],
)
def test_cells_of_another_type_than_the_given_one_are_named(type_: str, what: str, tmp_path: Path) -> None:
    (fault,) = faults_of_upload(tmp_path, "width,y\n,a\nwide,b\n", types={"width": type_})

    assert fault.detail == f'Row 1: "wide" in the column "width" {what}.'
    assert (fault.row, fault.column) == (1, "width")


def test_wrong_cells_of_several_columns_are_named_together(tmp_path: Path) -> None:
    types = {"width": "number", "day": "date"}
    columns = faults_of_upload(tmp_path, "width,day,y\nwide,2026-01-01,a\n2,soon,b\n", types=types)
    assert [(fault.row, fault.column) for fault in columns] == [(0, "width"), (1, "day")]

    with_target = faults_of_upload(tmp_path, "width,day,y\nwide,2026-01-01,a\n2,soon,\n", types=types)
    assert [(fault.row, fault.column) for fault in with_target] == [(1, "y"), (0, "width"), (1, "day")]


def test_classes_are_shown_with_their_balance_and_split_in_proportion(tmp_path: Path) -> None:
    data = to_csv({"width": list(range(100)), "y": ["rare"] * 10 + ["often"] * 90})
    dataset = import_upload(tmp_path, data)

    assert dataset.descriptor.target.to_document() == {
        "name": "y", "type": "category", "classes": ["often", "rare"], "counts": [90, 10], "positive_class": "rare",
    }  # fmt: skip
    assert dataset.descriptor.splits == {"train": 60, "validation": 20, "test": 20}
    for name, rare in {"train": 6, "validation": 2, "test": 2}.items():
        assert dataset.split(name).targets.tolist().count("rare") == rare


def test_a_column_tells_the_splits(tmp_path: Path) -> None:
    columns = {"width": [1, 2, 3, 4, 5], "part": ["train", "Test", "val", "train", "TEST"], "y": list("abaab")}
    dataset = import_upload(tmp_path, to_csv(columns), split={"column": "part"})

    assert {name: dataset.split(name).rows.tolist() for name in ("train", "validation", "test")} == {
        "train": [0, 3], "validation": [2], "test": [1, 4],
    }  # fmt: skip
    assert read_reasons(dataset) == {"part": "split"}


def test_a_split_that_there_isnt_is_named(tmp_path: Path) -> None:
    data = "width,part,y\n1,train,a\n2,tets,b\n3,,b\n"
    faults = faults_of_upload(tmp_path, data, split={"column": "part"})

    assert [(fault.row, fault.column) for fault in faults] == [(1, "part"), (2, "part")]


def test_options_for_other_files_are_refused(tmp_path: Path) -> None:
    json = '[{"width": 1, "y": "a"}, {"width": 2, "y": "b"}]'
    faults = faults_of_upload(tmp_path, json, "made.json", csv={"header": True}, picture={"channels": 1})
    assert [fault.pointer for fault in faults] == ["#/csv", "#/picture"]
    assert faults[1].detail == "This option is for ZIPs of images, but the file is JSON."


def test_the_last_rows_in_time_are_for_the_test(tmp_path: Path) -> None:
    days = ["2024-01-05", "2024-01-01", "2024-01-04", "2024-01-02", "2024-01-03"]
    data = to_csv({"day": days, "width": [1, 2, 3, 4, 5], "y": list("abaab")})
    dataset = import_upload(tmp_path, data, split={"time_column": "day", "validation": 0.2, "test": 0.4})

    assert {name: dataset.split(name).rows.tolist() for name in ("train", "validation", "test")} == {
        "train": [1, 3], "validation": [4], "test": [0, 2],
    }  # fmt: skip


def test_a_missing_or_invalid_time_is_named(tmp_path: Path) -> None:
    split = {"time_column": "day"}
    (fault,) = faults_of_upload(tmp_path, "day,width,y\n2024-01-01,1,a\n,2,b\n", split=split)
    assert (fault.row, fault.column) == (1, "day")
    (fault,) = faults_of_upload(tmp_path, "day,width,y\nMonday,1,a\nTuesday,2,b\n", split=split)
    assert (fault.column, 'has "Monday"' in fault.detail) == ("day", True)


def test_windows_make_sequences_in_time_order(tmp_path: Path) -> None:
    columns = {
        "hour": [3, 0, 1, 2, 4, 5, 6, 7], "wind": [None, 10, 11, 12, 14, 15, 16, 17],
        "place": ["a", "b"] * 4, "power": [103.0, 100.0, 101.0, 102.0, 104.0, 105.0, 106.0, 107.5],
    }  # fmt: skip
    window = {"steps": 3, "time_column": "hour"}
    dataset = import_upload(tmp_path, to_csv(columns), target="power", window=window)

    descriptor = dataset.descriptor
    assert (descriptor.kind, descriptor.rows) == ("sequence", 5)
    assert descriptor.inputs[0].shape == [3, 5]
    assert descriptor.inputs[0].features == ["wind", "place: a", "place: b", "place: other", "power"]
    assert read_reasons(dataset) == {"hour": "time"}
    assert descriptor.splits == {"train": 3, "validation": 1, "test": 1}
    assert descriptor.inputs[0].missing == 1
    assert descriptor.inputs[0].fill == [11.5, 0, 0, 0, 102]
    assert read_rows(dataset, "train", 1, 1) == [
        {
            "row": 1,
            "instance": [[11, 1, 0, 0, 101], [12, 0, 1, 0, 102], [11.5, 1, 0, 0, 103]],
            "target": 104.0,
            "split": "train",
        },
    ]
    assert dataset.split("test").targets.tolist() == [107.5]


def test_windows_have_a_horizon_and_a_stride(tmp_path: Path) -> None:
    data = to_csv({"wind": list(range(10)), "y": list("abababbbbb")})
    dataset = import_upload(tmp_path, data, window={"steps": 2, "horizon": 0, "stride": 4}, split=NO_SPLIT)

    assert [(item["instance"], item["target"]) for item in read_rows(dataset, "train", 0, 9)] == [
        ([[0], [1]], "b"), ([[4], [5]], "b"), ([[8], [9]], "b"),
    ]  # fmt: skip


def test_too_few_rows_for_a_window_are_refused(tmp_path: Path) -> None:
    (fault,) = faults_of_upload(tmp_path, "wind,y\n1,2\n2,3\n3,4\n", window={"steps": 3})

    assert fault.pointer == "#/window/steps"


def test_windows_that_become_too_large_are_refused(tmp_path: Path) -> None:
    data = to_csv({"wind": [number / 2 for number in range(100)], "y": [number * number for number in range(100)]})
    window = {"steps": 50, "stride": 2}
    size = 25 * 50 * 2 * 4
    assert import_upload(tmp_path, data, window=window, limits=Limits(dataset_bytes=size)).descriptor.rows == 25

    (fault,) = faults_of_upload(tmp_path / "dataset", data, window=window, limits=Limits(dataset_bytes=size - 1))
    assert fault.pointer == "#/window"
    assert "become 10,000 bytes; the limit is 9,999" in fault.detail


def test_a_table_read_and_written_in_several_groups_and_parts_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {f"c{number}": [row * number % 17 / 4 for row in range(60)] for number in range(1, 8)}
    data = to_csv(columns | {"y": ["a", "b", "a"] * 20})
    whole = import_upload(tmp_path, data, split=NO_SPLIT)
    rows = read_rows(whole, "train", 0, 60)
    shutil.rmtree(whole.folder)
    monkeypatch.setattr("models.values.columns.CELLS_AT_ONCE", 180)
    monkeypatch.setattr("models.tabular.table.PART_CELLS", 100)
    parts = import_upload(tmp_path, data, split=NO_SPLIT)

    assert replace(parts.descriptor, bytes=0) == replace(whole.descriptor, bytes=0)
    assert len(list((parts.folder / "train" / "table").iterdir())) == 5
    assert read_rows(parts, "train", 0, 60) == rows
    table = parts.split("train").table
    assert table is not None
    for name in ("c1", "c2", "c7", "c3", "c3"):
        values = table[name]
        assert values.tolist() == columns[name]


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl", "parquet", "inline"])
@pytest.mark.parametrize(("feature", "target"), [("*", "y"), ("^.*$", "y"), ("a", "*"), ("a", "^.*$"), ("*", "^.*$")])
def test_names_that_polars_takes_for_patterns_are_names(
    feature: str, target: str, format_: str, tmp_path: Path
) -> None:
    frame = polars.DataFrame([[1, 2, 3, 4], ["r", "g", "r", "g"], [0.5, 1.5, 2.5, 3.5]], schema=[feature, "c", target])
    if format_ == "inline":
        dataset = make_dataset(tmp_path, source="inline", rows=frame.to_dicts(), target=target)
    else:
        data: dict[str, Any] = {"csv": frame.write_csv, "json": frame.write_json, "jsonl": frame.write_ndjson}
        frame.write_parquet(tmp_path / "made.parquet")
        content = data[format_]() if format_ in data else (tmp_path / "made.parquet").read_bytes()
        dataset = import_upload(tmp_path, content, f"made.{format_}", target=target, split=NO_SPLIT)

    assert dataset.split("train").targets.tolist() == [0.5, 1.5, 2.5, 3.5]
    table = dataset.split("train").table
    assert table is not None
    assert table[feature].tolist() == [1, 2, 3, 4]
    assert read_rows(dataset, "train", 1, 1)[0]["instance"] == {feature: 2, "c": "g"}


def test_a_split_that_is_missing_or_not_text_is_refused(tmp_path: Path) -> None:
    data = "part,width,y\ntrain,1,a\n,2,b\n"
    (fault,) = faults_of_upload(tmp_path, data, split={"column": "part"})
    assert (fault.row, fault.column) == (1, "part")
    assert 'Row 1: the split in the column "part" is missing' in fault.detail
    rows = [{"part": [number], "width": number, "y": "ab"[number]} for number in range(2)]
    (fault,) = faults_of_upload(tmp_path, json.dumps(rows), "made.json", split={"column": "part"})
    assert fault.detail == 'The column "part" holds lists; the names of splits must be text.'


def test_missing_numbers_of_windows_are_the_training_medians_when_served_too(tmp_path: Path) -> None:
    cells = ["1", "", "3", "5", "", "7", "8", "", "90", "95"]
    rows = (f"{place},{cell},{'ab'[place % 2]},x{place}" for place, cell in enumerate(cells))
    data = "hour,wind,y,z\n" + "\n".join(rows) + "\n"
    window = {"steps": 2, "horizon": 0, "time_column": "hour"}
    dataset = import_upload(tmp_path, data, window=window, ignore=["z"], split={"validation": 0, "test": 0.3})

    entry = dataset.descriptor.inputs[0].to_document()
    assert (entry["missing"], entry["fill"]) == (3, [5])
    left_out = {one.name: (one.type, one.reason) for one in dataset.descriptor.left_out or ()}
    assert left_out == {"hour": ("number", "time"), "z": (None, "ignored")}
    fitted = Preprocessing.fit(make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", "standard")), dataset)
    served = Preprocessing.from_document(json.loads(json.dumps(fitted.to_document())))
    trained = served.network_inputs(dataset.split("train"))["input"]
    assert np.array_equal(served.read_instances([[[1], [None]], [[None], [3]]])[0]["input"], trained[:2])
    assert np.array_equal(served.read_instances([[1, None]])[0]["input"], trained[:1])
    array = np.array([[[1], [np.nan]]], np.float32)
    assert np.array_equal(served.read_instances(array)[0]["input"], trained[:1])


@pytest.mark.parametrize("name", ["made.csv", "made.jsonl"])
def test_a_text_of_more_than_64_characters_is_no_date(name: str, tmp_path: Path) -> None:
    def written(last: str) -> str:
        days = [*["2024-01-03T10:11:12", "2024-01-04T10:11:12"] * 2, last]
        if name.endswith("csv"):
            return to_csv({"day": days, "y": range(len(days))})
        return "\n".join(json.dumps({"day": day, "y": row}) for row, day in enumerate(days))

    longest = "2024-01-03T10:11:12." + "1" * 44
    for folder in ("longest", "longer", "wanted"):
        (tmp_path / folder).mkdir()
    assert read_types(import_upload(tmp_path / "longest", written(longest), name))["day"] == "date"
    assert read_types(import_upload(tmp_path / "longer", written(f"{longest}1"), name))["day"] == "category"
    (fault,) = faults_of_upload(tmp_path / "wanted", written(f"{longest}1"), name, types={"day": "date"})
    assert "isn't a date" in fault.detail
