"""Every route, with every kind of key: it answers as the table of scopes says, and tells nothing of other projects.

A request for what another project has is compared with the same request for what nobody has. If the responses differ,
apart from the name that was asked for, the service has told something. `FITSERVE_TEST_FUZZ_EXAMPLES` sets how many
random requests are compared for each operation, `FITSERVE_TEST_FUZZ_SEED` which.
"""

import os
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
import pytest
import yaml
from sqlalchemy import update
from werkzeug.test import TestResponse

from service.api.contract.openapi import PATH
from service.api.http.scopes import Special, find_needed
from service.callers import INCLUDED, Scope
from service.context import Context
from service.storage.records import ApiKey
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker

EXAMPLES = int(os.environ.get("FITSERVE_TEST_FUZZ_EXAMPLES") or 2)
SEED = int(os.environ.get("FITSERVE_TEST_FUZZ_SEED") or 1)
OPEN = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
MINE, NOBODYS = "our-flowers-7", "not-flowers-7"
"""The name of everything in the project A, and a name of equal length that nothing has."""
ID = re.compile(r"[a-z]{2}_[0-9a-f]{24}")
CHANGING = re.compile(
    r"[a-z]{2}_[0-9a-f]{24}|[0-9a-f]{32}|\d{4}-\d\d-\d\dT[\d:.]+Z|\"(?:etag|sha256)\": ?\"[^\"]*\"|\d+\.\d+"
)
"""What differs from request to request: ids, request ids, timestamps, digests, durations."""


class Operation(NamedTuple):
    """A documented operation, and the examples of its JSON body."""

    method: str
    path: str
    bodies: tuple[Any, ...]
    security: list[dict[str, list[str]]]


