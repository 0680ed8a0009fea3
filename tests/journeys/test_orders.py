"""A client changes its mind: cancelling, stopping, deleting while training runs."""

from typing import Any

import pytest

from tests.journeys.specs import RINGS, RINGS_DATASET, named
from tests.running_service import Client

LONG = 200_000
"""More epochs than any test waits for."""


@pytest.fixture(scope="module")
def rings(client_of_module: Client) -> str:
    """The name of a dataset and of a model that fits it."""
    client_of_module.post("/v1/datasets", named(RINGS_DATASET, "orders"))
    client_of_module.post("/v1/models", named(RINGS, "orders"))
    return "orders"


@pytest.fixture(scope="module")
def client_of_module(service: Any) -> Client:
    client: Client = service.client
    return client


def start_and_see_an_epoch(client: Client, name: str) -> str:
    job = client.start_training(name, name, epochs=LONG)
    client.wait_for_first_epoch(job)
    return job


def test_a_cancelled_job_ends_and_leaves_no_version(client: Client, rings: str) -> None:
    job = start_and_see_an_epoch(client, rings)
    assert client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})["status"] == "cancelling"
    ended = client.wait_for_status(job, "cancelled", seconds=10)
    assert ended["version"] is None
    assert [t["status"] for t in ended["transitions"]] == ["queued", "running", "cancelling", "cancelled"]
    assert client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})["status"] == "cancelled"
    client.patch(f"/v1/training-jobs/{job}", {"desired_status": "stopped"}, expect=409)


def test_a_stopped_job_keeps_its_model(client: Client, rings: str) -> None:
    job = start_and_see_an_epoch(client, rings)
    client.patch(f"/v1/training-jobs/{job}", {"desired_status": "stopped"})
    ended = client.wait_for_status(job, "succeeded", seconds=30)
    assert ended["status_reason"] == "stopped"
    assert ended["progress"]["epoch"] < LONG
    assert client.get(ended["links"]["version"])["servable"] is True
    assert client.patch(f"/v1/training-jobs/{job}", {"desired_status": "stopped"})["status"] == "succeeded"


def test_a_waiting_job_is_cancelled_at_once_and_a_stopped_one_never_trains(client: Client, rings: str) -> None:
    running = start_and_see_an_epoch(client, rings)
    cancelled, stopped = (client.start_training(rings, rings, epochs=1) for _ in range(2))
    assert client.patch(f"/v1/training-jobs/{cancelled}", {"desired_status": "cancelled"})["status"] == "cancelled"
    ended = client.patch(f"/v1/training-jobs/{stopped}", {"desired_status": "stopped"})
    assert (ended["status"], ended["status_reason"]) == ("cancelled", "stopped_before_training")
    assert client.patch(f"/v1/training-jobs/{stopped}", {"desired_status": "stopped"})["status"] == "cancelled"
    client.patch(f"/v1/training-jobs/{running}", {"desired_status": "cancelled"})
    client.wait_for_status(running, "cancelled", seconds=10)


def test_what_a_running_job_needs_cannot_be_deleted(client: Client, rings: str) -> None:
    job = start_and_see_an_epoch(client, rings)
    client.delete(f"/v1/models/{rings}", expect=409)
    client.delete(f"/v1/datasets/{rings}", expect=409)
    client.delete(f"/v1/training-jobs/{job}", expect=409)
    client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})
    client.wait_for_status(job, "cancelled", seconds=10)
    client.delete(f"/v1/training-jobs/{job}")
    assert client.request("GET", f"/v1/training-jobs/{job}").status_code == 404


def test_early_stopping_ends_the_job_when_nothing_improves(client: Client, rings: str) -> None:
    stopping = {"monitor": "val_loss", "patience": 1, "min_delta": 100}
    job = client.train(rings, rings, epochs=50, early_stopping=stopping)
    assert job["status_reason"] == "early_stopping"
    assert job["progress"]["epoch"] < 50


def test_a_metric_without_a_direction_of_its_own_can_be_monitored(client: Client, rings: str) -> None:
    job = client.train(rings, rings, epochs=3, early_stopping={"monitor": "val_accuracy", "patience": 5})
    assert job["early_stopping"]["monitor"] == "val_accuracy"


def test_a_diverging_job_fails_and_keeps_its_metrics(client: Client) -> None:
    client.post("/v1/datasets", {"name": "wild", "source": "line"})
    client.post(
        "/v1/models",
        {
            "name": "wild",
            "task": "regression",
            "input": {"shape": [1]},
            "layers": [{"type": "Dense", "units": 1}],
            "optimizer": {"type": "SGD", "learning_rate": 1e6},
            "loss": "mean_squared_error",
        },
    )
    job = client.wait_for_status(client.start_training("wild", "wild", epochs=100), "failed")
    assert job["status_reason"] == "diverged"
    assert job["error"]["type"] == "/problems/diverged"
    epochs = client.get(job["links"]["metrics"])["epochs"]
    assert epochs
    assert epochs[-1]["loss"] is None or epochs[-1]["loss"] > 1e10


def test_events_tell_the_whole_story_in_order(client: Client, rings: str) -> None:
    job = client.train(rings, rings, epochs=3)
    events = client.get(job["links"]["events"])
    assert events["next"] is None
    assert [event["seq"] for event in events["items"]] == list(range(1, len(events["items"]) + 1))
    statuses = [event["data"]["status"] for event in events["items"] if event["type"] == "transition"]
    assert statuses == ["queued", "running", "succeeded"]
    assert [event["data"]["epoch"] for event in events["items"] if event["type"] == "epoch"] == [1, 2, 3]
    later = client.get(f"/v1/training-jobs/{job['id']}/events?after=2")["items"]
    assert later[0]["seq"] == 3
