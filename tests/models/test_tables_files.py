"""Tables from other files than CSV: JSON, JSON Lines and Parquet, detected by content and name."""

import io
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars
import pytest

from models.errors import InvalidData
from models.files.formats import detect
from tests.models.made_datasets import read_rows
from tests.models.made_uploads import NO_SPLIT, faults_of_upload, import_upload, read_reasons, read_types

ROWS: list[dict[str, Any]] = [
    {"width": 1, "colour": "red", "ripe": True, "y": "a"},
    {"width": None, "colour": "12", "y": "b"},
    {"width": 2.5, "colour": "red", "ripe": False, "extra": 1, "y": "a"},
]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.ndjson", "rows"])
def test_json_keeps_the_types_of_its_values(name: str, tmp_path: Path) -> None:
    lines = "\n\n".join(json.dumps(row) for row in ROWS) + "\n"
    data = lines if "nd" in name or name.endswith("l") else json.dumps(ROWS)
    dataset = import_upload(tmp_path, data, name, split=NO_SPLIT)

    assert read_types(dataset) == {"width": "number", "colour": "category", "ripe": "boolean"}
    assert [item["instance"] for item in read_rows(dataset, "train", 0, 3)] == [
        {"width": 1.0, "colour": "red", "ripe": True},
        {"width": None, "colour": "12", "ripe": None},
        {"width": 2.5, "colour": "red", "ripe": False},
    ]
    assert read_reasons(dataset) == {"extra": "constant"}


@pytest.mark.parametrize(
    ("name", "data", "row", "column"),
    [
        ("a.json", "[]", None, None),
        ("a.json", "{}", None, None),
        ("a.json", '[{"y": 1},', None, None),
        ("a.json", '[{"width": 1, "y": "a"}, 3]', 1, None),
        ("a.json", '[{"width": 1, "y": "a"}, {"width": "wide", "y": "b"}]', 1, "width"),
        ("a.json", '[{"width": [1], "y": "a"}, {"width": 1, "y": "b"}]', 0, "width"),
        ("a.jsonl", '{"width": 1, "y": "a"}\n\n{"width": 1', 1, None),
        ("a.jsonl", '{"width": 1, "y": "a"}\n[1, 2]', 1, None),
        ("a.jsonl", '{"width": 1, "y": "a"}\n{"width": 2, "width": 3, "y": "b"}', 1, None),
        ("a.json", '[{"width": 1, "y": "a"}, {"width": 2, "width": 3, "y": "b"}]', None, None),
        ("a.jsonl", '{"width": 1, "y": "a"}\n{"width": 2}', 1, "y"),
    ],
)
def test_faults_of_json_are_named(name: str, data: str, row: int | None, column: str | None, tmp_path: Path) -> None:
    fault = faults_of_upload(tmp_path, data, name)[0]

    assert (fault.file, fault.row, fault.column) == (name, row, column)


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_json_that_is_nested_too_deeply_is_refused(name: str, tmp_path: Path) -> None:
    deep = "[" * 5000 + "]" * 5000
    for number, text in enumerate((f'{{"a": {deep}, "y": 1}}', f'{{"a": NaN, "b": {deep}, "y": 1}}')):
        (tmp_path / str(number)).mkdir()
        data = text if name.endswith("l") or number == 0 else f"[{text}]"
        (fault,) = faults_of_upload(tmp_path / str(number), data, name)
        assert "isn't valid JSON" in fault.detail


