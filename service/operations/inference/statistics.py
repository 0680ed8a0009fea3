"""The number and duration of predictions for each version since the api started, over all its processes."""

import os
import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Self

from service.operations.inference.shared_counts import (
    MAX_SIZES,
    OF_SIZE,
    SIZES,
    TOTALS,
    Region,
    SharedCounts,
)
from service.operations.metrics.counted import PREDICTED
from service.operations.metrics.shared_table import Labels

LAST, ROWS, SUCCESS, SUCCESS_NS, FAIL, FAIL_NS, INPUT_NS, INFER_NS, OUTPUT_NS = range(len(TOTALS))


@dataclass
class Duration:
    """A count, and the total duration in nanoseconds."""

    count: int = 0
    ns: int = 0

    def add(self, count: int, ns: int) -> None:
        self.count += count
        self.ns += ns


@dataclass
class Parts:
    """The parts of a prediction: converting the request into the network's inputs, computing, writing the response."""

    input: Duration = field(default_factory=Duration)
    infer: Duration = field(default_factory=Duration)
    output: Duration = field(default_factory=Duration)

    def add(self, count: int, input_ns: int, infer_ns: int, output_ns: int) -> None:
        self.input.add(count, input_ns)
        self.infer.add(count, infer_ns)
        self.output.add(count, output_ns)


@dataclass
class VersionStatistics:
    """The statistics of one version."""

    last_inference: float = 0.0
    """The timestamp of the last prediction's end, in seconds since 1970."""
    rows: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    parts: Parts = field(default_factory=Parts)
    by_batch_size: dict[int, Parts] = field(default_factory=dict)

    def add(self, row: list[int]) -> None:
        """Add the counts of one process."""
        self.last_inference = max(self.last_inference, row[LAST] / 1e9)
        self.rows += row[ROWS]
        self.success.add(row[SUCCESS], row[SUCCESS_NS])
        self.fail.add(row[FAIL], row[FAIL_NS])
        self.parts.add(row[SUCCESS], row[INPUT_NS], row[INFER_NS], row[OUTPUT_NS])
        for start in range(SIZES + 1, SIZES + 1 + row[SIZES] * len(OF_SIZE), len(OF_SIZE)):
            size, *counted = row[start : start + len(OF_SIZE)]
            self.by_batch_size.setdefault(size, Parts()).add(*counted)


class Clock:
    """Measures and counts one prediction, as a context manager: a failed one if it ends with an exception.

    A class rather than a generator, which would cost a small prediction several microseconds.
    """

    __slots__ = ("_folder", "_labels", "_statistics", "computed_from", "computed_until", "rows", "started")

    def __init__(self, statistics: "PredictionStatistics", folder: str, labels: Labels) -> None:
        self._statistics = statistics
        self._folder = folder
        self._labels = labels
        self.started = self.computed_from = self.computed_until = time.perf_counter_ns()
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        ended = time.perf_counter_ns()
        if kind is None:
            self._statistics.count(self._folder, self, ended)
            PREDICTED.count_rows(self._labels, ended - self.started, self.rows)
        else:
            self._statistics.count_failure(self._folder, ended - self.started)
            PREDICTED.count_failure(self._labels)

    def begin_computing(self, rows: int) -> None:
        """The network starts to run on `rows` rows."""
        self.rows = rows
        self.computed_from = time.perf_counter_ns()

    def end_computing(self) -> None:
        """The network has run."""
        self.computed_until = time.perf_counter_ns()


class Counter:
    """Counts the predictions with one version, in its statistics and in the metrics. Thread-safe."""

    __slots__ = ("_folder", "_labels", "_statistics")

    def __init__(self, statistics: "PredictionStatistics", folder: str, labels: Labels) -> None:
        self._statistics = statistics
        self._folder = folder
        self._labels = labels

    def prediction(self) -> Clock:
        """The clock of a prediction that starts now."""
        return Clock(self._statistics, self._folder, self._labels)


class PredictionStatistics:
    """The statistics of versions by folder, in memory shared with processes forked later. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._region: Region | None = None
        self._process = 0

    @cached_property
    def _counts(self) -> SharedCounts:
        return SharedCounts()

    def share(self) -> None:
        """Create the memory, which processes forked from now on share."""
        self._counts  # noqa: B018

    def of(self, folder: str, labels: Labels) -> Counter:
        """The counter of one version's predictions. `labels` are those of the metrics: PREDICTED.table.labels."""
        return Counter(self, folder, labels)

    def look(self, folder: str) -> VersionStatistics:
        """The statistics of a version over all processes; zeros if there were no predictions."""
        found = VersionStatistics()
        for row in self._counts.read(folder):
            found.add(row)
        return found

    def count_failure(self, folder: str, ns: int) -> None:
        """Count a prediction that failed after `ns` nanoseconds."""
        with self._lock:
            row = self._row(folder)
            row[FAIL] += 1
            row[FAIL_NS] += ns

    def count(self, folder: str, clock: Clock, ended: int) -> None:
        """Count a prediction that ended at `ended`, in nanoseconds of `time.perf_counter_ns`."""
        input_ns = clock.computed_from - clock.started
        infer_ns = clock.computed_until - clock.computed_from
        output_ns = ended - clock.computed_until
        with self._lock:
            row = self._row(folder)
            row[LAST] = time.time_ns()
            row[ROWS] += clock.rows
            row[SUCCESS] += 1
            row[SUCCESS_NS] += ended - clock.started
            row[INPUT_NS] += input_ns
            row[INFER_NS] += infer_ns
            row[OUTPUT_NS] += output_ns
            start = _find_size(row, clock.rows)
            if start is not None:
                row[start + 1] += 1
                row[start + 2] += input_ns
                row[start + 3] += infer_ns
                row[start + 4] += output_ns

    def _row(self, folder: str) -> memoryview:
        if self._region is None or self._process != os.getpid():
            self._region, self._process = Region.claimed(self._counts), os.getpid()
        return self._region.row(folder)


def _find_size(row: memoryview, size: int) -> int | None:
    """The index in a version's row at which a batch size is counted; None if the row has MAX_SIZES others already."""
    first = SIZES + 1
    for start in range(first, first + row[SIZES] * len(OF_SIZE), len(OF_SIZE)):
        if row[start] == size:
            return start
    if row[SIZES] == MAX_SIZES:
        return None
    start = first + row[SIZES] * len(OF_SIZE)
    row[start] = size
    row[SIZES] += 1
    return start


PREDICTIONS = PredictionStatistics()
"""The statistics of this service."""
