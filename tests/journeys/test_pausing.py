"""A client pauses, changes and interrupts training, which goes on exactly where it was."""

import io
from typing import Any

import numpy as np
import pytest

from tests.clusters import needs_folder
from tests.journeys.specs import RINGS, RINGS_DATASET, STATEFUL, named
from tests.running_service import Client, RunningService, wait_for

EPOCHS = 200
LONG = 200_000
"""More epochs than any test waits for."""


@pytest.fixture(scope="module")
def client_of_module(service: RunningService) -> Client:
    service.client.post("/v1/datasets", named(RINGS_DATASET, "pausing"))
    service.client.post("/v1/models", named(STATEFUL, "pausing"))
    return service.client


@pytest.fixture
def client(client_of_module: Client) -> Client:
    return client_of_module


@pytest.fixture(scope="module")
def expected(client_of_module: Client) -> dict[str, Any]:
    """The weights that an uninterrupted job ends with."""
    return weights_of(client_of_module, client_of_module.train("pausing", "pausing", epochs=EPOCHS, seed=7))


def weights_of(client: Client, job: dict[str, Any]) -> dict[str, Any]:
    response = client.request("GET", job["links"]["version"] + "/weights", headers={"Accept": "application/x-npz"})
    with np.load(io.BytesIO(response.content)) as arrays:
        return {name: arrays[name].tolist() for name in arrays.files}


def start(client: Client, epochs: int = LONG, **options: Any) -> str:
    """A job that has trained an epoch."""
    job = client.start_training("pausing", "pausing", epochs=epochs, seed=7, **options)
    client.wait_for_first_epoch(job)
    return job


def order(client: Client, job: str, *, expect: int = 200, **changes: Any) -> Any:
    return client.patch(f"/v1/training-jobs/{job}", changes, expect=expect)


def pause(client: Client, job: str) -> Any:
    order(client, job, desired_status="paused")
    return client.wait_for_status(job, "paused")


def cancel(client: Client, job: str) -> None:
    order(client, job, desired_status="cancelled")
    client.wait_for_status(job, "cancelled")


def epochs_told(client: Client, job: dict[str, Any]) -> list[int]:
    events = client.items(job["links"]["events"])
    return [event["data"]["epoch"] for event in events if event["type"] == "epoch"]


def test_a_paused_job_that_goes_on_ends_with_the_weights_of_an_uninterrupted_one(
    client: Client, expected: dict[str, Any]
) -> None:
    job = start(client, EPOCHS)
    paused = pause(client, job)
    assert 0 < paused["progress"]["fraction"] < 1
    assert paused["version"] is None
    assert order(client, job, desired_status="paused")["status"] == "paused"
    assert order(client, job, desired_status="running")["status"] == "queued"
    ended = client.wait_for_status(job, "succeeded")
    statuses = [transition["status"] for transition in ended["transitions"]]
    assert statuses == ["queued", "running", "pausing", "paused", "queued", "running", "succeeded"]
    assert ended["attempt"] == 1
    assert epochs_told(client, ended) == list(range(1, EPOCHS + 1))
    assert weights_of(client, ended) == expected


def test_a_job_whose_process_is_killed_goes_on_from_its_checkpoint(
    service: RunningService, client: Client, expected: dict[str, Any]
) -> None:
    job = start(client, EPOCHS, checkpoint_seconds=0.1)
    events = f"/v1/training-jobs/{job}/events"
    wait_for(lambda: any(event["type"] == "checkpoint" for event in client.items(events)))
    service.job_processes()[0].kill()
    ended = client.wait_for_status(job, "succeeded")
    assert ended["attempt"] == 2
    assert ended["transitions"][2]["reason"] == "worker_lost"
    assert epochs_told(client, ended) == list(range(1, EPOCHS + 1))
    assert weights_of(client, ended) == expected
    assert not list((service.data_dir / "artifacts" / "checkpoints").glob(job))


@needs_folder
def test_a_job_whose_last_checkpoint_is_damaged_resumes_from_the_one_before(
    service: RunningService, client: Client, expected: dict[str, Any]
) -> None:
    job = start(client, EPOCHS, checkpoint_seconds=0.1)
    events = f"/v1/training-jobs/{job}/events"
    wait_for(lambda: sum(event["type"] == "checkpoint" for event in client.items(events)) > 2)
    pause(client, job)
    checkpoints = service.data_dir / "artifacts" / "checkpoints" / job
    last = max(checkpoints.glob("*/checkpoint.npz"), key=lambda path: path.stat().st_mtime_ns)
    last.write_bytes(last.read_bytes()[:-100])
    order(client, job, desired_status="running")
    ended = client.wait_for_status(job, "succeeded")
    (warning,) = ended["warnings"]
    assert warning["type"] == "checkpoint_unreadable"
    assert "can't be read. The training continues from epoch" in warning["detail"]
    assert epochs_told(client, ended) == list(range(1, EPOCHS + 1))
    assert weights_of(client, ended) == expected


