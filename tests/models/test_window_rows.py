"""Rows of a file, posted to a model of its windows: one sequence for each series."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from models.allowance import Allowance
from models.compatibility import check_inputs_fit, check_version_fit
from models.datasets import Dataset
from models.errors import Excessive, InvalidData, InvalidInstances
from models.limits import Limits
from models.preprocessing import CsvText, Preprocessing, inputs_from_dataset
from models.preprocessing.posted import NamedFile, TableFile
from models.preprocessing.preprocessing import SeriesInputs
from models.signature import Signature
from models.targets import TargetEncoding
from tests.models.made_uploads import NO_SPLIT, import_upload, to_csv
from tests.models.network_specs import make_spec

DAYS = [f"2024-01-{day:02}" for day in range(1, 9)]
TABLE: dict[str, list[Any]] = {
    "symbol": ["A", "B"] * 8,
    "date": [day for day in DAYS for _ in "AB"],
    "kind": list("xyxyxxyyxyxyxyxx"),
    "price": [100.5 * (row % 2 + 1) + row for row in range(16)],
    "note": ["none yet"] * 16,
}


def import_table(folder: Path, table: dict[str, list[Any]], split: Any = NO_SPLIT, **window: Any) -> Dataset:
    options = {"steps": 3, "time_column": "date", "group": "symbol", "calendar": ["weekday"]} | window
    return import_upload(folder, to_csv(table), target="price", split=split, window=options)


def fit(dataset: Dataset, scaling: str = "standard") -> Preprocessing:
    """The preprocessing of a model of the dataset, as a version stores it."""
    fitted = Preprocessing.fit(make_spec(inputs=inputs_from_dataset(dataset.descriptor, "made", scaling)), dataset)
    return Preprocessing.from_document(json.loads(json.dumps(fitted.to_document())))


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return import_table(tmp_path, TABLE)


def list_rows(table: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]


def read(preprocessing: Preprocessing, instances: Any) -> SeriesInputs:
    series = preprocessing.read_series(instances, Allowance())
    assert series is not None
    return series


def faults(preprocessing: Preprocessing, instances: Any, limits: Limits | None = None) -> list[Any]:
    with pytest.raises(InvalidInstances) as caught:
        preprocessing.read_series(instances, Allowance(limits or Limits()))
    return list(caught.value.faults)


def test_the_last_rows_of_each_series_are_its_window_as_in_training(dataset: Dataset) -> None:
    preprocessing = fit(dataset)
    trained = preprocessing.network_inputs(dataset.split("train"))["input"]
    known = [row for row in list_rows(TABLE) if row["date"] != DAYS[-1]]

    series = read(preprocessing, known)

    # the windows of the dataset are those of A, then those of B; the last one's target is the last row
    assert np.array_equal(series.inputs["input"], trained[[4, 9]])
    assert series.labels == [
        {"group": {"symbol": "A"}, "after": DAYS[-2]}, {"group": {"symbol": "B"}, "after": DAYS[-2]},
    ]  # fmt: skip
    assert series.warnings == []


def test_rows_may_come_in_any_order_and_as_csv(dataset: Dataset) -> None:
    preprocessing = fit(dataset)
    expected = read(preprocessing, list_rows(TABLE))
    backwards = {name: values[::-1] for name, values in TABLE.items()}

    series = read(preprocessing, CsvText(to_csv(backwards).encode()))

    assert [label["group"] for label in series.labels] == [{"symbol": "B"}, {"symbol": "A"}]
    assert np.array_equal(series.inputs["input"], expected.inputs["input"][::-1])


@pytest.mark.parametrize("name", ["w.csv", "w.parquet", "w.jsonl"])
def test_rows_may_come_as_the_file_of_a_form_or_as_a_body(name: str, dataset: Dataset) -> None:
    preprocessing = fit(dataset)
    frame, written = polars.DataFrame(TABLE), io.BytesIO()
    writers: dict[str, Any] = {"csv": frame.write_csv, "parquet": frame.write_parquet, "jsonl": frame.write_ndjson}
    writers[name[2:]](written)
    posted = written.getvalue()

    expected = read(preprocessing, list_rows(TABLE))
    for instances in ([NamedFile.of(posted, name)], TableFile(posted, name[2:])):
        series = read(preprocessing, instances)
        assert np.array_equal(series.inputs["input"], expected.inputs["input"])
        assert series.labels == expected.labels


def test_sequences_remain_instances(dataset: Dataset) -> None:
    preprocessing = fit(dataset, "none")
    sequence = np.arange(3 * 6, dtype=float).reshape(3, 6)

    for instances in ([sequence.tolist()], CsvText(b",".join(b"%d" % number for number in range(18)) + b"\n")):
        assert preprocessing.read_series(instances, Allowance()) is None
        assert np.array_equal(preprocessing.read_instances(instances)[0]["input"][0], sequence)


def test_only_numbers_are_scaled(dataset: Dataset) -> None:
    series = read(fit(dataset), list_rows(TABLE))

    assert dataset.descriptor.inputs[0].features == [
        "kind: x", "kind: y", "kind: other", "price", "weekday_sin", "weekday_cos",
    ]  # fmt: skip
    last = series.inputs["input"][:, -1]
    assert last[:, :3].tolist() == [[1, 0, 0], [1, 0, 0]]
    assert (np.abs(last[:, 3]) < 3).all()
    assert last[0, 4:] == pytest.approx([np.sin(0), np.cos(0)], abs=1e-6)  # 2024-01-08 was a Monday


def test_values_unlike_the_training_rows_are_warned_of_only_if_a_window_has_them(dataset: Dataset) -> None:
    rows = list_rows(TABLE)
    rows[0] |= {"kind": "new", "price": 9999}
    rows[14] |= {"kind": "new"}
    rows[15] |= {"price": None}

    warnings = read(fit(dataset), rows).warnings

    assert [(one["row"], one["column"], one["type"]) for one in warnings] == [
        (14, "kind", "unseen_category"), (15, "price", "missing"),
    ]  # fmt: skip


def test_too_few_rows_name_the_series_and_how_many_it_needs(dataset: Dataset) -> None:
    rows = [row for row in list_rows(TABLE) if row["symbol"] == "A" or row["date"] > DAYS[5]]

    (fault,) = faults(fit(dataset), rows)

    assert fault.detail == "The series symbol=B has 2 rows, but the model needs the last 3."
    assert fault.pointer == "#/instances"


def test_rows_without_a_time_or_a_series_and_repeated_times_are_named(dataset: Dataset) -> None:
    preprocessing, rows = fit(dataset), list_rows(TABLE)
    found = faults(preprocessing, [*rows, {"symbol": "A", "price": 3}, {"date": DAYS[0], "price": 3}])
    assert [(fault.row, fault.column) for fault in found] == [(17, "symbol"), (16, "date")]
    assert found[0].pointer == "#/instances/17/symbol"
    (fault,) = faults(preprocessing, [*rows, rows[3]])
    assert fault.detail == f'Row 16 has the same time as row 3 of the series symbol=B: "{DAYS[1]}".'
    (fault,) = faults(preprocessing, [row | {"prise": 3} for row in rows[:1]])
    assert (fault.row, fault.column) == (0, "prise")


@pytest.mark.parametrize("gaps", ["break", "refuse"])
def test_a_window_that_may_not_span_gaps_needs_its_rows_after_the_last_gap(gaps: str, tmp_path: Path) -> None:
    preprocessing = fit(import_table(tmp_path, TABLE, gaps=gaps))
    rows = list_rows(TABLE)

    assert len(read(preprocessing, [row for row in rows if row["date"] != DAYS[2]]).labels) == 2
    (fault, _) = faults(preprocessing, [row for row in rows if row["date"] != DAYS[5]])
    assert fault.detail == (
        "The series symbol=A has 2 rows after its last gap in time, but the model needs the last 3."
    )


def test_missing_steps_are_inserted_into_windows_too(tmp_path: Path) -> None:
    preprocessing = fit(import_table(tmp_path, TABLE, gaps="fill"), "none")
    rows = [row for row in list_rows(TABLE) if row["date"] != DAYS[6] and row["symbol"] == "A"]

    (values,) = read(preprocessing, rows).inputs["input"]

    assert values[:, 3].tolist() == [110.5, 112.5, 114.5]
    rows[-1]["date"] = "9024-01-01"
    (fault,) = faults(preprocessing, rows, Limits(prediction_numbers=1000))
    assert "the limit is 1,000" in fault.detail


def test_a_window_without_a_group_is_one_series_in_the_order_of_the_rows(tmp_path: Path) -> None:
    data = to_csv({"wind": [0.5, 1.5, 2.5, 3.5, 4.5], "power": [5.5, 6.5, 7.5, 8.5, 9.5]})
    dataset = import_upload(tmp_path, data, target="power", split=NO_SPLIT, window={"steps": 2})

    series = read(fit(dataset, "none"), [{"wind": number, "power": 10 * number} for number in range(4)])

    assert series.inputs["input"].tolist() == [[[2, 20], [3, 30]]]
    assert series.labels == [{}]


def test_datasets_whose_sequences_have_other_features_dont_fit(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = import_table(tmp_path / "other", TABLE | {"kind": list("xzxzxxzzxzxzxzxx")})
    document = {"inputs": fit(dataset).to_document()}

    check_inputs_fit(document, dataset.descriptor, None)
    with pytest.raises(InvalidData) as caught:
        check_inputs_fit(document, other.descriptor, None)
    (fault,) = caught.value.faults
    assert fault.detail == (
        'The features of the dataset differ from the version\'s: feature 1 is "kind: z" instead of "kind: y".'
    )


def test_datasets_with_other_targets_or_horizons_arent_evaluated(tmp_path: Path) -> None:
    table = TABLE | {"volume": [row + 0.5 for row in range(16)]}
    windows: dict[str, dict[str, Any]] = {
        "version": {"targets": ["price", "volume"]},
        "swapped": {"targets": ["volume", "price"]},
        "later": {"targets": ["price", "volume"], "horizon": 2},
    }
    for name in windows:
        (tmp_path / name).mkdir()
    made = {name: import_table(tmp_path / name, table, **window) for name, window in windows.items()}
    inputs = inputs_from_dataset(made["version"].descriptor, "made")
    spec = make_spec(inputs=inputs, task="regression", loss="mean_squared_error")
    encoding = TargetEncoding.for_network(spec, made["version"].descriptor, 2)
    document = {
        "task": "regression", "inputs": fit(made["version"]).to_document(), "target": encoding.to_document(),
    }  # fmt: skip

    check_version_fit(document, made["version"].descriptor, "train")
    for name, words in {"swapped": "predicts price, volume", "later": "horizons of the version are 1"}.items():
        with pytest.raises(InvalidData) as caught:
            check_version_fit(document, made[name].descriptor, "train")
        assert any(words in fault.detail for fault in caught.value.faults)


def test_other_protocols_take_the_sequences_as_one_tensor(dataset: Dataset) -> None:
    preprocessing = fit(dataset)
    signature = Signature.of(preprocessing, (1,))
    sequences = np.arange(36, dtype=np.float32).reshape(2, 3, 6)

    assert {name: spec.shape for name, spec in signature.inputs.items()} == {"input": (-1, 3, 6)}
    read_back = signature.read({"input": sequences.copy()})["input"]
    assert np.array_equal(read_back, preprocessing.transform(sequences)["input"])


def test_the_numbers_of_a_group_have_one_type(tmp_path: Path) -> None:
    zones = {"zone": [number for number in (1.0, 2.0, 2.5) for _ in range(4)], "load": [float(n) for n in range(12)]}
    dataset = import_upload(
        tmp_path, to_csv(zones), target="load", split=NO_SPLIT, window={"steps": 2, "group": "zone"}
    )
    preprocessing = fit(dataset)

    labels = read(preprocessing, list_rows(zones)).labels
    assert [type(label["group"]["zone"]) for label in labels] == [float] * 3
    labels = read(preprocessing, list_rows(zones)[:8]).labels
    assert [type(label["group"]["zone"]) for label in labels] == [int] * 2


def test_the_memory_of_inserted_steps_and_of_sequences_is_taken_before_they_are_made(tmp_path: Path) -> None:
    preprocessing = fit(import_table(tmp_path, TABLE, gaps="fill"), "none")
    rows = [row for row in list_rows(TABLE) if row["symbol"] == "A"]
    rows[0]["date"] = "0024-01-01"

    def refuse(size: int) -> None:
        if size > 40_000_000:
            raise Excessive("There is no memory left.")

    read(preprocessing, list_rows(TABLE))
    with pytest.raises(Excessive, match="memory"):
        preprocessing.read_series(rows, Allowance(reserve=refuse))
    allowance = Allowance(Limits(prediction_numbers=64 * 4))
    allowance.row_numbers = (180, 1)
    with pytest.raises(Excessive, match="2 rows"):
        preprocessing.read_series(list_rows(TABLE), allowance)


def test_times_that_are_infinitely_many_steps_apart_are_refused(tmp_path: Path) -> None:
    table = {"time": [0.0, 1e-300, 2e-300, 1e38], "load": [1.0, 2.0, 3.0, 4.0]}
    window = {"steps": 2, "time_column": "time", "gaps": "fill"}
    with pytest.raises(InvalidData, match="would have infinitely many rows"):
        import_upload(tmp_path, to_csv(table), target="load", split=NO_SPLIT, types={"time": "number"}, window=window)
