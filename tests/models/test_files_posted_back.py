"""Every file that was imported can be posted for predictions as it is, and becomes the very rows of the training."""

import contextlib
import datetime
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from models.allowance import Allowance
from models.datasets import Dataset
from models.errors import Excessive, Fault, InvalidInstances
from models.preprocessing import CsvText, NamedFile, Preprocessing, TableFile
from tests.models.made_uploads import NO_SPLIT, import_upload
from tests.models.test_csv_served import serve

ROWS: list[dict[str, Any]] = [
    {"rooms": 3, "size": 71.5, "town": "Köln", "sold": "2024-01-31", "new": True, "floor": 3, "y": 350.0},
    {"rooms": 2, "size": None, "town": "Bonn", "sold": "2024-02-29", "new": False, "floor": 12, "y": 210.5},
    {"rooms": 4, "size": 1250.0, "town": None, "sold": None, "new": True, "floor": 3, "y": 525.25},
    {"rooms": 1, "size": 30.25, "town": "Köln", "sold": "2023-12-01", "new": False, "floor": None, "y": 99.0},
]
OPTIONS: dict[str, Any] = {"split": NO_SPLIT, "types": {"floor": "category"}}

COMMA = '''rooms,size,town,sold,new,floor,y
3,71.5,Köln,2024-01-31,true,3,350
2,NA,"Bonn, am Rhein",2024-02-29,false,12,210.5
4,"1,250.0",,,true,3,525.25
1,30.25,"Köln ""Süd""",2023-12-01,false,NA,99
'''
SEMICOLON = """rooms;size;town;sold;new;floor;y
3;71,5;Köln;31.01.2024;ja;3;350
2;;Bonn;29.02.2024;nein;12;210,5
4;1.250,0;;;ja;3;525,25
1;30,25;Köln;01.12.2023;nein;;99
"""
PLAIN = SEMICOLON.replace(";", "^").replace(",", ".").replace("1.250.0", "1250")
AMERICAN = "\n".join(["size\tsold\ty", "1.5\t1/31/2024\t1", "2\t2/1/2024\t2", "-.5\t12/24/2023\t3"])
QUOTED = "size;town;y\n'1,5';'a;b';1\n'2,5';'c';2\n'3,5';'c';1,5\n"
HEADERLESS = "1.5,red,2\n2.5,blue,3\n,red,4.5\n"
TARGET_FIRST = "7;1,5;rot\n8;2,5;blau\n9,5;;rot\n"
DECLARED = "sep=;\nsize;town;y\n1,5;a;1\n2,5;b;2\n"


def read(served: Preprocessing, file: CsvText | TableFile | list, **options: Any) -> np.ndarray:
    return served.read_instances(file, **options)[0]["input"]


def check(dataset: Dataset, served: Preprocessing, *files: CsvText | TableFile | list[NamedFile]) -> None:
    wanted = served.network_inputs(dataset.split("train"))["input"]
    for file in files:
        assert np.array_equal(read(served, file), wanted)


@pytest.mark.parametrize(
    ("text", "encoding", "options"),
    [
        (COMMA, "utf-8", {}),
        (COMMA, "utf-8-sig", {}),
        (COMMA, "utf-16", {}),
        (COMMA.replace("\n", "\r\n"), "cp1252", {}),
        (SEMICOLON, "utf-8", {}),
        (SEMICOLON, "utf-8-sig", {}),
        (SEMICOLON, "cp1252", {}),
        (SEMICOLON, "cp850", {"csv": {"encoding": "cp850"}}),
        (PLAIN, "utf-8", {"csv": {"delimiter": "^"}}),
        (SEMICOLON.replace("Bonn", "none given"), "utf-8", {"csv": {"missing": ["none given"]}}),
        (AMERICAN, "utf-8", {"types": None}),
        (QUOTED, "utf-8", {"types": None}),
        (HEADERLESS, "utf-8", {"types": None, "target": "column_3"}),
        (TARGET_FIRST, "utf-8", {"types": None, "target": "column_1", "csv": {"header": False}}),
        (DECLARED, "utf-8", {"types": None}),
    ],
)
def test_a_csv_file_is_posted_back_in_its_dialect(
    text: str, encoding: str, options: dict[str, Any], tmp_path: Path
) -> None:
    data = text.encode(encoding)
    dataset = import_upload(tmp_path, data, **(OPTIONS | options))
    form = [NamedFile.of(data, "rows.csv")]
    check(dataset, serve(dataset), CsvText(data, None), form, [NamedFile.of(gzip.compress(data), "rows.csv.gz")])


