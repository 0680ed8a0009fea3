"""Requests that create something, sent again with the same Idempotency-Key."""

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.test import TestResponse

from service.api.app import create_front
from service.api.front.app import Front
from service.callers import DEFAULT_PROJECT
from service.context import Context
from service.errors import NotFound, StillRunning
from service.operations import idempotency
from service.operations.catalog import datasets
from service.operations.idempotency import Answer, Claim
from service.operations.upkeep import housekeeping
from service.storage.records import IdempotencyKey
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.running_service import ROOT, wait_for
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.api_server import Server, running_api
from tests.service.api.fake_worker import UNBUILDABLE, FakeWorker
from tests.service.api.front_client import FrontClient

CLAIM_AND_DIE = """
import sys
from pathlib import Path
from service.config import Settings
from service.context import Context
from service.operations import idempotency

context = Context.from_settings(Settings(data_dir=Path(sys.argv[1]))).in_project("default")
idempotency.claim(context, ("POST", "/v1/models", "key"), "f")
"""

POST_AND_WAIT = """
import json
import sys
from pathlib import Path
from service.api.app import create_front
from service.config import Settings
from service.context import Context
from tests.service.api.front_client import FrontClient

folder, path, body, headers = sys.argv[1:]
app = create_front(Context.from_settings(Settings(data_dir=Path(folder))))
FrontClient(app).post(path, json=json.loads(body), headers={**json.loads(headers), "Prefer": "wait=60"})
"""

KEY = {"Idempotency-Key": "0b7e", "Prefer": "wait=0"}


def post(api: ApiClient, path: str, body: Any, expect: int, **headers: str) -> TestResponse:
    return api.send("POST", path, expect, json=body, headers=KEY | headers)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("path", "body"), [("/v1/datasets", named(LINE_DATASET, "a")), ("/v1/models", named(LINE, "a"))]
)
def test_the_same_request_is_answered_as_the_first_time(api: ApiClient, path: str, body: dict[str, Any]) -> None:
    first = post(api, path, body, 201, Prefer="wait=20")
    api.delete(first.headers["Location"])
    again = post(api, path, dict(reversed(body.items())), 201, Prefer="wait=20")
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]
    api.get(first.headers["Location"], 404)


@pytest.mark.usefixtures("worker")
def test_a_training_job_is_started_once(api: ApiClient) -> None:
    api.make_line()
    first, again = (post(api, "/v1/training-jobs", TRAINING, 202) for _ in range(2))
    assert first.json == again.json
    assert again.headers["Retry-After"] == first.headers["Retry-After"]
    assert len(api.get("/v1/training-jobs")["items"]) == 1


def test_another_body_or_query_with_the_key_is_a_422(api: ApiClient) -> None:
    post(api, "/v1/models", LINE, 202)
    for path, body in (("/v1/models", named(LINE, "b")), ("/v1/models?dry_run=true", LINE)):
        problem = post(api, path, body, 422).json
        assert problem is not None
        assert problem["type"] == "/problems/idempotency-key-reused"
        assert problem["errors"][0]["header"] == "Idempotency-Key"
    assert [item["name"] for item in api.get("/v1/models")["items"]] == ["line"]


def test_a_key_belongs_to_a_path(api: ApiClient) -> None:
    post(api, "/v1/datasets", LINE_DATASET, 202)
    post(api, "/v1/models", LINE, 202)


def test_uploads_are_the_same_when_their_fields_and_bytes_are(api: ApiClient, context: Context) -> None:
    def upload(content: bytes, expect: int, name: str = "a") -> Any:
        form = {"name": name, "target": "b", "file": (io.BytesIO(content), "a.csv")}
        return api.send("POST", "/v1/datasets", expect, data=form, headers=KEY).json

    first = upload(b"a,b\n1,2\n", 202)
    assert upload(b"a,b\n1,2\n", 202) == first
    assert upload(b"a,b\n1,3\n", 422)["type"] == "/problems/idempotency-key-reused"
    assert upload(b"a,b\n1,2\n", 422, "b")["type"] == "/problems/idempotency-key-reused"
    assert [path.name for path in context.artifacts.folder("uploads").iterdir()] == [first["id"]]
    assert not list((context.artifacts.root / ".staging").iterdir())


