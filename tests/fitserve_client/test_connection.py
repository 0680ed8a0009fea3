"""Requests that meet a service which is busy, away, or no Fitserve."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from fitserve_client import Client, RequestFailed, connection
from fitserve_client.connection import pause_before, read_retry_after
from tests.fitserve_client.scripted_server import Answer, Drop, scripted
from tests.running_service import free_port

BUSY = {"type": "/problems/overloaded", "title": "Too many", "status": 503, "detail": "Too many requests at once."}
TAKEN = {
    "type": "/problems/name-taken",
    "title": "The name is taken",
    "status": 409,
    "detail": "There is a model a.",
    "instance": "/v1/models",
    "request_id": "r1",
    "errors": [{"detail": "taken", "pointer": "#/name"}],
}
MODEL = {"name": "a", "status": "ready"}


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the client would have slept."""
    slept: list[float] = []
    monkeypatch.setattr(connection.time, "sleep", slept.append)
    return slept


def test_a_busy_service_is_asked_again_when_it_says_so(pauses: list[float]) -> None:
    told: list[str] = []
    with scripted(
        Answer(503, BUSY, {"Retry-After": "7"}), Answer(429, BUSY, {"Retry-After": "3"}), Answer(200, MODEL)
    ) as server:
        assert Client(server.url, tell=told.append).models.get("a") == MODEL
    assert pauses == [7, 3]
    assert told == ["Too many requests at once; trying again"]


def test_a_service_that_asks_for_more_patience_than_there_is_is_given_up_at_once(pauses: list[float]) -> None:
    with scripted(Answer(503, BUSY, {"Retry-After": "90"})) as server, pytest.raises(RequestFailed) as failed:
        Client(server.url).models.get("a")
    assert (failed.value.status, failed.value.code, failed.value.retry_after) == (503, "overloaded", 90)
    assert failed.value.passes
    assert (len(server.asked), pauses) == (1, [])


def test_a_quota_for_which_waiting_does_not_help_is_reported_at_once(pauses: list[float]) -> None:
    full = {"type": "/problems/quota-exceeded", "status": 429, "detail": "The project stores too much."}
    waits, stays = Answer(429, full, {"Retry-After": "30"}), Answer(429, full)
    with scripted(waits, stays) as server, pytest.raises(RequestFailed) as failed:
        Client(server.url).models.create({"name": "a"})
    assert (failed.value.code, failed.value.passes) == ("quota-exceeded", False)
    assert (len(server.asked), pauses) == (2, [30])


@pytest.mark.parametrize("loss", [Drop(), Answer(200, MODEL, cut=True), Answer(502, b"<html>")])
def test_a_creation_whose_answer_got_lost_is_sent_again_with_the_same_key(loss: Answer | Drop) -> None:
    with scripted(loss, loss, Answer(201, MODEL)) as server:
        client = Client(server.url)
        assert client.models.create({"name": "a"}) == MODEL
        client.models.create({"name": "b"})
    keys = [asked.headers["Idempotency-Key"] for asked in server.asked]
    assert len(keys) == 4
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]
    assert len({asked.body for asked in server.asked[:3]}) == 1


