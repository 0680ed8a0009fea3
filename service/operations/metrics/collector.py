"""Puts everything that is measured together as metric families, for all projects or for one.

Names and units follow the conventions of Prometheus. docs/metrics.md describes each metric; a test compares both.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import structlog
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from service import __version__, statuses
from service.callers import DEFAULT_PROJECT
from service.config import DEFAULT_QUEUE
from service.context import Context
from service.operations.jobs.kinds import training
from service.operations.jobs.registry import KINDS
from service.operations.memory import LARGE_SHARE
from service.operations.metrics.counted import EVENT_LAGS, PREDICTED, REFUSALS, REQUESTS, TABLES, Durations, Histograms
from service.operations.metrics.database_figures import WORKER_STATES, DatabaseFigures
from service.operations.metrics.process_memory import resident_bytes
from service.operations.metrics.processes import PROCESSES, Held
from service.operations.metrics.shared_table import OTHER, Labels

OF_JOBS = ("project", "kind")
OF_QUEUES = (*OF_JOBS, "queue")
FINISHED, RUNNING = "finished", "running"

log = structlog.get_logger()


class Collector:
    """A collector for prometheus_client's exposition.

    With a `project`, only the metrics with the label `project` are collected, and of them the rows of that project.
    `figures` is None if the database can't be read: its metrics are then missing.
    """

    def __init__(self, context: Context, figures: DatabaseFigures | None, project: str | None = None) -> None:
        self._context = context
        self._figures = figures
        self._project = project

    def collect(self) -> Iterator[Metric]:
        """All metric families."""
        yield _gauge("fitserve_build_info", "1, with the version of Fitserve.", ("version",), [((__version__,), 1)])
        yield _gauge(
            "fitserve_database_up", "1 if the database can be read, else 0.", (), [((), self._figures is not None)]
        )
        yield self._broker()
        yield from self._predictions()
        if self._figures is not None:
            yield from self._jobs(self._figures)
        if self._project is None:
            yield from self._traffic()
            yield from self._resources()
            yield from self._memory()
            yield from self._disks()
            if self._figures is not None:
                yield from self._workers(self._figures)

    def _broker(self) -> Metric:
        broker = self._context.broker
        is_up = broker is not None and broker.problem is None
        text = "1 if this api reaches the message broker, else 0. Missing without a broker."
        return _gauge("fitserve_broker_up", text, (), [] if broker is None else [((), is_up)])

    def _shows(self, labels: Labels) -> bool:
        """Whether a row may be shown. That of `other` sums all projects, whatever a project is called."""
        return self._project is None or (labels[0] == self._project and labels != (OTHER,) * len(labels))

    def _predictions(self) -> Iterator[Metric]:
        names = PREDICTED.table.labels
        rows = {labels: found for labels, found in PREDICTED.read().items() if self._shows(labels)}
        yield _counter(
            "fitserve_predictions",
            "Prediction requests for a version, by outcome.",
            (*names, "outcome"),
            [
                ((*labels, outcome), count)
                for labels, (durations, more) in rows.items()
                for outcome, count in (("success", sum(durations.counts)), ("failure", more[PREDICTED.FAILED]))
            ],
        )
        yield _counter(
            "fitserve_prediction_rows",
            "Rows of successful predictions.",
            names,
            [(labels, more[PREDICTED.ROWS]) for labels, (_, more) in rows.items()],
        )
        yield _histogram(
            "fitserve_prediction_duration_seconds",
            "Time to parse, compute and write a successful prediction.",
            PREDICTED,
            {labels: durations for labels, (durations, _) in rows.items()},
        )

    def _jobs(self, figures: DatabaseFigures) -> Iterator[Metric]:
        known = {DEFAULT_PROJECT, *(row.project for row in figures.jobs)}
        projects = sorted(known) if self._project is None else [self._project]
        kinds = [(project, kind) for project in projects for kind in KINDS]
        jobs = {(row.project, row.kind, row.status): row.jobs for row in figures.jobs}
        yield _gauge(
            "fitserve_jobs",
            "Jobs that exist, by status.",
            (*OF_JOBS, "status"),
            [((*of, status), jobs.get((*of, status), 0)) for of in kinds for status in statuses.JOB_STATUSES],
        )
        yield from _queues(figures, projects)
        yield _gauge(
            "fitserve_training_seconds",
            "Time from the first start of training jobs to their end, or to now. Jobs that were removed don't count.",
            ("project", "state"),
            [
                ((project, state), seconds.get(project, 0))
                for project in projects
                for state, seconds in ((FINISHED, figures.finished_training), (RUNNING, figures.running_training))
            ],
        )

    def _traffic(self) -> Iterator[Metric]:
        requests = {labels: durations for labels, (durations, _) in REQUESTS.read().items()}
        yield _counter(
            "fitserve_http_requests",
            "HTTP requests that were answered.",
            REQUESTS.table.labels,
            [(labels, sum(durations.counts)) for labels, durations in requests.items()],
        )
        yield _histogram(
            "fitserve_http_request_duration_seconds",
            "Time from a request's head to the beginning of its response.",
            REQUESTS,
            requests,
        )
        yield _counter(
            "fitserve_refusals",
            "Requests that were refused because of a limit or the service's state (429, 503, 507), by their problem.",
            REFUSALS.table.labels,
            [(labels, count) for labels, (count,) in REFUSALS.table.read().items()],
        )
        lags: dict[Labels, Durations] = {(): Durations([0] * (len(EVENT_LAGS.bounds) + 1), 0)}
        lags |= {labels: durations for labels, (durations, _) in EVENT_LAGS.read().items()}
        yield _histogram(
            "fitserve_event_lag_seconds", "Time from a job's event until an open stream sent it.", EVENT_LAGS, lags
        )
        rows: dict[Labels, tuple[int, int]] = {
            (table.name,): (table.used, table.most) for table in TABLES if table.labels
        }
        yield from _limited("metric_rows", "Combinations of labels that are counted separately", ("table",), rows)

    def _resources(self) -> Iterator[Metric]:
        processes = PROCESSES.read()
        count, settings = len(processes), self._context.settings
        held = Held(*(sum(values) for values in zip(*processes.values(), strict=True))) if processes else Held()
        text = "When the api started, in seconds since 1970. Counters begin at 0 then."
        yield _gauge("fitserve_start_time_seconds", text, (), [((), PROCESSES.started_at)])
        yield _gauge("fitserve_api_processes", "Running api processes.", (), [((), count)])
        yield from _limited(
            "connections", "Open connections", (), {(): (held.connections, settings.max_connections * count)}
        )
        yield from _limited(
            "event_streams", "Open event streams", (), {(): (held.event_streams, settings.max_streams * count)}
        )
        small = settings.max_concurrent_predictions
        permits: dict[Labels, tuple[int, int]] = {
            ("small",): (held.small_permits, small * count),
            ("large",): (held.large_permits, max(1, small // LARGE_SHARE) * count),
        }
        yield from _limited("prediction_permits", "Predictions in progress", ("size",), permits)
        yield _gauge(
            "fitserve_loaded_versions", "Versions that are loaded for predictions.", (), [((), held.loaded_versions)]
        )
        yield _gauge("fitserve_loaded_version_bytes", "Size of the loaded networks.", (), [((), held.loaded_bytes)])

    def _memory(self) -> Iterator[Metric]:
        workers = () if self._figures is None else self._figures.processes
        found = resident_bytes(PROCESSES.read().keys(), PROCESSES.master, workers)
        yield _gauge(
            "fitserve_process_memory_bytes",
            "Resident memory of the service's processes on the api's host. Shared pages count for each process.",
            ("process",),
            [((kind,), size) for kind, size in found.items()],
        )

    def _disks(self) -> Iterator[Metric]:
        context = self._context
        free: list[tuple[Labels, float]] = []
        for disk, measure in (("artifacts", context.artifacts.free_bytes), ("database", context.database.free_bytes)):
            try:
                size = measure()
            except OSError as error:
                log.warning("the metrics lack a disk", disk=disk, reason=error.strerror)
                continue
            if size is not None:
                free.append(((disk,), size))
        text = "Free space on the disks of the artifacts and of the SQLite file."
        yield _gauge("fitserve_disk_free_bytes", text, ("disk",), free)
        text = "The free space below which nothing more is stored (FITSERVE_MIN_FREE_BYTES)."
        yield _gauge("fitserve_disk_required_bytes", text, (), [((), context.settings.min_free_bytes)])

    def _workers(self, figures: DatabaseFigures) -> Iterator[Metric]:
        rows = [((state,), figures.workers.get(state, 0)) for state in WORKER_STATES]
        yield _gauge("fitserve_workers", "Workers, by state.", ("state",), rows)
        yield _gauge(
            "fitserve_worker_slots",
            "Training jobs that the ready workers run concurrently, at most.",
            (),
            [((), figures.slots)],
        )


def _queues(figures: DatabaseFigures, projects: Sequence[str]) -> Iterator[Metric]:
    """What waits in each queue and what workers have claimed from it. Jobs of most kinds have the default queue."""
    waiting = {(row.project, row.kind, row.queue): row for row in figures.queues}
    claimed = {(row.project, row.kind, row.queue): row.jobs for row in figures.claimed}
    names = {(project, kind, DEFAULT_QUEUE) for project in projects for kind in KINDS}
    names |= {(project, training.KIND.name, queue) for project in projects for queue in figures.offered}
    names |= {name for name in (*waiting, *claimed) if name[0] in projects}
    shown = sorted(names)
    yield _gauge(
        "fitserve_queue_jobs",
        "Jobs that wait for a worker, each counted once per host. Jobs that wait for a model or a dataset aren't "
        "included.",
        OF_QUEUES,
        [(of, waiting[of].jobs if of in waiting else 0) for of in shown],
    )
    yield _gauge(
        "fitserve_queue_oldest_age_seconds",
        "How long the oldest job has been waiting for a worker; 0 for an empty queue.",
        OF_QUEUES,
        [(of, max(0.0, (figures.at - waiting[of].since).total_seconds()) if of in waiting else 0) for of in shown],
    )
    yield _gauge(
        "fitserve_queue_claimed_jobs",
        "Jobs of the queue that workers run, each counted once per host.",
        OF_QUEUES,
        [(of, claimed.get(of, 0)) for of in shown],
    )


def _limited(name: str, text: str, labels: Sequence[str], rows: dict[Labels, tuple[int, int]]) -> Iterator[Metric]:
    """Two gauges: what the processes hold, and what they may hold."""
    used = [(values, used) for values, (used, _) in rows.items()]
    limits = [(values, limit) for values, (_, limit) in rows.items()]
    yield _gauge(f"fitserve_{name}", f"{text}.", labels, used)
    yield _gauge(f"fitserve_{name}_limit", f"{text}, at most.", labels, limits)


def _gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Labels, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _counter(name: str, text: str, labels: Sequence[str], rows: Iterable[tuple[Labels, float]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def _histogram(name: str, text: str, histograms: Histograms, rows: dict[Labels, Durations]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=histograms.table.labels)
    bounds = [*map(str, histograms.bounds), "+Inf"]
    for labels, (counts, seconds) in rows.items():
        family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), seconds)
    return family
