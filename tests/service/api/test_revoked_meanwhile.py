"""A key that is revoked while its request lasts: in a stream, a wait or an upload."""

import asyncio
import io
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder

from service.api.front.app import Front
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient, as_scope, event_loop
from tests.service.api.keys import Keys, id_of

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def trainer(of: Keys, idle_worker: FakeWorker) -> str:
    """A key whose project has the dataset and the model `line`."""
    key = of.make("train")
    later = {"Prefer": "wait=0"}
    of.send(key, "POST", "/v1/datasets", 202, json=LINE_DATASET, headers=later)
    of.send(key, "POST", "/v1/models", 202, json=LINE, headers=later)
    idle_worker.run_all()
    return key


def revoke(of: Keys, key: str) -> None:
    of.send(of.admin, "DELETE", f"/v1/api-keys/{id_of(key)}", 204)


def test_a_stream_ends_within_a_second(of: Keys, trainer: str) -> None:
    url = of.send(trainer, "POST", "/v1/training-jobs", 202, json=TRAINING)["links"]["events"]
    other = of.make("read")
    streams = [of.client.http.get(url, headers=STREAM | {"Authorization": f"Bearer {key}"}) for key in (trainer, other)]
    with closing(streams[0]) as ends, closing(streams[1]) as goes_on, ThreadPoolExecutor(2) as readers:
        rests = [readers.submit(response.get_data) for response in (ends, goes_on)]
        revoke(of, trainer)
        assert b"transition" in rests[0].result(1)
        assert not rests[1].done()
        of.send(of.admin, "PATCH", url.removesuffix("/events"), 200, json={"desired_status": "cancelled"})
        rests[1].result(5)


def test_what_was_waited_for_is_not_shown_and_the_request_can_be_sent_again(
    of: Keys, trainer: str, app: Front, idle_worker: FakeWorker
) -> None:
    job = of.send(trainer, "POST", "/v1/training-jobs", 202, json=TRAINING)
    once = {"Prefer": "wait=60", "Idempotency-Key": "once"}
    with ThreadPoolExecutor(2) as clients:
        client = Keys.__new__(Keys)
        client.client = ApiClient(FrontClient(app))
        shown = clients.submit(client.send, trainer, "GET", job["links"]["self"], 401, headers=once)
        made = clients.submit(client.send, trainer, "POST", "/v1/training-jobs", 401, json=TRAINING, headers=once)
        wait_for(lambda: len(of.send(of.admin, "GET", "/v1/training-jobs", 200)["items"]) == 2, what="the jobs")
        revoke(of, trainer)
        idle_worker.run_all()
        for refused in (shown, made):
            assert "revoked" in refused.result(30)["detail"]


def test_an_upload_that_ends_too_late_creates_nothing(of: Keys, trainer: str, app: Front) -> None:
    form = {"name": "late", "target": "y", "file": (io.BytesIO(b"x,y\n1,2\n"), "late.csv")}
    headers = Headers({"Authorization": f"Bearer {trainer}"})
    environ = EnvironBuilder("/v1/datasets", method="POST", data=form, headers=headers).get_environ()
    body = environ["wsgi.input"].read()
    answers: list[Any] = []

    async def pieces() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": body[:10], "more_body": True}
        await asyncio.to_thread(revoke, of, trainer)
        yield {"type": "http.request", "body": body[10:], "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    receive = aiter(pieces()).__anext__
    asyncio.run_coroutine_threadsafe(app(as_scope(environ), receive, send), event_loop()).result(10)
    assert answers[0]["status"] == 401
    assert [item["name"] for item in of.send(of.admin, "GET", "/v1/datasets", 200)["items"]] == ["line"]