def test_a_csv_file_with_its_own_delimiter_is_read_row_by_row(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, PLAIN, csv={"delimiter": "^"}, **OPTIONS)
    served = serve(dataset)
    wanted = served.network_inputs(dataset.split("train"))["input"]
    header, *lines = PLAIN.splitlines()
    for row, line in enumerate(lines):
        assert np.array_equal(read(served, CsvText(f"{header}\n{line}\n".encode(), None)), wanted[row : row + 1])


def test_rows_without_a_header_may_be_those_of_the_model(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, TARGET_FIRST, target="column_1", csv={"header": False}, split=NO_SPLIT)
    served = serve(dataset)
    check(dataset, served, CsvText(b"1,5;rot\n2,5;blau\n;rot\n", None))
    check(dataset, served, CsvText(b"column_3;column_2\nrot;1,5\nblau;2,5\nrot;\n", None))
    with pytest.raises(InvalidInstances, match="The first row has 4 fields"):
        read(served, CsvText(b"7;1,5;rot;1\n", None))


def as_lines(rows: list[dict[str, Any]]) -> bytes:
    return "\n".join(map(json.dumps, rows)).encode()


def test_json_files_are_posted_back(tmp_path: Path) -> None:
    for name, data, format_ in (("a.jsonl", as_lines(ROWS), "jsonl"), ("a.json", json.dumps(ROWS).encode(), "json")):
        dataset = import_upload(tmp_path / name, data, name, **OPTIONS)
        assert {entry.name: entry.type for entry in dataset.descriptor.inputs}["sold"] == "date"
        check(dataset, serve(dataset), TableFile(data, format_), [NamedFile.of(data, name)])


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.json"):
        (tmp_path / name).mkdir()


def test_numbers_that_a_json_file_writes_as_text_are_read_as_in_training(tmp_path: Path) -> None:
    rows = [{"size": text, "y": place} for place, text in enumerate(["1,234.5", "7", "8.5", None, "9"])]
    dataset = import_upload(tmp_path, as_lines(rows), "a.jsonl", types={"size": "number"}, split=NO_SPLIT)
    check(dataset, serve(dataset), TableFile(as_lines(rows), "jsonl"))


def as_parquet(frame: polars.DataFrame, **options: Any) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, **options)
    return file.getvalue()


def typed() -> polars.DataFrame:
    """Columns of all types that a Parquet file may have and a table takes."""
    moments = [datetime.datetime(2024, 1, day, 12, 30, tzinfo=datetime.UTC) for day in (1, 2, 3)]
    return polars.DataFrame(
        {
            "whole": polars.Series([1, None, 3], dtype=polars.Int16),
            "large": polars.Series([1, 2**63, 3], dtype=polars.UInt64),
            "real": [1.5, float("nan"), None],
            "exact": polars.Series([Decimal("1.25"), Decimal("2.50"), None]),
            "flag": [True, None, False],
            "counted": [1, 0, 1],
            "day": [moment.date() for moment in moments],
            "moment": polars.Series(moments).dt.convert_time_zone("Europe/Berlin"),
            "town": ["Köln", None, "NA"],
            "kind": polars.Series(["b", "a", "b"], dtype=polars.Categorical),
            "floor": [3, 12, None],
            "grade": [1.0, 2.5, 1.0],
            "code": polars.Series([Decimal("1.50"), None, Decimal("2.25")]),
            "written": ["1,5", "2", None],
            "dated": ["31/12/2023", "01/02/2024", None],
            "y": [1.5, 2.5, 3.25],
        }
    )


TYPES = {
    "floor": "category", "grade": "category", "code": "category", "counted": "boolean", "written": "text",
}  # fmt: skip


