"""What a trusted reverse proxy says about its client counts; what anyone else says about themselves doesn't."""

from contextvars import copy_context
from dataclasses import replace
from typing import Any

import orjson
import pytest
import yaml
from werkzeug.test import TestResponse

from service.api.front.proxies import LONGEST, TrustedProxies
from service.api.front.request import Request
from service.api.http.errors import InvalidHeader
from service.config import Settings
from service.context import Context
from service.environment import InvalidSettings
from service.operations.memory import Memory
from tests.journeys.specs import LINE_DATASET, named
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.0.7.7", "192.0.2.9"
NETWORKS = f"{PROXY}, 10.0.7.0/24, 2001:db8:1::/48"
PREFIX = "/team/fitserve"


def read(peer: str = PROXY, **headers: str) -> Request:
    """A request as the front sees it, once it has read the headers that `peer` sent."""
    raw = [(name.lower().replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": raw, "client": (peer, 1), "scheme": "http"}

    async def receive() -> Any:
        raise AssertionError

    request = Request(scope, receive, Memory(1))
    # Each request has a context of its own, which the prefix is part of.
    copy_context().run(TrustedProxies(Settings(trusted_proxies=NETWORKS)).apply, request)
    return request


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        (CLIENT, CLIENT),
        (f"{CLIENT}, {OTHER_PROXY}", CLIENT),
        (f"203.0.113.1, {CLIENT}, {OTHER_PROXY}", CLIENT),
        (f"{PROXY}, {CLIENT}", CLIENT),
        (f" {CLIENT}:4711 ,", CLIENT),
        ("2001:db8:2::1", "2001:db8:2::1"),
        ("[2001:db8:2::1]:443, 2001:db8:1::5", "2001:db8:2::1"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{PROXY}, {OTHER_PROXY}", PROXY),
        ("", PROXY),
        ("unknown", PROXY),
        (f"{CLIENT}, nonsense, {OTHER_PROXY}", OTHER_PROXY),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(chain: str, address: str) -> None:
    assert read(X_Forwarded_For=chain).address == address


@pytest.mark.parametrize("peer", [CLIENT, "127.0.0.1", "10.0.0.10", ""])
def test_headers_of_others_have_no_effect(peer: str) -> None:
    sent = {"X_Forwarded_For": "1.2.3.4", "X_Forwarded_Proto": "https", "X_Forwarded_Host": "evil.example"}
    request = read(peer, **sent, X_Forwarded_Prefix="/evil", Forwarded="for=1.2.3.4", Host="localhost")
    assert (request.address, request.headers["host"], request.scope["scheme"]) == (peer, "localhost", "http")
    assert "root_path" not in request.scope


def test_a_peer_counts_as_its_ipv4_address_on_a_socket_for_both() -> None:
    assert read(f"::ffff:{PROXY}", X_Forwarded_For=CLIENT).address == CLIENT


def test_scheme_host_and_prefix_are_those_of_the_outermost_trusted_proxy() -> None:
    told = {"X_Forwarded_Proto": "http, https, http", "X_Forwarded_Host": "evil.example, example.org, inner"}
    request = read(X_Forwarded_For=f"{CLIENT}, {OTHER_PROXY}", **told, X_Forwarded_Prefix="/evil, /team, /fitserve/")
    assert (request.scope["scheme"], request.headers["host"]) == ("https", "example.org")
    assert request.scope["root_path"] == PREFIX
    alone = read(X_Forwarded_For=CLIENT, **told, X_Forwarded_Prefix="/evil, /fitserve")
    assert (alone.scope["scheme"], alone.headers["host"]) == ("http", "inner")
    assert alone.scope["root_path"] == "/fitserve"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (f"for={CLIENT};proto=https;host=example.org", (CLIENT, "https", "example.org")),
        (f'For="{CLIENT}:80" ; Proto=HTTPS;host="example.org:443"', (CLIENT, "https", "example.org:443")),
        ('for="[2001:db8:2::1]:443"', ("2001:db8:2::1", "http", "localhost")),
        (f"for=1.1.1.1;host=evil.example, for={CLIENT};host=example.org", (CLIENT, "http", "example.org")),
        (f"for={CLIENT};proto=https;host=a.example, for={OTHER_PROXY};host=b", (CLIENT, "https", "a.example")),
        (f"for={CLIENT};proto=https, , ", (CLIENT, "https", "localhost")),
        ('for=_hidden;host="a\\.example"', (PROXY, "http", "a.example")),
        ("proto=https", (PROXY, "https", "localhost")),
        ("", (PROXY, "http", "localhost")),
    ],
)
def test_the_standard_header_says_the_same(text: str, seen: tuple[str, str, str]) -> None:
    request = read(Forwarded=text, Host="localhost")
    assert (request.address, request.scope["scheme"], request.headers["host"]) == seen


@pytest.mark.parametrize(
    ("headers", "header"),
    [
        ({"X_Forwarded_Proto": "gopher"}, "X-Forwarded-Proto"),
        ({"X_Forwarded_Prefix": "fitserve"}, "X-Forwarded-Prefix"),
        ({"X_Forwarded_Prefix": "//evil.example"}, "X-Forwarded-Prefix"),
        ({"X_Forwarded_Prefix": "/a/../b"}, "X-Forwarded-Prefix"),
        ({"X_Forwarded_Prefix": "/a\r\nSet-Cookie: b"}, "X-Forwarded-Prefix"),
        ({"X_Forwarded_Prefix": '/"><script>'}, "X-Forwarded-Prefix"),
        ({"X_Forwarded_For": "1," * LONGEST}, "X-Forwarded-For"),
        ({"X_Forwarded_Prefix": "/a" * LONGEST}, "X-Forwarded-Prefix"),
        ({"Forwarded": "for=1.1.1.1" + " " * LONGEST}, "Forwarded"),
        ({"Forwarded": f'for="x, for={CLIENT}'}, "Forwarded"),
        ({"Forwarded": "nonsense"}, "Forwarded"),
        ({"Forwarded": f"for={CLIENT};proto=ftp"}, "Forwarded"),
        ({"Forwarded": f"for={CLIENT}", "X_Forwarded_For": CLIENT}, "X-Forwarded-For"),
        ({"Forwarded": f"for={CLIENT}", "X_Forwarded_Host": "example.org"}, "X-Forwarded-Host"),
    ],
)
def test_what_a_trusted_proxy_cannot_mean_is_refused(headers: dict[str, str], header: str) -> None:
    with pytest.raises(InvalidHeader) as refused:
        read(**headers)
    (fault,) = refused.value.faults
    assert fault.header == header  # type: ignore[attr-defined]
    assert "behind-a-proxy.md" in fault.detail


@pytest.mark.parametrize("listed", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.1/8", "10.0.0.1;10.0.0.2"])
def test_only_addresses_and_networks_can_be_trusted(listed: str) -> None:
    with pytest.raises(InvalidSettings, match="FITSERVE_TRUSTED_PROXIES"):
        Settings(trusted_proxies=f"127.0.0.1,{listed}")


class Proxied:
    """A client whose requests come through a trusted proxy that removes a prefix."""

    def __init__(self, context: Context, **settings: Any) -> None:
        given = {"trusted_proxies": NETWORKS, "allowed_hosts": "example.org", **settings}
        self.http = FrontClient(make_front(replace(context, settings=replace(context.settings, **given))))

    def send(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        told = {
            "X-Forwarded-For": CLIENT,
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": "example.org",
            "X-Forwarded-Prefix": PREFIX,
        }
        return self.http.open(
            path,
            method=method,
            headers=told | (headers or {}),
            environ_overrides={"REMOTE_ADDR": PROXY},
            **{"buffered": True, **options},
        )


@pytest.fixture
def proxied(context: Context) -> Proxied:
    return Proxied(context)


def test_every_url_in_an_answer_has_the_prefix(proxied: Proxied, worker: FakeWorker) -> None:
    for name in ("line", "other"):
        created = proxied.send("POST", "/v1/datasets", json=named(LINE_DATASET, name))
        assert created.status_code == 201
        assert created.headers["Location"] == f"{PREFIX}/v1/datasets/{name}"
    dataset: Any = proxied.send("GET", "/v1/datasets/line").json
    assert dataset["links"]
    assert all(link.startswith(f"{PREFIX}/v1/") for link in dataset["links"].values() if link)
    page: Any = proxied.send("GET", "/v1/datasets?limit=1")
    assert page.json["next"].startswith(f"{PREFIX}/v1/datasets?limit=1&cursor=")
    assert page.headers["Link"] == f'<{page.json["next"]}>; rel="next"'
    rest: Any = proxied.send("GET", page.json["next"].removeprefix(PREFIX)).json
    assert [item["name"] for item in rest["items"]] == ["line"]


def test_without_the_header_there_is_no_prefix(proxied: Proxied) -> None:
    problem: Any = proxied.send("GET", "/v1/models/none", {"X-Forwarded-Prefix": ""}).json
    assert (problem["type"], problem["instance"]) == ("/problems/not-found", "/v1/models/none")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/v1/models/none", "not-found"), ("POST", "/v1/models/none/predictions", "not-found")],
)
def test_problems_name_the_urls_that_the_client_sees(proxied: Proxied, method: str, path: str, code: str) -> None:
    problem: Any = proxied.send(method, path, data=b"{}" if method == "POST" else None).json
    assert (problem["type"], problem["instance"]) == (f"{PREFIX}/problems/{code}", f"{PREFIX}{path}")


def test_pages_and_the_description_lead_to_where_the_client_is(proxied: Proxied) -> None:
    for path in ("/", "/docs", "/problems/not-found"):
        text = proxied.send("GET", path, {"Accept": "text/html"}).text
        links = [part.partition('"')[0] for name in ("href=", "src=") for part in text.split(f'{name}"')[1:]]
        assert len(links) > 1
        assert all(link.startswith((f"{PREFIX}/", "data:")) for link in links), links
    assert '"/openapi.json"' not in proxied.send("GET", "/static/docs.js").text
    as_json = orjson.loads(proxied.send("GET", "/openapi.json").data)
    as_yaml = yaml.load(proxied.send("GET", "/openapi.yaml").text, yaml.CSafeLoader)
    assert [server["url"] for server in as_json["servers"]] == [PREFIX]
    assert as_yaml == as_json
    directly = proxied.send("GET", "/openapi.json", {"X-Forwarded-Prefix": ""}).json
    assert directly is not None
    assert [server["url"] for server in directly["servers"]] == ["/"]


def test_the_forwarded_host_is_checked_in_place_of_the_proxys(proxied: Proxied, context: Context) -> None:
    assert proxied.send("GET", "/v1/models").status_code == 200
    assert proxied.send("GET", "/v1/models", {"X-Forwarded-Host": "evil.example"}).status_code == 421
    untrusting = Proxied(context, trusted_proxies="")
    assert untrusting.send("GET", "/v1/models").status_code == 421
    for origin, status in (("https://example.org", 201), ("http://localhost", 403), ("https://evil.example", 403)):
        sent = {"Origin": origin, "Sec-Fetch-Site": "same-origin", "Prefer": "wait=0"}
        created = proxied.send("POST", "/v1/datasets", sent, json=LINE_DATASET)
        assert created.status_code in (status, status + 1), origin


def test_a_header_that_makes_no_sense_is_a_400_that_names_it(proxied: Proxied) -> None:
    refused = proxied.send("GET", "/v1/models", {"X-Forwarded-Prefix": "fitserve"})
    problem: Any = refused.json
    assert (refused.status_code, problem["type"]) == (400, "/problems/invalid-header")
    assert problem["errors"][0]["header"] == "X-Forwarded-Prefix"
