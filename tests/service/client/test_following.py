"""A client that follows a job: it goes on where a connection ended, and says clearly when it can't."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from service import statuses
from service.client import following
from service.client.following import CannotFollow, JobEvent, Service, read_events
from service.config import Settings
from service.context import Context
from service.storage.records import Record
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import free_port, wait_for
from tests.service.api.api_client import TRAINING
from tests.service.api.api_server import Server, start
from tests.service.api.fake_worker import FakeWorker


def ignore(line: str) -> None:
    """Takes what a client says and does nothing with it."""


def test_events_are_read_between_comments_and_one_that_was_cut_off_is_none() -> None:
    lines = b': heartbeat\n\nid: 7\nevent: epoch\ndata: {"loss":1}\n\nid: 8\nevent: message\ndata: {"te'.split(b"\n")
    assert list(read_events(lines)) == [JobEvent(7, "epoch", {"loss": 1})]


@contextmanager
def api_at(port: int, folder: Path) -> Iterator[Server]:
    """An api on a port, with the database that lies in a folder."""
    context = Context.from_settings(Settings(data_dir=folder))
    Record.metadata.create_all(context.database.engine)
    process = start(port, folder)
    server = Server(process, f"http://127.0.0.1:{port}", context)
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
        events = Service(server.url).follow(job_id, 0, told.append)
        following = threading.Thread(target=lambda: seen.extend(events))
        following.start()
    wait_for(lambda: told, what="the client to notice")
    with api_at(port, tmp_path) as server:
        FakeWorker(server.context).run_next(statuses.TRAINING)
        following.join(30)
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].data["status"] == "succeeded"
    assert len(told) == 1


class Answering(BaseHTTPRequestHandler):
    """Answers every GET as its class says."""

    status = 200
    body = b"<html>"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def serving(handler: type[Answering]) -> Iterator[str]:
    """The URL of a server that answers so."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def other_service() -> Iterator[str]:
    """The URL of something that isn't Fitserve."""
    with serving(Answering) as url:
        yield url


def test_what_is_no_fitserve_is_called_that(other_service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotFollow, match="is no Fitserve"):
        Service(other_service).job("tj_1")
    monkeypatch.setattr(Answering, "status", 404)
    with pytest.raises(CannotFollow, match="status 404"):
        Service(other_service).job("tj_1")


def test_a_service_that_stays_away_is_given_up_with_the_reason(
    other_service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "status", 503)
    monkeypatch.setattr(Answering, "body", orjson.dumps({"detail": "Too many requests are waiting already."}))
    with pytest.raises(CannotFollow, match="Too many requests are waiting already"):
        list(Service(other_service, patience=0).follow("tj_1", 0, ignore))


class Clock:
    """The client's time."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_stream_in_which_nothing_happened_for_long_costs_no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(following, "time", clock)
    end = b'id: 1\nevent: transition\ndata: {"status":"succeeded"}\n\n'
    answers = [(200, b": heartbeat\n\n"), (503, b"{}"), (200, end)]

    class Restarting(Answering):
        def do_GET(self) -> None:
            self.status, self.body = answers.pop(0)
            clock.now += 1000 if self.status == 200 else 1
            super().do_GET()

    with serving(Restarting) as url:
        assert [event.seq for event in Service(url).follow("tj_1", 0, ignore)] == [1]


@pytest.mark.parametrize("url", ["localhost:8000", "127.0.0.1", "http://", ""])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(CannotFollow, match="not the URL of a service"):
        Service(url).job("tj_1")
