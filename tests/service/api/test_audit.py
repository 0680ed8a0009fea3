"""Audit events, over HTTP."""

import asyncio
from typing import Any

import pytest

from service.api.front.audit import BURST, Audit
from service.api.front.request import Request
from service.context import Context
from service.errors import DatabaseUnavailable
from service.operations.memory import Memory
from service.storage import last_write
from service.storage.records import AuditEvent
from tests.journeys.specs import LINE, LINE_DATASET
from tests.running_service import wait_for
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.keys import Keys, id_of


class Auditor:
    """Lists audit events, once they are written."""

    def __init__(self, of: Keys) -> None:
        self._of = of

    def read(self, query: str = "") -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self._of.send(self._of.admin, "GET", f"/v1/audit-events?{query}", 200)["items"]
        return items

    def find(self, query: str, count: int = 1) -> list[dict[str, Any]]:
        wait_for(lambda: len(self.read(query)) >= count, what="the audit events")
        found = self.read(query)
        assert len(found) == count
        return found


@pytest.fixture
def auditor(of: Keys) -> Auditor:
    return Auditor(of)


def test_a_change_is_listed_with_who_did_what_when(of: Keys, auditor: Auditor) -> None:
    of.make_project("a")
    key = of.make("train", project="a")
    of.send(key, "POST", "/v1/datasets", 202, json=LINE_DATASET, headers={"Prefer": "wait=0", "X-Request-ID": "mine"})
    (event,) = auditor.find(f"key_id={id_of(key)}")
    expected = {
        "key_id": id_of(key), "project": "a", "method": "POST", "route": "/v1/datasets", "resource": "/v1/datasets",
        "status": 202, "request_id": "mine", "count": 1,
    }  # fmt: skip
    assert expected.items() <= event.items()
    assert event["id"].startswith("ae_")
    assert event["at"].endswith("Z")


def test_a_change_that_fails_is_listed_with_its_template(of: Keys, auditor: Auditor) -> None:
    of.send(of.admin, "DELETE", "/v1/models/none", 404)
    (event,) = auditor.find("method=DELETE")
    assert (event["route"], event["resource"], event["status"]) == ("/v1/models/{name}", "/v1/models/none", 404)


def test_no_event_has_the_secret_of_a_key(of: Keys, auditor: Auditor) -> None:
    key = of.make("read")
    of.send(of.admin, "DELETE", f"/v1/api-keys/{key}", 404)
    (event,) = auditor.find("method=DELETE")
    assert event["resource"] == f"/v1/api-keys/fsk_{id_of(key)}_***"


def test_what_is_refused_is_listed_with_the_key_if_it_exists(of: Keys, auditor: Auditor) -> None:
    revoked, reader = of.make("read"), of.make("read")
    of.send(of.admin, "DELETE", f"/v1/api-keys/{id_of(revoked)}", 204)
    of.client.get("/v1/models", 401)
    of.send(revoked, "GET", "/v1/models", 401)
    of.send(reader, "GET", "/v1/projects", 403)
    of.send(reader, "GET", "/v1/models", 403, project="other")
    of.client.get("/nowhere", 401)
    unknown = auditor.find("status=401", 3)
    assert [event["key_id"] for event in unknown] == [None, id_of(revoked), None]
    assert unknown[0]["route"] is None
    assert {event["project"] for event in unknown} == {None}
    assert {event["key_id"] for event in auditor.find("status=403", 2)} == {id_of(reader)}


def test_a_refusal_is_listed_in_the_project_of_its_key(of: Keys, auditor: Auditor) -> None:
    of.make_project("a")
    key = of.make("read", project="a")
    of.send(key, "GET", "/v1/models", 403, project="default")
    (event,) = auditor.find(f"key_id={id_of(key)}&status=403")
    assert event["project"] == "a"


