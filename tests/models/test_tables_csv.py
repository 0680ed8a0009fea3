"""CSV files: their dialect is detected or given, and faults are named."""

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest

from models.datasets import Dataset
from models.limits import Limits
from tests.models.made_uploads import NO_SPLIT, faults_of_request, faults_of_upload, import_upload, to_csv

FRUIT = "width,colour,y\n1.5,red,a\n,blue,b\n3,red,a\n"


def rows_of(dataset: Dataset) -> list[list[Any]]:
    items = dataset.rows_page("train", 0, 100)
    return [[*item["instance"].values(), item["target"]] for item in items]


def test_a_csv_file_becomes_a_table_with_missing_values(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, FRUIT, split=NO_SPLIT)

    assert dataset.descriptor.kind == "table"
    assert [(entry.name, entry.type, entry.missing) for entry in dataset.descriptor.inputs] == [
        ("width", "number", 1), ("colour", "category", 0),
    ]  # fmt: skip
    assert rows_of(dataset) == [[1.5, "red", "a"], [None, "blue", "b"], [3.0, "red", "a"]]
    assert sorted(path.name for path in dataset.folder.iterdir()) == ["dataset.json", "test", "train", "validation"]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("width;colour;y\r\n1,5;röt;a\r\n2,25;bläu;b\r\n".encode(), "utf-8"),
        ("width;colour;y\r\n1,5;röt;a\r\n2,25;bläu;b\r\n".encode("utf-8-sig"), "utf-8"),
        ("width;colour;y\r\n1,5;röt;a\r\n2,25;bläu;b\r\n".encode("cp1252"), "cp1252"),
        ("width;colour;y\r\n1,5;röt;a\r\n2,25;bläu;b\r\n".encode("utf-16"), "utf-16"),
        (b"width\tcolour\ty\n1,5\tr\xc3\xb6t\ta\n2,25\tbl\xc3\xa4u\tb", "utf-8"),
        ("width|colour|y\n1.5|röt|a\n\n2.25|bläu|b\n".encode(), "utf-8"),
        ('width,colour,y\n"1.5","röt",a\n2.25,bläu,"b"\n'.encode(), "utf-8"),
        ("width,colour,y\n'1.5','röt','a'\n'2.25','bläu','b'\n".encode(), "utf-8"),
        ("width, colour, y\n 1.5, röt, a\n 2.25, bläu, b\n".encode(), "utf-8"),
    ],
)
def test_delimiter_quotes_encoding_and_decimal_comma_are_recognised(data: bytes, encoding: str, tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, data, split=NO_SPLIT)

    assert rows_of(dataset) == [[1.5, "röt", "a"], [2.25, "bläu", "b"]]
    assert dataset.descriptor.file.encoding == encoding


def test_the_clients_description_of_the_file_takes_precedence(tmp_path: Path) -> None:
    options = {"delimiter": ":", "encoding": "cp1251", "decimal": ",", "header": False}
    data = "1,5:красный:a\n2:синий:b\n".encode("cp1251")
    dataset = import_upload(tmp_path, data, csv=options, target="column_3", split=NO_SPLIT)

    assert rows_of(dataset) == [[1.5, "красный", "a"], [2.0, "синий", "b"]]


def test_a_file_without_a_header_has_its_columns_numbered(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, "5.1,3.5,setosa\n4.9,3.0,virginica\n", target="column_3", split=NO_SPLIT)

    assert [entry.name for entry in dataset.descriptor.inputs] == ["column_1", "column_2"]
    assert dataset.descriptor.rows == 2


def test_quoted_fields_may_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    data = 'colour,width,y\n"red, ""dark""",1,a\n"two\nlines",2,b\n5" pipe,3,a\n'

    assert rows_of(import_upload(tmp_path, data, split=NO_SPLIT)) == [
        ['red, "dark"', 1, "a"], ["two\nlines", 2, "b"], ['5" pipe', 3, "a"],
    ]  # fmt: skip


def test_words_for_a_missing_value_are_missing(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, "width,y\n1,a\nNA,b\nNaN,a\n?,b\nnull,a\n2,b\n")

    assert dataset.descriptor.inputs[0].missing == 4


