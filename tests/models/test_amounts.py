"""Columns of money, percent and units: in files of every format, as targets, and posted for predictions."""

import json
import math
from pathlib import Path
from typing import Any

import polars
import pytest

from models.dataset_descriptor import Note
from models.errors import InvalidInstances
from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset
from models.tabular.expressions import to_number
from models.values.numbers import find_format, read_number
from tests.models.made_datasets import make_dataset
from tests.models.made_uploads import (
    NO_SPLIT,
    faults_of_upload,
    import_upload,
    read_reasons,
    read_types,
    to_csv,
)
from tests.models.network_specs import make_spec

PRICES = ["$10,008.90", "$9.00", "($1,200)", None, "$12"]
READ = [10008.9, 9, -1200, None, 12]


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl", "parquet", "inline"])
def test_money_is_read_as_numbers_from_every_format(format_: str, tmp_path: Path) -> None:
    frame = polars.DataFrame({"price": PRICES, "y": [1.5, 2.5, 3.5, 4.5, 5.5]})
    if format_ == "inline":
        dataset = make_dataset(tmp_path, source="inline", rows=frame.to_dicts(), target="y")
    else:
        frame.write_parquet(tmp_path / "made.parquet")
        data: dict[str, Any] = {"csv": frame.write_csv, "json": frame.write_json, "jsonl": frame.write_ndjson}
        content = data[format_]() if format_ in data else (tmp_path / "made.parquet").read_bytes()
        dataset = import_upload(tmp_path, content, f"made.{format_}", split=NO_SPLIT)

    (entry,) = dataset.descriptor.inputs
    assert (entry.type, entry.unit, entry.format, entry.missing) == ("number", "$", "$1,234.5", 1)
    assert [row["instance"]["price"] for row in dataset.rows_page("train", 0, 9)] == READ
    (note,) = dataset.descriptor.notes
    detail = 'The texts are read as numbers in "$": "$10,008.90" is 10008.9.'
    assert note == Note("money", detail, "price")


@pytest.mark.parametrize(
    ("cells", "types", "value", "format_", "unit"),
    [
        (["4 doors", "2 doors"], {"x": "number"}, 4, "1,234.5 doors", "doors"),
        (["1.5k", "2M"], {"x": "number"}, 1500, "1,234.5k", None),
        (["5.8%", "6%"], {"x": "number"}, 5.8, "1,234.5%", "%"),
        (["€ 1.707", "€ 2.707"], {"x": "number"}, 1707, "€ 1.234,5", "€"),
    ],
)
def test_a_column_declared_as_number_may_have_any_unit(
    cells: list[str], types: dict[str, str], value: float, format_: str, unit: str | None, tmp_path: Path
) -> None:
    dataset = import_upload(tmp_path, to_csv({"x": cells, "y": ["a", "b"]}), types=types, split=NO_SPLIT)

    (entry,) = dataset.descriptor.inputs
    assert (entry.format, entry.unit) == (format_, unit)
    assert dataset.rows_page("train", 0, 1)[0]["instance"] == {"x": value}


def test_a_cell_with_another_unit_is_named(tmp_path: Path) -> None:
    data = to_csv({"x": ["5 kg", "3 kg", "7 lb"], "y": ["a", "b", "a"]})
    (fault,) = faults_of_upload(tmp_path, data, types={"x": "number"})
    assert (fault.row, fault.detail) == (2, 'Row 2: "7 lb" in the column "x" isn\'t a number, such as 1,234.5 kg.')


@pytest.mark.parametrize(
    ("text", "format_", "number"),
    [
        ("5 km", "1,234.5 m", None),
        ("5km", "1,234.5 m", None),
        ("5 ms", "1,234.5 m", None),
        ("5 mW", "1,234.5 MW", None),
        ("5 KG", "1,234.5 kg", 5),
        ("300 K", "1,234.5 K", 300),
        ("$5m", "$1,234.5", 5e6),
        ("5 M€", "1,234.5 €", 5e6),
        ("1.1M", "1,234.5k", 1.1e6),
        ("($5)", "$1,234.5", -5),
        ("(-5)", "$1,234.5", None),
        ("(5", "$1,234.5", None),
        ("$1,23", "$1,234.5", None),
        ("1" * 65, "$1,234.5", float("1" * 65)),
        ("$" + "1" * 65, "$1,234.5", None),
    ],
)
def test_an_amount_is_read_only_in_its_own_unit(text: str, format_: str, number: float | None) -> None:
    assert read_number(text, format_) == number
    found = polars.Series([text]).to_frame("x").select(to_number(polars.col("x"), find_format(format_))).to_series()
    assert found.to_list() == [number if len(text) < 65 else None]


def test_a_decimal_separator_that_the_client_gives_is_the_one_of_money_too(tmp_path: Path) -> None:
    data = to_csv({"x": ["€ 1.707", "€ 1.459"], "y": ["a", "b"]})
    dataset = import_upload(tmp_path, data, csv={"decimal": "."}, split=NO_SPLIT)
    assert dataset.rows_page("train", 0, 1)[0]["instance"] == {"x": 1.707}


