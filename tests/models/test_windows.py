"""Windows: series, gaps in time, calendars, several targets, splits in time."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.dataset_descriptor import Note
from models.datasets import Dataset
from models.limits import Limits
from models.series.window import SeriesColumn
from tests.models.made_datasets import read_rows
from tests.models.made_uploads import NO_SPLIT, faults_of_request, faults_of_upload, import_upload, read_reasons, to_csv


def make_stocks(symbols: str = "AB", days: int = 6) -> dict[str, list[Any]]:
    """A price per symbol and day: 100, 101, … for the first symbol, 200, 201, … for the second. The rows are mixed."""
    rows = [
        (symbol, f"2024-01-{day + 1:02}", 100.0 * (number + 1) + day + 0.5)
        for day in range(days)
        for number, symbol in enumerate(symbols)
    ]
    return dict(zip(("symbol", "date", "price"), map(list, zip(*rows, strict=True)), strict=True))


def import_windows(folder: Path, columns: dict[str, Any], **options: Any) -> Dataset:
    """Import a table of series whose target is `price`; without validation and test windows unless told otherwise."""
    split = options.pop("split", NO_SPLIT)
    target, limits = options.pop("target", "price"), options.pop("limits", None)
    window = {"steps": 2, "time_column": "date", "group": "symbol"} | options
    given = {name: value for name, value in window.items() if value is not None}
    return import_upload(folder, to_csv(columns), target=target, split=split, window=given, limits=limits)


def read_instances(dataset: Dataset, split: str = "train") -> list[Any]:
    return [np.asarray(item["instance"]).tolist() for item in read_rows(dataset, split, 0, 100)]


def find_note(dataset: Dataset, type_: str) -> Note:
    (note,) = [note for note in dataset.descriptor.notes if note.type == type_]
    return note


def test_windows_never_mix_series(tmp_path: Path) -> None:
    dataset = import_windows(tmp_path, make_stocks(days=4))

    rows = [
        (np.asarray(item["instance"]).ravel().tolist(), item["target"]) for item in read_rows(dataset, "train", 0, 9)
    ]
    assert rows == [
        ([100.5, 101.5], 102.5), ([101.5, 102.5], 103.5), ([200.5, 201.5], 202.5), ([201.5, 202.5], 203.5),
    ]  # fmt: skip
    assert read_reasons(dataset) == {"symbol": "group", "date": "time"}
    assert dataset.descriptor.notes == ()


def test_series_can_be_distinguished_by_several_columns_and_need_no_time(tmp_path: Path) -> None:
    columns = {"shop": [1, 1, 2, 2] * 3, "item": ["a", "b"] * 6, "sold": [float(number) for number in range(12)]}
    dataset = import_upload(
        tmp_path, to_csv(columns), target="sold", split=NO_SPLIT, window={"steps": 2, "group": ["shop", "item"]}
    )

    assert read_instances(dataset) == [[[0], [4]], [[1], [5]], [[2], [6]], [[3], [7]]]
    assert dataset.descriptor.window is not None
    assert dataset.descriptor.window.group == (
        SeriesColumn("shop", "number", "1,234.5"),
        SeriesColumn("item", "category"),
    )


def test_repeated_times_without_a_group_are_named_with_columns_for_it(tmp_path: Path) -> None:
    columns = make_stocks() | {"weather": ["dry", "wet", "dry"] * 4}
    (fault,) = faults_of_upload(tmp_path, to_csv(columns), target="price", window={"steps": 2, "time_column": "date"})

    assert fault.pointer == "#/window/group"
    assert (fault.row, fault.column, fault.allowed) == (1, "date", ("symbol",))
    assert fault.detail == (
        'The table has several rows at the same time in the column "date": "2024-01-01", "2024-01-02", "2024-01-03" '
        'and 3 more. Rows 0 and 1 are the first. If it holds several series, set "group" to the columns that '
        'distinguish them: "symbol".'
    )


def test_repeated_times_within_a_series_ask_for_another_column(tmp_path: Path) -> None:
    columns = make_stocks(days=3) | {"market": ["x"] * 6}
    both = {name: [*values, *values] for name, values in columns.items()} | {"market": ["x"] * 6 + ["y"] * 6}
    window = {"steps": 2, "time_column": "date", "group": "symbol"}
    (fault,) = faults_of_upload(tmp_path, to_csv(both), target="price", window=window)
    assert 'set "group" to the columns that distinguish them: "symbol", "market".' in fault.detail

    (tmp_path / "twice").mkdir()
    del both["market"]
    (fault,) = faults_of_upload(tmp_path / "twice", to_csv(both), target="price", window=window)
    assert fault.detail.endswith("No other column distinguishes these rows: remove the repetitions, or combine them.")


def test_pairs_of_columns_are_suggested_if_no_single_one_distinguishes_the_rows(tmp_path: Path) -> None:
    columns = {
        "day": [1] * 4 + [2] * 4 + [3] * 4, "shop": ["n", "n", "s", "s"] * 3, "item": ["a", "b"] * 6,
        "sold": [0.5 + number for number in range(12)],
    }  # fmt: skip
    (fault,) = faults_of_upload(tmp_path, to_csv(columns), target="sold", window={"steps": 2, "time_column": "day"})
    assert fault.allowed == ("shop", "item")


def drop_day(columns: dict[str, list[Any]], *days: str) -> dict[str, list[Any]]:
    """The rows of all other days."""
    kept = [row for row, day in enumerate(columns["date"]) if day not in days]
    return {name: [values[row] for row in kept] for name, values in columns.items()}


@pytest.mark.parametrize(("gaps", "handled"), [(None, "windows span them"), ("break", "no window spans them")])
def test_gaps_are_noted_and_break_windows_only_if_asked(gaps: str | None, handled: str, tmp_path: Path) -> None:
    columns = drop_day(make_stocks("A", 8), "2024-01-04", "2024-01-05")
    dataset = import_windows(tmp_path, columns, gaps=gaps)

    assert find_note(dataset, "gaps").to_document() == {
        "type": "gaps",
        "column": "date",
        "detail": f'1 gap in time (a step is usually 1 day); {handled}. The first is from "2024-01-03" to '
        '"2024-01-06" in symbol=A.',
        "count": 1,
    }
    broken = [[[100.5], [101.5]], [[105.5], [106.5]]]
    spanning = [[[100.5], [101.5]], [[101.5], [102.5]], [[102.5], [105.5]], [[105.5], [106.5]]]
    assert read_instances(dataset) == (spanning if gaps is None else broken)


def test_missing_steps_are_inserted_but_never_predicted_or_used_before_the_next_row(tmp_path: Path) -> None:
    columns = drop_day(make_stocks("A", 8) | {"kind": list("aabbbbaa")}, "2024-01-03", "2024-01-04")
    dataset = import_windows(tmp_path, columns, gaps="fill")

    note = find_note(dataset, "filled_gaps")
    assert (note.count, "2 missing steps of 1 day inserted in 1 gap" in note.detail) == (2, True)
    assert dataset.descriptor.inputs[0].features == ["price", "kind: a", "kind: b", "kind: other"]
    rows = [(np.asarray(item["instance"]).tolist(), item["target"]) for item in read_rows(dataset, "train", 0, 9)]
    assert rows == [
        ([[103.5, 1, 0, 0], [104.5, 0, 1, 0]], 105.5), ([[104.5, 0, 1, 0], [105.5, 0, 1, 0]], 106.5),
        ([[105.5, 0, 1, 0], [106.5, 1, 0, 0]], 107.5),
    ]  # fmt: skip


def test_gaps_are_refused_if_asked_and_too_many_missing_steps_always(tmp_path: Path) -> None:
    columns = drop_day(make_stocks("A", 8), "2024-01-04")
    window = {"steps": 2, "time_column": "date", "gaps": "refuse"}
    (fault,) = faults_of_upload(tmp_path, to_csv(columns), target="price", window=window)
    assert fault.detail == (
        'Row 3 follows a gap from "2024-01-03" to "2024-01-05"; a step is usually 1 day. The table has 1 gap.'
    )
    assert (fault.row, fault.column) == (3, "date")

    (tmp_path / "far").mkdir()
    columns["date"][-1] = "9024-01-01"
    window["gaps"] = "fill"
    (fault,) = faults_of_upload(
        tmp_path / "far", to_csv(columns), target="price", window=window, limits=Limits(rows=1000)
    )
    assert fault.pointer == "#/window/gaps"
    assert "the limit is 1,000" in fault.detail


def test_steps_that_are_no_multiple_of_the_usual_one_are_noted_but_months_are_regular(tmp_path: Path) -> None:
    hours = ["00:00", "01:00", "02:00", "02:20", "03:20", "04:20"]
    columns = {"date": [f"2024-01-01T{hour}" for hour in hours], "price": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]}
    dataset = import_windows(tmp_path, columns, group=None)
    note = find_note(dataset, "irregular_steps")
    assert (note.count, "usual step, 1 hour" in note.detail) == (1, True)

    (tmp_path / "months").mkdir()
    columns["date"] = [f"2024-{month:02}-01" for month in range(1, 7)]
    assert import_windows(tmp_path / "months", columns, group=None).descriptor.notes == ()


def test_a_calendar_is_the_sine_and_cosine_of_parts_of_the_time(tmp_path: Path) -> None:
    columns = {
        "date": ["2024-01-01T00:00", "2024-01-01T06:00", "2024-01-01T12:00", "2024-01-01T18:00"],
        "price": [1.5, 2.5, 3.5, 4.5],
    }  # fmt: skip
    dataset = import_windows(tmp_path, columns, group=None, calendar=["hour", "weekday", "month"])

    assert dataset.descriptor.inputs[0].features == [
        "price", "hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "month_sin", "month_cos",
    ]  # fmt: skip
    (first, second) = read_instances(dataset)
    assert first[0][1:] == pytest.approx([0, 1, 0, 1, 0, 1], abs=1e-6)
    assert second[0][1:3] == pytest.approx([1, 0], abs=1e-6)


def test_categories_of_later_windows_are_unknown_ones(tmp_path: Path) -> None:
    columns = make_stocks("A", 10) | {"kind": list("aabbababcc")}
    dataset = import_windows(tmp_path, columns, split={"validation": 0, "test": 0.25})

    assert dataset.descriptor.inputs[0].features == ["price", "kind: a", "kind: b", "kind: other"]
    assert read_instances(dataset, "test")[-1] == [[107.5, 0, 1, 0], [108.5, 0, 0, 1]]
    assert find_note(dataset, "unseen_categories").count == 1


@pytest.mark.parametrize(
    ("options", "shape", "first"),
    [
        ({"horizon": [1, 3]}, [2], [102.5, 104.5]),
        ({"targets": ["price", "volume"]}, [2], [102.5, 2]),
        ({"targets": ["price", "volume"], "horizon": [1, 3]}, [2, 2], [[102.5, 2], [104.5, 4]]),
        ({"targets": ["volume"], "horizon": 2}, [1], [3]),
    ],
)
def test_several_targets_and_horizons_are_axes_of_the_target(
    options: dict[str, Any], shape: list[int], first: Any, tmp_path: Path
) -> None:
    columns = make_stocks("A", 8) | {"volume": list(range(8))}
    target = None if "targets" in options else "price"
    dataset = import_windows(tmp_path, columns, target=target, **options)

    described = dataset.descriptor.target.to_document()
    assert described["shape"] == shape
    assert described["columns"] == options.get("targets", ["price"])
    assert described["name"] == ", ".join(described["columns"])
    assert np.asarray(read_rows(dataset, "train", 0, 1)[0]["target"]).tolist() == first
    assert dataset.descriptor.window is not None
    past = dataset.descriptor.window.past
    assert past == [["price", "volume"].index(name) for name in described["columns"]]


def test_splits_are_cut_at_times_that_all_series_share_so_that_no_training_target_is_later(tmp_path: Path) -> None:
    early, late = make_stocks("A", 10), make_stocks("BC", 20)
    columns = {name: [*early[name], *late[name]] for name in early}
    horizons = [1, 2, 3]
    dataset = import_windows(tmp_path, columns, horizon=horizons, split={"validation": 0.2, "test": 0.2})

    train, validation, test = (
        np.asarray(dataset.split(name).targets) % 100 for name in ("train", "validation", "test")
    )  # the days
    assert train.max() < validation.min()
    assert validation.max() < test.min()
    kept = sum(dataset.descriptor.splits.values())
    assert dataset.descriptor.rows == kept
    assert find_note(dataset, "windows_across_splits").count == 6 + 2 * 16 - kept
    rows = np.concatenate([dataset.split(name).rows for name in ("train", "validation", "test")])
    assert sorted(rows.tolist()) == list(range(kept))


def test_without_times_each_series_is_cut_at_the_same_share(tmp_path: Path) -> None:
    columns = {"symbol": ["A"] * 12 + ["B"] * 12, "price": [0.5 + number for number in range(24)]}
    dataset = import_windows(tmp_path, columns, time_column=None, split={"validation": 0, "test": 0.2})

    assert dataset.split("test").targets.tolist() == [10.5, 11.5, 22.5, 23.5]


def test_series_without_a_window_or_a_training_window_are_noted(tmp_path: Path) -> None:
    new: dict[str, list[Any]] = {
        "symbol": ["N"] * 4,
        "date": [f"2024-01-{day}" for day in range(17, 21)],
        "price": [1.5, 2.5, 3.5, 4.5],
    }
    short: dict[str, list[Any]] = {"symbol": ["S"], "date": ["2024-01-03"], "price": [9.5]}
    columns = make_stocks("A", 20)
    columns = {name: [*values, *new[name], *short[name]] for name, values in columns.items()}
    dataset = import_windows(tmp_path, columns, split={"validation": 0, "test": 0.2})

    assert find_note(dataset, "short_series").detail == (
        "1 of 3 series with too few consecutive rows for a window: symbol=S."
    )
    assert find_note(dataset, "series_without_training").count == 1


@pytest.mark.parametrize(
    ("window", "place"),
    [
        ({"group": []}, "group"),
        ({"group": 3}, "group"),
        ({"group": ["a", "a"]}, "group"),
        ({"group": "a", "time_column": "a"}, "group"),
        ({"gaps": "ignore", "time_column": "a"}, "gaps"),
        ({"gaps": "fill"}, "gaps"),
        ({"calendar": ["hour"]}, "calendar"),
        ({"calendar": ["day"], "time_column": "a"}, "calendar/0"),
        ({"horizon": [2, 1]}, "horizon"),
        ({"horizon": [1, True]}, "horizon/1"),
        ({"targets": "y"}, "targets"),
        ({"targets": ["y", [1]]}, "targets/1"),
        ({"targets": ["y"], "group": "y"}, "targets/0"),
    ],
)
def test_invalid_options_of_a_window_are_known_without_the_file(window: dict[str, Any], place: str) -> None:
    assert f"#/window/{place}" in [fault.pointer for fault in faults_of_request(window={"steps": 2} | window)]


def test_options_that_the_table_contradicts_are_refused(tmp_path: Path) -> None:
    data = to_csv(make_stocks() | {"kind": list("ab") * 6})
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({"group": "symbols"}, "price", "#/window/group"),
        ({"group": "symbol"}, "symbol", "#/window/group"),
        ({"group": "symbol", "targets": ["price", "kind"]}, "price", ""),
        ({"group": "symbol", "targets": ["kind"]}, "price", "#/target"),
        ({"time_column": "price", "calendar": ["hour"]}, "price", "#/window/calendar"),
    ]
    for number, (window, target, pointer) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        (fault,) = faults_of_upload(folder, data, target=target, window={"steps": 2, "time_column": "date"} | window)
        assert (fault.pointer or "") == pointer


def test_rows_without_a_series_are_named(tmp_path: Path) -> None:
    columns = make_stocks()
    columns["symbol"][3] = None
    (fault,) = faults_of_upload(
        tmp_path, to_csv(columns), target="price", window={"steps": 2, "time_column": "date", "group": "symbol"}
    )
    assert (fault.row, fault.column) == (3, "symbol")
