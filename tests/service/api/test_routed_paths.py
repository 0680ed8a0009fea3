"""Which scope a request needs is decided by the path that chooses its route, however that path is written."""

import re
from itertools import product
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect, Rule

from service.api.http.dialect_paths import as_routed
from service.api.http.scopes import CHANGING, SAFE, find_needed, is_changing
from service.callers import Scope
from service.context import Context
from tests.running_service import wait_for
from tests.service.api.api_client import ApiClient
from tests.service.api.keys import Keys
from tests.service.api.shared_routes import make_app

NAMES = ("x", "current", "api-keys", "predictions", "infer", "a\nb", "%2F..", "..", ";", "ſ", "X" * 128)
VALUES = {"number:": "1", "any_number:": "1", "epoch:": "latest"}
PLACE = re.compile(r"<(\w+:)?\w+>")
"""A part of a rule that has a value, and its converter."""
OTHER_FORMS = (
    lambda path: path,
    lambda path: f"/{path}",
    lambda path: f"////{path}",
    lambda path: path[1:],
    lambda path: f"{path}/",
    lambda path: f"{path}\n",
    lambda path: f"{path}\0",
    lambda path: f"{path};x",
    lambda path: f"{path}%00",
    lambda path: f"/docs/..{path}",
    lambda path: f"/.{path}",
    lambda path: path.upper(),
    lambda path: path.swapcase(),
    lambda path: path.replace("/", "//"),
    lambda path: path.replace("/", "%2F"),
    lambda path: path.replace("s", "ſ"),
)


def fill(rule: Rule, name: str) -> str:
    """A path of the rule in which every name is this one."""
    return PLACE.sub(lambda place: VALUES.get(place[1], name), rule.rule)


def test_it_depends_on_the_route_alone(context: Context) -> None:
    routes = make_app(context).url_map.bind("localhost")
    compared = 0
    for rule, method in product(routes.map.iter_rules(), (*SAFE, *CHANGING)):
        if method not in (rule.methods or ()):
            continue
        for name, form in product(NAMES, OTHER_FORMS):
            path = as_routed(form(fill(rule, name)))
            try:
                found, _ = routes.match(path, method, return_rule=True)
            except (HTTPException, RequestRedirect):
                continue
            plain = fill(found, "x")
            assert find_needed(method, path) in (find_needed(method, plain), Scope.ADMIN), (method, path, found)
            assert is_changing(method, path) == is_changing(method, plain), (method, path, found)
            compared += 1
    assert compared > 5000


def test_slashes_in_front_of_a_path_change_nothing_and_doubled_ones_within_it_are_no_redirect(
    api: ApiClient, context: Context
) -> None:
    of = Keys(api)
    reader = of.make("read")

    def request(method: str, path: str, key: str | None, **options: Any) -> Any:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        # werkzeug's client would take the first part of the path for a host.
        options |= {"environ_overrides": {"PATH_INFO": path}, "headers": headers}
        return api.http.open("/", method=method, **options)

    def send(*given: Any, **options: Any) -> int:
        return int(request(*given, **options).status_code)

    assert send("GET", "//healthz", None) == 200
    assert send("GET", "//v1/models", None) == 401
    assert send("GET", "//v1/models", reader) == 200
    assert send("POST", "//v1/models", reader) == 403
    assert send("GET", "///v1/api-keys", reader) == 403
    doubled = request("GET", "/v1//models", reader)
    assert (doubled.status_code, doubled.headers.get("Location")) == (404, None)
    assert send("POST", "//v1/models/none/predictions", of.admin, json={}) == 404
    assert send("POST", "//v1/projects", of.admin, json={"name": "secretly"}) == 201

    def recorded() -> list[Any]:
        return [event["resource"] for event in of.send(of.admin, "GET", "/v1/audit-events?limit=100", 200)["items"]]

    wait_for(lambda: recorded().count("/v1/projects") == 1, what="the audit event")
