"""How often this process has predicted with each version, and how long it took. Kept in memory alone."""

import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

MOST_VERSIONS = 1000
"""Versions that are counted; the one that was longest not predicted with is forgotten."""
MOST_BATCH_SIZES = 100
"""Batch sizes of a version that are counted apart; rarer ones that come later are counted in the whole alone."""


@dataclass
class Duration:
    """How often something was done, and the nanoseconds that it took together."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int) -> None:
        self.count += 1
        self.ns += ns


@dataclass
class Parts:
    """The parts of a prediction: making what the network takes of the request, computing, writing the answer."""

    input: Duration = field(default_factory=Duration)
    infer: Duration = field(default_factory=Duration)
    output: Duration = field(default_factory=Duration)


class Clock:
    """Measures one prediction: from its making to `computing`, then until that ends, then to the end."""

    def __init__(self) -> None:
        self.started = time.perf_counter_ns()
        self.computed_from = self.computed_until = self.started
        self.rows = 0

    @contextmanager
    def computing(self, rows: int) -> Iterator[None]:
        """The time in which the network runs on so many rows."""
        self.rows = rows
        self.computed_from = time.perf_counter_ns()
        yield
        self.computed_until = time.perf_counter_ns()


class VersionStatistics:
    """The counts and times of one version. Thread-safe; the members are read as they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last_inference = 0.0
        """When the last prediction ended, in seconds since 1970."""
        self.rows = 0
        self.success = Duration()
        self.fail = Duration()
        self.parts = Parts()
        self.by_batch_size: dict[int, Parts] = defaultdict(Parts)

    @contextmanager
    def prediction(self) -> Iterator[Clock]:
        """Count what is done meanwhile as a prediction, one that failed if it raises."""
        clock = Clock()
        try:
            yield clock
        except BaseException:
            with self._lock:
                self.fail.add(time.perf_counter_ns() - clock.started)
            raise
        self._succeed(clock, time.perf_counter_ns())

    def _succeed(self, clock: Clock, ended: int) -> None:
        with self._lock:
            self.last_inference = time.time()
            self.rows += clock.rows
            self.success.add(ended - clock.started)
            counted = [self.parts]
            if clock.rows in self.by_batch_size or len(self.by_batch_size) < MOST_BATCH_SIZES:
                counted.append(self.by_batch_size[clock.rows])
            for parts in counted:
                parts.input.add(clock.computed_from - clock.started)
                parts.infer.add(clock.computed_until - clock.computed_from)
                parts.output.add(ended - clock.computed_until)


class PredictionStatistics:
    """The statistics of the versions that this process last predicted with, by the version's folder. Thread-safe."""

    def __init__(self) -> None:
        self._versions: OrderedDict[str, VersionStatistics] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, folder: str) -> VersionStatistics:
        """Those of one version, to be counted in."""
        with self._lock:
            found = self._versions.get(folder)
            if found is None:
                found = self._versions[folder] = VersionStatistics()
            self._versions.move_to_end(folder)
            if len(self._versions) > MOST_VERSIONS:
                self._versions.popitem(last=False)
        return found

    def look(self, folder: str) -> VersionStatistics:
        """Those of one version as they are; zeros where there are none."""
        return self._versions.get(folder) or VersionStatistics()