@pytest.mark.parametrize("compression", ["zstd", "snappy", "uncompressed"])
def test_a_parquet_file_is_posted_back(compression: Any, tmp_path: Path) -> None:
    data = as_parquet(typed(), compression=compression)
    dataset = import_upload(tmp_path, data, "a.parquet", types=TYPES, split=NO_SPLIT)
    served = serve(dataset)
    check(dataset, served, TableFile(data, "parquet"), [NamedFile.of(data, "a.parquet")])
    wanted = served.network_inputs(dataset.split("train"))["input"]
    for row in range(3):
        one = as_parquet(typed()[row : row + 1])
        assert np.array_equal(read(served, TableFile(one, "parquet")), wanted[row : row + 1])


def test_a_file_in_another_format_than_the_datasets_means_the_same(tmp_path: Path) -> None:
    dataset = import_upload(tmp_path, as_lines(ROWS), "a.jsonl", **OPTIONS)
    frame = polars.DataFrame(ROWS).with_columns(polars.col("floor").cast(polars.Float64))
    texts = frame.select(polars.col("size", "sold", "town", "new", "rooms"), polars.col("floor").cast(polars.Int64))
    check(
        dataset,
        serve(dataset),
        TableFile(as_parquet(frame), "parquet"),
        TableFile(as_parquet(texts), "parquet"),
        CsvText(texts.write_csv().encode(), None),
    )


@pytest.fixture
def flats(tmp_path: Path) -> Preprocessing:
    return serve(import_upload(tmp_path, as_lines(ROWS), "a.jsonl", **OPTIONS))


@pytest.mark.parametrize("value", [3, 3.0, "3"])
def test_a_category_of_numbers_takes_a_number(value: object, flats: Preprocessing) -> None:
    for rows in ([{"floor": value}], TableFile(json.dumps({"floor": value}).encode(), "jsonl")):
        inputs, warnings = flats.read_instances(rows)
        assert not [warning for warning in warnings if warning["type"] == "unseen_category"]
        assert np.array_equal(inputs["input"], read(flats, [{"floor": "3"}]))


def test_a_number_that_is_no_category_is_unseen_or_invalid(flats: Preprocessing) -> None:
    warnings = flats.read_instances([{"floor": 4}, {"floor": 4.5}])[1]
    unseen = [warning["detail"] for warning in warnings if warning["type"] == "unseen_category"]
    assert unseen == ['"4" isn\'t in the training rows.', '"4.5" isn\'t in the training rows.']
    # a number that orjson refuses, in a file that it refuses as a whole because of NaN
    beyond = TableFile(b'{"size": NaN, "floor": 1' + b"0" * 400 + b"}", "jsonl")
    assert "unseen_category" in [warning["type"] for warning in flats.read_instances(beyond)[1]]
    for row in ({"town": 4}, {"floor": True}, {"floor": [3]}):
        with pytest.raises(InvalidInstances, match=r'Row 0: "(town|floor)" must be text'):
            flats.read_instances([row])


EXTRA: list[dict[str, Any]] = [{"size": 1.5, "town": "Bonn", "colour": "red", "note": None}, {"size": 2, "weight": 5}]


def extra_files() -> list[CsvText | TableFile | list]:
    table = polars.DataFrame({"size": [1.5, 2], "town": ["Bonn", ""], "colour": ["", ""], "note": "x", "weight": "5"})
    return [
        EXTRA,
        TableFile(as_lines(EXTRA), "jsonl"),
        TableFile(as_parquet(table), "parquet"),
        CsvText(table.write_csv().encode(), None),
    ]


def test_unknown_columns_are_refused_unless_they_are_ignored(flats: Preprocessing) -> None:
    for file in extra_files():
        with pytest.raises(InvalidInstances) as caught:
            flats.read_instances(file)
        assert caught.value.faults[0].column == "colour"
        inputs, warnings = flats.read_instances(file, ignores_extra=True)
        assert len(inputs["input"]) == 2
        assert warnings[0] == {
            "row": None,
            "column": None,
            "type": "ignored_columns",
            "detail": '3 unknown columns were ignored: "colour", "note", "weight".',
        }
        assert "missing" in {warning["type"] for warning in warnings[1:]}


def test_a_file_without_unknown_columns_gets_no_warning_of_them(flats: Preprocessing) -> None:
    assert flats.read_instances([ROWS[0]], ignores_extra=True)[1] == []