def test_a_file_is_sent_again_from_its_start(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n")
    with scripted(Drop(), Answer(201, {"name": "rows", "status": "ready"})) as server:
        Client(server.url).datasets.upload(file, "rows", target="b", ignore=["a"])
    first, second = server.asked
    assert first.body == second.body
    assert b'filename="rows.csv"' in first.body
    assert b"a,b\n1,2\n" in first.body
    assert b'["a"]' in first.body
    assert first.headers["Content-Length"] == str(len(first.body))


def test_a_request_whose_first_is_still_running_is_sent_again(pauses: list[float]) -> None:
    running = {"type": "/problems/request-in-progress", "status": 409, "detail": "It is being answered."}
    with scripted(Drop(), Answer(409, running, {"Retry-After": "1"}), Answer(201, MODEL)) as server:
        assert Client(server.url).models.create({"name": "a"}) == MODEL
    assert pauses[1] == 1


def test_what_was_deleted_although_the_answer_got_lost_is_deleted() -> None:
    gone = {"type": "/problems/not-found", "status": 404, "detail": "There is no model a."}
    with scripted(Drop(), Answer(404, gone)) as server:
        Client(server.url).models.delete("a")
    with scripted(Answer(404, gone)) as server, pytest.raises(RequestFailed):
        Client(server.url).models.delete("a")


def test_a_refusal_is_told_once_with_every_field_of_the_problem(pauses: list[float]) -> None:
    with scripted(Answer(409, TAKEN)) as server, pytest.raises(RequestFailed, match="There is a model a") as failed:
        Client(server.url).models.create({"name": "a"})
    error = failed.value
    assert (error.type, error.title, error.status) == ("/problems/name-taken", "The name is taken", 409)
    assert (error.code, error.instance, error.request_id) == ("name-taken", "/v1/models", "r1")
    assert error.errors == TAKEN["errors"]
    assert error.problem == TAKEN
    assert not error.passes
    assert (len(server.asked), pauses) == (1, [])


def test_a_service_that_stays_away_is_given_up() -> None:
    with pytest.raises(RequestFailed, match="doesn't answer: no connection") as failed:
        Client(f"http://127.0.0.1:{free_port()}", patience=0.05).models.get("a")
    assert failed.value.status is None
    assert failed.value.passes


def test_what_is_no_fitserve_is_called_that() -> None:
    with scripted(Answer(200, b"<html>")) as server, pytest.raises(RequestFailed, match="is no Fitserve"):
        Client(server.url).models.get("a")
    with scripted(Answer(404, b"<html>")) as server, pytest.raises(RequestFailed, match="status 404"):
        Client(server.url).models.get("a")


@pytest.mark.parametrize("url", ["localhost:8000", "127.0.0.1", "http://", ""])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not the URL of a service"):
        Client(url)


def test_waiting_is_left_to_the_service(pauses: list[float]) -> None:
    building, ready = {"name": "a", "status": "building"}, Answer(200, MODEL)
    with scripted(Answer(202, building), Answer(200, building, {"Retry-After": "2"}), ready) as server:
        assert Client(server.url).models.create({"name": "a"}) == MODEL
    assert [asked.headers.get("Prefer") for asked in server.asked] == [None, "wait=60", "wait=60"]
    assert pauses == [2], "a service that doesn't let it wait isn't asked at once"


def test_what_failed_while_it_was_waited_for_raises_what_it_failed_of() -> None:
    failed = {"name": "a", "status": "failed", "error": {**TAKEN, "detail": "It can't be exported."}}
    answers = Answer(202, {"name": "a", "status": "building"}), Answer(200, failed)
    with scripted(*answers) as server, pytest.raises(RequestFailed, match="can't be exported"):
        Client(server.url).models.create({"name": "a"})


def test_waiting_ends_at_its_timeout() -> None:
    with scripted(Answer(200, {"name": "a", "status": "building"})) as server, pytest.raises(TimeoutError):
        Client(server.url).models.wait("a", timeout=0)


def test_pauses_grow_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.5)
    for attempt, most in enumerate([0.5, 1, 2, 4, 8, 16, 30, 30]):
        assert most / 2 <= pause_before(attempt) <= most


def test_retry_after_may_be_a_date() -> None:
    later = read_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True))
    assert later is not None
    assert 90 < later <= 100
    assert read_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert read_retry_after("soon") is None


@pytest.mark.parametrize(
    ("prefix", "following"),
    [
        ("", "/v1/models?cursor=2"),
        ("/fitserve", "/fitserve/v1/models?cursor=2"),
        ("/fitserve", "/v1/models?cursor=2"),
        ("/fitserve/", "https://example.org/fitserve/v1/models?cursor=2"),
        ("/v", "/v1/models?cursor=2"),
    ],
)
def test_the_url_may_have_a_prefix_and_links_are_followed_with_or_without_it(prefix: str, following: str) -> None:
    first, last = {"items": [{"name": "a"}], "next": following}, {"items": [{"name": "b"}], "next": None}
    with scripted(Answer(200, first), Answer(200, last)) as server:
        assert [model["name"] for model in Client(server.url + prefix).models.list()] == ["a", "b"]
    assert [asked.path.partition("?")[0] for asked in server.asked] == [f"{prefix.rstrip('/')}/v1/models"] * 2
    assert server.asked[1].path.endswith("?cursor=2")


def test_a_change_is_not_redirected_because_it_would_arrive_as_a_get() -> None:
    moved = Answer(301, headers={"Location": "https://example.org/fitserve/v1/models/a/predictions"})
    with scripted(moved) as server, pytest.raises(RequestFailed, match=r"redirects to https://example\.org/fitserve"):
        Client(server.url).predict("a", [1.0])
    assert [asked.method for asked in server.asked] == ["POST"]
