"""How long a request waits is the client's choice, within the service's means."""

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.api.front.app import Front
from service.api.front.watch import JobWatch
from service.api.http.handoff import Wait
from service.context import Context
from service.operations.jobs.events import JobState
from service.storage.records import Job
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient


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


def test_getting_what_is_unfinished_can_wait_for_it(api: ApiClient, app: Front, idle_worker: FakeWorker) -> None:
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    answers = []
    client = ApiClient(FrontClient(app))
    waiting = threading.Thread(target=lambda: answers.append(client.get("/v1/models/line", Prefer="wait=60")))
    waiting.start()
    idle_worker.run_next()
    waiting.join(30)
    assert answers[0]["status"] == "ready"


@pytest.mark.timeout(45)
def test_nobody_waits_for_what_is_not_there(trained: ApiClient) -> None:
    job = trained.post("/v1/training-jobs", TRAINING, 202)["id"]
    missing = ["training-jobs/tj_1", f"evaluations/{job}", f"batch-predictions/{job}", "models/other", "datasets/other"]
    for path in missing:
        trained.get(f"/v1/{path}", 404, Prefer="wait=60")


@pytest.mark.usefixtures("worker")
def test_a_dry_run_ignores_the_preferred_wait(api: ApiClient) -> None:
    response = api.send("POST", "/v1/models?dry_run=true", 200, json=LINE, headers={"Prefer": "wait=5"})
    assert "Preference-Applied" not in response.headers


def test_more_requests_wait_than_there_are_threads(app: Front, context: Context, idle_worker: FakeWorker) -> None:
    def create(number: int) -> int:
        body = named(LINE, f"m{number}")
        return FrontClient(app).post("/v1/models", json=body, headers={"Prefer": "wait=60"}).status_code

    waiting = 3 * context.settings.api_threads
    with ThreadPoolExecutor(waiting) as clients:
        answers = [clients.submit(create, number) for number in range(waiting)]
        client = ApiClient(FrontClient(app))
        wait_for(lambda: len(client.get("/v1/models?limit=100")["items"]) == waiting, what="the models")
        idle_worker.run_all()
        assert [answer.result() for answer in answers] == [201] * waiting


def alive(kind: type) -> list[Any]:
    gc.collect()
    return [found for found in gc.get_objects() if type(found) is kind]


def test_a_wait_ends_when_its_client_leaves() -> None:
    async def wait() -> float:
        began = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            watch = JobWatch(lambda ids: dict.fromkeys(ids, JobState("running", 1)), pool)
            await watch.until_over("tj_1", 60, lambda: True)
        return time.monotonic() - began

    assert asyncio.run(wait()) < 20


def test_a_wait_keeps_none_of_the_rows_that_its_route_has_read(
    api: ApiClient, app: Front, idle_worker: FakeWorker
) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    idle_worker.run_all()
    path = api.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    with ThreadPoolExecutor(1) as clients:
        rows, waits = len(alive(Job)), len(alive(Wait))
        waiting = clients.submit(ApiClient(FrontClient(app)).get, path, 200, Prefer="wait=60")
        wait_for(lambda: len(alive(Wait)) > waits, what="the wait")
        wait_for(lambda: len(alive(Job)) <= rows, what="the rows to be gone")
        api.patch(path, {"desired_status": "cancelled"})
        assert waiting.result(10)["status"] == "cancelled"