def test_reads_and_predictions_are_not_listed(of: Keys, auditor: Auditor, worker: FakeWorker) -> None:
    key = of.make("train")
    of.send(key, "POST", "/v1/datasets", 201, json=LINE_DATASET)
    of.send(key, "POST", "/v1/models", 201, json=LINE)
    of.send(key, "GET", "/v1/models/line", 200)
    of.send(key, "POST", "/v1/models/line/predictions", 409, json={"instances": [[1]]})
    of.send(key, "POST", "/v2/repository/index", 200, json={})
    of.send(key, "POST", "/v1/batch-predictions", 409, json={"model": "line", "dataset": "line"})
    events = auditor.find(f"key_id={id_of(key)}", 3)
    assert [event["resource"] for event in events] == ["/v1/batch-predictions", "/v1/models", "/v1/datasets"]


def test_a_quota_reached_is_listed(of: Keys, auditor: Auditor) -> None:
    of.make_project("a", queued_jobs=0)
    of.send(of.make("train", project="a"), "POST", "/v1/datasets", 429, json=LINE_DATASET)
    (event,) = auditor.find("status=429")
    assert event["project"] == "a"


def test_the_list_has_pages_and_filters(of: Keys, auditor: Auditor) -> None:
    for name in ("a", "b", "c"):
        of.make_project(name)
    newest = auditor.find("method=POST", 4)
    page = of.send(of.admin, "GET", "/v1/audit-events?sort=at&limit=3", 200)
    rest = of.send(of.admin, "GET", page["next"], 200)
    assert [item["id"] for item in page["items"] + rest["items"]] == [event["id"] for event in reversed(newest)]
    middle = newest[1]["at"]
    assert auditor.read(f"since={middle}") == newest[:2]
    assert auditor.read(f"until={middle}") == newest[2:]
    assert auditor.read("since=9999-01-01T00:00:00%2B02:00") == auditor.read("project=none") == []
    for query in ("since=yesterday", "since=2026-01-01T00:00:00", "status=x", "method=BREW", "sort=name"):
        of.send(of.admin, "GET", f"/v1/audit-events?{query}", 400)


def test_only_administrators_see_it(of: Keys) -> None:
    of.send(of.make("train"), "GET", "/v1/audit-events", 403)


def test_writing_events_leaves_what_processes_remember_fresh(api: ApiClient, context: Context) -> None:
    before = last_write.moment()
    api.post("/v1/models", {}, 422)
    wait_for(lambda: len(stored(context)) == 1, what="the event")
    assert last_write.moment() == before


def request(method: str = "POST", path: str = "/v1/models") -> Request:
    async def receive() -> dict[str, Any]:
        raise AssertionError

    scope = {"method": method, "path": path, "headers": [], "client": ("192.0.2.1", 5000)}
    return Request(scope, receive, Memory(1000))


def note(audit: Audit, *statuses: int) -> None:
    async def run() -> None:
        for status in statuses:
            audit.note(request(), status)
        audit.close()

    asyncio.run(run())


def stored(context: Context) -> list[AuditEvent]:
    with context.database.read() as session:
        return list(session.query(AuditEvent).order_by(AuditEvent.id))


def test_a_flood_of_refused_requests_becomes_an_event_with_a_count_and_no_change_is_lost(context: Context) -> None:
    note(Audit(context, lambda method, path: path), *[401] * (BURST + 1000), 201, *[403] * 500, 201)
    events = stored(context)
    assert sum(event.count for event in events) == BURST + 1502
    assert len(events) <= BURST + 10
    assert [event.status for event in events if event.status == 201] == [201, 201]
    assert {(event.address, event.route) for event in events} == {("192.0.2.1", "/v1/models")}


def test_events_that_could_not_be_written_are_kept(
    context: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    audit = Audit(context, lambda method, path: path)
    record, attempts = audit._record, []

    def fail_once(batch: Any) -> None:
        attempts.append(len(batch))
        if len(attempts) == 1:
            raise DatabaseUnavailable("The database doesn't answer.")
        record(batch)

    monkeypatch.setattr(audit, "_record", fail_once)

    async def run() -> None:
        audit.note(request(), 201)
        while not attempts or audit._is_writing:
            await asyncio.sleep(0.001)
        audit.note(request(), 204)
        audit.close()

    asyncio.run(run())
    assert attempts == [1, 2]
    assert [event.status for event in stored(context)] == [201, 204]
