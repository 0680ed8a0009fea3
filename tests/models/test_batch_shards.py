"""A batch prediction that was divided into shards has the result that it has without them, to the last byte."""

import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from models.batches import blocks, results
from models.batches.shards import MOST_SHARDS, Place, count_places, make_shards
from models.errors import DamagedFile, Fault, InvalidData, InvalidInstances
from models.files.sums import write_sums
from models.jobs.assignment import Phase, Runtime
from models.jobs.batch_prediction import (
    RESULT_FILE,
    BatchPredictionAssignment,
    BatchPredictionResult,
    BatchShards,
    JoinAssignment,
    Shard,
    ShardResult,
)
from models.limits import Limits
from models.preprocessing import tensor_input
from models.tasks import batch_join, batch_prediction
from tests.models.made_datasets import make_dataset
from tests.models.made_pictures import pattern, write_zip
from tests.models.made_uploads import import_upload
from tests.models.test_batches import FLOWERS, make_version

ROWS = [
    {"size": None if number % 7 == 3 else number / 4, "colour": ["red", "pale\n blue", "grün"][number % 3],
     "opened": f"2024-{number % 12 + 1:02d}-05", "wild": bool(number % 2)}
    for number in range(41)
]  # fmt: skip
SHARD_ROWS = 6


class Reports:
    """The part of a task's channel that batch predictions use."""

    def __init__(self) -> None:
        self.progresses: list[dict[str, Any]] = []

    def phase(self, phase: Phase, line: str = "") -> None:
        """Report to nobody."""

    def progress(self, data: dict[str, Any]) -> None:
        self.progresses.append(data)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 2 rows of a list, and of 8 rows of an array; row groups of 16."""
    monkeypatch.setattr(blocks, "MOST_ROWS", 8)
    monkeypatch.setattr(results, "MOST_ROWS", 16)


def assign(folder: Path, data: bytes | None = None, called: str = "", **fields: Any) -> BatchPredictionAssignment:
    """The assignment to predict a file, or the rows of the dataset in the folder, with the version in the folder."""
    bounds: dict[str, Any] = {"limits": Limits(), "runtime": Runtime(), **fields}
    if data is None:
        return BatchPredictionAssignment(version=folder, dataset=folder, **bounds)
    posted = folder / "upload" / "data"
    posted.parent.mkdir(exist_ok=True)
    posted.write_bytes(data)
    write_sums(posted.parent)
    return BatchPredictionAssignment(version=folder, file=posted, file_name=called, **bounds)


def run(assignment: BatchPredictionAssignment, folder: Path) -> Any:
    folder.mkdir()
    return batch_prediction.run(assignment, folder, Reports())  # type: ignore[arg-type]


def divide(assignment: BatchPredictionAssignment, folder: Path) -> Sequence[Shard]:
    """The shards; none if the rows were predicted at once."""
    divided = run(replace(assignment, shard_rows=SHARD_ROWS), folder)
    if isinstance(divided, BatchPredictionResult):
        return []
    assert list(folder.iterdir()) == []
    return BatchShards.from_document(divided.to_document()).shards


def predict_in_shards(assignment: BatchPredictionAssignment, folder: Path) -> BatchPredictionResult:
    """Predict the shards in processes of their own, the last one first, and join them."""
    shards = divide(assignment, folder / "divided")
    assert len(shards) > 1
    assert [shard.first for shard in shards[1:]] == [shard.first + shard.rows for shard in shards[:-1]]
    done: dict[int, ShardResult] = {}
    for number, shard in reversed(list(enumerate(shards))):
        done[number] = run(replace(assignment, shard=shard), folder / str(number))
        write_sums(folder / str(number))
    joining = JoinAssignment(
        folders=[folder / str(number) for number in range(len(shards))],
        results=[done[number] for number in range(len(shards))],
        limits=assignment.limits, runtime=assignment.runtime,
    )  # fmt: skip
    (folder / "joined").mkdir()
    return batch_join.run(joining, folder / "joined", Reports())  # type: ignore[arg-type]


def check_equal(assignment: BatchPredictionAssignment, folder: Path) -> BatchPredictionResult:
    """The result without shards, which must be that with shards."""
    made = folder / "made"
    made.mkdir()
    alone = run(assignment, made / "alone")
    joined = predict_in_shards(assignment, made)
    assert joined == alone
    assert (made / "joined" / RESULT_FILE).read_bytes() == (made / "alone" / RESULT_FILE).read_bytes()
    return alone


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """The folder of a dataset with a version of a table."""
    text = FLOWERS.replace("blue", "pale blue")
    dataset = import_upload(tmp_path, text, split={"test": 0.3, "validation": 0.2, "seed": 1})
    make_version(dataset)
    return dataset.folder


def as_csv(separator: str = ",", line: str = "\n") -> str:
    lines = [list(ROWS[0])] + [
        ["" if cell is None else str(cell).lower() if isinstance(cell, bool) else f'"{cell}"' for cell in row.values()]
        for row in ROWS
    ]
    return line.join(separator.join(cells) for cells in lines)


def as_parquet() -> bytes:
    file = io.BytesIO()
    polars.DataFrame(ROWS).with_columns(polars.col("opened").str.to_date()).write_parquet(file, row_group_size=9)
    return file.getvalue()


JSON_LINES = "\n\n".join(map(json.dumps, ROWS)).encode()
FILES = {
    "a.csv": as_csv().encode(),
    "windows.csv": as_csv(";", "\r\n").encode("cp1252"),
    "old-mac.csv": as_csv(line="\r").encode(),
    "marked.csv": as_csv().encode("utf-8-sig"),
    "wide.csv": as_csv("\t").encode("utf-16"),
    "few-quotes.csv": as_csv().replace('"2024', "2024").replace('05"', "05").replace('"red"', "red").encode(),
    "blank-lines.csv": (as_csv(line="\n\n") + "\n\n\n").encode(),
    "a.jsonl": JSON_LINES,
    "windows.jsonl": JSON_LINES.replace(b"\n", b"\r\n") + b"\r\n",
    "a.parquet": as_parquet(),
    "a.csv.gz": gzip.compress(as_csv().encode()),
}


@pytest.mark.parametrize("called", FILES)
def test_the_rows_of_a_table_in_a_file_have_the_same_result_and_warnings(flowers: Path, called: str) -> None:
    said = check_equal(assign(flowers, FILES[called], called), flowers)
    assert said.rows == len(ROWS)
    assert {warning["row"] for warning in said.warnings} >= {3, 10, 38}


@pytest.mark.parametrize("split", [None, "train", "test"])
def test_the_rows_of_a_dataset_have_the_same_result(flowers: Path, split: str | None) -> None:
    assert check_equal(assign(flowers, split=split), flowers).rows == (
        60 if split is None else {"train": 30, "test": 18}[split]
    )


def test_a_warning_about_the_whole_file_is_given_once(flowers: Path) -> None:
    text = as_csv().replace("size,", "shelf,size,", 1).replace('\n"', '\n7,"').replace("\n,", "\n7,,")
    text = text.replace('pale\n7," blue', "pale blue").replace("pale\n blue", "pale blue")
    said = check_equal(assign(flowers, text.encode(), "a.csv", ignores_extra=True), flowers)
    assert [warning["type"] for warning in said.warnings].count("ignored_columns") == 1


def test_a_table_without_a_header_and_lists_of_numbers_have_the_same_result(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = rng.random((33, 2)).round(3)
    text = "\n".join(f"{a},{b}" for a, b in rows)
    (tmp_path / "table").mkdir()
    table = import_upload(tmp_path / "table", "\n".join(f"{a},{b},{a > b}" for a, b in rows), target="column_3")
    make_version(table, outputs=2)
    for called in ("table.csv", "numbers.csv"):
        folder = table.folder
        if called == "numbers.csv":
            (tmp_path / "vector").mkdir()
            vector = make_dataset(tmp_path / "vector", "inline", inputs=rows.tolist(), targets=["a", "b", "c"] * 11)
            make_version(vector)
            folder = vector.folder
        check_equal(assign(folder, text.encode(), called), folder)


def test_an_array_has_the_same_result(tmp_path: Path) -> None:
    rows = np.random.default_rng(5).random((33, 2)).astype(np.float32)
    dataset = make_dataset(tmp_path, "inline", inputs=rows.tolist(), targets=["a", "b", "c"] * 11)
    make_version(dataset)
    data = io.BytesIO()
    np.save(data, np.asfortranarray(rows))
    check_equal(assign(dataset.folder, data.getvalue(), "x.npy"), dataset.folder)


def test_pictures_have_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.batches.files.MAX_PIXELS_AT_ONCE", 2 * Limits().pixels)
    assert tensor_input.MAX_PIXELS_AT_ONCE > 2
    files = {f"{label}/{side}.png": pattern(side, side) for label in "ab" for side in (4, 5, 6)}
    path = write_zip(tmp_path / "pictures.zip", files)
    dataset = import_upload(tmp_path, path.read_bytes(), "pictures.zip", target=None, picture={"height": 4, "width": 4})
    make_version(dataset, outputs=2)
    posted = write_zip(tmp_path / "posted.zip", {f"{number}.png": pattern(4, 4) for number in range(17)})
    check_equal(assign(dataset.folder, posted.read_bytes(), "posted.zip"), dataset.folder)


def faults_of(assignment: BatchPredictionAssignment, folder: Path) -> tuple[Fault, ...]:
    with pytest.raises((InvalidInstances, InvalidData)) as caught:
        run(assignment, folder)
    return caught.value.faults


BAD = {
    "value.csv": (as_csv() + '\nwide,"red","2024-01-05",true\nwider,"red","2024-01-05",true').encode(),
    "ragged.csv": (as_csv() + '\n"1","red"').encode(),
    "value.jsonl": JSON_LINES + b'\n{"size": "wide"}',
    "syntax.jsonl": JSON_LINES + b'\n\n\n{"size": ',
}


@pytest.mark.parametrize("called", BAD)
def test_the_first_shard_that_fails_has_the_faults_that_there_are_without_shards(flowers: Path, called: str) -> None:
    assignment = assign(flowers, BAD[called], called)
    failing = next(shard for shard in divide(assignment, flowers / "divided") if shard.first + shard.rows > len(ROWS))
    faults = faults_of(assignment, flowers / "alone")
    assert faults == faults_of(replace(assignment, shard=failing), flowers / "failing")
    assert faults[0].row == len(ROWS)


def test_a_file_whose_rows_cant_be_found_is_predicted_at_once(flowers: Path) -> None:
    assert divide(assign(flowers, json.dumps(ROWS).encode(), "a.json"), flowers / "divided") == []


def test_a_file_with_one_column_is_predicted_at_once_because_its_blank_lines_are_rows(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[1], [2], [3]], targets=["a", "b", "c"])
    make_version(dataset)
    assert divide(assign(dataset.folder, b"1\n" * 40, "a.csv"), dataset.folder / "divided") == []


def test_a_file_that_cant_be_predicted_fails_as_without_shards(flowers: Path) -> None:
    endless, renamed = as_csv().encode() + b'\n"' + b"x" * 200_000, as_csv().replace("size", "height").encode()
    tried = [(endless, Limits()), (renamed, Limits()), (as_csv().encode(), replace(Limits(), rows=20))]
    for number, (data, limits) in enumerate(tried):
        assignment = assign(flowers, data, "a.csv", limits=limits)
        alone = faults_of(assignment, flowers / f"alone-{number}")
        assert faults_of(replace(assignment, shard_rows=SHARD_ROWS), flowers / f"divided-{number}") == alone


def test_shards_report_their_own_rows(flowers: Path) -> None:
    assignment = assign(flowers, FILES["a.csv"], "a.csv")
    shard = divide(assignment, flowers / "divided")[2]
    reports, folder = Reports(), flowers / "shard"
    folder.mkdir()
    batch_prediction.run(replace(assignment, shard=shard), folder, reports)  # type: ignore[arg-type]
    last = reports.progresses[-1]
    assert (last["step"], last["steps"], last["fraction"]) == (shard.rows, shard.rows, 1.0)


def test_damaged_predictions_of_a_shard_arent_joined(flowers: Path) -> None:
    shard = divide(assign(flowers), flowers / "divided")[0]
    done = run(replace(assign(flowers), shard=shard), flowers / "shard")
    write_sums(flowers / "shard")
    (flowers / "shard" / "0.parquet").write_bytes(b"PAR1")
    joining = JoinAssignment(folders=[flowers / "shard"], results=[done], limits=Limits(), runtime=Runtime())
    with pytest.raises(DamagedFile):
        batch_join.run(joining, flowers, Reports())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "at_once", "shard_rows", "sizes"),
    [
        (0, 10, 100, []),
        (100, 10, 100, [100]),
        (101, 10, 100, [60, 41]),
        (400, 100, 250, [200, 200]),
        (1000, 300, 100, [300, 300, 300, 100]),
        (7, 8, 1, [7]),
    ],
)
def test_shards_are_even_and_consist_of_whole_blocks(
    rows: int, at_once: int, shard_rows: int, sizes: list[int]
) -> None:
    assert [shard.rows for shard in make_shards(list(count_places(rows, at_once)), shard_rows)] == sizes


def test_there_are_a_hundred_shards_at_most() -> None:
    places = [Place(rows, at=str(2 * rows), line=rows) for rows in range(1, 10_001)]
    shards = make_shards(places, 1)
    assert len(shards) == MOST_SHARDS
    assert shards[1] == Shard(100, 100, "200", 100)
