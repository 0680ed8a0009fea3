"""A cell of a CSV file means the same in training and in a posted prediction."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.datasets import Dataset
from models.errors import Fault, InvalidInstances
from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset
from tests.models.made_uploads import import_upload
from tests.models.network_specs import make_spec
from tests.models.test_predictor import make_predictor

ALL_TRAIN = {"validation": 0, "test": 0}
ENGLISH = {
    "price": ['"1,234"', '"1,234.5"', "7", "0.25"], "stock": ["12", "1200", "+5", "12"],
    "size": ["1.5", "2e3", ".5", "1."],
}  # fmt: skip
GERMAN = {
    "price": ["1.234", "1.234,5", "7", "0,25"], "stock": ["12", "1200", "+5", "12"],
    "size": ["1,5", "2e3", ",5", "1,"], "latitude": ["52.123", "0.25", "-7.5", "1.5e1"],
}  # fmt: skip


def write(columns: dict[str, list[str]], delimiter: str = ",", newline: str = "\n") -> str:
    """A CSV file of these cells."""
    return newline.join(map(delimiter.join, [list(columns), *zip(*columns.values(), strict=True)])) + newline


def learn(folder: Path, columns: dict[str, list[str]], delimiter: str = ",", **options: Any) -> Dataset:
    """The dataset of these cells and a target of two classes."""
    rows = len(next(iter(columns.values())))
    target = list(itertools.islice(itertools.cycle("ab"), rows))
    data = write(columns | {"y": target}, delimiter)
    return import_upload(folder, data, split=ALL_TRAIN, **options)


def serve(dataset: Dataset, scaling: str = "none") -> Preprocessing:
    """What a version that learnt from the dataset does with raw rows, as its file has it."""
    spec = make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", scaling))
    return Preprocessing.from_document(json.loads(json.dumps(Preprocessing.fit(spec, dataset).to_document())))


def read(served: Preprocessing, body: str) -> np.ndarray:
    return served.read_instances(CsvText(body.encode()))[0]["input"]


def trained(dataset: Dataset, served: Preprocessing) -> np.ndarray:
    return served.network_inputs(dataset.split("train"))["input"]


def faults_of(served: Preprocessing, body: str) -> list[Fault]:
    with pytest.raises(InvalidInstances) as caught:
        read(served, body)
    return list(caught.value.faults)


@pytest.mark.parametrize("scaling", ["none", "standard"])
@pytest.mark.parametrize(("columns", "delimiter"), [(ENGLISH, ","), (GERMAN, ";"), (GERMAN, "\t")])
def test_numbers_give_the_same_bits_however_the_file_writes_them(
    columns: dict[str, list[str]], delimiter: str, scaling: str, tmp_path: Path
) -> None:
    dataset = learn(tmp_path, columns, delimiter)
    served = serve(dataset, scaling)

    together = read(served, write(columns, delimiter))
    rows = [{name: [cells[row]] for name, cells in columns.items()} for row in range(4)]
    alone = np.concatenate([read(served, write(row, delimiter)) for row in rows])

    assert np.array_equal(together, trained(dataset, served))
    assert np.array_equal(alone, together)
    posted = [item["instance"] for item in dataset.rows_page("train", 0, 4)]
    assert np.array_equal(served.read_instances(posted)[0]["input"], together)


def test_the_format_of_a_column_is_described_and_travels_with_the_version(tmp_path: Path) -> None:
    dataset = learn(tmp_path, GERMAN, ";")

    formats = {entry.name: entry.format for entry in dataset.descriptor.inputs}
    assert formats == {"price": "1.234,5", "stock": "1.234,5", "size": "1.234,5", "latitude": "1234.5"}
    served = serve(dataset)
    cells = {"price": ["1.234"], "stock": ["1.200"], "size": ["2,5"], "latitude": ["1.234"]}
    assert read(served, write(cells, ";")).tolist() == [[1234, 1200, 2.5, np.float32(1.234)]]


@pytest.mark.parametrize(
    ("columns", "delimiter", "cell", "written"),
    [
        (ENGLISH, ";", "1,5", "1,234.5"),
        (ENGLISH, ";", "1,2345", "1,234.5"),
        (ENGLISH, ";", "0,123", "1,234.5"),
        (ENGLISH, ";", "1.234,5", "1,234.5"),
        (GERMAN, ";", "1.5", "1.234,5"),
        (GERMAN, ";", "0.123", "1.234,5"),
        (GERMAN, ";", "1.234e5", "1.234,5"),
        (GERMAN, ";", "1,234.5", "1.234,5"),
        (GERMAN, ";", "inf", "1.234,5"),
        (GERMAN, ";", "٣", "1.234,5"),
    ],
)  # fmt: skip
def test_a_number_that_training_would_not_have_read_is_named(
    columns: dict[str, list[str]], delimiter: str, cell: str, written: str, tmp_path: Path
) -> None:
    served = serve(learn(tmp_path, columns, ";" if columns is GERMAN else ","))

    (fault,) = faults_of(served, write({"stock": ["1", "2"], "price": ["1", cell]}, delimiter))

    assert (fault.row, fault.column) == (1, "price")
    assert fault.detail == f'Row 1: "price" must be a number, such as {written}, not "{cell}".'


def test_a_version_without_formats_takes_a_decimal_point_or_comma(tmp_path: Path) -> None:
    document = serve(learn(tmp_path, ENGLISH)).to_document()
    for column in document["input"]["columns"]:
        del column["format"]
    served = Preprocessing.from_document(document)

    body = write({"price": ["1,5", "2.5"], "stock": ["1"] * 2, "size": ["1"] * 2}, ";")
    assert read(served, body).tolist() == [[1.5, 1, 1], [2.5, 1, 1]]


def test_numbers_are_read_as_in_the_file_that_was_learnt_from_last(tmp_path: Path) -> None:
    (tmp_path / "english").mkdir()
    german = {name: cells for name, cells in GERMAN.items() if name in ENGLISH}
    first, second = learn(tmp_path / "english", ENGLISH), learn(tmp_path, german, ";")
    spec = make_spec(inputs=inputs_from_dataset(first.descriptor, "made", "none"))

    served = Preprocessing.fit(spec, second)

    assert np.array_equal(read(served, write(german, ";")), trained(second, served))


def test_a_predictor_reads_grouped_numbers_as_they_were_learnt(tmp_path: Path) -> None:
    dataset = learn(tmp_path, {"price": GERMAN["price"]}, ";")
    predictor = make_predictor(dataset, [[0, 1]])

    inputs, _ = predictor.prepare(CsvText(b"price\n1.234\n1.234,5\n7\n0,25\n"))
    outputs = predictor.network.run(inputs)

    assert outputs[:, 1].tolist() == [1234, 1234.5, 7, 0.25]


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-1-5", "2024-01-31"],
        ["2024-01-05 9:05", "2024-01-31 10:00"],
        ["2024-01-05T10:00:60", "2024-01-31T10:00:00.123456789"],
        ["2024-01-05 10:00:00 +02:00", "2024-01-31 10:00:00-0330"],
        ["1.2.69", "31.12.70"],
        ["1.2.5", "31.12.24"],
        ["5 Jan 2024", "31 january 2024"],
        ["MAR 5,2024", "May  31, 2024"],
        ["1/31/2024 1:2:3", "12/1/2024 23:59:60"],
        ["31.01.2024 10:00", "1. 2.2024  9:05"],
    ],
)
def test_dates_give_the_same_bits_however_the_file_writes_them(cells: list[str], tmp_path: Path) -> None:
    cells = [f'"{cell}"' for cell in cells]
    dataset = learn(tmp_path, {"day": [*cells, "", "NA"], "size": ["1", "2", "3", "4"]})
    served = serve(dataset)

    assert [column.type for column in served.inputs["input"].columns] == ["date", "number"]  # type: ignore[union-attr]
    body = write({"day": [*cells, "", "NA"], "size": ["1", "2", "3", "4"]})
    assert np.array_equal(read(served, body), trained(dataset, served))


@pytest.mark.parametrize("space", [" ", "\t", "\xa0", "\u3000", "  \t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("cell", ["{0}red", "red{0}", '"{0}red"', '"red{0}"', '"red\n{0}"', '"\nred"'])
def test_white_space_that_begins_late_in_a_file_is_stripped(
    cell: str, newline: str, space: str, tmp_path: Path
) -> None:
    cells = ["red", "blue", "NA"] * 200 + [cell.format(space), f"blue{space}", f"{space}NA{space}"]
    numbers = [str(number % 7) for number in range(602)] + [f"{space}5"]
    columns = {"colour": cells, "width": numbers}
    data = write(columns | {"y": ["a", "b", "c"] * 201}, newline=newline)
    dataset = import_upload(tmp_path, data, split=ALL_TRAIN)
    served = serve(dataset)

    colour, width = dataset.descriptor.inputs
    assert (colour.categories, colour.counts, colour.missing) == (["blue", "red"], [201, 201], 201)
    assert width.type == "number"
    assert np.array_equal(read(served, write(columns, newline=newline)), trained(dataset, served))


def test_columns_without_a_name_are_posted_without_one(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, ",colour,y\n1.5,red,a\n2.5,blue,b\n", split=ALL_TRAIN)
    served = serve(dataset)

    assert np.array_equal(read(served, ",colour\n1.5,red\n2.5,blue\n"), trained(dataset, served))


def test_words_and_quotes_mean_the_same(tmp_path: Path) -> None:
    columns = {
        "flag": ["TRUE", "fAlSe", '"true"', "null", "False"],
        "code": ["007", '"0123"', "1e5", '"NA"', "007"],
        "text": ['"a ""b"""', '"a,b"', '"two\nlines"', "50%", "#N/A"],
        "share": ["1e-3", '"2"', "NaN", '""', "1E+2"],
    }
    dataset = learn(tmp_path, columns)
    served = serve(dataset)

    types = {column.name: column.type for column in served.inputs["input"].columns}  # type: ignore[union-attr]
    assert types == {"flag": "boolean", "code": "category", "text": "category", "share": "number"}
    assert np.array_equal(read(served, write(columns)), trained(dataset, served))
    posted = [item["instance"] for item in dataset.rows_page("train", 0, 5)]
    assert np.array_equal(served.read_instances(posted)[0]["input"], trained(dataset, served))


