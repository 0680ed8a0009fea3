"""A client that follows a job: it goes on where a connection ended, and says clearly when it can't."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fitserve_client import Client, JobEvent, connection, following
from fitserve_client.following import read_events
from service.config import Settings
from service.storage.records import Record
from tests.contexts import default_context
from tests.fitserve_client.scripted_server import Answer, scripted
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import free_port, wait_for
from tests.service.api.api_client import TRAINING
from tests.service.api.api_server import Server, start
from tests.service.api.fake_worker import FakeWorker


def test_events_are_read_between_comments_and_one_that_was_cut_off_is_none() -> None:
    lines = b': heartbeat\n\nid: 7\nevent: epoch\ndata: {"loss":1}\n\nid: 8\nevent: message\ndata: {"te'.split(b"\n")
    assert list(read_events(lines)) == [JobEvent(7, "epoch", {"loss": 1})]


@contextmanager
def api_at(port: int, folder: Path) -> Iterator[Server]:
    """An api on a port, with the database that lies in a folder."""
    context = default_context(Settings(data_dir=folder))
    Record.metadata.create_all(context.database.engine)
    process = start(port, folder)
    server = Server(process, f"http://127.0.0.1:{port}", context, [])
    try:
        wait_for(server.answers, what="the api to answer")
        yield server
    finally:
        process.terminate()
        process.communicate(timeout=15)
        context.database.close()


def test_a_job_is_followed_across_the_end_and_the_return_of_its_service(tmp_path: Path) -> None:
    port = free_port()
    seen: list[JobEvent] = []
    told: list[str] = []
    with api_at(port, tmp_path) as server:
        with FakeWorker(server.context):
            server.post("/v1/datasets", LINE_DATASET)
            server.post("/v1/models", LINE)
        job_id = server.post("/v1/training-jobs", TRAINING).json()["id"]
        events = Client(server.url, tell=told.append).training_jobs.events(job_id)
        following = threading.Thread(target=lambda: seen.extend(events))
        following.start()
    wait_for(lambda: told, what="the client to notice")
    with api_at(port, tmp_path) as server:
        FakeWorker(server.context).run_next("training")
        following.join(30)
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].data["status"] == "succeeded"
    assert len(told) == 1


def event(seq: int, type_: str, data: str) -> str:
    return f"id: {seq}\nevent: {type_}\ndata: {data}\n\n"


def test_a_job_whose_service_asks_for_patience_is_followed_on() -> None:
    busy = Answer(503, {"detail": "Too many requests are waiting already."}, {"Retry-After": "0"})
    first = Answer(200, event(1, "message", "{}").encode(), {"Content-Type": "text/event-stream"})
    last = Answer(200, event(2, "transition", '{"status":"failed","reason":null}').encode())
    with scripted(busy, first, last) as server:
        assert [found.seq for found in Client(server.url).training_jobs.events("tj_1")] == [1, 2]
    assert [asked.headers["Last-Event-ID"] for asked in server.asked] == ["0", "0", "1"]


class Clock:
    """The client's time."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_streams_in_which_nothing_happened_for_long_cost_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(following, "time", clock)
    monkeypatch.setattr(connection, "time", clock)
    monkeypatch.setattr(following, "RECONNECT_SECONDS", 1000)
    quiet, busy = Answer(200, b": heartbeat\n\n"), Answer(503, {"detail": "It is restarting."})
    last = Answer(200, event(1, "transition", '{"status":"succeeded","reason":null}').encode())
    with scripted(quiet, busy, quiet, busy, last) as server:
        assert [found.seq for found in Client(server.url, patience=60).training_jobs.events("tj_1")] == [1]


def test_a_job_whose_events_are_all_known_needs_no_more() -> None:
    with scripted(Answer(204, b"")) as server:
        assert list(Client(server.url).training_jobs.events("tj_1", after=9)) == []


def test_following_ends_at_its_timeout() -> None:
    with scripted(Answer(200, event(1, "message", "{}").encode())) as server, pytest.raises(TimeoutError):
        list(Client(server.url).training_jobs.events("tj_1", timeout=0.01))
