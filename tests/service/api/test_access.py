"""Every route, with every kind of key: it answers as the table of scopes says, and tells nothing of other projects.

A request for what another project has is compared with the same request for what nobody has. If the responses differ,
apart from the name that was asked for, the service has told something. `FITSERVE_TEST_FUZZ_EXAMPLES` sets how many
random requests are compared for each operation, in both directions, `FITSERVE_TEST_FUZZ_SEED` which.
"""

import os
import re

import pytest
from werkzeug.test import TestResponse

from service.api.http.scopes import Special, find_needed
from service.callers import INCLUDED, Scope
from service.context import Context
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.two_projects import Draw, Named, Operation, Projects, Side, fill_path, operations, pages

EXAMPLES = int(os.environ.get("FITSERVE_TEST_FUZZ_EXAMPLES") or 1)
SEED = int(os.environ.get("FITSERVE_TEST_FUZZ_SEED") or 1)
OPEN = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
ID = re.compile(r"[a-z]{2}_[0-9a-f]{24}")
CHANGING = re.compile(
    r"[a-z]{2}_[0-9a-f]{24}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z|\"(?:etag|sha256)\": ?\"[^\"]*\"|\d+\.\d+"
)
"""What differs from request to request: ids, request ids, timestamps, digests, durations."""
COUNTED = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")
ALL = operations()


@pytest.fixture
def projects(api: ApiClient, idle_worker: FakeWorker, context: Context) -> Projects:
    return Projects(api, idle_worker, context)


def test_every_rule_of_flask_is_documented_or_a_page() -> None:
    assert len(ALL) > 80
    assert {operation.path for operation in ALL if not operation.security} == OPEN


def test_the_table_opens_nothing_that_it_does_not_name() -> None:
    for path in ("/v3", "/v1", "/admin", "/metrics/x", "/v1x", "/v2x/health/live", "/healthz/x", "/docsx"):
        for method in ("GET", "POST", "DELETE"):
            assert find_needed(method, path) is not Special.NOTHING, path


def test_no_key_and_keys_that_are_no_longer_valid_are_refused_everywhere(projects: Projects) -> None:
    wrong = projects.keys["train"][:-4] + "0000"
    for operation in ALL:
        if operation.path in OPEN:
            continue
        path = fill_path(operation.path, projects.a.has)
        for key in (None, wrong, projects.expired, projects.revoked):
            response = projects.send(key, operation.method, path, json={} if operation.method != "GET" else None)
            assert response.status_code == 401, operation
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert projects.a.has.name not in (response.text or "").replace(path, "")


def test_each_scope_allows_what_the_document_says(projects: Projects) -> None:
    for operation in ALL:
        if operation.path in OPEN:
            continue
        (needed,) = operation.security[0].values()
        path = fill_path(operation.path, projects.a.has_not)
        for name, key in projects.keys.items():
            scope = Scope(name)
            may = not needed or needed[0] == scope or Scope(needed[0]) in INCLUDED.get(scope, ())
            response = projects.send(key, operation.method, path, json={} if operation.method != "GET" else None)
            assert (response.status_code == 403) is not may, f"{operation} with {name}: {response.text}"
            assert response.status_code != 401, operation
            if not may:
                assert needed[0] in response.text


def test_nothing_tells_a_project_what_another_one_has(projects: Projects) -> None:
    projects.fill(projects.b)
    projects.count = 0
    for asks, has in ((projects.b, projects.a), (projects.a, projects.b)):
        projects.note_tags_and_cursors(has, asks)
        assert len(has.cursors) > 5
        before = projects.snapshot(has)
        theirs = set(ID.findall("".join(before)))
        assert len(theirs) >= 8
        for operation in ALL:
            for number in range(EXAMPLES):
                if operation.path not in OPEN:
                    compare(projects, operation, number, asks, has, theirs)
        assert projects.snapshot(has) == before
    print(f"{projects.count:,} requests told nothing")


def test_no_page_tells_a_project_what_another_one_has(projects: Projects) -> None:
    asks, has = projects.b, projects.a
    theirs = set(ID.findall("".join(projects.snapshot(has))))
    for path in pages():
        told = []
        for about in (has.has, has.has_not):
            filled = fill_path(path, about)
            response = projects.send(asks.key, "GET", filled)
            assert not (theirs - set(ID.findall(filled))) & set(ID.findall(response.text)), filled
            told.append(normalize(Operation("GET", path, (), False, (), []), response, about))
            assert response.status_code < 500, filled
        assert told[0] == told[1], path
        own = projects.send(has.key, "GET", fill_path(path, has.has))
        assert own.status_code in (200, 303, 400, 404), path


def compare(projects: Projects, operation: Operation, number: int, asks: Side, has: Side, theirs: set[str]) -> None:
    """Send a random request for what the other project has, and for what nobody has."""
    told = []
    for about in (has.has, has.has_not):
        draw = Draw(operation, number, SEED, asks, about, has)
        response = projects.send(asks.key, operation.method, draw.path, headers=dict(draw.headers), **draw.options)
        sent = f"{draw.path}{draw.headers}{draw.options}"
        assert not (theirs - set(ID.findall(sent))) & set(ID.findall(response.text or "")), operation
        assert about.name in sent or about.name not in response.text, operation
        told.append(normalize(operation, response, about))
    if told[0][0] < 300 and operation.method in ("POST", "PUT"):
        for about in (has.has, has.has_not):
            projects.forget(asks, about)
    assert told[0] == told[1], f"{operation}: {sent}"


def normalize(operation: Operation, response: TestResponse, about: Named) -> tuple[int, list[str], str]:
    """What a response tells, apart from the name that was asked for and what always differs."""
    text = response.get_data(as_text=True)
    for id_ in about.ids.values():
        text = text.replace(id_, "ID")
    text = CHANGING.sub("…", text.replace(about.name, "NAME"))
    if operation.path == "/metrics":
        text = COUNTED.sub("…", text)
    shown = sorted(name for name in dict(response.headers) if name.lower() not in ("etag", "content-length"))
    return response.status_code, shown, text
