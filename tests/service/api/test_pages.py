"""Pages, health, headers: what every answer has, and what is open to everyone."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.api.app import create_front
from service.config import Settings
from service.context import Context
from service.operations.upkeep import workers
from service.storage.records import Worker
from tests.service.api.api_client import ApiClient
from tests.service.api.front_client import FrontClient


def say_alive(context: Context, *, ready: bool) -> None:
    worker = Worker(
        id="w1", host="here", process={"pid": 1}, slots=2, versions={"keras": "3"}, ready=ready,
        heartbeat_at=datetime.now(UTC),
    )  # fmt: skip
    workers.record_heartbeat(context, worker)


def test_the_process_lives(api: ApiClient) -> None:
    assert api.get("/healthz") == {"status": "ok"}


def test_readiness_tells_what_each_part_does_and_needs_no_worker(api: ApiClient, context: Context) -> None:
    body = api.get("/readyz")
    well = {"status": "ready", "detail": None}
    parts = {"database": well, "disk": well, "workers": {"status": "missing", "alive": 0}}
    assert body == {"status": "ready", "parts": parts}
    say_alive(context, ready=False)
    assert api.get("/readyz")["parts"]["workers"] == {"status": "missing", "alive": 1}
    say_alive(context, ready=True)
    assert api.get("/readyz")["parts"]["workers"] == {"status": "ready", "alive": 1}


def test_without_its_database_it_is_not_ready(tmp_path: Path) -> None:
    context = Context.from_settings(Settings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/none/file.db"))
    api = ApiClient(FrontClient(create_front(context)))
    unready = api.send("GET", "/readyz", 503)
    assert unready.json is not None
    detail = "The database doesn't answer (unable to open database file)."
    assert unready.json["parts"]["database"] == {"status": "unavailable", "detail": detail}
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