def test_numbers_may_be_grouped_by_thousands(tmp_path: Path) -> None:
    (tmp_path / "german").mkdir()
    english = import_upload(tmp_path, 'price,y\n"1,234.5",a\n7,b\n', split=NO_SPLIT)
    german = import_upload(tmp_path / "german", "price;size;y\n1.234,5;1,5;a\n7,0;2,5;b\n", split=NO_SPLIT)

    assert [row[0] for row in rows_of(english)] == [row[0] for row in rows_of(german)] == [1234.5, 7]


def test_a_large_file_is_read_in_several_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.tabular.csv_blocks.BLOCK_BYTES", 50)
    monkeypatch.setattr("models.tabular.table.PART_ROWS", 30)
    data = "width,colour,y\n" + "".join(f'{number},"re\nd {number % 3}",{number % 2}\n' for number in range(100))
    dataset = import_upload(tmp_path, data, split={"test": 0.3})

    rows = [row for split in ("train", "test") for row in dataset.rows_page(split, 0, 100)]
    assert {row["row"]: row["instance"]["width"] for row in rows} == {number: number for number in range(100)}
    assert all(row["instance"]["colour"] == f"re\nd {row['row'] % 3}" for row in rows)
    (tmp_path / "bad").mkdir()
    (fault,) = faults_of_upload(tmp_path / "bad", data + "100,red\n")
    assert (fault.row, fault.detail) == (100, "Row 100 (line 202) has 2 fields, but there are 3 columns.")


@pytest.mark.parametrize(
    ("data", "detail", "row", "column"),
    [
        ("", 'The file "made.csv" is empty.', None, None),
        ("  \n\n", 'The file "made.csv" is empty.', None, None),
        ("width,colour,y\n", 'The file "made.csv" has no rows below its header.', None, None),
        ("width,colour,y\n1,red\n", "Row 0 (line 2) has 2 fields, but there are 3 columns.", 0, None),
        ("width,colour,y\n1,red,a\n\n2,red,b,c\n", "Row 1 (line 4) has 4 fields, but there are 3 columns.", 1, None),
        ("width,width,y\n1,2,a\n", 'names the column "width" more than once', None, "width"),
        (b"width,colour,y\n1,r\xc3\xb6t,a\n2,bl\xe4u,b\n", "can't be decoded as utf-8", 1, None),
        ("ширина,y\nкрасный,a\n".encode("cp1251"), "Line 1", None, None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 'The file "made.csv" is PNG; expected CSV.', None, None),
        (bytes(range(256)), "is binary data, not text", None, None),
        (b"width,y\n1,a\n2,\0b\n" , "is binary data, not text", None, None),
        ("width,y\n1,a\n2,\n", 'Row 1: the target "y" is missing.', 1, "y"),
        ("width,y\n1,a\n2,NaN\n", 'Row 1: the target "y" is missing.', 1, "y"),
        ("width,y\n1,\n2,\n", 'The target "y" has no value in any row.', None, "y"),
        ("width,y\n1,a\n2,a\n", "there is nothing to learn", None, "y"),
        ("width,y\n1,2.5\n2,2.5\n", "The target \"y\" is 2.5 in every row", None, "y"),
        ("width,y\n,a\n,b\n", '"width": It has no value in any row.', None, "width"),
        ("width,y\n1,a\n1,b\n", '"width": It has the same value in every row.', None, "width"),
        ("width,y\n1,a\n1e39,b\n", 'Row 1: "width" is 1e+39; numbers must be finite', 1, "width"),
        ("width,y\n1,a\ninf,b\n", 'Row 1: "width" is inf; numbers must be finite', 1, "width"),
        ("width,y\r1,a\r2,b\r", 'The header of "made.csv" is unreadable: a line ends in CR alone', None, None),
        ("y\na\nb\n", "There is no column besides the target.", None, None),
    ],
)  # fmt: skip
def test_faults_of_a_file_are_named(
    data: bytes | str, detail: str, row: int | None, column: str | None, tmp_path: Path
) -> None:
    fault = faults_of_upload(tmp_path, data)[0]

    assert detail in fault.detail
    assert (fault.file, fault.row, fault.column) == ("made.csv", row, column)


