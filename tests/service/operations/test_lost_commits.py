"""The database doesn't say how a COMMIT ended: no file is lost, nothing is done twice, no key stays claimed."""

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.callers import DEFAULT_PROJECT
from service.config import Settings
from service.context import Context
from service.errors import OutcomeUnknown, QueueFull
from service.operations.catalog import datasets
from service.operations.catalog.uploads import ReceivedFile
from service.operations.jobs import events as logs
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import batch_prediction
from service.operations.upkeep import housekeeping
from service.storage.records import IdempotencyKey
from service.worker.journal import Journal
from tests.databases import ForgetfulDatabase
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front
from tests.service.operations import stocked

CSV = b"a,b\n1,2\n3,4\n5,6\n7,8\n"
KEY = {"Idempotency-Key": "once", "Prefer": "wait=0"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[ForgetfulDatabase]:
    database = ForgetfulDatabase(Settings(data_dir=tmp_path).database_url)
    yield database
    database.close()


@pytest.fixture
def context(tmp_path: Path, database: ForgetfulDatabase) -> Context:
    """With a version of `line`."""
    context = stocked.make_context(tmp_path)
    stocked.train(context)
    context.database.close()
    return replace(context, database=database.in_project(DEFAULT_PROJECT))


@pytest.fixture
def api(context: Context) -> ApiClient:
    return ApiClient(FrontClient(make_front(context)))


def upload(api: ApiClient, expect: int, headers: dict[str, str]) -> Any:
    form = {"name": "table", "target": "b", "file": (io.BytesIO(CSV), "table.csv")}
    return api.send("POST", "/v1/datasets", expect, data=form, headers=headers).json


def clean_up_later(context: Context) -> None:
    later = timedelta(hours=context.settings.orphan_hours + 1)
    housekeeping.clean_up(context, datetime.now(UTC) + later)


def test_an_accepted_dataset_keeps_its_upload(api: ApiClient, context: Context, database: ForgetfulDatabase) -> None:
    database.forget(committed=True)
    problem = upload(api, 503, {"Prefer": "wait=0"})
    assert problem["type"] == "/problems/outcome-unknown"
    clean_up_later(context)
    assert FakeWorker(context).run_next()
    assert api.get("/v1/datasets/table")["status"] == "ready"


def test_the_cleanup_removes_an_upload_that_was_not_accepted(
    api: ApiClient, context: Context, database: ForgetfulDatabase
) -> None:
    database.forget(committed=False)
    upload(api, 503, {"Prefer": "wait=0"})
    assert len(context.artifacts.names("uploads")) == 1
    clean_up_later(context)
    assert context.artifacts.names("uploads") == []
    upload(api, 202, {"Prefer": "wait=0"})


def test_an_accepted_batch_prediction_keeps_its_file(context: Context, database: ForgetfulDatabase) -> None:
    folder = context.artifacts.stage("upload_1")
    (folder / "data").write_text("1\n2\n")
    file = ReceivedFile(folder, "rows.csv", 4, "sha256")
    database.forget(committed=True)
    with pytest.raises(OutcomeUnknown):
        batch_prediction.create(context, {"model": "line", "version": 1, "label": None, "variant": None, "file": file})
    clean_up_later(context)
    assert len(context.artifacts.names("uploads")) == 1
    assert FakeWorker(context).run_next("batch_prediction")
    assert context.artifacts.names("uploads") == []


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("lost", ["claiming the key", "creating the dataset", "settling the key"])
def test_a_repeated_request_is_served_at_once_and_creates_one_dataset(
    api: ApiClient, context: Context, database: ForgetfulDatabase, lost: str, committed: bool
) -> None:
    writes = ["claiming the key", "creating the dataset", "settling the key"]
    database.forget(after=writes.index(lost), committed=committed)
    upload(api, 202 if lost == "settling the key" else 503, KEY)
    again = upload(api, 202, KEY)
    assert [item["id"] for item in api.get("/v1/datasets?limit=100")["items"]].count(again["id"]) == 1
    assert upload(api, 202, KEY) == again
    with database.read() as session:
        assert session.query(IdempotencyKey).one().status == 202
    FakeWorker(context).run_all()
    assert api.get("/v1/datasets/table")["status"] == "ready"


def printed(context: Context, job_id: str) -> str:
    return "".join(event.data["text"] for event in logs.read(context, job_id, 0, 100)[0] if event.type == "message")


@pytest.mark.parametrize("committed", [True, False])
def test_a_batch_of_events_is_logged_once(context: Context, database: ForgetfulDatabase, committed: bool) -> None:
    job_id = stocked.submit(context)
    lease, _ = stocked.claim(context)
    journal = Journal(context, lease)
    journal.add_text("a line\n")
    journal.add({"type": "progress", "data": {"epoch": 1, "step": 1, "steps": 2, "epochs": 3}})
    folder = context.artifacts.stage(lease.staging_name) / "checkpoint-1"
    folder.mkdir()
    journal.add({"type": "checkpoint", "name": folder.name, "data": {"epoch": 1, "step": 1}})
    database.forget(committed=committed)
    with pytest.raises(OutcomeUnknown):
        journal.write()
    journal.add_text("another line\n")
    with pytest.raises(OutcomeUnknown):
        journal.write()
    database.fate.knows_outcomes = True
    while not journal.empty:
        journal.write()
    events = logs.read(context, job_id, 0, 100)[0]
    assert [event.type for event in events] == [
        "transition", "transition", "message", "checkpoint", "progress", "message",
    ]  # fmt: skip
    assert printed(context, job_id) == "a line\nanother line\n"
    assert len(context.artifacts.names(f"checkpoints/{job_id}")) == 1


def test_a_success_that_comes_through_late_keeps_its_version(
    context: Context, database: ForgetfulDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The COMMIT of the first attempt takes effect while the second one, which hasn't seen it yet, publishes."""
    succeed, publish = execution.succeed, context.artifacts.publish

    def succeed_twice(*arguments: Any) -> None:
        def publish_late(folder: Path, key: str) -> None:
            publish(folder, key)
            monkeypatch.setattr(context.artifacts, "publish", publish)
            succeed(*arguments)

        monkeypatch.setattr(context.artifacts, "publish", publish_late)
        succeed(*arguments)

    monkeypatch.setattr(execution, "succeed", succeed_twice)
    before = len(stocked.versions(context))
    stocked.submit(context)
    FakeWorker(context).finish(*stocked.claim(context))
    versions = stocked.versions(context)
    assert len(versions) == before + 1
    assert context.artifacts.existing_file(versions[-1].folder, "network.onnx").is_file()


def test_a_dataset_that_fails_to_be_written_leaves_no_file(context: Context) -> None:
    folder = context.artifacts.stage("upload_1")
    (folder / "data").write_bytes(CSV)
    request = {"name": "table", "target": "b", "file": [ReceivedFile(folder, "t.csv", len(CSV), "sha256")]}
    settings = replace(context.settings, max_queued_jobs=0)
    with pytest.raises(QueueFull):
        datasets.create(replace(context, settings=settings), request)
    assert context.artifacts.names("uploads") == []