def import_rows(folder: Path, rows: list[dict[str, Any]]) -> Dataset:
    return import_upload(folder, json.dumps(rows), "made.json", split=ALL_TRAIN)


@pytest.mark.parametrize("known", ["NA", "n/a", "?", " x ", "x"])
def test_a_cell_that_is_one_of_the_categories_is_that(known: str, tmp_path: Path) -> None:
    rows = [{"code": code, "y": "ab"[place % 2]} for place, code in enumerate([known, "other", known, "other"])]
    dataset = import_rows(tmp_path, rows)
    served = serve(dataset)

    assert np.array_equal(read(served, f"code\n{known}\nother\n{known}\nother\n"), trained(dataset, served))
    _, warnings = served.read_instances(CsvText(b"code\nNULL\n"))
    assert [warning["type"] for warning in warnings] == ["missing"]


@pytest.mark.parametrize(("quote", "other"), [('"', "'"), ("'", "")])
def test_quotes_are_those_of_the_file_that_was_learnt_from(quote: str, other: str, tmp_path: Path) -> None:
    columns = {
        "code": [f"{quote}a,b{quote}", f"{quote}c{quote}", "d", f"{other}e{other}"],
        "size": ["1", "2", "3", "4"],
    }
    dataset = learn(tmp_path, columns)
    served = serve(dataset)

    together = trained(dataset, served)
    for row in range(4):
        alone = write({name: cells[row : row + 1] for name, cells in columns.items()})
        assert np.array_equal(read(served, alone), together[row : row + 1])


