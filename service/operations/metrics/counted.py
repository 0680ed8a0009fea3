"""What the api processes count: requests, predictions, refusals, and how late events are sent."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from service.operations.metrics.shared_table import Labels, SharedTable

NANOSECONDS = 1_000_000_000
REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
PREDICTION_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0)
EVENT_LAG_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)
MOST_REQUESTS, MOST_VERSIONS, MOST_REFUSALS = 512, 256, 64
"""The combinations of route, method and status, the versions, and the kinds of refusals that are counted separately."""
SNAPSHOT = "snapshot"
"""The version of a prediction by the snapshot of a training job: all snapshots of a model are counted together."""


class Durations(NamedTuple):
    """How many durations were within each bound, and longer than all, and their sum in seconds."""

    counts: list[int]
    seconds: float


class Histograms:
    """Durations under labels, counted by bounds, in a row of a shared table: the sum in ns, a count for each bound, the
    count beyond all, then `more` further counters. Thread-safe."""

    def __init__(self, name: str, labels: Sequence[str], bounds: Sequence[float], most: int, more: int = 0) -> None:
        self.bounds = tuple(bounds)
        self._bounds = [int(bound * NANOSECONDS) for bound in bounds]
        self._more = len(bounds) + 2
        self.table = SharedTable(name, labels, most, self._more + more)

    def count(self, labels: Labels, ns: int) -> None:
        """Count a duration in nanoseconds."""
        with self.table.lock:
            self._add(labels, ns)

    def _add(self, labels: Labels, ns: int) -> memoryview:
        """Count a duration, and return its row. Hold the table's lock."""
        row = self.table.row(labels)
        row[0] += ns
        row[1 + bisect_left(self._bounds, ns)] += 1
        return row

    def read(self) -> dict[Labels, tuple[Durations, list[int]]]:
        """The durations under each labels, and the further counters."""
        return {
            labels: (Durations(row[1 : self._more], row[0] / NANOSECONDS), row[self._more :])
            for labels, row in self.table.read().items()
        }


class Predictions(Histograms):
    """Successful predictions by project, model, version and variant, their rows, and the failed ones. The variant is
    empty for a version's own network: Prometheus doesn't tell an empty label from a missing one."""

    ROWS, FAILED = range(2)

    def __init__(self) -> None:
        # The last label is never empty: a row's labels are separated and padded by the same byte.
        labels = ("project", "model", "variant", "version")
        super().__init__("predictions", labels, PREDICTION_SECONDS, MOST_VERSIONS, more=2)
        self._rows_at, self._failed_at = self._more + self.ROWS, self._more + self.FAILED

    def count_rows(self, labels: Labels, ns: int, rows: int) -> None:
        """Count a prediction for `rows` rows that took `ns` nanoseconds."""
        with self.table.lock:
            self._add(labels, ns)[self._rows_at] += rows

    def count_failure(self, labels: Labels) -> None:
        """Count a prediction that failed."""
        with self.table.lock:
            self.table.row(labels)[self._failed_at] += 1


class Refusals:
    """Requests that were refused because of the service's state or a limit, by the code of their error. Thread-safe."""

    def __init__(self) -> None:
        self.table = SharedTable("refusals", ("code",), MOST_REFUSALS, 1)

    def count(self, code: str) -> None:
        """Count a refused request."""
        with self.table.lock:
            self.table.row((code,))[0] += 1


REQUESTS = Histograms("requests", ("route", "method", "status"), REQUEST_SECONDS, MOST_REQUESTS)
PREDICTED = Predictions()
REFUSALS = Refusals()
EVENT_LAGS = Histograms("event-lags", (), EVENT_LAG_SECONDS, 1)
TABLES = (REQUESTS.table, PREDICTED.table, REFUSALS.table, EVENT_LAGS.table)


def share() -> None:
    """Begin with empty memory of all tables, which processes forked from now on share."""
    for table in TABLES:
        table.share()
