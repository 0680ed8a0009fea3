"""API keys, scopes and projects, over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from service.context import Context
from service.operations.upkeep.workers import record_heartbeat
from service.storage.records import ApiKey, Worker
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import wait_for
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.keys import Keys, id_of
from tests.service.api.shared_routes import make_front

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def test_without_keys_everybody_may_do_everything(api: ApiClient) -> None:
    current = api.get("/v1/api-keys/current")
    assert (current["id"], current["project"]) == (None, "default")
    assert current["scopes"] == ["admin", "predict", "read", "train"]
    api.get("/v1/models")


def test_without_keys_any_bearer_token_is_ignored(api: ApiClient) -> None:
    for token in ("none", "fsk_" + "0" * 24 + "_" + "0" * 48):
        current: Any = api.send("GET", "/v1/api-keys/current", 200, headers={"Authorization": f"Bearer {token}"}).json
        assert current["id"] is None


def test_from_the_first_key_on_every_request_needs_one(of: Keys) -> None:
    response = of.client.send("GET", "/v1/models", 401)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert response.mimetype == "application/problem+json"
    assert of.send(of.admin, "GET", "/v1/models", 200)["items"] == []


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/problems/not-found", "/healthz", "/v2/health/live"])
def test_pages_and_probes_stay_open(path: str, of: Keys) -> None:
    of.client.send("GET", path, 200)


@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Bearer a b", "Bearer x", "Basic YTpi", ""])
def test_anything_but_a_key_is_refused(authorization: str, of: Keys) -> None:
    of.client.get("/v1/models", 401, Authorization=authorization)


def test_a_wrong_secret_is_refused(of: Keys) -> None:
    wrong = of.admin[:-1] + ("0" if of.admin[-1] != "0" else "1")
    of.send(wrong, "GET", "/v1/models", 401)
    of.send(of.admin.upper(), "GET", "/v1/models", 401)


def test_a_key_is_shown_once_and_stored_as_a_digest(of: Keys, context: Context) -> None:
    key = of.make("read")
    with context.database.read() as session:
        stored = session.get(ApiKey, id_of(key))
    assert stored is not None
    assert key not in str(vars(stored))
    shown = of.send(of.admin, "GET", f"/v1/api-keys/{id_of(key)}", 200)
    assert "key" not in shown
    assert shown["scopes"] == ["read"]
    assert all("key" not in item for item in of.send(of.admin, "GET", "/v1/api-keys", 200)["items"])


def test_a_retried_creation_makes_no_second_key_and_shows_none(of: Keys) -> None:
    def create(expect: int) -> Any:
        headers = {"Idempotency-Key": "once"}
        body = {"name": "retried", "scopes": ["read"]}
        return of.send(of.admin, "POST", "/v1/api-keys", expect, json=body, headers=headers)

    made = create(201)
    assert made["id"] in create(409)["detail"]
    assert len(of.send(of.admin, "GET", "/v1/api-keys", 200)["items"]) == 2


def test_a_revoked_key_is_refused_at_once_and_stays_in_the_list(of: Keys) -> None:
    key = of.make("read")
    of.send(key, "GET", "/v1/models", 200)
    of.send(of.admin, "DELETE", f"/v1/api-keys/{id_of(key)}", 204)
    assert "revoked" in of.send(key, "GET", "/v1/models", 401)["detail"]
    assert of.send(of.admin, "GET", f"/v1/api-keys/{id_of(key)}", 200)["revoked_at"] is not None


def test_a_service_whose_keys_are_all_revoked_is_not_open_again(of: Keys, context: Context) -> None:
    of.send(of.admin, "DELETE", f"/v1/api-keys/{id_of(of.admin)}", 204)
    of.client.get("/v1/models", 401)
    restarted = ApiClient(FrontClient(make_front(context)))
    restarted.get("/v1/models", 401)
    restarted.get("/v1/models", 401, Authorization=f"Bearer {of.admin}")


def test_the_first_key_closes_every_process_within_a_second(api: ApiClient, context: Context) -> None:
    other = ApiClient(FrontClient(make_front(context)))
    other.get("/v1/models")
    Keys(api)
    wait_for(lambda: other.http.get("/v1/models").status_code == 401, seconds=1, what="the refusal")


def test_headers_that_come_twice_are_no_key_and_no_project(of: Keys) -> None:
    of.make_project("a")
    of.client.get("/v1/models", 401, Authorization=f"Bearer {of.admin}, Bearer {of.admin}")
    of.client.get("/v1/models", 401, Authorization=f"Basic YTpi, Bearer {of.admin}")
    of.send(of.admin, "GET", "/v1/models", 400, project="a, a")


def test_a_key_in_the_query_is_none(of: Keys) -> None:
    for name in ("key", "api_key", "access_token"):
        of.client.send("GET", f"/v1/models?{name}={of.admin}", 401)


def test_an_expired_key_is_refused(of: Keys, context: Context) -> None:
    key = of.make("read", expires_at=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    of.send(key, "GET", "/v1/models", 200)
    with context.database.write() as session:
        session.execute(update(ApiKey).where(ApiKey.id == id_of(key)).values(expires_at=LONG_AGO))
    assert "expired" in of.send(key, "GET", "/v1/models", 401)["detail"]


BAD_KEYS: dict[str, tuple[dict[str, Any], str]] = {
    "no scopes": ({"name": "k", "scopes": []}, "#/scopes"),
    "an unknown scope": ({"name": "k", "scopes": ["write"]}, "#/scopes/0"),
    "an unknown project": ({"name": "k", "scopes": ["read"], "project": "nobodys"}, "#/project"),
    "an administrator's project": ({"name": "k", "scopes": ["admin"], "project": "default"}, "#/project"),
    "the past": ({"name": "k", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}, "#/expires_at"),
    "no time zone": ({"name": "k", "scopes": ["read"], "expires_at": "2099-01-01T00:00:00"}, "#/expires_at"),
    "no name": ({"scopes": ["read"]}, "#/name"),
}


@pytest.mark.parametrize("fault", BAD_KEYS)
def test_a_key_can_not_be_made_with(fault: str, api: ApiClient) -> None:
    body, pointer = BAD_KEYS[fault]
    problem = api.post("/v1/api-keys", body, 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_the_use_of_a_key_is_recorded(of: Keys) -> None:
    key = of.make("read")
    of.send(key, "GET", "/v1/models", 200)
    wait_for(
        lambda: of.send(of.admin, "GET", f"/v1/api-keys/{id_of(key)}", 200)["last_used_at"] is not None, what="the use"
    )


@pytest.mark.parametrize(
    ("scope", "read", "predict", "train", "admin"),
    [
        ("read", 200, 403, 403, 403),
        ("predict", 403, 404, 403, 403),
        ("train", 200, 404, 422, 403),
        ("admin", 200, 404, 422, 200),
    ],
)
def test_a_scope_allows_what_it_says(scope: str, read: int, predict: int, train: int, admin: int, of: Keys) -> None:
    key = of.make(scope)
    of.send(key, "GET", "/v1/models", read)
    of.send(key, "POST", "/v1/models/none/predictions", predict, json={"instances": [[1]]})
    refused = of.send(key, "POST", "/v1/models", train, json={})
    of.send(key, "GET", "/v1/projects", admin)
    if train == 403:
        assert '"train"' in refused["detail"]


def test_only_administrators_choose_a_project(of: Keys) -> None:
    of.make_project("a")
    key = of.make("train", project="a")
    assert of.send(key, "GET", "/v1/api-keys/current", 200)["project"] == "a"
    of.send(key, "GET", "/v1/models", 200, project="a")
    of.send(key, "GET", "/v1/models", 403, project="default")
    of.send(key, "GET", "/v1/models", 403, project="nobodys")
    assert of.send(of.admin, "GET", "/v1/api-keys/current", 200, project="a")["project"] == "a"
    problem = of.send(of.admin, "GET", "/v1/models", 400, project="nobodys")
    assert problem["errors"][0]["header"] == "Fitserve-Project"


def test_projects_use_the_same_names_and_see_nothing_of_each_other(of: Keys, worker: object) -> None:
    of.make_project("a")
    of.make_project("b")
    first, second = of.make("train", project="a"), of.make("train", project="b")
    for key in (first, second):
        of.send(key, "POST", "/v1/datasets", 201, json=LINE_DATASET)
        of.send(key, "POST", "/v1/models", 201, json=LINE)
    of.send(first, "POST", "/v1/models", 409, json=LINE)
    wait = {"Prefer": "wait=20"}
    job = of.send(first, "POST", "/v1/training-jobs", 201, json=TRAINING, headers=wait)
    of.send(first, "POST", "/v1/models/line/predictions", 200, json={"instances": [[1]]})
    of.send(second, "POST", "/v1/models/line/predictions", 409, json={"instances": [[1]]})
    for path in (job["links"]["self"], job["links"]["events"], f"{job['links']['self']}/metrics"):
        of.send(first, "GET", path, 200)
        of.send(second, "GET", path, 404)
    assert of.send(second, "GET", "/v1/training-jobs", 200)["items"] == []
    assert of.send(second, "GET", "/v1/models/line/versions", 200)["items"] == []
    assert of.send(of.admin, "GET", "/v1/models", 200)["items"] == []
    assert len(of.send(of.admin, "GET", "/v1/models", 200, project="a")["items"]) == 1


def test_workers_show_the_jobs_of_the_callers_project_alone(
    of: Keys, idle_worker: FakeWorker, context: Context
) -> None:
    for name in ("a", "b"):
        of.make_project(name)
    first, second = of.make("train", project="a"), of.make("train", project="b")
    of.send(first, "POST", "/v1/datasets", 202, json=LINE_DATASET, headers={"Prefer": "wait=0"})
    claimed = idle_worker.claim()
    assert claimed is not None
    running = Worker(id="fake", host="h", process={"pid": 1}, slots=1, versions={}, ready=True)
    record_heartbeat(context, running)

    def shown(key: str) -> list[str]:
        (worker,) = of.send(key, "GET", "/v1/workers", 200)["items"]
        found: list[str] = worker["running"]
        return found

    assert (shown(first), shown(second)) == ([claimed[0].job_id], [])


def test_an_idempotency_key_belongs_to_its_api_key(of: Keys, worker: object) -> None:
    of.make_project("a")
    once = {"Idempotency-Key": "same"}
    for key in (of.make("train", project="a"), of.make("train")):
        of.send(key, "POST", "/v1/datasets", 201, json=LINE_DATASET, headers=once)


def test_a_project_with_a_full_queue_keeps_no_other_from_queueing(context: Context) -> None:
    small = replace(context, settings=replace(context.settings, max_queued_jobs=1))
    of = Keys(ApiClient(FrontClient(make_front(small))))
    of.make_project("a")
    full, empty = of.make("train", project="a"), of.make("train")
    for key, name, expect in ((full, "first", 202), (full, "second", 503), (empty, "first", 202)):
        body, headers = named(LINE_DATASET, name), {"Prefer": "wait=0"}
        of.send(key, "POST", "/v1/datasets", expect, json=body, headers=headers)


def test_a_project_is_deleted_once_it_holds_nothing(of: Keys, worker: object) -> None:
    of.make_project("a")
    key = of.make("train", project="a")
    of.send(of.admin, "DELETE", "/v1/projects/a", 409)
    of.send(key, "POST", "/v1/datasets", 201, json=LINE_DATASET)
    of.send(key, "DELETE", "/v1/datasets/line", 204)
    of.send(of.admin, "DELETE", f"/v1/api-keys/{id_of(key)}", 204)
    of.send(of.admin, "DELETE", "/v1/projects/a", 204)
    of.send(of.admin, "GET", "/v1/projects/a", 404)
    of.send(of.admin, "DELETE", "/v1/projects/default", 409)


def test_quotas_change_one_by_one(of: Keys) -> None:
    of.make_project("a", queued_jobs=5, running_jobs=1)
    changed = of.send(of.admin, "PATCH", "/v1/projects/a", 200, json={"quotas": {"running_jobs": None}})
    assert changed["quotas"]["queued_jobs"] == 5
    assert changed["quotas"]["running_jobs"] is None
    of.send(of.admin, "PATCH", "/v1/projects/a", 422, json={"quotas": {"running_jobs": -1}})
    of.send(of.admin, "POST", "/v1/projects", 409, json={"name": "a"})
