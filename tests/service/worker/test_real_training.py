"""One real training: TensorFlow in the fork server, none in the supervisor."""

import signal
from collections.abc import Callable
from typing import Any

import pytest

from service.operations.catalog import datasets, models
from service.operations.jobs.kinds import training as training_jobs
from tests.service.worker.bench import Bench, is_gone
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
LONG = 100_000
"""More epochs than the test waits for."""


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """A bench without a worker of its own."""
    return make_bench()


def test_a_worker_imports_builds_trains_stops_and_ends(
    bench: Bench, start_worker_process: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker_process(bench, "real")
    datasets.create(bench.context, {"name": "line", "source": "line"})
    bench.wait_for(lambda: datasets.get(bench.context, "line").dataset.status == "ready")
    models.create(bench.context, LINE)
    bench.wait_for(lambda: models.get(bench.context, "line").model.status == "ready")
    finished = bench.wait_for_status(training_jobs.create(bench.context, REQUEST), "succeeded")
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


def test_a_worker_that_is_still_warming_up_ends_at_once(
    bench: Bench, start_worker_process: Callable[..., WorkerProcess]
) -> None:
    worker = start_worker_process(bench, "real")
    bench.wait_for(lambda: bench.workers() and len(worker.process.children()) == 2)
    assert [row.ready for row in bench.workers()] == [False]
    processes = worker.process.children(recursive=True)
    assert worker.end(signal.SIGTERM)[0] == 0
    assert all(is_gone(process) for process in processes)