@pytest.mark.parametrize(
    ("begin", "repeated", "detail", "row"),
    [
        ("", "width,", 'The first row of "made.csv" has more than the limit of 16,777,216 characters', 0),
        ('"', "width\n", 'The first row of "made.csv" has more than 1,000 lines: is a quote not closed?', 0),
        ("width,y\n1,a\n", "2", "Row 1 is longer than 16,777,216 bytes", 1),
        ('width,y\n1,a\n"', "2\n", "Row 1 is longer than 16,777,216 bytes: is a quote not closed?", 1),
    ],
)
def test_a_row_without_an_end_is_refused_before_it_fills_the_memory(
    begin: str, repeated: str, detail: str, row: int | None, tmp_path: Path
) -> None:
    data = begin + repeated * (2**25 // len(repeated))

    (fault,) = faults_of_upload(tmp_path, data)

    assert fault.detail.startswith(detail)
    assert (fault.file, fault.row) == ("made.csv", row)


@pytest.mark.parametrize(
    ("cells", "decimal", "first"),
    [
        (["1.234", "2.345", "0,5"], ",", 1234),
        (["1.234,5", "1.234", "2.345"], ",", 1234.5),
        (["1,234", "2,345", "0.5"], ".", 1234),
        (["1,234.5", "1,234", "2,345"], ".", 1234.5),
        (["1,234", "2,345", "3,456"], ",", 1.234),
        (["1.234", "2.345", "3.456"], ".", 1.234),
    ],
)
def test_the_decimal_separator_is_detected_from_unambiguous_numbers(
    cells: list[str], decimal: str, first: float, tmp_path: Path
) -> None:
    rows = (f"{cell};{'ab'[number % 2]}\n" for number, cell in enumerate(cells))
    dataset = import_upload(tmp_path, "width;y\n" + "".join(rows), split=NO_SPLIT)

    assert dataset.descriptor.file.decimal == decimal
    assert rows_of(dataset)[0][0] == first


def test_a_row_may_end_in_cr_alone_among_others(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, "width,y\n1,a\r2,b\n3,a\n", split=NO_SPLIT)

    assert rows_of(dataset) == [[1, "a"], [2, "b"], [3, "a"]]


def test_a_target_of_numbers_with_an_odd_one_names_it(tmp_path: Path) -> None:
    data = "width,y\n" + "".join(f"{number},{number / 2}\n" for number in range(20)) + "20,unknown\n"
    (fault,) = faults_of_upload(tmp_path, data)

    assert (fault.row, fault.column) == (20, "y")
    assert '"unknown" in the target "y" isn\'t a number' in fault.detail


def test_an_unknown_target_suggests_the_nearest_column(tmp_path: Path) -> None:
    (fault,) = faults_of_upload(tmp_path, FRUIT, target="color")

    assert (fault.pointer, fault.did_you_mean, fault.allowed) == ("#/target", "colour", ("width", "colour", "y"))


@pytest.mark.parametrize("name", ["made.csv", "made.json", "made.jsonl", "made.parquet"])
def test_more_cells_than_a_dataset_may_have_are_refused(name: str, tmp_path: Path) -> None:
    frame = polars.DataFrame({"x": range(50), "colour": ["red"] * 50, "y": range(50)})
    file = io.BytesIO()
    writers: dict[str, Callable[[], object]] = {
        "made.csv": lambda: frame.write_csv(file), "made.parquet": lambda: frame.write_parquet(file),
        "made.json": lambda: frame.write_json(file), "made.jsonl": lambda: frame.write_ndjson(file),
    }  # fmt: skip
    writers[name]()
    (fault,) = faults_of_upload(tmp_path, file.getvalue(), name, limits=Limits(dataset_bytes=1000))

    assert fault.detail == "50 rows of 3 columns become 1,200 bytes; the limit is 1,000."
    assert fault.file == name


def test_rows_with_columns_of_their_own_are_counted_before_they_are_a_table(tmp_path: Path) -> None:
    lines = "".join(f'{{"y":1,"{row}":1}}\n' for row in range(9_000))
    tracemalloc.start()
    (fault,) = faults_of_upload(tmp_path, lines, "made.jsonl", limits=Limits(dataset_bytes=100_000_000))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert fault.detail.startswith("9,000 rows of 9,001 columns become 648,072,000 bytes")
    assert most < 50_000_000


def test_a_long_text_in_every_row_does_not_fill_the_disk(tmp_path: Path) -> None:
    texts = ["a" * 500, "b" * 500] * 20
    data = to_csv({"long": texts, "y": range(40)})
    (fault,) = faults_of_upload(tmp_path, data, limits=Limits(dataset_bytes=700))

    assert "more than the limit of 700 bytes" in fault.detail


def test_more_rows_than_the_limit_are_refused(tmp_path: Path) -> None:
    (fault,) = faults_of_upload(tmp_path, FRUIT, limits=Limits(rows=2))

    assert "more than the limit of 2 rows" in fault.detail


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"csv": []}, "#/csv"),
        ({"csv": {"delimeter": ";"}}, "#/csv/delimeter"),
        ({"csv": {"delimiter": ";;"}}, "#/csv/delimiter"),
        ({"csv": {"delimiter": "a"}}, "#/csv/delimiter"),
        ({"csv": {"encoding": "latin-77"}}, "#/csv/encoding"),
        ({"csv": {"encoding": "base64"}}, "#/csv/encoding"),
        ({"csv": {"encoding": "utf-7"}}, "#/csv/encoding"),
        ({"csv": {"encoding": 8}}, "#/csv/encoding"),
        ({"csv": {"decimal": ";"}}, "#/csv/decimal"),
        ({"csv": {"header": "yes"}}, "#/csv/header"),
        ({"csv": {"decimal": ",", "delimiter": ","}}, "#/csv/decimal"),
        ({"types": {"width": "nubmer"}}, "#/types/width"),
        ({"types": []}, "#/types"),
        ({"ignore": "width"}, "#/ignore"),
        ({"target": None}, "#/target"),
        ({"split": {"column": 1}}, "#/split/column"),
        ({"split": {"column": "part", "test": 0.2}}, "#/split/test"),
        ({"split": {"time_column": "day", "seed": 1}}, "#/split/seed"),
        ({"split": {"time_column": "day", "test": 2}}, "#/split/test"),
        ({"window": {}}, "#/window/steps"),
        ({"window": {"steps": 0}}, "#/window/steps"),
        ({"window": {"steps": 2, "horizon": -1}}, "#/window/horizon"),
        ({"window": {"steps": 2, "stride": 0}}, "#/window/stride"),
        ({"window": {"steps": 2, "strides": 1}}, "#/window/strides"),
        ({"window": {"steps": 2}, "split": {"column": "part"}}, "#/split/column"),
        ({"picture": {"height": 0}}, "#/picture/height"),
        ({"picture": {"channels": 4}}, "#/picture/channels"),
    ],
)
def test_invalid_options_are_refused_before_the_file_is_read(options: dict[str, Any], pointer: str) -> None:
    assert faults_of_request(**options)[0].pointer == pointer


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"types": {"widht": "number"}}, "#/types/widht"),
        ({"ignore": ["colour", "widht"]}, "#/ignore/1"),
        ({"ignore": ["y"]}, "#/ignore/0"),
        ({"split": {"column": "part"}}, "#/split/column"),
        ({"split": {"column": "y"}}, "#/split/column"),
        ({"split": {"time_column": "day"}}, "#/split/time_column"),
        ({"window": {"steps": 1, "time_column": "day"}}, "#/window/time_column"),
    ],
)
def test_options_that_name_unknown_columns_are_refused(options: dict[str, Any], pointer: str, tmp_path: Path) -> None:
    assert faults_of_upload(tmp_path, FRUIT, **options)[0].pointer == pointer


