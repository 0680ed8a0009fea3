"""Which hosts the service answers for, and for which sites' pages: nobody drives it through the browser of another."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import yaml
from werkzeug.test import TestResponse

from service.api.contract.openapi import PATH
from service.context import Context
from tests.journeys.specs import LINE_DATASET
from tests.service.api.api_client import ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

ELSEWHERE = "evil.example"
PAGE = "https://evil.example"
FRIEND = "https://friend.example"
METHODS = ("get", "post", "put", "patch", "delete")
DIALECT_PATHS = ("/v1/models/line:predict", "/v1/models/line/metadata", "/v2", "/v2/models/line/infer")


def client(context: Context, **settings: Any) -> ApiClient:
    """A client of an api with these settings."""
    return ApiClient(FrontClient(make_front(replace(context, settings=replace(context.settings, **settings)))))


def operations() -> Iterator[tuple[str, str]]:
    """Every documented method with a path."""
    paths = yaml.load(PATH.read_text(encoding="utf-8"), yaml.CSafeLoader)["paths"]
    for path, item in paths.items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path.replace("{version}", "1").replace("{", "").replace("}", "")


def send(api: ApiClient, method: str, path: str, **headers: str) -> TestResponse:
    dashed = {name.replace("_", "-"): value for name, value in headers.items()}
    json: Any = LINE_DATASET if method == "POST" else None
    return api.http.open(path, method=method, headers=dashed, json=json, buffered=True)


def test_no_operation_is_answered_for_another_host(api: ApiClient) -> None:
    others = [("GET", "/"), ("GET", "/docs"), ("GET", "/nowhere"), ("OPTIONS", "/v1/models"), ("HEAD", "/v1/models")]
    for method, path in (*operations(), *others):
        status = 200 if path == "/healthz" else 421
        assert send(api, method, path, Host=ELSEWHERE).status_code == status, (method, path)


def test_the_problem_names_the_host_and_the_setting(api: ApiClient) -> None:
    problem: Any = api.send("GET", "/v1/models", 421, headers={"Host": f"{ELSEWHERE}:80"}).json
    assert problem["type"] == "/problems/misdirected-request"
    assert f'"{ELSEWHERE}:80"' in problem["detail"]
    assert "FITSERVE_ALLOWED_HOSTS" in problem["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:80"])
def test_the_names_of_this_machine_are_answered_for_with_any_port(api: ApiClient, host: str) -> None:
    assert send(api, "GET", "/v1/models", Host=host).status_code == 200


@pytest.mark.parametrize("host", ["", "localhost.evil.example", "evil.example:localhost", "localhost:x", "127.0.0.2"])
def test_names_that_only_look_like_it_are_not(api: ApiClient, host: str) -> None:
    assert send(api, "GET", "/v1/models", Host=host).status_code == 421


def test_listed_hosts_replace_the_names_of_this_machine(context: Context) -> None:
    api = client(context, allowed_hosts="Fitserve.example, api.example")
    for host, status in (("fitserve.example", 200), ("API.example:443", 200), ("localhost", 421), (ELSEWHERE, 421)):
        assert send(api, "GET", "/v1/models", Host=host).status_code == status


def test_a_star_allows_every_host(context: Context) -> None:
    api = client(context, allowed_hosts="*")
    for host in (ELSEWHERE, "localhost", "192.0.2.1:8000"):
        assert send(api, "GET", "/v1/models", Host=host).status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/healthz"])
def test_without_a_host_only_http_1_0_is_answered(api: ApiClient, path: str) -> None:
    missing: Any = {"HTTP_HOST": None}
    problem: Any = api.send("GET", path, 400, environ_overrides=missing).json
    assert problem["type"] == "/problems/bad-request"
    api.send("GET", path, 200, environ_overrides=missing | {"SERVER_PROTOCOL": "HTTP/1.0"})


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "null"},
        {"Origin": PAGE},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": PAGE, "Sec_Fetch_Site": "same-origin"},
    ],
)
def test_pages_of_other_sites_change_nothing(api: ApiClient, sent: dict[str, str]) -> None:
    for method, path in operations():
        response = send(api, method, path, **sent)
        assert (response.status_code == 403) == (method != "GET"), (method, path)
    problem: Any = send(api, "POST", "/v1/datasets", **sent).json
    assert problem["type"] == "/problems/cross-site-request"
    assert "FITSERVE_CORS_ORIGINS" in problem["detail"]
    assert api.get("/v1/datasets")["items"] == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_changes_nothing_is_answered_whoever_links_to_it(api: ApiClient, method: str) -> None:
    response = send(api, method, "/v1/models", Sec_Fetch_Site="cross-site", Origin=PAGE)
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"Sec_Fetch_Site": "same-origin", "Origin": "http://localhost:8000"},
        {"Sec_Fetch_Site": "same-site", "Origin": "http://127.0.0.1:3000"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_own_pages_and_clients_that_are_no_browsers_change_what_they_like(api: ApiClient, sent: dict[str, str]) -> None:
    assert send(api, "POST", "/v1/datasets", Prefer="wait=0", **sent).status_code == 202


def test_the_sites_that_the_operator_lists_may_use_it(context: Context) -> None:
    api = client(context, cors_origins=f"{FRIEND}, http://other.example:3000")
    for origin in (FRIEND, "http://other.example:3000"):
        response = send(api, "PUT", "/v1/models/line/labels/live", Origin=origin, Sec_Fetch_Site="cross-site")
        assert response.status_code not in (403, 421)
    for origin in (PAGE, "http://friend.example", f"{FRIEND}:8443", "http://other.example"):
        response = send(api, "PUT", "/v1/models/line/labels/live", Origin=origin, Sec_Fetch_Site="cross-site")
        assert response.status_code == 403


@pytest.mark.parametrize("path", DIALECT_PATHS)
def test_clients_of_other_servers_are_told_in_their_form(api: ApiClient, path: str) -> None:
    misdirected = send(api, "POST", path, Host=ELSEWHERE)
    cross_site = send(api, "POST", path, Origin=PAGE)
    missing: Any = {"HTTP_HOST": None}
    nameless = api.http.post(path, environ_overrides=missing)
    assert [misdirected.status_code, cross_site.status_code, nameless.status_code] == [421, 403, 400]
    for response in (misdirected, cross_site, nameless):
        assert response.mimetype == "application/json"
        assert response.json is not None
        assert list(response.json) == ["error"]
