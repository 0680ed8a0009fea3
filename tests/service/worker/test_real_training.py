"""One real training: TensorFlow in the fork server, none in the supervisor."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from service.operations.catalog import datasets, models
from service.operations.jobs.kinds import training as training_jobs
from service.origins import Origin
from tests.collector import Collector
from tests.service.worker.bench import Bench, is_gone, queued_by
from tests.service.worker.worker_process import WorkerProcess

LINE: dict[str, Any] = {
    "name": "line", "task": "regression", "description": "", "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}],
    "optimizer": "sgd", "loss": "mean_squared_error", "metrics": [],
}  # fmt: skip
REQUEST: dict[str, Any] = {
    "model": "line", "dataset": "line", "epochs": 20, "batch_size": 32, "shuffle": True, "seed": 7, "optimizer": None,
    "class_weights": None, "start_from": None, "early_stopping": None, "learning_rate_schedule": None,
    "checkpoint_seconds": 60, "time_limit_seconds": None, "label": None, "priority": 5, "queue": "cpu",
    "execution": "auto",
}  # fmt: skip
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ORIGIN = Origin("r-1", f"00-{TRACE}-{PARENT}-01")
LONG = 100_000
"""More epochs than the test waits for."""


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench without a worker of its own."""
    return make_bench()


def test_a_worker_imports_builds_trains_stops_and_ends_with_one_trace(
    bench: Bench, collector: Collector, start_worker_process: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker_process(bench, "real")
    with queued_by(ORIGIN):
        datasets.create(bench.context, {"name": "line", "source": "line"})
    bench.wait_for(lambda: datasets.get(bench.context, "line").dataset.status == "ready")
    with queued_by(ORIGIN):
        models.create(bench.context, LINE)
    bench.wait_for(lambda: models.get(bench.context, "line").model.status == "ready")
    with queued_by(ORIGIN):
        job_id = training_jobs.create(bench.context, REQUEST)
    finished = bench.wait_for_status(job_id, "succeeded")
    assert [event.epoch for event in bench.events(finished.id, "epoch")] == list(range(1, 21))
    stopped = training_jobs.create(bench.context, {**REQUEST, "epochs": LONG})
    bench.wait_for_epoch(stopped)
    bench.order(stopped, "stopped")
    assert bench.wait_for_status(stopped, "succeeded").status_reason == "stopped"
    interrupted = training_jobs.create(bench.context, {**REQUEST, "epochs": LONG})
    bench.wait_for_epoch(interrupted)
    processes = worker.process.children(recursive=True)
    exit_code, printed = worker.end(signal.SIGTERM)
    assert exit_code == 0
    assert "tensorflow" not in printed
    assert "keras" not in printed
    assert all(is_gone(process) for process in processes)
    assert bench.job(interrupted).status == "queued"
    assert bench.left_behind() == []
    assert [find_phases(collector, kind) for kind in ("import", "build")] == [["import"], ["build", "export"]]
    assert find_phases(collector, "training", fitserve__job__id=job_id) == ["build", "train", "evaluate", "export"]


def find_phases(collector: Collector, kind: str, **attributes: Any) -> list[str]:
    """What the process of a job did, by its spans, which belong to the trace of the request that queued it."""
    supervised = collector.find("supervise", fitserve__job__kind=kind, **attributes)
    assert (supervised.trace_id, supervised.parent_id) == (TRACE, PARENT)
    assert collector.within(supervised) == ["child process", "publish"]
    (process,) = (
        span for span in collector.spans if (span.name, span.parent_id) == ("child process", supervised.span_id)
    )
    return collector.within(process)


def test_a_worker_that_is_still_warming_up_ends_at_once(
    bench: Bench, start_worker_process: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker_process(bench, "real")
    bench.wait_for(lambda: bench.workers() and len(worker.process.children()) == 2)
    assert [row.ready for row in bench.workers()] == [False]
    processes = worker.process.children(recursive=True)
    assert worker.end(signal.SIGTERM)[0] == 0
    assert all(is_gone(process) for process in processes)
