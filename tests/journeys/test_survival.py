"""Processes are killed while a job runs; the job still ends well, once, and leaves nothing behind."""

import signal
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.journeys.specs import RINGS, RINGS_DATASET
from tests.running_service import RunningService, running_service, wait_for

EPOCHS = 250


@pytest.fixture(scope="module")
def service_to_break(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running_service(tmp_path_factory.mktemp("broken"), worker_slots="2") as running:
        running.client.post("/v1/datasets", RINGS_DATASET)
        running.client.post("/v1/models", RINGS)
        yield running


def start_job(service: RunningService) -> tuple[str, psutil.Process]:
    """A job that has trained an epoch, and its process."""
    job = service.client.start_training("rings", "rings", epochs=EPOCHS)
    service.client.wait_for_first_epoch(job)
    child = wait_for(service.job_processes, what="the job's process")[0]
    return job, child


def metrics_of(service: RunningService, job: dict[str, Any]) -> Any:
    return service.client.get(job["links"]["version"])["metrics"]


def versions_of(service: RunningService, job: str) -> list[int]:
    items = service.client.get("/v1/models/rings/versions?limit=100")["items"]
    return [item["version"] for item in items if item["training_job"] == job]


def test_a_job_whose_process_is_killed_runs_again(service_to_break: RunningService) -> None:
    job, child = start_job(service_to_break)
    child.kill()
    ended = service_to_break.client.wait_for_status(job, "succeeded")
    assert ended["attempt"] == 2
    assert [t["status"] for t in ended["transitions"]] == ["queued", "running", "queued", "running", "succeeded"]
    epochs = service_to_break.client.get(ended["links"]["metrics"])["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, EPOCHS + 1))
    assert versions_of(service_to_break, job) == [ended["version"]]


def test_a_job_survives_the_fork_server(service_to_break: RunningService) -> None:
    job, child = start_job(service_to_break)
    service_to_break.fork_server().kill()
    wait_for(lambda: not child.is_running(), what="the orphan to die")
    ended = service_to_break.client.wait_for_status(job, "succeeded")
    assert versions_of(service_to_break, job) == [ended["version"]]


def test_a_job_survives_the_supervisor(service_to_break: RunningService) -> None:
    job, child = start_job(service_to_break)
    server, killed = service_to_break.fork_server(), service_to_break.part("worker")
    killed.kill()
    wait_for(lambda: not child.is_running() and not server.is_running(), what="its processes to die")
    ended = service_to_break.client.wait_for_status(job, "succeeded")
    assert ended["attempt"] == 1
    assert versions_of(service_to_break, job) == [ended["version"]]
    staging = service_to_break.artifacts / ".staging"
    assert list(staging.iterdir()) == []


def test_ctrl_c_puts_a_running_job_back_and_the_next_start_goes_on_from_its_checkpoint(
    service_to_break: RunningService,
) -> None:
    client = service_to_break.client
    job, _ = start_job(service_to_break)
    processes = service_to_break.processes()
    with service_to_break.away(signal.SIGINT) as exit_code:
        assert exit_code == 0
        _, alive = psutil.wait_procs(processes, timeout=5)
        assert alive == []
    ended = client.wait_for_status(job, "succeeded")
    events = list(client.items(ended["links"]["events"]))
    assert [event["data"]["epoch"] for event in events if event["type"] == "epoch"] == list(range(1, EPOCHS + 1))
    assert len([event for event in events if event["type"] == "checkpoint"]) == 1
    whole = client.train("rings", "rings", epochs=EPOCHS, seed=ended["seed"])
    assert metrics_of(service_to_break, ended) == metrics_of(service_to_break, whole)
    assert ended["attempt"] == 1
    assert versions_of(service_to_break, job) == [ended["version"]]
