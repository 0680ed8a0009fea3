"""Predictions for many rows equal those for posted rows, for every source and format."""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import orjson
import polars
import pytest
import zstandard
from onnx import TensorProto, helper, numpy_helper

from models.batches import blocks, results
from models.batches.blocks import Blocks
from models.batches.dataset_rows import read_dataset
from models.batches.files import UNPACKED, check_file, read_file
from models.batches.predicting import predict_blocks
from models.batches.results import stream_csv, stream_json_lines
from models.datasets import Dataset
from models.errors import Fault, InvalidData, InvalidInstances
from models.jobs.batch_prediction import RESULT_FILE, BatchPredictionResult
from models.limits import Limits
from models.predictor import Predictor, write_preprocessing
from models.preprocessing import NamedFile, Preprocessing, inputs_from_dataset
from models.targets import TargetEncoding
from tests.models.made_datasets import make_dataset, read_rows
from tests.models.made_pictures import pattern, write_zip
from tests.models.made_uploads import import_upload
from tests.models.network_specs import make_spec

FLOWERS = "size,colour,opened,wild,y\n" + "".join(
    f"{number / 10},{colour},2024-{number % 12 + 1:02d}-05,{'true' if number % 2 else 'false'},{'abc'[number % 3]}\n"
    for number, colour in enumerate(["red", "blue", "white"] * 20)
)
UNSEEN = (
    'wild,colour,size,opened\ntrue,red,0.35,2024-02-05\nfalse,"white",,2024-07-01\ntrue,green,99,2030-01-01\n,blue,1,\n'
)


