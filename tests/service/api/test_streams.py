"""A job's events as server-sent events: complete, in order, resumable, and never at the cost of other requests."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import TestResponse

from fitserve_client import JobEvent
from fitserve_client.following import read_events
from service.api.front.streams import StreamPermits
from service.context import Context
from service.errors import Overloaded
from service.operations.jobs import events as job_events
from service.operations.jobs.leases import Lease
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def ready(api: ApiClient, idle_worker: FakeWorker) -> ApiClient:
    """A client of an app with the dataset and the model `line`."""
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    while idle_worker.run_next():
        pass
    return api


@pytest.fixture
def queued(ready: ApiClient) -> str:
    """The URL of the events of a job that waits."""
    url: str = ready.post("/v1/training-jobs", TRAINING, 202)["links"]["events"]
    return url


@pytest.fixture
def ended(queued: str, idle_worker: FakeWorker) -> str:
    """The URL of the events of a job that has succeeded."""
    idle_worker.run_next()
    return queued


def events_of(response: TestResponse) -> list[JobEvent]:
    return list(read_events(response.data.split(b"\n")))


def open_stream(api: ApiClient, url: str, **headers: str) -> TestResponse:
    """A stream that isn't read yet."""
    return api.http.get(url, headers=STREAM | headers)


def claim(worker: FakeWorker) -> Lease:
    claimed = worker.claim("training")
    assert claimed is not None
    return claimed[0]


def test_the_stream_says_what_the_json_says_and_ends_with_the_job(ready: ApiClient, ended: str) -> None:
    response = ready.send("GET", ended, 200, headers=STREAM)
    assert response.mimetype == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Vary"] == "Accept"
    assert response.text.startswith('id: 1\nevent: transition\ndata: {"status":"queued","reason":null}\n\nid: 2\n')
    shown = [(event.seq, event.type, event.data) for event in events_of(response)]
    assert shown == [(item["seq"], item["type"], item["data"]) for item in ready.get(ended)["items"]]
    assert shown[-1][2]["status"] == "succeeded"


def test_a_job_shows_from_where_it_is_to_be_followed(ready: ApiClient, ended: str) -> None:
    last = ready.get(ended.removesuffix("/events"))["last_event"]
    assert last == ready.get(ended)["items"][-1]["seq"]


def test_a_client_goes_on_after_the_last_event_that_it_has(ready: ApiClient, ended: str) -> None:
    def first(url: str, **headers: str) -> int:
        return events_of(ready.send("GET", url, 200, headers=STREAM | headers))[0].seq

    assert first(f"{ended}?after=2") == 3
    assert first(f"{ended}?after=2", **{"Last-Event-ID": "4"}) == 5
    assert first(f"{ended}?after=2", **{"Last-Event-ID": "0"}) == 1
    assert first(f"{ended}?after=2", **{"Last-Event-ID": ""}) == 3


@pytest.mark.parametrize("after", [0, 2**40])
def test_past_the_last_event_of_a_final_job_there_is_nothing_to_reconnect_for(
    ready: ApiClient, ended: str, after: int
) -> None:
    last = after or ready.get(ended)["items"][-1]["seq"]
    response = ready.send("GET", ended, 204, headers=STREAM | {"Last-Event-ID": str(last)})
    assert response.data == b""
    assert "Content-Type" not in response.headers
    ready.send("GET", f"{ended}?after={last}", 204, headers=STREAM)


@pytest.mark.parametrize("given", ["x", "-1", "1.5", "9" * 19])
def test_an_id_that_no_event_has_is_refused(ready: ApiClient, ended: str, given: str) -> None:
    for accepted in (STREAM, {}):
        problem = ready.get(ended, 400, **accepted, Last_Event_ID=given)
        assert problem["type"] == "/problems/invalid-header"
        assert problem["errors"][0]["header"] == "Last-Event-ID"


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("text/event-stream, application/json;q=0.5", "text/event-stream"),
        ("text/*", "text/event-stream"),
    ],
)
def test_the_client_chooses_the_form(ready: ApiClient, ended: str, accept: str, mimetype: str) -> None:
    assert ready.send("GET", ended, 200, headers={"Accept": accept}).mimetype == mimetype


def test_what_cannot_be_streamed_is_refused(ready: ApiClient, ended: str) -> None:
    ready.get(ended, 406, Accept="text/html")
    ready.get(f"{ended}?after=x", 400, **STREAM)
    ready.get("/v1/training-jobs/tj_none/events", 404, **STREAM)