def test_a_blank_line_in_a_body_of_one_column_is_a_row_without_a_value(tmp_path: Path) -> None:
    served = serve(learn(tmp_path, {"size": ["1", "2", "3", "4"]}))

    assert read(served, "size\n1\n\n3\r\n\n\n").tolist() == [[1], [2.5], [3]]


def test_columns_of_the_dataset_that_are_not_inputs_may_be_posted_and_are_ignored(tmp_path: Path) -> None:
    rows = [f"{100 + row},{row % 7},c{row % 3},same,{'ab'[row % 2]}" for row in range(30)]
    data = "\n".join(["id,size,colour,constant,y", *rows]) + "\n"
    dataset = import_upload(tmp_path, data, split=ALL_TRAIN, ignore=["colour"])
    served = serve(dataset)

    assert np.array_equal(read(served, data), trained(dataset, served))
    row = {"id": 5, "size": 3, "colour": "c1", "constant": None, "y": "a"}
    assert served.read_instances([row])[0]["input"].tolist() == [[3]]


def test_every_fault_of_posted_rows_is_named(tmp_path: Path) -> None:
    served = serve(learn(tmp_path, {"size": ["1", "2", "3", "4"], "width": ["1", "2", "3", "4"]}))
    with pytest.raises(InvalidInstances) as caught:
        served.read_instances([{"siez": 1, "widht": 2, "size": "x"}, [1], {"width": "y"}])

    found = [(fault.row, fault.column, fault.did_you_mean) for fault in caught.value.faults]
    assert found == [
        (0, "siez", "size"), (0, "widht", "width"), (0, "size", None), (1, None, None), (2, "width", None),
    ]  # fmt: skip
    faults = faults_of(served, "siez,widht,size\n1,2,3\n")
    assert [(fault.column, fault.did_you_mean) for fault in faults] == [("siez", "size"), ("widht", "width")]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "latin-1", "cp1252", "utf-16", "UTF-8"])