def test_json_lines_in_several_batches_may_begin_without_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.tabular.json_reader.BATCH_ROWS", 2)
    rows = [{"y": 1.5}, {"colour": None, "y": 2}, {"colour": "red", "width": 1, "y": 3}, {"colour": "blue", "y": 4}]
    data = "\n".join(map(json.dumps, [*rows, rows[2]]))
    dataset = import_upload(tmp_path, data, "rows.jsonl", split=NO_SPLIT, types={"width": "number"})

    assert [item["instance"] for item in read_rows(dataset, "train", 1, 2)] == [{"colour": None}, {"colour": "red"}]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    frame = polars.DataFrame(
        {
            "width": [1.5, float("nan"), 3.0, None], "count": polars.Series([1, 2, 3, 4], dtype=polars.UInt8),
            "price": polars.Series(["1.5", "2", "3", "4"]).cast(polars.Decimal(10, 2)),
            "ripe": [True, False, None, True], "colour": polars.Series(list("rgrg"), dtype=polars.Categorical),
            "day": polars.Series(["2024-01-01", "2024-01-02", None, "2024-01-04"]).str.to_date(),
            "list": [[1], [2], [3], [4]], "y": ["a", "b", "a", "b"],
        }
    )  # fmt: skip
    frame.write_parquet(tmp_path / "made.parquet")
    dataset = import_upload(tmp_path, (tmp_path / "made.parquet").read_bytes(), "made.parquet", split=NO_SPLIT)

    assert read_types(dataset) == {
        "width": "number", "count": "number", "price": "number", "ripe": "boolean", "colour": "category", "day": "date",
    }  # fmt: skip
    assert read_reasons(dataset) == {"list": "unsupported"}
    assert read_rows(dataset, "train", 1, 1)[0]["instance"] == {
        "width": None, "count": 2, "price": 2.0, "ripe": False, "colour": "g", "day": "2024-01-02",
    }  # fmt: skip