def test_a_client_of_http_1_0_is_told_that_it_can_not_receive_a_stream(ready: ApiClient, queued: str) -> None:
    old = {"SERVER_PROTOCOL": "HTTP/1.0"}
    problem = ready.send("GET", queued, 406, headers=STREAM, environ_overrides=old).json
    assert problem is not None
    assert "HTTP/1.1" in problem["detail"]
    ready.send("GET", queued, 200, environ_overrides=old)


def test_a_stream_has_no_etag_and_no_condition_holds_it_up(ready: ApiClient, ended: str) -> None:
    response = ready.send("GET", ended, 200, headers=STREAM | {"If-None-Match": "*"})
    assert "ETag" not in response.headers
    assert events_of(response)
    assert "ETag" in ready.send("GET", ended, 200).headers


def test_a_head_is_answered_at_once(ready: ApiClient, queued: str) -> None:
    for _ in range(5):
        response = ready.send("HEAD", queued, 200, headers=STREAM)
        assert (response.mimetype, response.data) == ("text/event-stream", b"")


def test_events_are_sent_as_they_happen(ready: ApiClient, queued: str, idle_worker: FakeWorker) -> None:
    with closing(open_stream(ready, f"{queued}?after=1")) as response:
        pieces: Iterator[bytes] = iter(response.response)  # type: ignore[arg-type]
        assert next(pieces) == b": heartbeat\n\n"
        lease = claim(idle_worker)
        assert next(pieces).startswith(b"id: 2\nevent: transition\n")
        idle_worker.record_epochs(lease, 1, 2, 3)
        assert next(pieces).count(b"event: epoch\n") == 2