def test_conflicts_and_faults_are_repeated_and_other_errors_are_not(api: ApiClient) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    taken = post(api, "/v1/datasets", LINE_DATASET, 409)
    api.delete("/v1/datasets/line")
    assert post(api, "/v1/datasets", LINE_DATASET, 409).data == taken.data
    wrong = named(LINE_DATASET, "-wrong")
    faulty = post(api, "/v1/datasets", wrong, 422, **{"Idempotency-Key": "2"})
    assert post(api, "/v1/datasets", wrong, 422, **{"Idempotency-Key": "2"}).data == faulty.data
    for body, status in ((b"{", 400), (b"5" * 200_000, 413)):
        headers = {**KEY, "Idempotency-Key": "3", "Content-Type": "application/json"}
        api.send("POST", "/v1/models", status, data=body, headers=headers)
    post(api, "/v1/models?dry_run=maybe", LINE, 400, **{"Idempotency-Key": "3"})
    post(api, "/v1/models", LINE, 202, **{"Idempotency-Key": "3"})


def test_a_request_that_fails_unforeseen_can_be_tried_again(api: ApiClient, context: Context) -> None:
    broken = Context(context.settings, context.database, None)  # type: ignore[arg-type]
    post(ApiClient(FrontClient(create_front(broken))), "/v1/datasets", LINE_DATASET, 500)
    post(api, "/v1/datasets", LINE_DATASET, 202)


def test_while_the_first_is_being_answered_the_second_is_a_409(api: ApiClient, app: Front) -> None:
    with ThreadPoolExecutor(1) as pool:
        client = ApiClient(FrontClient(app))
        first = pool.submit(post, client, "/v1/models", LINE, 202, Prefer="wait=2")
        wait_for(lambda: api.get("/v1/models")["items"], what="the model")
        response = post(api, "/v1/models", LINE, 409, Prefer="wait=2")
        assert response.json is not None
        assert response.json["type"] == "/problems/request-in-progress"
        assert int(response.headers["Retry-After"]) > 0
        post(api, "/v1/models", named(LINE, "other"), 422)
        assert first.result().status_code == 202
    assert post(api, "/v1/models", LINE, 202).data == first.result().data


@pytest.mark.parametrize("key", ["", '""', '"a', "a" * 256, '"' + "a" * 256 + '"'])
def test_a_key_that_is_none_is_a_400(api: ApiClient, key: str) -> None:
    response = api.send("POST", "/v1/models", 400, json=LINE, headers={"Idempotency-Key": key})
    assert response.json is not None
    assert response.json["errors"][0]["header"] == "Idempotency-Key"


def test_a_key_is_the_same_in_quotation_marks_or_without(api: ApiClient) -> None:
    first = post(api, "/v1/models", LINE, 202, **{"Idempotency-Key": "a" * 255})
    again = post(api, "/v1/models", LINE, 202, **{"Idempotency-Key": '"' + "a" * 255 + '"'})
    assert again.data == first.data


@pytest.mark.parametrize("key", ["\xa0", '"\xa0"', "a b", "\x85-\xff"])
def test_a_key_may_have_any_characters(api: ApiClient, key: str) -> None:
    first = post(api, "/v1/models", LINE, 202, **{"Idempotency-Key": key})
    assert post(api, "/v1/models", LINE, 202, **{"Idempotency-Key": key}).data == first.data


@pytest.fixture
def default(context: Context) -> Context:
    """The context of a request."""
    return context.in_project(DEFAULT_PROJECT)