@pytest.mark.parametrize("unit", [None, "ms", "us"])
@pytest.mark.parametrize("options", [{}, {"types": {"day": "number"}}, {"split": {"time_column": "day"}}])
def test_a_date_of_parquet_beyond_the_year_9999_is_refused(
    unit: Literal["ms", "us"] | None, options: dict[str, Any], tmp_path: Path
) -> None:
    def column(numbers: list[int]) -> polars.Series:
        physical = polars.Series(numbers, dtype=polars.Int64 if unit else polars.Int32)
        return physical.cast(polars.Datetime(unit) if unit else polars.Date)

    last_day = 2_932_896
    last = last_day if unit is None else (last_day + 1) * 86_400 * {"ms": 10**3, "us": 10**6}[unit] - 1
    days = column([0, last, last + 1, 2**31 - 1 if unit is None else 2**62])
    data = io.BytesIO()
    polars.DataFrame({"day": days, "x": [1, 2, 3, 5], "y": [1, 2, 3, 4]}).write_parquet(data)
    faults = faults_of_upload(tmp_path, data.getvalue(), "rows.parquet", **options)
    assert [(fault.row, fault.column) for fault in faults] == [(2, "day"), (3, "day")]
    assert "beyond the years 1 to 9999" in faults[0].detail


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    polars.DataFrame({"width": range(5000), "y": range(5000)}).write_parquet(tmp_path / "made.parquet")
    data = (tmp_path / "made.parquet").read_bytes()

    assert "is damaged" in faults_of_upload(tmp_path, data[:-20], "made.parquet")[0].detail
    middle = len(data) // 2
    broken = data[: middle - 500] + bytes(1000) + data[middle + 500 :]
    assert "is damaged" in faults_of_upload(tmp_path, broken, "made.parquet")[0].detail


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (b"a,b\n1,2\n", "a.csv", "csv"),
        (b"a\tb\n1\t2\n", "a.TSV", "csv"),
        (b"a,b\n1,2\n", "data", "csv"),
        (b'[{"a": 1}]', "data", "json"),
        (b'{"a": 1}\n', "data", "jsonl"),
        (b'[{"a": 1}]', "a.json", "json"),
        (b'[{"a": 1}]', "a.csv", "json"),
        (b'[{"a": 1}]', "a.jsonl", "json"),
        (b'{"a": 1}\n{"a": 2}\n', "a.json", "jsonl"),
        (b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n', "a.txt", "jsonl"),
        (b'{\n"a": 1}\n', "a.json", "json"),
        (b"[x],{y}\n1,2\n", "a.csv", "csv"),
        (b"PAR1....PAR1", "data", "parquet"),
        (b"PK\x03\x04....", "a.zip", "zip"),
    ],
)
def test_a_file_is_recognised_by_its_content_and_name(data: bytes, name: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(data)

    assert detect(tmp_path / "data", name) == expected


def test_arrays_are_distinguished_from_other_archives(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", x=np.zeros(3))

    assert detect(tmp_path / "arrays.npz", "arrays.npz") == "npz"
    assert detect(tmp_path / "arrays.npz", "arrays") == "npz"


@pytest.mark.parametrize(
    ("data", "name"),
    [(b"a,b\n", "a.parquet"), (b"a,b\n", "a.zip"), (b"PAR1", "a.json"), (b"GIF89a\0", "data"), (b"\1\0\2", "data")],
)
def test_a_name_with_the_extension_of_another_format_is_refused(data: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(data)

    with pytest.raises(InvalidData) as caught:
        detect(tmp_path / "data", name)
    assert caught.value.faults[0].file == name


@pytest.mark.parametrize(("value", "held"), [([1], "lists"), ({"a": 1}, "objects")])
def test_columns_of_lists_and_objects_are_left_out_as_such(
    value: Any, held: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.tabular.json_reader.BATCH_ROWS", 2)
    rows = [{"tags": value, "width": number, "y": "ab"[number % 2]} for number in range(4)]
    dataset = import_upload(tmp_path, json.dumps(rows), "made.json")

    (left_out,) = dataset.descriptor.left_out or ()
    assert left_out.reason == "unsupported"
    assert left_out.detail == f"It holds {held}, which are unsupported."
    rows[3]["tags"] = 5
    (tmp_path / "mixed").mkdir()
    (fault,) = faults_of_upload(tmp_path / "mixed", "\n".join(map(json.dumps, rows)), "made.jsonl")
    assert (fault.row, fault.column) == (3, "tags")
    (tmp_path / "target").mkdir()
    (fault,) = faults_of_upload(tmp_path / "target", json.dumps(rows[:3]), "made.json", target="tags")
    assert f'The target "tags" holds {held}; a target must hold numbers' in fault.detail


def test_parquet_of_rarer_types_is_read_as_plain_values_or_left_out_with_the_reason(tmp_path: Path) -> None:
    days = ["2024-01-01", "2024-01-02", None, "2024-01-04"]
    frame = polars.DataFrame(
        {
            "day": polars.Series(days, dtype=polars.Categorical),
            "size": polars.Series([1, 2, 3, 4], dtype=polars.Int128),
            "grade": polars.Series(["1", "2", "1", "2"], dtype=polars.Enum(["1", "2"])),
            "span": polars.Series([1, 2, 3, 4], dtype=polars.Duration), "empty": [None] * 4, "y": ["a", "b", "a", "b"],
        }
    )  # fmt: skip
    frame.write_parquet(tmp_path / "made.parquet")
    data = (tmp_path / "made.parquet").read_bytes()
    dataset = import_upload(tmp_path, data, "made.parquet", types={"grade": "number"}, split=NO_SPLIT)

    assert read_types(dataset) == {"day": "date", "size": "number", "grade": "number"}
    assert read_reasons(dataset) == {"span": "unsupported", "empty": "empty"}
    span, _ = dataset.descriptor.left_out or ()
    assert span.detail == "It holds durations, which are unsupported."


@pytest.mark.parametrize("type_", ["category", "text", "identifier"])
def test_durations_of_parquet_are_not_texts(type_: str, tmp_path: Path) -> None:
    frame = polars.DataFrame({"span": polars.Series([1, 2], dtype=polars.Duration), "size": [1, 2], "y": ["a", "b"]})
    frame.write_parquet(tmp_path / "made.parquet")
    data = (tmp_path / "made.parquet").read_bytes()
    dataset = import_upload(tmp_path, data, "made.parquet", types={"span": type_}, split=NO_SPLIT)

    assert read_types(dataset) == {"size": "number"}
    (tmp_path / "split").mkdir()
    (fault,) = faults_of_upload(tmp_path / "split", data, "made.parquet", split={"column": "span"})
    assert fault.detail == 'The column "span" holds durations; the names of splits must be text.'


@pytest.mark.parametrize("name", ["made.json", "made.jsonl"])
def test_numbers_of_json_that_are_not_finite_are_missing(name: str, tmp_path: Path) -> None:
    rows = [{"width": width, "y": y} for width, y in ((1, "a"), (float("nan"), "b"), (float("-inf"), "a"), (2, "b"))]
    data = json.dumps(rows) if name == "made.json" else "\n".join(map(json.dumps, rows))
    (entry,) = import_upload(tmp_path, data, name).descriptor.inputs

    assert (entry.type, entry.missing) == ("number", 2)