def test_a_quiet_stream_has_a_heartbeat(ready: ApiClient, queued: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.api.front.streams.HEARTBEAT_SECONDS", 0.05)
    with closing(open_stream(ready, f"{queued}?after=1")) as response:
        pieces: Iterator[bytes] = iter(response.response)  # type: ignore[arg-type]
        assert [next(pieces) for _ in range(3)] == [b": heartbeat\n\n"] * 3


def test_a_quiet_stream_ends_when_its_key_is_revoked(
    ready: ApiClient, queued: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.front.streams.HEARTBEAT_SECONDS", 0.05)
    admin = f"Bearer {ready.post('/v1/api-keys', {'name': 'admin', 'scopes': ['admin']})['key']}"
    reader = ready.post("/v1/api-keys", {"name": "reader", "scopes": ["read"]}, Authorization=admin)
    with closing(open_stream(ready, f"{queued}?after=1", Authorization=f"Bearer {reader['key']}")) as response:
        pieces: Iterator[bytes] = iter(response.response)  # type: ignore[arg-type]
        assert next(pieces) == b": heartbeat\n\n"
        ready.send("DELETE", f"/v1/api-keys/{reader['id']}", 204, headers={"Authorization": admin})
        assert set(pieces) <= {b": heartbeat\n\n", b""}


def test_a_stream_ends_when_its_job_is_deleted(ready: ApiClient, queued: str) -> None:
    job = queued.removesuffix("/events")
    with closing(open_stream(ready, queued)) as response:
        pieces: Iterator[bytes] = iter(response.response)  # type: ignore[arg-type]
        next(pieces)
        ready.patch(job, {"desired_status": "cancelled"})
        ready.delete(job)
        assert not [piece for piece in pieces if b"id: 3" in piece]


def test_many_events_are_read_part_by_part(
    ready: ApiClient, queued: str, idle_worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_events, "EVENT_BATCH", 3)
    idle_worker.run_next()
    job_id = queued.split("/")[-2]
    pieces = [piece.count(b"id: ") for piece in open_stream(ready, queued).iter_encoded()]
    assert [count for count in pieces if count] == [3, 3, 1]
    assert ready.send("GET", f"/v1/training-jobs/{job_id}/log", 200).text.count("Epoch") == 3


def front_with(context: Context, **settings: Any) -> FrontClient:
    """A client of another front with these settings."""
    return FrontClient(make_front(replace(context, settings=replace(context.settings, **settings))))


@pytest.mark.parametrize("limit", ["max_streams", "max_streams_per_address"])
def test_streams_beyond_the_limit_are_a_503_until_others_end(context: Context, queued: str, limit: str) -> None:
    client = front_with(context, **{limit: 2})
    streams = [client.get(queued, headers=STREAM) for _ in range(2)]
    assert [stream.status_code for stream in streams] == [200, 200]
    refused = client.get(queued, headers=STREAM)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == "5"
    assert "2 event streams, which is the limit. Close one, or retry later." in refused.text
    assert client.get(queued).status_code == 200
    streams[0].close()
    wait_for(lambda: client.get(queued, headers=STREAM).status_code == 200, what="a permit")


def test_the_streams_of_a_key_count_together_wherever_they_come_from() -> None:
    permits = StreamPermits(10, 1)
    permits.take({"192.0.2.1", "key"})
    with pytest.raises(Overloaded):
        permits.take({"192.0.2.2", "key"})
    permits.give({"192.0.2.1", "key"})
    permits.take({"192.0.2.2", "key"})
    assert len(permits) == 1


def test_a_client_behind_a_trusted_proxy_has_permits_of_its_own(context: Context, queued: str) -> None:
    client = front_with(context, max_streams_per_address=1, trusted_proxies="10.0.0.1")

    def follow(peer: str, chain: str) -> TestResponse:
        headers = STREAM | {"X-Forwarded-For": chain}
        return client.get(queued, headers=headers, environ_overrides={"REMOTE_ADDR": peer})

    proxied = [follow("10.0.0.1", chain) for chain in ("192.0.2.1", "192.0.2.2", "192.0.2.3, 192.0.2.1")]
    assert [stream.status_code for stream in proxied] == [200, 200, 503]
    assert "192.0.2.1 has 1 event streams" in proxied[2].text
    untrusted = [follow("10.0.0.2", chain) for chain in ("192.0.2.4", "192.0.2.5")]
    assert [stream.status_code for stream in untrusted] == [200, 503]


def test_a_stream_ends_after_a_while_and_its_client_goes_on_with_another(
    context: Context, queued: str, idle_worker: FakeWorker
) -> None:
    client = front_with(context, stream_seconds=0.2)
    first = events_of(client.get(queued, headers=STREAM, buffered=True))
    assert [event.seq for event in first] == [1]
    idle_worker.run_next()
    rest = events_of(client.get(queued, headers=STREAM | {"Last-Event-ID": "1"}, buffered=True))
    assert rest[0].seq == 2
    assert rest[-1].final


def make_queued_job(server: Server) -> str:
    """The URL of the events of a job that waits, on a real server."""
    with FakeWorker(server.context):
        assert server.post("/v1/datasets", LINE_DATASET).status_code == 201
        assert server.post("/v1/models", LINE).status_code == 201
    job: dict[str, Any] = server.post("/v1/training-jobs", TRAINING).json()
    return server.url + str(job["links"]["events"])


def test_streams_and_waits_hold_no_thread_and_end_with_the_process(tmp_path: Path) -> None:
    with running_api(tmp_path, api_threads=2) as server, ThreadPoolExecutor(20) as clients:
        url = make_queued_job(server)
        streams = [requests.get(url, headers=STREAM, stream=True, timeout=30) for _ in range(20)]
        assert [response.status_code for response in streams] == [200] * 20
        job, wait = url.removesuffix("/events"), {"Prefer": "wait=60"}
        waits = [clients.submit(requests.get, job, headers=wait, timeout=70) for _ in range(20)]
        assert server.get("/v1/models").status_code == 200
        assert not [waiting for waiting in waits if waiting.done()]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        assert all(b"event: transition" in response.content for response in streams)
        assert [waiting.result().json()["status"] for waiting in waits] == ["queued"] * 20


def test_a_stream_is_chunked_and_not_compressed(server: Server) -> None:
    url = make_queued_job(server)
    with requests.get(url, headers=STREAM | {"Accept-Encoding": "gzip"}, stream=True, timeout=30) as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert "Content-Encoding" not in response.headers
        assert next(response.iter_lines(1)) == b"id: 1"


def test_a_stream_of_a_job_that_waits_longer_than_clients_may_stand_still_goes_on(tmp_path: Path) -> None:
    with running_api(tmp_path, client_timeout_seconds=1) as server:
        url = make_queued_job(server)
        with requests.get(url, headers=STREAM, stream=True, timeout=30) as response:
            lines = response.iter_lines(1)
            assert next(lines) == b"id: 1"
            opened = time.monotonic()
            wait_for(lambda: time.monotonic() > opened + 2, what="the time to pass")
            with FakeWorker(server.context):
                assert b"succeeded" in b"".join(lines)