@pytest.mark.parametrize(
    ("data", "options", "row", "detail"),
    [
        ("# made by me\na,b,y\n1,2,3.5\n", {}, 0, 'the first line has one, "# made by me". If that is a title or'),
        ("a\n1,2\n3,4\n", {"target": "a"}, 0, "Row 0 (line 2) has 2 fields, but the first line has one"),
        ("y\n1\n2,3\n4,5,6\n", {}, 1, "Row 1 (line 3) has 2 fields"),
        ("a,b,y\n1,2,3\n2,3,4\n", {"csv": {"delimiter": ";"}}, 0, "but a comma splits its first line into 3"),
        ("Sales, 2024\na,b,y\n1,2,3\n", {}, 0, 'Is the first line, "Sales,2024", a title or a comment?'),
        ('width,y\n"1,a\n2,b\n', {}, 0, "Row 0: the quote that opens in line 2 is never closed."),
    ],
)
def test_the_likely_cause_of_rows_that_differ_from_the_header_is_named(
    data: str, options: dict[str, Any], row: int, detail: str, tmp_path: Path
) -> None:
    fault = faults_of_upload(tmp_path, data, **options)[0]

    assert detail in fault.detail
    assert (fault.file, fault.row) == ("made.csv", row)


def test_a_first_line_of_excel_tells_the_delimiter(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, "sep=;\r\nwidth;colour;y\r\n1,5;a,b,c;a\r\n2;d,e,f;b\r\n", split=NO_SPLIT)

    assert rows_of(dataset) == [[1.5, "a,b,c", "a"], [2.0, "d,e,f", "b"]]