def write_network(path: Path, shapes: dict[str, tuple[int, ...]], outputs: int) -> None:
    """A network that multiplies all numbers of a row with weights that are always the same."""
    inputs = sum(int(np.prod(shape)) for shape in shapes.values())
    weights = np.random.default_rng(inputs).normal(0, 9, (inputs, outputs)).astype(np.float32)
    flat = [helper.make_node("Flatten", [name], [f"flat_{name}"], axis=1) for name in shapes]
    graph = helper.make_graph(
        [
            *flat,
            helper.make_node("Concat", [f"flat_{name}" for name in shapes], ["all"], axis=1),
            helper.make_node("MatMul", ["all", "weights"], ["output"]),
        ],
        "network",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", *shape]) for name, shape in shapes.items()],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["rows", outputs])],
        [numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def make_version(dataset: Dataset, outputs: int = 3, scaling: str | None = None, **spec: Any) -> Predictor:
    """A version of a network that was fitted to a dataset."""
    loss = {"type": "CategoricalCrossentropy", "from_logits": True}
    parsed = make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", scaling), **{"loss": loss, **spec})
    fitted, folder = Preprocessing.fit(parsed, dataset), dataset.folder
    encoding = TargetEncoding.for_network(parsed, dataset.descriptor, outputs)
    write_preprocessing(folder / "preprocessing.json", parsed, fitted, encoding)
    write_network(folder / "network.onnx", {name: input_.shape for name, input_ in parsed.inputs.items()}, outputs)
    return Predictor.load(folder)


@pytest.fixture
def flowers(tmp_path: Path) -> Dataset:
    return import_upload(tmp_path, FLOWERS, split={"test": 0.3, "validation": 0.2, "seed": 1})


def read(
    folder: Path, predictor: Predictor, data: bytes | str, name: str, limits: Limits | None = None, **options: Any
) -> Blocks:
    """A client's file in blocks."""
    path = folder / "posted"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    check_file(path, name, json.loads((folder / "preprocessing.json").read_bytes()))
    yield from read_file(path, name, predictor.preprocessing, limits or Limits(), folder, **options)


def predict(folder: Path, predictor: Predictor, found: Blocks) -> tuple[list[dict[str, Any]], BatchPredictionResult]:
    """The predictions as JSON Lines, and what was said of them."""
    target = folder / "batch"
    target.mkdir()
    said = predict_blocks(predictor, found, target, lambda rows, fraction: None)
    assert [path.name for path in target.iterdir()] == [RESULT_FILE]
    lines = b"".join(stream_json_lines(target / RESULT_FILE)).splitlines()
    return [json.loads(line) for line in lines], said


def expected(predictor: Predictor, instances: Any) -> list[dict[str, Any]]:
    return [{"row": row, **one} for row, one in enumerate(predictor.predict(instances).predictions)]


def faults_of(found: Iterator[Any]) -> tuple[Fault, ...]:
    with pytest.raises((InvalidInstances, InvalidData)) as caught:
        list(found)
    return caught.value.faults


@pytest.mark.parametrize("split", [None, "train", "validation", "test"])
@pytest.mark.parametrize("at_once", [7, 1000])
def test_a_datasets_rows_come_in_its_order_whatever_their_splits(
    flowers: Dataset, split: str | None, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MOST_ROWS", at_once)
    monkeypatch.setattr(results, "MOST_ROWS", at_once)
    predictor = make_version(flowers)
    names = ("train", "validation", "test") if split is None else (split,)
    posted = sorted((row for name in names for row in read_rows(flowers, name, 0, 100)), key=lambda row: row["row"])

    found, said = predict(flowers.folder, predictor, read_dataset(flowers, split, predictor.preprocessing))

    answers = expected(predictor, [row["instance"] for row in posted])
    assert found == [answer | {"row": row["row"]} for answer, row in zip(answers, posted, strict=True)]
    assert (said.rows, said.classes) == (len(posted), ["a", "b", "c"])


def test_a_datasets_warnings_are_those_of_its_rows(flowers: Dataset) -> None:
    predictor = make_version(flowers)
    test = read_rows(flowers, "test", 0, 100)
    warned = predictor.predict([row["instance"] for row in test]).warnings
    _, said = predict(flowers.folder, predictor, read_dataset(flowers, "test", predictor.preprocessing))
    assert said.warnings == [warning | {"row": test[warning["row"]]["row"]} for warning in warned]


def test_a_tensors_rows_are_read_from_all_splits(tmp_path: Path) -> None:
    inputs = np.random.default_rng(1).normal(0, 1, (50, 2, 3)).round(3).tolist()
    targets = [number % 3 for number in range(50)]
    dataset = make_dataset(tmp_path, "inline", inputs=inputs, targets=targets, split={"test": 0.4, "validation": 0.1})
    predictor = make_version(dataset)
    found, _ = predict(dataset.folder, predictor, read_dataset(dataset, None, predictor.preprocessing))
    assert found == expected(predictor, np.array(inputs, np.float32).tolist())


def rows_of(text: str) -> list[dict[str, Any]]:
    """The rows of UNSEEN as JSON has them."""
    return [
        {
            "size": float(row["size"]) if row["size"] else None,
            "colour": row["colour"] or None,
            "opened": row["opened"] or None,
            "wild": {"true": True, "false": False}.get(row["wild"]),
        }
        for row in csv.DictReader(io.StringIO(text))
    ]


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    file = io.BytesIO()
    frame = polars.DataFrame(rows, infer_schema_length=None)
    frame.with_columns(polars.col("opened").str.to_date(), polars.col("size").fill_null(float("nan"))).write_parquet(
        file
    )
    return file.getvalue()


@pytest.mark.parametrize("name", ["new.csv", "new.json", "new.jsonl", "new.parquet"])
@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_rows_of_a_table_file_are_read_like_posted_rows(
    flowers: Dataset, name: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MOST_ROWS", 4 * at_once)
    predictor, rows = make_version(flowers), rows_of(UNSEEN)
    data = {
        "new.csv": UNSEEN.encode(),
        "new.json": json.dumps(rows).encode(),
        "new.jsonl": "\n\n".join(map(json.dumps, rows)).encode(),
        "new.parquet": as_parquet(rows),
    }[name]
    found, said = predict(flowers.folder, predictor, read(flowers.folder, predictor, data, name))
    assert found == expected(predictor, rows)
    assert said.warnings == predictor.predict(rows).warnings
    assert {warning["type"] for warning in said.warnings} == {"missing", "unseen_category", "out_of_range"}


@pytest.mark.parametrize("called", ["new.csv.gz", "new.csv.zst", "new.jsonl.gz", "new.parquet.zst"])
def test_compressed_files_are_read_like_their_content(flowers: Dataset, called: str) -> None:
    predictor, rows = make_version(flowers), rows_of(UNSEEN)
    lines = "\n".join(map(json.dumps, rows)).encode()
    data = {"csv": UNSEEN.encode(), "jsonl": lines, "parquet": as_parquet(rows)}[called.split(".")[1]]
    packed = gzip.compress(data) if called.endswith(".gz") else zstandard.compress(data)
    found, _ = predict(flowers.folder, predictor, read(flowers.folder, predictor, packed, called))
    assert found == expected(predictor, rows)
    for damaged in (packed[: len(packed) // 2], gzip.compress(b"PK\5\6" + bytes(18))):
        (fault,) = faults_of(read(flowers.folder, predictor, damaged, "new.csv.gz"))
        assert fault.file in ("new.csv.gz", "new.csv")
    assert not (flowers.folder / UNPACKED).exists()


@pytest.mark.parametrize("called", ["new.csv", "new.jsonl", "new.parquet"])
def test_unknown_columns_of_a_file_are_a_fault_or_ignored_with_one_warning(
    flowers: Dataset, called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MOST_ROWS", 8)
    predictor = make_version(flowers)
    rows = [
        {"size": number, "colour": "red", "opened": "2024-02-05", "wild": True, "id": number} for number in range(20)
    ]
    files: dict[str, bytes | str] = {
        "new.csv": "size,colour,opened,wild,id\n" + "".join(f"{row['size']},red,2024-02-05,true,1\n" for row in rows),
        "new.jsonl": "\n".join(map(json.dumps, rows)),
        "new.parquet": as_parquet(rows),
    }
    (fault, *_) = faults_of(read(flowers.folder, predictor, files[called], called))
    assert fault.column == "id"
    ignoring = read(flowers.folder, predictor, files[called], called, ignores_extra=True)
    found, said = predict(flowers.folder, predictor, ignoring)
    assert found == expected(predictor, [{name: row[name] for name in row if name != "id"} for row in rows])
    ignored = [warning for warning in said.warnings if warning["type"] == "ignored_columns"]
    assert ignored == [
        {"row": None, "column": None, "type": "ignored_columns", "detail": '1 unknown column was ignored: "id".'}
    ]


def test_the_file_that_was_trained_on_can_be_sent_as_it_is(flowers: Dataset) -> None:
    predictor = make_version(flowers)
    found, _ = predict(flowers.folder, predictor, read(flowers.folder, predictor, FLOWERS, "all.csv"))
    assert found == predict_again(flowers, predictor)


def predict_again(dataset: Dataset, predictor: Predictor) -> list[dict[str, Any]]:
    rows = sorted(
        (row for name in ("train", "validation", "test") for row in read_rows(dataset, name, 0, 100)),
        key=lambda row: row["row"],
    )
    return expected(predictor, [row["instance"] for row in rows])


@pytest.mark.parametrize("name", ["new.csv", "new.json", "new.jsonl", "new.parquet", "new.npz", "new.npy", "named"])
def test_the_rows_of_a_vector_come_from_every_format(name: str, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 1], [2, 3], [4, 5]], targets=["a", "b", "c"])
    predictor = make_version(dataset)
    rows = [[0.5, -1.25], [3.0, 4.0], [1e6, 0.1]]
    data, array = io.BytesIO(), np.asfortranarray(rows)
    if name == "new.npz":
        np.savez(data, x=array, y=np.arange(7))
    elif name in ("new.npy", "named"):
        np.save(data, array)
    elif name == "new.parquet":
        polars.DataFrame(rows, schema=["a", "b"], orient="row").write_parquet(data)
    else:
        lines = {"new.csv": "\n".join(f"{a};{b}" for a, b in rows), "new.json": json.dumps(rows)}
        data.write(lines.get(name, "\n".join(map(json.dumps, rows))).encode())
    found, _ = predict(dataset.folder, predictor, read(dataset.folder, predictor, data.getvalue(), name))
    assert found == expected(predictor, rows)


def test_several_inputs_come_from_an_npz_or_from_rows_by_name(tmp_path: Path) -> None:
    inputs = {"left": [[1, 2], [3, 4], [5, 6]], "right": [[5], [6], [7]]}
    dataset = make_dataset(tmp_path, "inline", inputs=inputs, targets=["a", "b", "c"])
    predictor = make_version(dataset)
    rows = [dict(zip(inputs, row, strict=True)) for row in zip(*inputs.values(), strict=True)]
    npz, parquet = io.BytesIO(), io.BytesIO()
    np.savez(npz, x_left=np.array(inputs["left"]), x_right=np.array(inputs["right"]))
    polars.DataFrame(rows).write_parquet(parquet)
    files = {"a.npz": npz.getvalue(), "a.parquet": parquet.getvalue(), "a.json": json.dumps(rows).encode()}
    for name, data in files.items():
        folder = dataset.folder
        found, _ = predict(folder, predictor, read(folder, predictor, data, name))
        assert found == expected(predictor, rows)
        (folder / "batch" / RESULT_FILE).unlink()
        (folder / "batch").rmdir()
    (fault,) = faults_of(read(dataset.folder, predictor, "1,2,5\n", "a.csv"))
    assert "left, right" in fault.detail


def test_pictures_are_predicted_in_the_order_of_their_paths_and_named(tmp_path: Path) -> None:
    files = {f"{label}/{side}.png": pattern(side, side) for label in "ab" for side in (4, 5, 6)}
    path = write_zip(tmp_path / "pictures.zip", files)
    dataset = import_upload(tmp_path, path.read_bytes(), "pictures.zip", target=None, picture={"height": 4, "width": 4})
    predictor = make_version(dataset, outputs=2)
    posted = {
        "z.png": pattern(4, 4),
        "deep/er/k.png": pattern(9, 8),
        "a.jpg": pattern(7, 7, "JPEG"),
        "readme.txt": b"x",
    }
    data = write_zip(tmp_path / "posted.zip", posted).read_bytes()

    found, said = predict(dataset.folder, predictor, read(dataset.folder, predictor, data, "posted.zip"))

    names = ["a.jpg", "deep/er/k.png", "z.png"]
    instances = [NamedFile.of(posted[name], name) for name in names]
    assert [row.pop("file") for row in found] == names
    assert found == expected(predictor, instances)
    assert [warning["row"] for warning in said.warnings] == [0, 1]


def parquet_of_days(days: list[int]) -> bytes:
    """Rows of FLOWERS, opened so many days after 1970 began."""
    opened = polars.Series(days, dtype=polars.Int32).cast(polars.Date)
    columns = {"size": 1.0, "colour": "red", "wild": True}
    file = io.BytesIO()
    polars.DataFrame({"opened": opened}).with_columns(
        **{name: polars.lit(value) for name, value in columns.items()}
    ).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "row", "column"),
    [
        ("bad.csv", UNSEEN + "true,red,tall,2024-01-01\n", 4, "size"),
        ("bad.csv", UNSEEN + "true,red\n", 4, None),
        ("bad.csv", UNSEEN.replace("size", "height"), None, "height"),
        ("bad.csv", "colour,size,wild\nred,1,true\n", None, "opened"),
        ("bad.jsonl", '{"size": 1}\n{"size": "tall"}\n', 1, "size"),
        ("bad.jsonl", '{"size": 1}\n{"size": \n', 1, None),
        ("bad.json", '[{"size": 1}, {"colour": "red"}, {"colour": 3}]', 2, "colour"),
        ("bad.json", '[{"size": 1}, 7]', 1, None),
        ("bad.json", '{\n"rows": []}', None, None),
        ("bad.csv", "size,colour,opened,wild\n", None, None),
        ("bad.parquet", "PAR1", None, None),
        ("bad.parquet", parquet_of_days([0, 3_000_000]), 1, "opened"),
        ("bad.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 100, None, None),
    ],
)
def test_invalid_values_are_named_by_row_and_column(
    flowers: Dataset, name: str, data: str | bytes, row: int | None, column: str | None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(blocks, "MOST_ROWS", 8)  # two rows at once
    predictor = make_version(flowers)
    with pytest.raises((InvalidInstances, InvalidData)) as caught:
        list(read(flowers.folder, predictor, data, name))
    fault = caught.value.faults[0]
    assert (fault.row, fault.column, fault.file, fault.pointer) == (row, column, name, None)
    if row is not None:
        assert f"Row {row}" in fault.detail


def test_arrays_of_another_shape_and_truncated_ones_are_refused(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 1], [2, 3]], targets=["a", "b"])
    predictor = make_version(dataset, outputs=2)
    wide, empty, missing = (io.BytesIO() for _ in range(3))
    np.save(wide, np.zeros((2, 3)))
    np.save(empty, np.zeros((0, 2)))
    np.savez(missing, y=np.zeros(3))
    files = {"wide.npy": wide, "empty.npy": empty, "missing.npz": missing, "cut.npy": io.BytesIO(wide.getvalue()[:-5])}
    details = {
        name: faults_of(read(dataset.folder, predictor, file.getvalue(), name))[0].detail
        for name, file in files.items()
    }
    assert "[3]" in details["wide.npy"]
    assert "[0, 2]: it holds no numbers" in details["empty.npy"]
    assert '"x"' in details["missing.npz"]
    assert "truncated" in details["cut.npy"]
    (fault,) = faults_of(
        read(dataset.folder, predictor, write_zip(tmp_path / "p.zip", {"a.png": b""}).read_bytes(), "p")
    )
    assert "has no image input" in fault.detail


def test_more_rows_than_the_limit_are_refused(flowers: Dataset) -> None:
    predictor = make_version(flowers)
    (fault,) = faults_of(read(flowers.folder, predictor, UNSEEN, "new.csv", Limits(rows=3)))
    assert "limit" in fault.detail


def test_results_are_csv_with_a_column_for_each_class(flowers: Dataset) -> None:
    predictor = make_version(flowers)
    found, said = predict(flowers.folder, predictor, read(flowers.folder, predictor, UNSEEN, "new.csv"))
    text = b"".join(stream_csv(flowers.folder / "batch" / RESULT_FILE, said.classes)).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == ["row", "label", "score", "score_a", "score_b", "score_c"]
    for row, one in zip(rows, found, strict=True):
        assert (int(row["row"]), row["label"], float(row["score"])) == (one["row"], one["label"], one["score"])
        assert [float(row[f"score_{label}"]) for label in "abc"] == one["scores"]
    frame = polars.read_parquet(flowers.folder / "batch" / RESULT_FILE)
    assert frame.columns == ["row", "label", "score", "scores"]
    assert frame["scores"].to_list() == [one["scores"] for one in found]


def test_values_that_are_not_finite_are_null_and_several_have_columns_of_their_own(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, "inline", inputs=[[0.0], [1.0]], targets=[[0.5, 1.5], [1.5, 2.5]])
    predictor = make_version(dataset, 2, "none", task="regression", loss="mean_squared_error")
    rows = [[1.0], [3e38]]
    found, said = predict(dataset.folder, predictor, read(dataset.folder, predictor, json.dumps(rows), "new.json"))
    assert said.classes is None
    assert found == expected(predictor, rows)
    assert None in found[1]["value"]
    text = b"".join(stream_csv(dataset.folder / "batch" / RESULT_FILE, None)).decode()
    assert text.startswith("row,value_0,value_1\n0,")


def test_labels_of_several_are_lists_and_json_in_csv(tmp_path: Path) -> None:
    targets = [["a"], ["a", "b"], []]
    dataset = make_dataset(tmp_path, "inline", inputs=[[0, 1], [1, 0], [1, 1]], targets=targets)
    loss = {"type": "BinaryCrossentropy", "from_logits": True}
    predictor = make_version(dataset, outputs=2, task="multilabel", loss=loss)
    rows = [[-5, 5], [5, -5], [5, 5], [-9, -9]]
    found, said = predict(dataset.folder, predictor, read(dataset.folder, predictor, json.dumps(rows), "new.json"))
    assert found == expected(predictor, rows)
    lines = b"".join(stream_csv(dataset.folder / "batch" / RESULT_FILE, said.classes)).decode()
    for row, one in zip(csv.DictReader(io.StringIO(lines)), found, strict=True):
        assert json.loads(row["labels"]) == one["labels"]


def test_a_number_that_a_layer_does_not_know_is_named_by_its_row_of_the_dataset(tmp_path: Path) -> None:
    inputs = [[number] for number in (0, 1, 2, 1, 0, 9)]
    dataset = make_dataset(tmp_path, "inline", inputs=inputs, targets=[0.5, 1.5, 2.5, 1.5, 0.5, 1.5])
    embedding = [{"type": "Embedding", "input_dim": 5, "output_dim": 1}, {"type": "Dense", "units": 1}]
    predictor = make_version(dataset, 1, "none", task="regression", loss="mean_squared_error", layers=embedding)
    found = read_dataset(dataset, None, predictor.preprocessing)
    (tmp_path / "batch").mkdir()
    with pytest.raises(InvalidInstances) as caught:
        predict_blocks(predictor, found, tmp_path / "batch", lambda rows, fraction: None)
    (fault,) = caught.value.faults
    assert fault.row == 5
    assert fault.detail.startswith("Row 5")


SALES = "shop,day,weather,sold\n" + "".join(
    f"{shop},2024-01-{day + 1:02d},{'sun' if (day + number) % 3 else 'rain'},{10 * number + day}.5\n"
    for day in range(12)
    for number, shop in enumerate(["north", "south"])
)


@pytest.mark.parametrize("name", ["sales.csv", "sales.parquet", "sales.json", "sales.jsonl"])
def test_rows_of_series_in_a_file_get_one_prediction_for_each_series(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.batches.files.LISTED_ROWS", 7)
    window = {"steps": 3, "time_column": "day", "group": "shop"}
    dataset = import_upload(tmp_path, SALES, target="sold", window=window)
    predictor = make_version(dataset, 1, task="regression", loss={"type": "MeanSquaredError"})
    frame = polars.read_csv(SALES.encode(), try_parse_dates=name.endswith("parquet"))
    written = io.BytesIO()
    writers: dict[str, Any] = {
        "csv": frame.write_csv, "parquet": frame.write_parquet, "json": frame.write_json, "jsonl": frame.write_ndjson,
    }  # fmt: skip
    writers[name.split(".")[1]](written)

    found, said = predict(dataset.folder, predictor, read(dataset.folder, predictor, written.getvalue(), name))

    instances = polars.read_csv(SALES.encode()).to_dicts()
    assert found == expected(predictor, instances)
    assert [(one["group"], one["after"]) for one in found] == [
        ({"shop": "north"}, "2024-01-12"), ({"shop": "south"}, "2024-01-12"),
    ]  # fmt: skip
    assert said.rows == 2
    table = b"".join(stream_csv(dataset.folder / "batch" / RESULT_FILE, None)).decode()
    assert table.splitlines()[0] == "row,group_shop,after,value"
    short = frame.filter(polars.col("shop") == "north").tail(2).write_csv()
    (fault,) = faults_of(read(dataset.folder, predictor, short, "short.csv"))
    assert (fault.detail, fault.file) == (
        "The series shop=north has 2 rows, but the model needs the last 3.", "short.csv",
    )  # fmt: skip
    wider = frame.with_columns(till=1).write_csv()
    (fault, *_) = faults_of(read(dataset.folder, predictor, wider, "wider.csv"))
    assert fault.column == "till"
    (block,) = read(dataset.folder, predictor, wider, "wider.csv", ignores_extra=True)
    assert block.warnings[0]["detail"] == '1 unknown column was ignored: "till".'
    assert {warning["type"] for warning in block.warnings[1:]} == {"out_of_range"}


def test_a_file_with_rows_of_series_and_sequences_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.batches.files.LISTED_ROWS", 8)
    window = {"steps": 3, "time_column": "day", "group": "shop"}
    dataset = import_upload(tmp_path, SALES, target="sold", window=window)
    predictor = make_version(dataset, 1, task="regression", loss={"type": "MeanSquaredError"})
    width = len(dataset.descriptor.inputs[0].features or ())
    lines = [orjson.dumps(row) for row in (*polars.read_csv(SALES.encode()).to_dicts(), [[0.5] * width] * 3)]

    (fault,) = faults_of(read(dataset.folder, predictor, b"\n".join(lines), "both.jsonl"))

    assert (fault.detail, fault.file) == (
        'The file "both.jsonl" holds both rows of a table and sequences; send two files.', "both.jsonl",
    )  # fmt: skip