def test_epochs_and_learning_rate_change_with_the_next_epoch(client: Client) -> None:
    job = start(client)
    order(client, job, learning_rate=0.0005)
    metrics = f"/v1/training-jobs/{job}/metrics"
    wait_for(lambda: client.get(metrics)["epochs"][-1]["learning_rate"] == pytest.approx(0.0005))
    epochs = client.job(job)["progress"]["epoch"] + 200
    assert order(client, job, epochs=epochs)["epochs"] == epochs
    ended = client.wait_for_status(job, "succeeded")
    assert ended["progress"]["epochs"] == ended["progress"]["epoch"] == ended["epochs"] == epochs
    rates = [epoch["learning_rate"] for epoch in client.get(metrics)["epochs"]]
    assert len(rates) == epochs
    changed = rates.index(rates[-1])
    assert rates == pytest.approx([0.001] * changed + [0.0005] * (epochs - changed))
    log = client.request("GET", ended["links"]["log"]).text
    assert f"From epoch {changed + 1} on: learning rate 0.0005\n" in log
    assert f"on: epochs {epochs}\n" in log


def test_a_paused_job_that_goes_on_after_orders_remembers_them(client: Client) -> None:
    job = start(client)
    order(client, job, learning_rate=0.0005)
    metrics = f"/v1/training-jobs/{job}/metrics"
    wait_for(lambda: client.get(metrics)["epochs"][-1]["learning_rate"] == pytest.approx(0.0005))
    paused = pause(client, job)
    epochs = paused["progress"]["epoch"] + 20
    assert order(client, job, epochs=epochs)["epochs"] == epochs
    order(client, job, desired_status="running")
    ended = client.wait_for_status(job, "succeeded")
    assert ended["progress"]["epoch"] == epochs
    assert client.get(metrics)["epochs"][-1]["learning_rate"] == pytest.approx(0.0005)


def test_a_learning_rate_that_a_schedule_sets_cannot_be_changed(client: Client) -> None:
    schedule = {"type": "ExponentialDecay", "initial_learning_rate": 0.01, "decay_steps": 100, "decay_rate": 0.9}
    job = start(client, learning_rate_schedule=schedule)
    problem = order(client, job, learning_rate=0.1, expect=409)
    assert "schedule" in problem["detail"]
    cancel(client, job)


def test_fewer_epochs_than_are_done_are_a_fault(client: Client) -> None:
    job = start(client)
    wait_for(lambda: (client.job(job)["progress"] or {}).get("epoch", 0) > 2)
    problem = order(client, job, epochs=1, expect=422)
    assert problem["errors"][0]["pointer"] == "#/epochs"
    cancel(client, job)


def test_a_finished_job_cannot_be_changed(client: Client) -> None:
    job = client.train("pausing", "pausing", epochs=2)["id"]
    for changes in ({"epochs": 3}, {"learning_rate": 0.1}, {"desired_status": "paused"}, {"desired_status": "running"}):
        assert "final" in order(client, job, **changes, expect=409)["detail"]
    assert order(client, job, desired_status="stopped", epochs=2)["status"] == "succeeded"


def test_a_job_that_is_stopped_while_it_is_paused_keeps_its_model(client: Client) -> None:
    job = start(client)
    pause(client, job)
    order(client, job, desired_status="stopped")
    ended = client.wait_for_status(job, "succeeded")
    assert ended["status_reason"] == "stopped"
    assert client.get(ended["links"]["version"])["servable"] is True


@needs_folder
def test_a_job_that_is_cancelled_while_it_is_paused_leaves_nothing(service: RunningService, client: Client) -> None:
    job = start(client)
    pause(client, job)
    kept = service.data_dir / "artifacts" / "checkpoints" / job
    assert list(kept.iterdir())
    assert order(client, job, desired_status="cancelled")["status"] == "cancelled"
    assert not kept.exists()
    assert client.job(job)["version"] is None


def test_a_job_that_waits_is_paused_at_once_and_keeps_its_place(client: Client) -> None:
    running = start(client)
    waiting = client.start_training("pausing", "pausing", epochs=2)
    assert order(client, waiting, desired_status="paused")["status"] == "paused"
    assert order(client, waiting, desired_status="running")["status"] == "queued"
    cancel(client, running)
    client.wait_for_status(waiting, "succeeded")


def test_an_order_of_a_client_that_changed_its_mind_counts(client: Client) -> None:
    client.post("/v1/models", named(RINGS, "mind"))
    job = client.start_training("mind", "pausing", epochs=LONG)
    client.wait_for_first_epoch(job)
    order(client, job, desired_status="paused")
    order(client, job, desired_status="running")
    client.wait_for_status(job, "running")
    cancel(client, job)
