"""Predictions are counted in memory that processes share: sums never fall, whoever ends and whoever asks."""

import multiprocessing
from collections.abc import Callable

import pytest

from service.operations.inference import shared_counts
from service.operations.inference.shared_counts import MAX_SIZES
from service.operations.inference.statistics import PredictionStatistics

FORK = multiprocessing.get_context("fork")


def shared() -> PredictionStatistics:
    statistics = PredictionStatistics()
    statistics.share()
    return statistics


def predict(statistics: PredictionStatistics, rows: int, version: str = "a") -> None:
    with statistics.of(version, ("default", "line", "1")).prediction() as clock:
        clock.begin_computing(rows)
        clock.end_computing()


def in_another_process(act: Callable[[], None]) -> None:
    process = FORK.Process(target=act)
    process.start()
    process.join(30)
    assert process.exitcode == 0


def test_processes_add_up_and_go_on_where_those_before_them_ended() -> None:
    statistics = shared()
    predict(statistics, 2)
    for rows in (3, 3, 5):
        in_another_process(lambda rows=rows: predict(statistics, rows))  # type: ignore[misc]
    found = statistics.look("a")
    assert (found.success.count, found.rows) == (4, 13)
    assert {size: parts.infer.count for size, parts in found.by_batch_size.items()} == {2: 1, 3: 2, 5: 1}
    assert found.success.ns == found.parts.input.ns + found.parts.infer.ns + found.parts.output.ns > 0
    assert found.last_inference > 1.7e9
    assert statistics.look("b").success.count == 0


def test_processes_that_live_at_once_write_regions_of_their_own() -> None:
    statistics = shared()
    predict(statistics, 1)
    begin, done = FORK.Barrier(2), FORK.Barrier(2)

    def count() -> None:
        predict(statistics, 1)
        begin.wait(30)
        predict(statistics, 1)
        done.wait(30)

    process = FORK.Process(target=count)
    process.start()
    begin.wait(30)
    predict(statistics, 1)
    done.wait(30)
    process.join(30)
    assert statistics.look("a").success.count == 4
    assert sum(used > 0 for used in statistics._counts.used) == 2


def test_failures_are_counted_apart() -> None:
    statistics = shared()
    with pytest.raises(RuntimeError), statistics.of("a", ("default", "line", "1")).prediction():
        raise RuntimeError
    found = statistics.look("a")
    assert (found.fail.count, found.success.count) == (1, 0)
    assert found.fail.ns > 0


def test_of_many_batch_sizes_the_later_ones_count_in_the_whole_alone() -> None:
    statistics = shared()
    for rows in range(MAX_SIZES + 5):
        predict(statistics, rows)
    found = statistics.look("a")
    assert found.success.count == MAX_SIZES + 5
    assert sorted(found.by_batch_size) == list(range(MAX_SIZES))


def test_the_version_longest_not_predicted_with_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_counts, "ROWS", 2)
    statistics = shared()
    for version in ("a", "b", "a", "c"):
        predict(statistics, 1, version)
    assert [statistics.look(version).success.count for version in "abc"] == [2, 0, 1]


def test_a_process_without_a_region_counts_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_counts, "REGIONS", 1)
    statistics = shared()
    predict(statistics, 1)
    in_another_process(lambda: predict(statistics, 1))
    assert statistics.look("a").success.count == 1