def test_a_body_may_be_in_other_encodings(encoding: str, tmp_path: Path) -> None:
    rows = [{"code": code, "y": y} for code, y in (("röt", "a"), ("bläu", "b"), ("röt", "b"))]
    served = serve(import_rows(tmp_path, rows))
    data = "code\nröt\n".encode(encoding)

    assert served.read_instances(CsvText(data, encoding))[0]["input"].tolist() == [[0, 1, 0]]


def test_a_body_in_utf_16_needs_no_byte_order_mark(tmp_path: Path) -> None:
    served = serve(learn(tmp_path, {"size": ["1", "2", "3", "4"]}))
    data = "size\n1\n".encode("utf-16-le")

    assert np.array_equal(read(served, "size\n1\n"), served.read_instances(CsvText(data, "utf-16"))[0]["input"])


def test_words_for_missing_values_are_saved_with_the_version(tmp_path: Path) -> None:
    columns = {
        "size": ["1", "-", "3", "none"], "colour": ["red", "-", "gone", "blue"], "flag": ["yes", "no", "no", "gone"],
    }  # fmt: skip
    dataset = learn(tmp_path, columns, csv={"missing": ["gone"]})
    served = serve(dataset)

    assert np.array_equal(read(served, write(columns)), trained(dataset, served))
    posted = [{"size": 1, "colour": "red", "flag": "yes"}, {"size": None, "colour": "-", "flag": "NO"}]
    assert np.array_equal(served.read_instances(posted)[0]["input"], trained(dataset, served)[:2])


def test_a_header_with_more_columns_than_a_table_may_have_is_refused_before_its_names_are_compared(
    tmp_path: Path,
) -> None:
    served = serve(learn(tmp_path, {"price": ["1", "2", "3", "4"]}))
    names = ["price", *(f"price{number}" for number in range(10_000))]
    (fault,) = faults_of(served, f"{','.join(names)}\n{','.join(['1'] * len(names))}\n")
    assert fault.detail == "The first row has 10,001 columns; the limit is 10,000."
    faults = faults_of(served, f"{','.join(names[:-1])}\n{','.join(['1'] * len(names[:-1]))}\n")
    assert len(faults) == 20
    assert faults[0].column == "price0"