def operations() -> list[Operation]:
    document = yaml.load(PATH.read_text(), yaml.CSafeLoader)
    return [
        Operation(method.upper(), path, _bodies(operation), operation["security"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def _bodies(operation: Any) -> tuple[Any, ...]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return tuple(example["value"] for example in content.get("examples", {}).values())


ALL = operations()


def called(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


class Projects:
    """Project A with one of everything, and a key of each kind in A and in B."""

    def __init__(self, api: ApiClient, worker: FakeWorker, context: Context) -> None:
        self.api = api
        self.worker = worker
        self.admin = self._make("admin")
        for name in ("a", "b"):
            self.send(self.admin, "POST", "/v1/projects", json={"name": name})
        self.keys = {scope: self._make(scope, "a") for scope in ("read", "predict", "train")} | {"admin": self.admin}
        self.other = self._make("train", "b")
        self.expired = self._make("train", "a", expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
        self.revoked = self._make("train", "a")
        self.send(self.admin, "DELETE", f"/v1/api-keys/{self.revoked.split('_')[1]}")
        with context.database.write() as session:
            past = datetime(2020, 1, 1, tzinfo=UTC)
            session.execute(update(ApiKey).where(ApiKey.id == self.expired.split("_")[1]).values(expires_at=past))
        self.ids = self._fill()

    def _make(self, scope: str, project: str | None = None, **more: Any) -> str:
        body = {"name": scope, "scopes": [scope], "project": project, **more}
        made: Any = self.send(getattr(self, "admin", None), "POST", "/v1/api-keys", json=body).json
        return str(made["key"])

    def _fill(self) -> dict[str, str]:
        """One of everything in A; returns the ids of the jobs."""
        key = self.keys["train"]
        later = {"Prefer": "wait=0"}
        for path, body in (("datasets", named(LINE_DATASET, MINE)), ("models", named(LINE, MINE))):
            self.send(key, "POST", f"/v1/{path}", json=body, headers=later)
        self.worker.run_all()
        job: Any = self.send(
            key,
            "POST",
            "/v1/training-jobs",
            json={"model": MINE, "dataset": MINE, "epochs": 3, "label": MINE},
            headers=later,
        ).json
        self.worker.run_all()
        wanted = {"model": MINE, "dataset": MINE, "split": "train"}
        evaluation: Any = self.send(key, "POST", "/v1/evaluations", json=wanted).json
        batch: Any = self.send(key, "POST", "/v1/batch-predictions", json=wanted).json
        self.worker.run_all()
        return {"job_id": job["id"], "evaluation_id": evaluation["id"], "batch_prediction_id": batch["id"]}

    def send(self, key: str | None, method: str, path: str, **options: Any) -> TestResponse:
        headers = options.pop("headers", {}) | ({} if key is None else {"Authorization": f"Bearer {key}"})
        return self.api.http.open(path, method=method, headers=headers, buffered=True, **options)

    def fill_path(self, path: str, name: str) -> str:
        """The path to what A has if the name is MINE, or else to what nobody has."""
        ids = self.ids if name == MINE else {place: _unknown(id_) for place, id_ in self.ids.items()}
        return path.format(name=name, label=name, version=1, epoch="latest", format="onnx", key_id="0" * 24, **ids)


def _unknown(id_: str) -> str:
    """An id of the same kind that nothing has."""
    return f"{id_[:3]}{'0' * 24}"


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
        path = projects.fill_path(operation.path, MINE)
        for key in (None, wrong, projects.expired, projects.revoked):
            response = projects.send(key, operation.method, path, json={} if operation.method != "GET" else None)
            assert response.status_code == 401, called(operation)
            assert response.headers["WWW-Authenticate"].startswith("Bearer")
            assert MINE not in (response.text or "").replace(path, "")


def test_each_scope_allows_what_the_document_says(projects: Projects) -> None:
    for operation in ALL:
        if operation.path in OPEN:
            continue
        (needed,) = operation.security[0].values()
        path = projects.fill_path(operation.path, NOBODYS)
        for name, key in projects.keys.items():
            scope = Scope(name)
            may = not needed or needed[0] == scope or Scope(needed[0]) in INCLUDED.get(scope, ())
            response = projects.send(key, operation.method, path, json={} if operation.method != "GET" else None)
            assert (response.status_code == 403) is not may, f"{called(operation)} with {name}: {response.text}"
            assert response.status_code != 401, called(operation)
            if not may:
                assert needed[0] in response.text


def draw(random_: random.Random, value: Any, name: str) -> Any:
    """An example of a body in which some texts are the name."""
    if isinstance(value, dict):
        return {
            key: name if key in NAMING and random_.random() < 0.8 else draw(random_, inner, name)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [draw(random_, inner, name) for inner in value]
    return value


NAMING = ("name", "model", "dataset", "label", "serve")


def compared(projects: Projects, number: int) -> Iterator[tuple[Operation, str | None, int]]:
    for index, operation in enumerate(ALL):
        if operation.path not in OPEN:
            for example in range(number):
                body = operation.bodies[example % len(operation.bodies)] if operation.bodies else None
                yield operation, None if body is None else orjson.dumps(body).decode(), index * 1000 + example


def normalize(response: TestResponse, projects: Projects) -> tuple[int, list[str], str]:
    """What a response tells, apart from the name that was asked for and what always differs."""
    text = response.get_data(as_text=True)
    for id_ in projects.ids.values():
        text = text.replace(id_, "ID").replace(_unknown(id_), "ID")
    text = CHANGING.sub("…", text.replace(MINE, "NAME").replace(NOBODYS, "NAME"))
    shown = sorted(name for name in dict(response.headers) if name.lower() not in ("etag", "content-length"))
    return response.status_code, shown, text


def test_nothing_tells_a_project_what_another_one_has(projects: Projects) -> None:
    before = snapshot(projects)
    theirs = set(ID.findall("".join(before)))
    assert len(theirs) == 5
    for operation, example, seed in compared(projects, EXAMPLES):
        told = []
        for name in (MINE, NOBODYS):
            body = None if example is None else draw(random.Random(SEED + seed), orjson.loads(example), name)
            headers = {"Prefer": "wait=0"} | ({"If-Match": '"x"'} if seed % 7 == 3 else {})
            path = projects.fill_path(operation.path, name)
            options = {} if body is None else {"json": body}
            response = projects.send(projects.other, operation.method, path, headers=headers, **options)
            asked_for = set(ID.findall(path))
            assert not (theirs - asked_for) & set(ID.findall(response.text or "")), called(operation)
            told.append(normalize(response, projects))
        projects.worker.run_all()
        assert told[0] == told[1], called(operation)
    assert snapshot(projects) == before


def snapshot(projects: Projects) -> list[str]:
    """Everything that A has, as its own key sees it."""
    paths = [
        "datasets",
        "models",
        f"models/{MINE}/versions",
        f"models/{MINE}/labels",
        "training-jobs",
        "evaluations",
        "batch-predictions",
    ]
    return [projects.send(projects.keys["train"], "GET", f"/v1/{path}").text or "" for path in paths]