def test_a_target_of_money_shows_its_unit(tmp_path: Path) -> None:
    data = to_csv({"x": [1, 2, 3], "y": ["$1,000", "$2,500", "$3,000"]})
    dataset = import_upload(tmp_path, data, split=NO_SPLIT)
    target = dataset.descriptor.target
    assert (target.type, target.unit, target.max) == ("number", "$", 3000)
    assert dataset.split("train").targets.tolist() == [1000, 2500, 3000]
    assert [note.column for note in dataset.descriptor.notes] == ["y"]


def test_posted_rows_may_be_written_as_the_file_is(tmp_path: Path) -> None:
    data = to_csv({"price": ["$1,000", "$2,500"], "share": ["5.8%", "7%"], "n": [1, 2], "y": ["a", "b"]})
    dataset = import_upload(tmp_path, data, split=NO_SPLIT)
    spec = make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", "none"))
    fitted = Preprocessing.from_document(json.loads(json.dumps(Preprocessing.fit(spec, dataset).to_document())))

    for posted in (
        [{"price": "$1,500.50", "share": "6%", "n": 1}, {"price": 1500.5, "share": 6, "n": 1}],
        CsvText(b'price,share,n\n"$1,500.50",6 %,1\n1500.5,6,1\n'),
    ):
        read, warnings = fitted.read_instances(posted)
        assert read["input"].tolist() == [[1500.5, 6, 1]] * 2
        assert warnings == []
    for row, says in (
        ({"price": "€5"}, 'Row 0: "price" must be a number, such as $1,234.5, not the text "€5".'),
        ({"n": "5"}, 'Row 0: "n" must be a number, not the text "5".'),
    ):
        with pytest.raises(InvalidInstances) as caught:
            fitted.read_instances([row])
        assert caught.value.faults[0].detail == says


@pytest.mark.parametrize("unit", ["m", "B", "g", "km"])
def test_a_unit_of_one_letter_next_to_the_number_can_be_posted(unit: str, tmp_path: Path) -> None:
    lengths = [f"{number}.5{unit}" for number in range(20)]
    dataset = import_upload(tmp_path, to_csv({"length": lengths, "y": [0, 1] * 10}), split=NO_SPLIT)
    inputs = inputs_from_dataset(dataset.descriptor, "made", "none")
    fitted = Preprocessing.fit(make_spec("binary", inputs, "binary_crossentropy"), dataset)

    assert dataset.descriptor.inputs[0].unit == unit
    assert fitted.read_instances([{"length": f"7.5{unit}"}])[0]["input"].tolist() == [[7.5]]


LONG = [90000000000000000 + number for number in range(30)]


@pytest.mark.parametrize("format_", ["csv", "json", "parquet"])
def test_integers_of_too_many_digits_are_identifiers(format_: str, tmp_path: Path) -> None:
    frame = polars.DataFrame({"account": LONG, "x": range(30), "y": ["a", "b", "c"] * 10})
    frame.write_parquet(tmp_path / "made.parquet")
    content: Any = {"csv": frame.write_csv, "json": frame.write_json}
    data = content[format_]() if format_ in content else (tmp_path / "made.parquet").read_bytes()
    dataset = import_upload(tmp_path, data, f"made.{format_}")

    assert read_types(dataset) == {"x": "number"}
    assert read_reasons(dataset) == {"account": "identifier"}
    assert [(note.type, note.column) for note in dataset.descriptor.notes] == [("identifier", "account")]


def test_long_integers_that_repeat_are_codes(tmp_path: Path) -> None:
    data = to_csv({"account": LONG[:2] * 10, "y": ["a", "b"] * 10})
    assert read_types(import_upload(tmp_path, data)) == {"account": "category"}


def test_numbers_that_are_close_have_a_histogram(tmp_path: Path) -> None:
    data = to_csv({"x": [1.0, math.nextafter(1, 2), 1.0], "t": LONG[:3], "y": ["a", "b", "a"]})
    dataset = import_upload(tmp_path, data, types={"t": "number"}, split=NO_SPLIT)
    assert [entry.to_document()["histogram"]["counts"] for entry in dataset.descriptor.inputs] == [
        [2, *[0] * 8, 1],
        [1, 0, 0, 0, 0, 1, 0, 0, 0, 1],
    ]


def test_categories_that_only_other_rows_have_are_noted(tmp_path: Path) -> None:
    columns = {"town": ["Bern", "Chur", "Bern", "Genf"], "part": ["train"] * 2 + ["test"] * 2, "y": list("abab")}
    dataset = import_upload(tmp_path, to_csv(columns), split={"column": "part"})
    (note,) = dataset.descriptor.notes
    assert (note.type, note.column, note.count) == ("unseen_categories", "town", 1)
