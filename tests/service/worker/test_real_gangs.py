"""Real trainings on two workers of one machine: the weights of one host, whatever happens to one of the workers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from models.weights import read_weights
from service.operations.catalog import datasets, models
from service.operations.jobs.kinds import training as training_jobs
from service.storage import jobs, workers
from service.storage.records import Job
from tests.service.worker.bench import Bench, fork_server
from tests.service.worker.test_real_training import LINE, REQUEST
from tests.service.worker.worker_process import WorkerProcess

NETWORK: dict[str, Any] = LINE | {
    "name": "bent", "layers": [{"type": "Dense", "units": 8, "activation": "tanh"}, {"type": "Dense", "units": 1}],
    "optimizer": "adam",
}  # fmt: skip
GANG: dict[str, Any] = REQUEST | {
    "model": "bent",
    "epochs": 40,
    "batch_size": 2,
    "hosts": 2,
    "checkpoint_seconds": 0.3,
}
LONG = GANG | {"epochs": 300}


@pytest.fixture
def bench(make_bench: Callable[..., Bench], start_worker_process: Callable[..., WorkerProcess]) -> Bench:
    """A bench with two real workers, a dataset and a model."""
    bench = make_bench()
    for _ in range(2):
        start_worker_process(bench, "real")
    datasets.create(bench.context, {"name": "line", "source": "line"})
    bench.wait_for(lambda: datasets.get(bench.context, "line").dataset.status == "ready")
    models.create(bench.context, NETWORK)
    bench.wait_for(lambda: models.get(bench.context, "bent").model.status == "ready")
    bench.wait_for(lambda: sum(worker.ready for worker in bench.workers()) == 2)
    return bench


def find_helper(bench: Bench, job_id: str) -> Job | None:
    """The running job that helps a job now."""
    with bench.context.database.read() as session:
        return next((each for each in jobs.helping(session, job_id) if each.status == "running"), None)


def find_process(bench: Bench, job_id: str, role: str) -> psutil.Process | None:
    """The process that leads or helps a job that has a checkpoint; None while there is none."""
    job, helper = bench.job(job_id), find_helper(bench, job_id)
    if job.status != "running" or job.checkpoint is None or helper is None:
        return None
    with bench.context.database.read() as session:
        worker = workers.get(session, (helper if role == "helper" else job).owner or "")
    assert worker is not None
    return next(iter(fork_server(psutil.Process(worker.process["pid"])).children()), None)


def weights(bench: Bench, job_id: str) -> dict[str, np.ndarray]:
    """The weights of the version that a job made, once it has."""
    bench.wait_for_status(job_id, "succeeded")
    folder = next(version.folder for version in bench.versions() if version.job_id == job_id)
    return read_weights(Path(bench.context.artifacts.folder(folder)) / "weights.npz")


def kill(bench: Bench, job_id: str, role: str) -> None:
    """Kill the process that leads or helps, and wait until the job begins its next attempt."""
    process = bench.wait_for(lambda: find_process(bench, job_id, role))
    attempt = bench.job(job_id).attempt
    process.kill()
    bench.wait_for(lambda: bench.job(job_id).attempt > attempt)


def test_two_workers_train_as_one_host_and_resume_as_one(bench: Bench) -> None:
    alone = training_jobs.create(bench.context, GANG | {"hosts": 1, "batch_size": 4, "execution": "graph"})
    whole = training_jobs.create(bench.context, GANG)
    expected, found = weights(bench, alone), weights(bench, whole)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-5)
    assert "The job runs on 2 workers." in bench.printed(whole)

    disturbed, undisturbed = (training_jobs.create(bench.context, LONG) for _ in range(2))
    for role in ("helper", "leader"):
        kill(bench, disturbed, role)
    expected, found = weights(bench, undisturbed), weights(bench, disturbed)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert bench.printed(disturbed).count("The job runs on 2 workers.") == 1
    epochs = [event.epoch for event in bench.events(disturbed, "epoch")]
    assert epochs == list(range(1, LONG["epochs"] + 1))

    cancelled = training_jobs.create(bench.context, LONG | {"epochs": 100_000})
    bench.wait_for_epoch(cancelled)
    bench.order(cancelled, "cancelled")
    bench.wait_for_status(cancelled, "cancelled")
    bench.wait_for(lambda: find_helper(bench, cancelled) is None)
    assert bench.left_behind() == []