def claim(context: Context, fingerprint: str = "f") -> Claim | Answer:
    return idempotency.claim(context, ("POST", "/v1/models", "key"), fingerprint)


def test_a_key_whose_process_died_is_free_again(default: Context) -> None:
    subprocess.run([sys.executable, "-c", CLAIM_AND_DIE, str(default.settings.data_dir)], cwd=ROOT, check=True)
    assert isinstance(claim(default, "another"), Claim)


def post_and_be_killed(api: ApiClient, context: Context, path: str, body: dict[str, Any]) -> Any:
    """What a request makes whose process is killed while it waits for the end of what it made."""
    folder = str(context.settings.data_dir)
    command = [sys.executable, "-c", POST_AND_WAIT, folder, path, json.dumps(body), json.dumps(KEY)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        (made,) = wait_for(lambda: api.get(path)["items"], what="what is made")
        assert post(api, path, body, 409).json["type"] == "/problems/request-in-progress"  # type: ignore[index]
        process.kill()
    return made


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/datasets", LINE_DATASET), ("/v1/models", LINE), ("/v1/training-jobs", TRAINING)]
)
def test_what_a_killed_process_made_is_found_by_the_next_request(
    api: ApiClient, context: Context, idle_worker: FakeWorker, path: str, body: dict[str, Any]
) -> None:
    if body is TRAINING:
        api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
        api.post("/v1/models", LINE, 202, Prefer="wait=0")
        assert [idle_worker.run_next(), idle_worker.run_next()] == [True, True]
    made = post_and_be_killed(api, context, path, body)
    post(api, path, {**body, "name": "other"}, 422)
    again = post(api, path, body, 202)
    assert again.json is not None
    assert again.json["id"] == made["id"]
    assert again.headers["Location"] == made["links"]["self"]
    assert post(api, path, body, 202).headers["Idempotency-Replayed"] == "true"
    assert len(api.get(path)["items"]) == 1
    assert idle_worker.run_next()
    assert not idle_worker.run_next()


