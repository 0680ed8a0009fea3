"""On a full disk, requests that write get 507; reading goes on, and so does everything once there is space again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.config import Settings
from service.context import Context
from service.storage.database import migrate
from tests.contexts import default_context
from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front
from tests.small_disks import fill, make_room, small_disk, unable_to_grow

MEGABYTES = 8


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", MEGABYTES) as folder:
        yield folder


@pytest.fixture
def on_disk(disk: Path) -> Iterator[Context]:
    settings = Settings(data_dir=disk)
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
    assert unready["parts"]["database"]["status"] == "ready"
    assert unready["parts"]["disk"] == {
        "status": "full",
        "detail": "The disk of the database has 0 bytes free; 1,048,576 are required.",
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


def test_a_service_may_be_told_to_need_more_room(api: ApiClient, context: Context, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, min_free_bytes=2**62)
    greedy = ApiClient(FrontClient(make_front(Context(settings, context.database, context.artifacts))))
    assert greedy.get("/readyz", 503)["parts"]["disk"]["status"] == "full"
    assert api.get("/readyz")["parts"]["disk"]["status"] == "ready"


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