@pytest.mark.parametrize("word", ["-", "--", ".", "None", "nil", "na", "missing"])
def test_words_that_may_be_names_are_missing_among_numbers(word: str, tmp_path: Path) -> None:
    rows = [f"{place},2024-01-0{place},true,red,a\n{place},2024-02-01,false,{word},{word}" for place in (1, 2)]
    data = "\n".join(["size,day,flag,colour,y", f"{word},{word},{word},red,a", *rows]) + "\n"
    dataset = import_upload(tmp_path, data, split=NO_SPLIT)

    found = {entry.name: (entry.type, entry.missing) for entry in dataset.descriptor.inputs}
    assert found == {"size": ("number", 1), "day": ("date", 1), "flag": ("boolean", 1), "colour": ("category", 0)}
    assert sorted(dataset.descriptor.target.labels) == sorted([word, "a"])


def test_an_odd_word_among_numbers_is_noted(tmp_path: Path) -> None:
    data = "width,y\n" + "".join(f"{cell},{'ab'[place % 2]}\n" for place, cell in enumerate(["many", *"123456789"]))
    (entry,) = import_upload(tmp_path, data).descriptor.inputs

    assert (entry.type, entry.note) == ("category", '9 of 10 are numbers; row 0 is "many".')


def test_words_for_missing_values_can_be_given(tmp_path: Path) -> None:
    data = "width,colour,y\nnone,nothing here,a\n1,red,b\n2,blue,a\n"
    options: dict[str, Any] = {"csv": {"missing": ["nothing here"]}, "split": NO_SPLIT}
    dataset = import_upload(tmp_path, data, **options)

    assert [entry.missing for entry in dataset.descriptor.inputs] == [1, 1]
    assert dataset.descriptor.file.missing == ["nothing here"]
    assert faults_of_request(csv={"missing": "none"})[0].pointer == "#/csv/missing"


def test_words_for_yes_and_no_are_booleans_but_classes_of_a_target(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, "a,b,c,y\nyes,Ja,yes,yes\nno,nein,maybe,no\nno,,no,yes\n", split=NO_SPLIT)

    assert [entry.type for entry in dataset.descriptor.inputs] == ["boolean", "boolean", "category"]
    assert dataset.descriptor.target.classes == ["yes", "no"]


def test_ids_are_detected_by_their_digits_and_not_by_the_lack_of_a_header(tmp_path: Path) -> None:
    rows = [f"{place},{12345678901234567890 + place},{'ab'[place % 2]}" for place in range(25)]
    dataset = import_upload(tmp_path, "\n".join(rows) + "\n", target="column_3")

    assert [entry.name for entry in dataset.descriptor.inputs] == ["column_1"]
    assert [(entry.name, entry.reason) for entry in dataset.descriptor.left_out or ()] == [
        ("column_2", "identifier"),
    ]  # fmt: skip


def test_all_unknown_names_are_reported_together(tmp_path: Path) -> None:
    faults = faults_of_upload(tmp_path, FRUIT, target="Y", types={"widht": "number"}, ignore=["color"])

    found = [(fault.pointer, fault.did_you_mean) for fault in faults]
    assert found == [("#/target", "y"), ("#/types/widht", "width"), ("#/ignore/0", "colour")]
    assert faults_of_request(ignore=["c", 3])[0].pointer == "#/ignore/1"


def test_dates_whose_day_could_be_the_month_are_noted(tmp_path: Path) -> None:
    data = "us,iso,german,clear,y\n1/2/2024,2024-01-02,1.2.2024,1/31/2024,a\n3/4/2024,2024-01-03,3.4.2024,2/1/2024,b\n"
    entries = import_upload(tmp_path, data).descriptor.inputs

    notes = {entry.name: entry.note for entry in entries}
    assert notes.pop("us") == "The month is assumed to come first; in every row the day could come first too."
    assert notes == {"iso": None, "german": None, "clear": None}