def faults(served: Preprocessing, file: TableFile | list) -> list[Fault]:
    with pytest.raises(InvalidInstances) as caught:
        served.read_instances(file)
    return list(caught.value.faults)


def test_faults_of_files_name_row_and_column_and_have_no_pointer(flats: Preprocessing) -> None:
    wrong = [ROWS[0], ROWS[1] | {"size": "wide"}]
    (fault,) = faults(flats, TableFile(as_lines(wrong), "jsonl"))
    assert (fault.row, fault.column, fault.pointer) == (1, "size", None)
    frame = polars.DataFrame({"size": ["1.5", "wide"]})
    (fault,) = faults(flats, TableFile(as_parquet(frame), "parquet"))
    assert (fault.row, fault.column) == (1, "size")
    assert '"wide"' in fault.detail
    (fault,) = faults(flats, TableFile(as_parquet(polars.DataFrame({"size": [[1.5], [2.5]]})), "parquet"))
    assert fault.detail == 'The column "size" holds lists, but its values must each be a number.'
    found = faults(flats, TableFile(as_parquet(polars.DataFrame({"sold": [1, 2]})), "parquet"))
    assert [(fault.row, fault.column) for fault in found] == [(0, "sold"), (1, "sold")]
    (fault,) = faults(flats, TableFile(as_lines(ROWS) + b"\n{no", "jsonl"))
    assert fault.detail.startswith("Row 4 (line 5) isn't valid JSON")
    (fault,) = faults(flats, TableFile(b'[1, 2]\n"a"', "jsonl"))[:1]
    assert fault.row == 0


def test_a_form_takes_one_file_of_rows(flats: Preprocessing) -> None:
    files = [NamedFile.of(as_lines(ROWS), name) for name in ("a.jsonl", "b.jsonl")]
    (fault,) = faults(flats, files)
    assert (fault.detail, fault.file) == ("There are 2 files of rows; send one.", "b.jsonl")


@pytest.mark.parametrize(
    "data",
    [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + b"\xff" * 20 + b"\x10\0\0\0PAR1", as_parquet(typed())[:-200] + b"\x99" * 200],
)
def test_a_damaged_parquet_file_is_a_fault(data: bytes, flats: Preprocessing) -> None:
    (fault,) = faults(flats, TableFile(data, "parquet"))
    assert "damaged" in fault.detail or "empty" in fault.detail


def test_a_parquet_file_with_bytes_changed_never_fails_unexpectedly(flats: Preprocessing) -> None:
    data = as_parquet(polars.DataFrame(ROWS))
    for place in range(4, len(data) - 8, 7):
        changed = data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :]
        with contextlib.suppress(InvalidInstances, Excessive):
            flats.read_instances(TableFile(changed, "parquet"))


def test_what_a_parquet_file_becomes_is_reserved_before_it_is_made(flats: Preprocessing) -> None:
    rows = 200_000
    data = as_parquet(polars.DataFrame({"size": np.zeros(rows), "town": ["Köln" * 100] * rows}))
    assert len(data) < 20_000
    with pytest.raises(Excessive, match="rows"):
        flats.read_instances(TableFile(data, "parquet"), Allowance(reserve=_refuse))
    large = as_parquet(polars.DataFrame({"town": ["x" * 50_000_000]}))
    assert len(large) < 20_000
    with pytest.raises(Excessive, match="memory"):
        flats.read_instances(TableFile(large, "parquet"), Allowance(reserve=_refuse))


def _refuse(size: int) -> None:
    if size > 10_000_000:
        raise Excessive(f"{size} bytes of memory for rows")


def test_what_a_compressed_file_becomes_is_reserved_piece_by_piece(flats: Preprocessing) -> None:
    reserved: list[int] = []

    def reserve(size: int) -> None:
        reserved.append(size)
        if sum(reserved) > 10_000_000:
            raise Excessive("too much memory")

    bomb = NamedFile.of(gzip.compress(b"size\n" + b"1\n" * 20_000_000), "a.gz")
    with pytest.raises(Excessive):
        flats.read_instances([bomb], Allowance(reserve=reserve))
    assert sum(reserved) < 15_000_000
