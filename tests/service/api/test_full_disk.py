"""On a full disk, requests that write get 507; reading goes on, and so does everything once there is space again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.config import Settings
from service.context import Context
from service.storage.database import migrate
from tests.contexts import default_context
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front
from tests.small_disks import fill, make_room, small_disk, unable_to_grow

MEGABYTES = 8
MEGABYTE = 1024**2


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", MEGABYTES) as folder:
        yield folder


@pytest.fixture
def on_disk(disk: Path) -> Iterator[Context]:
    settings = Settings(data_dir=disk, min_free_bytes=MEGABYTE)
    migrate(settings.database_url)
    context = default_context(settings)
    yield context
    context.database.close()


def make_line(context: Context) -> ApiClient:
    """A client of an app that has the dataset and the model `line`."""
    api = ApiClient(FrontClient(make_front(context)))
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    FakeWorker(context).run_all()
    return api


def test_without_a_free_byte_a_training_job_is_refused_and_the_service_is_not_ready(
    on_disk: Context, disk: Path
) -> None:
    api = make_line(on_disk)
    assert api.get("/readyz")["status"] == "ready"
    fill(disk)
    refused = api.post("/v1/training-jobs", TRAINING, 507)
    assert (refused["type"], refused["title"]) == ("/problems/disk-full", "The disk is full")
    unready = api.get("/readyz", 503)
    assert unready["status"] == "unavailable"
    for part, owner in (("database", "database"), ("artifact_store", "artifacts")):
        assert unready["parts"][part] == {
            "status": "full",
            "detail": f"The disk of the {owner} has 0 bytes free; 1,048,576 are required.",
            "free_bytes": 0,
        }
    assert api.get("/v1/training-jobs")["items"] == []
    assert api.get("/v1/models/line")["status"] == "ready"
    make_room(disk)
    assert api.get("/readyz")["status"] == "ready"
    api.post("/v1/training-jobs", TRAINING, 202)


def test_a_key_of_a_refused_request_can_be_sent_again_once_there_is_room(on_disk: Context, disk: Path) -> None:
    api = make_line(on_disk)
    fill(disk)
    api.post("/v1/training-jobs", TRAINING, 507, Idempotency_Key="once")
    make_room(disk)
    made = api.post("/v1/training-jobs", TRAINING, 202, Idempotency_Key="once")
    assert [job["id"] for job in api.get("/v1/training-jobs")["items"]] == [made["id"]]


def test_a_database_that_can_not_grow_refuses_what_needs_more(api: ApiClient, context: Context) -> None:
    make_line(context)
    with unable_to_grow(context.database.engine):
        answers = [api.http.post("/v1/training-jobs", json=TRAINING).status_code for _ in range(100)]
    kept = answers.index(507)
    assert set(answers[:kept]) <= {202}
    assert len(list(api.get("/v1/training-jobs?limit=100")["items"])) >= kept
    api.post("/v1/training-jobs", TRAINING, 202)


@pytest.fixture
def greedy(context: Context, tmp_path: Path) -> ApiClient:
    """A client of a service that needs more room than there is, and that has a trained model."""
    make_line(context).post("/v1/training-jobs", TRAINING, 202)
    FakeWorker(context).run_all()
    settings = Settings(data_dir=tmp_path, min_free_bytes=2**62)
    return ApiClient(FrontClient(make_front(Context(settings, context.database, context.artifacts))))


STORING: list[tuple[str, str, Any]] = [
    ("POST", "/v1/datasets", named(LINE_DATASET, "other")),
    ("POST", "/v1/models", named(LINE, "other")),
    ("POST", "/v1/training-jobs", TRAINING),
    ("POST", "/v1/evaluations", {"model": "line", "version": 1, "dataset": "line", "split": "train"}),
    ("PUT", "/v1/models/line/labels/champion", {"version": 1}),
]


@pytest.mark.parametrize(("method", "path", "body"), STORING)
def test_with_little_room_requests_that_store_something_are_refused_early(
    greedy: ApiClient, method: str, path: str, body: Any
) -> None:
    refused = greedy.send(method, path, 507, json=body).json
    assert refused is not None
    assert refused["type"] == "/problems/disk-full"
    assert f"{2**62:,} are required. Nothing was saved." in refused["detail"]


def test_with_little_room_the_service_is_ready_and_predicts_reads_and_deletes(
    greedy: ApiClient, api: ApiClient
) -> None:
    readiness = greedy.get("/readyz")
    assert readiness["status"] == "ready"
    for part in ("database", "artifact_store"):
        assert readiness["parts"][part]["status"] == "low"
        assert readiness["parts"][part]["free_bytes"] > 0
    assert api.get("/readyz")["parts"]["artifact_store"]["status"] == "ready"
    greedy.post("/v1/models/line/predictions", {"instances": [[1]]}, 200)
    greedy.post("/v2/repository/index", {}, 200)
    greedy.get("/v1/models/line")
    queued = api.post("/v1/training-jobs", TRAINING, 202)["id"]
    greedy.send("PATCH", f"/v1/training-jobs/{queued}", 200, json={"desired_status": "cancelled"})
    greedy.delete(f"/v1/training-jobs/{queued}")
    greedy.delete("/v1/models/line")


def test_a_damaged_database_is_an_error_of_its_own(context: Context, api: ApiClient) -> None:
    make_line(context)
    context.database.close()
    for path in context.settings.data_dir.glob("fitserve.db*"):
        path.write_bytes(b"no database at all " * 1000)
    assert api.get("/v1/models", 500)["type"] == "/problems/database-unusable"
    database = api.get("/readyz", 503)["parts"]["database"]
    assert database["status"] == "unusable"
    assert database["detail"].startswith("The database is not an SQLite file or is damaged")


def test_a_fault_in_a_statement_is_an_error_of_the_service(context: Context, api: ApiClient) -> None:
    with context.database.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE models RENAME TO others")
    assert api.get("/v1/models", 500)["type"] == "/problems/internal"
