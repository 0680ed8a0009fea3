"""A table of counters that processes share: one sum, bounded, and never decreasing."""

import os
import threading
from collections.abc import Callable
from functools import partial

from service.operations.metrics.counted import Histograms
from service.operations.metrics.shared_table import SharedTable


def in_a_process(work: Callable[[], None]) -> None:
    """Run it in a process that is forked for it, and wait for its end."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def add(table: SharedTable, *labels: str) -> None:
    with table.lock:
        table.row(labels)[0] += 1


def shared(most: int = 10, width: int = 1) -> SharedTable:
    table = SharedTable("test", ("first", "second"), most, width)
    table.share()
    return table


def test_processes_add_to_the_same_rows_also_after_some_have_ended() -> None:
    table = shared()
    add(table, "a", "b")
    for name in ("b", "c", "b"):
        in_a_process(partial(add, table, "a", name))
    add(table, "a", "c")
    assert table.read() == {("a", "b"): [3], ("a", "c"): [2]}


def test_what_has_no_row_of_its_own_is_counted_together() -> None:
    table = shared(most=2)

    def count(numbers: int) -> None:
        for number in range(numbers):
            add(table, "a", str(number))

    in_a_process(partial(count, 4))
    count(6)
    assert table.read() == {("a", "0"): [2], ("a", "1"): [2], ("other", "other"): [6]}
    assert table.used == table.most


def test_labels_that_are_too_long_are_counted_with_the_others() -> None:
    table = shared()
    add(table, "a", "x" * 1000)
    add(table, "ä", "x" * 300)
    assert table.read() == {("ä", "x" * 300): [1], ("other", "other"): [1]}


def test_threads_lose_no_count() -> None:
    histograms = Histograms("test", ("name",), (0.001, 1.0), 5)

    def count() -> None:
        for _ in range(2000):
            histograms.count(("a",), 2_000_000)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((durations, _),) = histograms.read().values()
    assert durations.counts == [0, 8000, 0]
    assert round(durations.seconds, 3) == 16


def test_a_duration_counts_within_the_bound_that_it_equals() -> None:
    histograms = Histograms("test", (), (0.001, 1.0), 1)
    for ns in (0, 1_000_000, 1_000_001, 10**9, 10**9 + 1):
        histograms.count((), ns)
    ((durations, _),) = histograms.read().values()
    assert durations.counts == [2, 2, 1]
