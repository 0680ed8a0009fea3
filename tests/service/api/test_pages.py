"""Pages, health, headers: what every answer has, and what is open to everyone."""

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.api.app import create_front
from service.broker.sender import HintSender
from service.config import Settings
from service.context import Context
from service.operations.upkeep import health, workers
from service.storage.records import Worker
from tests.service.api.api_client import ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.metrics_page import read_page
from tests.service.api.shared_routes import make_front


def say_alive(context: Context, *, ready: bool, problem: str | None = None) -> None:
    worker = Worker(
        id="w1", host="here", process={"pid": 1}, slots=2, versions={"keras": "3"}, ready=ready, problem=problem,
        heartbeat_at=datetime.now(UTC),
    )  # fmt: skip
    workers.record_heartbeat(context, worker)


def test_the_process_lives(api: ApiClient) -> None:
    assert api.get("/healthz") == {"status": "ok"}


def test_readiness_tells_what_each_part_does_and_needs_no_worker(api: ApiClient, context: Context) -> None:
    body = api.get("/readyz")
    free = shutil.disk_usage(context.settings.data_dir).free
    for part in ("database", "artifact_store"):
        assert body["parts"][part].pop("free_bytes") == pytest.approx(free, rel=0.1)
    well = {"status": "ready", "detail": None}
    parts = {"database": well, "artifact_store": well, "workers": expected_workers("missing", alive=0)}
    assert body == {"status": "ready", "parts": parts}
    say_alive(context, ready=False)
    assert api.get("/readyz")["parts"]["workers"] == expected_workers("missing")
    say_alive(context, ready=True)
    assert api.get("/readyz")["parts"]["workers"] == expected_workers("ready", able=1)


def test_readiness_tells_of_a_broker_without_its_host_and_does_not_need_it(context: Context) -> None:
    broker = HintSender("redis://127.0.0.1:1/0")
    api = ApiClient(FrontClient(make_front(replace(context, broker=broker))))
    assert api.get("/readyz")["parts"]["broker"] == {"status": "unknown", "detail": None}
    broker.has_connected = True
    assert api.get("/readyz")["parts"]["broker"] == {"status": "ready", "detail": None}
    assert read_page(api).value("fitserve_broker_up") == 1
    broker.problem = "Error 111 connecting to 127.0.0.1:1. Connection refused."
    body = api.get("/readyz")
    assert body["status"] == "ready"
    assert body["parts"]["broker"]["status"] == "unavailable"
    assert "127.0.0.1" not in body["parts"]["broker"]["detail"]
    assert read_page(api).value("fitserve_broker_up") == 0
    for path in ("/", "/ui"):
        page = api.http.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
        assert (page.status_code, "unavailable" in page.text) == (200, True)


def expected_workers(status: str, *, alive: int = 1, able: int = 0, detail: str | None = None) -> dict[str, Any]:
    queues = {"cpu": {"status": status, "workers": able}}
    return {"status": status, "detail": detail, "alive": alive, "queues": queues}


def test_a_worker_that_can_not_work_says_why(api: ApiClient, context: Context) -> None:
    say_alive(context, ready=False, problem="The libraries for jobs can't be imported.")
    workers = expected_workers("missing", detail="The libraries for jobs can't be imported.")
    assert api.get("/readyz")["parts"]["workers"] == workers
    (worker,) = api.get("/v1/workers")["items"]
    assert (worker["status"], worker["detail"]) == ("failing", "The libraries for jobs can't be imported.")
    say_alive(context, ready=True, problem="The disk has no room.")
    assert api.get("/readyz")["parts"]["workers"] == expected_workers("waiting", able=1, detail="The disk has no room.")
    assert api.get("/v1/workers")["items"][0]["status"] == "waiting"


def test_a_process_says_that_it_starts_and_that_it_drains(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_phase", health.READY)
    health.begin_starting()
    assert api.get("/readyz", 503)["status"] == "starting"
    health.end_starting()
    assert api.get("/readyz")["status"] == "ready"
    assert "Connection" not in api.send("GET", "/healthz", 200).headers
    health.begin_draining()
    health.end_starting()
    assert api.send("GET", "/healthz", 200).headers["Connection"] == "close"
    assert api.get("/readyz", 503)["status"] == "draining"


def test_without_its_database_it_is_not_ready(tmp_path: Path) -> None:
    context = Context.from_settings(Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/none/file.db"))
    api = ApiClient(FrontClient(create_front(context)))
    unready = api.send("GET", "/readyz", 503)
    assert unready.json is not None
    detail = "The database doesn't answer (unable to open database file)."
    assert unready.json["parts"]["database"] == {"status": "unavailable", "detail": detail, "free_bytes": None}
    assert unready.json["parts"]["artifact_store"]["status"] == "ready"
    for path in ("/readyz", "/v2/health/ready"):
        assert int(api.http.get(path).headers["Retry-After"]) > 0
    assert api.get("/healthz") == {"status": "ok"}
    assert "unavailable" in api.send("GET", "/", 200).text
    api.get("/v1/models", 503)


def test_the_home_page_tells_caches_that_it_is_json_for_clients_that_want_that(api: ApiClient) -> None:
    for accept, media_type in (
        ("text/html", "text/html"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
    ):
        response = api.send("GET", "/", 200, headers={"Accept": accept})
        assert response.mimetype == media_type
        assert "Accept" in response.headers["Vary"].split(", ")
        known = {"Accept": accept, "If-None-Match": response.headers["ETag"]}
        assert "Accept" in api.send("GET", "/", 304, headers=known).headers["Vary"].split(", ")


def test_workers_are_listed(api: ApiClient, context: Context) -> None:
    say_alive(context, ready=True)
    (worker,) = api.get("/v1/workers")["items"]
    assert worker["heartbeat_at"].endswith("Z")
    assert {"id": "w1", "host": "here", "slots": 2, "running": [], "versions": {"keras": "3"}}.items() <= worker.items()


def test_a_request_id_is_taken_or_made_and_echoed(api: ApiClient) -> None:
    given = api.send("GET", "/healthz", 200, headers={"X-Request-ID": "abc-123"})
    assert given.headers["X-Request-ID"] == "abc-123"
    for bad in ("", "a b", "a" * 129, "ä"):
        made = api.send("GET", "/healthz", 200, headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert re.fullmatch(r"[0-9a-f]{32}", made)


def test_every_answer_says_how_it_may_be_cached_and_that_its_type_is_meant(api: ApiClient) -> None:
    for path, status in (("/healthz", 200), ("/v1/models", 200), ("/", 200), ("/nothing", 404), ("/openapi.json", 200)):
        headers = api.send("GET", path, status).headers
        assert headers["Cache-Control"]
        assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/docs", "/problems/not-found"])
def test_pages_need_nothing_from_elsewhere_and_no_script_within_them(api: ApiClient, path: str) -> None:
    page = api.send("GET", path, 200)
    assert page.mimetype == "text/html"
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert not re.search(r"<script(?![^>]*src=)", page.text)
    for asset in re.findall(r'(?:src|href)="(/(?:docs|static)/[^"]+)"', page.text):
        assert api.send("GET", asset, 200).data


def test_swagger_ui_is_one_that_reads_openapi_3_1(api: ApiClient) -> None:
    script = api.send("GET", "/docs/assets/swagger-ui-bundle.js", 200).text
    assert "OpenAPI 3.1" in script or "openapi31" in script.lower()
    api.get("/docs/assets/../__init__.py", 404)
