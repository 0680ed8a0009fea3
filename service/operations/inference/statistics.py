"""How often the api has predicted with each version since it started, and how long it took; of all its processes."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from service.operations.inference.shared_counts import (
    MOST_SIZES,
    OF_SIZE,
    SIZES,
    WHOLE,
    Region,
    SharedCounts,
)

LAST, ROWS, SUCCESS, SUCCESS_NS, FAIL, FAIL_NS, INPUT_NS, INFER_NS, OUTPUT_NS = range(len(WHOLE))


@dataclass
class Duration:
    """How often something was done, and the nanoseconds that it took together."""

    count: int = 0
    ns: int = 0

    def add(self, count: int, ns: int) -> None:
        self.count += count
        self.ns += ns


@dataclass
class Parts:
    """The parts of a prediction: making what the network takes of the request, computing, writing the answer."""

    input: Duration = field(default_factory=Duration)
    infer: Duration = field(default_factory=Duration)
    output: Duration = field(default_factory=Duration)

    def add(self, count: int, input_ns: int, infer_ns: int, output_ns: int) -> None:
        self.input.add(count, input_ns)
        self.infer.add(count, infer_ns)
        self.output.add(count, output_ns)


@dataclass
class VersionStatistics:
    """What was counted of one version."""

    last_inference: float = 0.0
    """When the last prediction ended, in seconds since 1970."""
    rows: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    parts: Parts = field(default_factory=Parts)
    by_batch_size: dict[int, Parts] = field(default_factory=dict)

    def add(self, row: list[int]) -> None:
        """What a process has counted."""
        self.last_inference = max(self.last_inference, row[LAST] / 1e9)
        self.rows += row[ROWS]
        self.success.add(row[SUCCESS], row[SUCCESS_NS])
        self.fail.add(row[FAIL], row[FAIL_NS])
        self.parts.add(row[SUCCESS], row[INPUT_NS], row[INFER_NS], row[OUTPUT_NS])
        for start in range(SIZES + 1, SIZES + 1 + row[SIZES] * len(OF_SIZE), len(OF_SIZE)):
            size, *counted = row[start : start + len(OF_SIZE)]
            self.by_batch_size.setdefault(size, Parts()).add(*counted)


class Clock:
    """Measures one prediction: until `begin_computing`, until `end_computing`, and until it is counted."""

    __slots__ = ("computed_from", "computed_until", "rows", "started")

    def __init__(self) -> None:
        self.started = self.computed_from = self.computed_until = time.perf_counter_ns()
        self.rows = 0

    def begin_computing(self, rows: int) -> None:
        """The network begins to run on so many rows."""
        self.rows = rows
        self.computed_from = time.perf_counter_ns()

    def end_computing(self) -> None:
        """The network has run."""
        self.computed_until = time.perf_counter_ns()


class Counter:
    """Counts the predictions with one version. Thread-safe."""

    def __init__(self, statistics: "PredictionStatistics", folder: str) -> None:
        self._statistics = statistics
        self._folder = folder

    @contextmanager
    def prediction(self) -> Iterator[Clock]:
        """Count what is done meanwhile as a prediction, one that failed if it raises."""
        clock = Clock()
        try:
            yield clock
        except BaseException:
            self._statistics.count_failure(self._folder, time.perf_counter_ns() - clock.started)
            raise
        self._statistics.count(self._folder, clock, time.perf_counter_ns())


class PredictionStatistics:
    """The statistics of versions by their folders, in memory shared with processes forked later. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._region: Region | None = None
        self._process = 0

    @cached_property
    def _counts(self) -> SharedCounts:
        return SharedCounts()

    def share(self) -> None:
        """Make the memory, which processes that are forked from now on share."""
        self._counts  # noqa: B018

    def of(self, folder: str) -> Counter:
        """What counts the predictions with one version."""
        return Counter(self, folder)

    def look(self, folder: str) -> VersionStatistics:
        """What all processes have counted of a version; zeros where they have nothing."""
        found = VersionStatistics()
        for row in self._counts.read(folder):
            found.add(row)
        return found

    def count_failure(self, folder: str, ns: int) -> None:
        """A prediction that failed after so many nanoseconds."""
        with self._lock:
            row = self._row(folder)
            row[FAIL] += 1
            row[FAIL_NS] += ns

    def count(self, folder: str, clock: Clock, ended: int) -> None:
        """A prediction that has ended at a moment of the clock's."""
        parts = (
            clock.computed_from - clock.started,
            clock.computed_until - clock.computed_from,
            ended - clock.computed_until,
        )
        with self._lock:
            row = self._row(folder)
            row[LAST] = time.time_ns()
            row[ROWS] += clock.rows
            row[SUCCESS] += 1
            row[SUCCESS_NS] += ended - clock.started
            for place, ns in enumerate(parts, INPUT_NS):
                row[place] += ns
            start = _find_size(row, clock.rows)
            if start is not None:
                row[start + 1] += 1
                for place, ns in enumerate(parts, start + 2):
                    row[place] += ns

    def _row(self, folder: str) -> memoryview:
        if self._region is None or self._process != os.getpid():
            self._region, self._process = Region.claimed(self._counts), os.getpid()
        return self._region.row(folder)


def _find_size(row: memoryview, size: int) -> int | None:
    """Where a batch size is counted in a version's row; None for one that came after too many others."""
    first = SIZES + 1
    for start in range(first, first + row[SIZES] * len(OF_SIZE), len(OF_SIZE)):
        if row[start] == size:
            return start
    if row[SIZES] == MOST_SIZES:
        return None
    start = first + row[SIZES] * len(OF_SIZE)
    row[start] = size
    row[SIZES] += 1
    return start


PREDICTIONS = PredictionStatistics()
"""Those of this service."""
