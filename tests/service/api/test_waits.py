"""How long a request waits is the client's choice, within the service's means."""

import threading
from dataclasses import replace

import pytest
from flask import Flask

from service.api.app import create_app
from service.api.front.waits import WaitPermits
from service.context import Context
from service.operations.jobs import queue
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=0", "wait=0"),
        ("respond-async", "respond-async"),
        ("respond-async, wait=0", "wait=0"),
        ('WAIT = "0"', "wait=0"),
        ("foo=bar; x=1, wait=0; y", "wait=0"),
        ("wait=0, wait=30", "wait=0"),
    ],
)
def test_preferences_are_read_as_the_rfc_writes_them(api: ApiClient, prefer: str, applied: str) -> None:
    response = api.send("POST", "/v1/models", 202, json=LINE, headers={"Prefer": prefer})
    assert response.headers["Preference-Applied"] == applied


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=-1", "wait=soon", "wait=1.5", "return=minimal", ",;="])
def test_a_preference_that_makes_no_sense_is_ignored(api: ApiClient, prefer: str) -> None:
    response = api.send("GET", "/v1/models", 200, headers={"Prefer": prefer})
    assert "Preference-Applied" not in response.headers


@pytest.mark.usefixtures("worker")
def test_more_than_a_minute_counts_as_a_minute(api: ApiClient) -> None:
    response = api.send("POST", "/v1/models", 201, json=LINE, headers={"Prefer": "wait=99999999999"})
    assert response.headers["Preference-Applied"] == "wait=60"


def test_getting_what_is_unfinished_can_wait_for_it(api: ApiClient, app: Flask, idle_worker: FakeWorker) -> None:
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    answers = []
    client = ApiClient(app.test_client())
    waiting = threading.Thread(target=lambda: answers.append(client.get("/v1/models/line", Prefer="wait=60")))
    waiting.start()
    idle_worker.run_next()
    waiting.join(30)
    assert answers[0]["status"] == "ready"


@pytest.mark.timeout(45)
def test_nobody_waits_for_what_is_not_there(trained: ApiClient, context: Context) -> None:
    job = trained.post("/v1/training-jobs", TRAINING, 202)["id"]
    missing = ["training-jobs/tj_1", f"evaluations/{job}", f"batch-predictions/{job}", "models/other", "datasets/other"]
    for path in missing:
        trained.get(f"/v1/{path}", 404, Prefer="wait=60")
    assert queue.wait_for_end(context, "tj_1", 60) is None


def test_at_most_half_of_the_threads_wait_and_the_others_are_answered_at_once(app: Flask, context: Context) -> None:
    permits: WaitPermits = app.extensions["wait_permits"]
    api = ApiClient(app.test_client())
    with permits.hold(60) as first, permits.hold(60) as second, permits.hold(60) as third:
        assert (first, second, third) == (60, 60, 0)
        response = api.send("POST", "/v1/datasets", 202, json=LINE_DATASET, headers={"Prefer": "wait=60"})
        assert "Preference-Applied" not in response.headers
        problem = api.post("/v1/models?dry_run=true", LINE, expect=503)
        assert problem["type"] == "/problems/overloaded"
    assert context.settings.api_threads == 4


def test_a_dry_run_takes_one_permit_and_ignores_the_preferred_wait(context: Context, worker: FakeWorker) -> None:
    app = create_app(replace(context, settings=replace(context.settings, api_threads=2)))
    response = ApiClient(app.test_client()).send(
        "POST", "/v1/models?dry_run=true", 200, json=LINE, headers={"Prefer": "wait=5"}
    )
    assert "Preference-Applied" not in response.headers


def test_permits_come_back(app: Flask, worker: FakeWorker) -> None:
    api = ApiClient(app.test_client())
    for number in range(5):
        api.post("/v1/models", named(LINE, f"m{number}"), Prefer="wait=20")