def test_what_a_killed_process_made_may_be_finished_by_then(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    made = post_and_be_killed(api, context, "/v1/datasets", LINE_DATASET)
    assert idle_worker.run_next()
    finished = post(api, "/v1/datasets", LINE_DATASET, 201).json
    assert finished is not None
    assert (finished["id"], finished["status"]) == (made["id"], "ready")


def test_what_a_killed_process_made_may_have_failed_by_then(
    api: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    unbuildable = {**LINE, "description": UNBUILDABLE}
    post_and_be_killed(api, context, "/v1/models", unbuildable)
    assert idle_worker.run_next()
    post(api, "/v1/models", unbuildable, 422)
    api.get("/v1/models/line", 404)


def test_what_a_killed_process_made_may_be_deleted_by_then_and_is_made_anew(api: ApiClient, context: Context) -> None:
    deleted = post_and_be_killed(api, context, "/v1/models", LINE)
    api.delete("/v1/models/line")
    anew = post(api, "/v1/models", LINE, 202).json
    assert anew is not None
    assert anew["id"] != deleted["id"]


def test_a_request_that_fails_after_it_made_something_can_be_told_of_it(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(datasets, "created", lambda *_: 1 / 0)
        post(api, "/v1/datasets", LINE_DATASET, 500)
    assert post(api, "/v1/datasets", LINE_DATASET, 202).json == api.get("/v1/datasets/line")


def test_a_claim_that_was_taken_over_makes_nothing(default: Context) -> None:
    slow = claim(default)
    assert isinstance(slow, Claim)
    age(default, timedelta(minutes=10))
    assert isinstance(claim(default), Claim)
    request = {"name": "line", "source": "line"}
    with pytest.raises(StillRunning):
        datasets.create(default, request, slow)
    with pytest.raises(NotFound):
        datasets.get(default, "line")
    assert [path for path in default.artifacts.root.rglob("*") if path.is_file()] == []


def age(context: Context, by: timedelta) -> None:
    with context.database.write() as session:
        for key in session.query(IdempotencyKey):
            key.created_at -= by


def test_a_key_is_kept_for_a_day(default: Context) -> None:
    first = claim(default)
    assert isinstance(first, Claim)
    idempotency.settle(default, first, Answer(201, {}, b"{}"))
    age(default, timedelta(hours=23))
    housekeeping.clean_up(default)
    assert claim(default) == Answer(201, {}, b"{}")
    age(default, timedelta(hours=2))
    assert isinstance(claim(default, "another"), Claim)
    age(default, timedelta(hours=25))
    housekeeping.clean_up(default)
    with default.database.read() as session:
        assert session.query(IdempotencyKey).count() == 0


def test_a_claim_that_was_taken_over_settles_nothing(default: Context) -> None:
    slow = claim(default)
    assert isinstance(slow, Claim)
    age(default, timedelta(minutes=10))
    second = claim(default)
    assert isinstance(second, Claim)
    idempotency.settle(default, slow, Answer(201, {}, b"slow"))
    idempotency.release(default, slow)
    idempotency.settle(default, second, Answer(201, {}, b"second"))
    assert claim(default) == Answer(201, {}, b"second")


def test_requests_in_the_same_moment_make_one_resource(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "same.csv"
    file.write_bytes(b"a,b\n" + b"1,2\n" * 100_000)

    def upload(_: int) -> requests.Response:
        with file.open("rb") as stream:
            return requests.post(
                f"{server.url}/v1/datasets",
                data={"name": "same", "target": "b"},
                files={"file": stream},
                headers=KEY,
                timeout=30,
            )

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(upload, range(8)))
    made = [response for response in responses if response.status_code == 202]
    assert {response.json()["id"] for response in made} == {server.get("/v1/datasets/same").json()["id"]}
    for refused in (response for response in responses if response.status_code != 202):
        assert refused.status_code == 409
        assert refused.json()["type"] == "/problems/request-in-progress"
        assert refused.headers["Retry-After"]
    assert upload(0).json() == made[0].json()
    folders = list(server.context.artifacts.folder("uploads").iterdir())
    assert len(folders) == 1


def test_training_jobs_in_the_same_moment_are_one(server: Server) -> None:
    with FakeWorker(server.context):
        server.post("/v1/datasets", LINE_DATASET)
        server.post("/v1/models", LINE)

        def start(_: int) -> requests.Response:
            return requests.post(f"{server.url}/v1/training-jobs", json=TRAINING, headers=KEY, timeout=30)

        with ThreadPoolExecutor(8) as pool:
            statuses = {response.status_code for response in pool.map(start, range(8))}
    assert statuses <= {201, 202, 409}
    assert len(server.get("/v1/training-jobs").json()["items"]) == 1


def test_two_clients_with_the_same_keys_at_once_make_one_resource_for_each(tmp_path: Path) -> None:
    """Through two processes; a client that meets a 409 sends its request again until it is told what was made."""

    def create(url: str, number: int) -> tuple[str, str]:
        body, headers = named(LINE_DATASET, f"d{number}"), {"Idempotency-Key": f"key-{number}", "Prefer": "wait=0"}

        def post() -> requests.Response | None:
            response = requests.post(f"{url}/v1/datasets", json=body, headers=headers, timeout=30)
            return None if response.status_code == 409 else response

        response = wait_for(post)
        assert response.status_code == 202
        return response.json()["id"], response.headers.get("Idempotency-Replayed", "false")

    with running_api(tmp_path, api_processes=2) as server, ThreadPoolExecutor(2) as clients:
        for number in range(10):
            pair = list(clients.map(create, [server.url] * 2, [number] * 2))
            assert len({resource for resource, _ in pair}) == 1
            assert {replayed for _, replayed in pair} == {"false", "true"}
        assert len(server.get("/v1/datasets?limit=100").json()["items"]) == 10
