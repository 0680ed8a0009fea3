"""Quotas of projects, over HTTP."""

from io import BytesIO
from typing import Any

import pytest

from service.context import Context
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker, model_file

CSV = b"x,y\n" + b"1,2\n" * 50
NOTHING = {"queued_jobs": 0, "running_jobs": 0, "stored_bytes": 0, "training_seconds_per_day": 0}


class Vision:
    """The project `vision`, in which an administrator without a key acts."""

    def __init__(self, client: ApiClient) -> None:
        self.client = client
        self.shown = client.post("/v1/projects", {"name": "vision"})

    def limit(self, **quotas: int | None) -> None:
        self.client.patch("/v1/projects/vision", {"quotas": quotas})

    def post(self, path: str, body: Any, expect: int = 202) -> Any:
        return self.send(path, expect, json=body)

    def send(self, path: str, expect: int, **options: Any) -> Any:
        headers = {"Fitserve-Project": "vision", "Prefer": "wait=0", **options.pop("headers", {})}
        response = self.client.send("POST", path, expect, headers=headers, **options)
        document: Any = response.json
        if expect == 429:
            assert document["type"] == "/problems/quota-exceeded"
            document["retry_after"] = response.headers.get("Retry-After")
        return document

    @property
    def usage(self) -> dict[str, int]:
        usage: dict[str, int] = self.client.get("/v1/projects/vision")["usage"]
        return usage


@pytest.fixture
def vision(api: ApiClient) -> Vision:
    return Vision(api)


@pytest.fixture
def stocked(vision: Vision, idle_worker: FakeWorker) -> Vision:
    """With the dataset and the model `line`."""
    vision.post("/v1/datasets", LINE_DATASET)
    vision.post("/v1/models", LINE)
    idle_worker.run_all()
    return vision


def upload(vision: Vision, name: str, expect: int) -> Any:
    fields = {"name": name, "target": "y", "split": '{"validation": 0.2}'}
    return vision.send("/v1/datasets", expect, data=fields | {"file": (as_file(CSV), "rows.csv")})


def as_file(content: bytes) -> BytesIO:
    return BytesIO(content)


def test_a_new_project_uses_nothing(vision: Vision) -> None:
    assert vision.shown["usage"] == NOTHING
    assert {item["name"]: item["usage"] for item in vision.client.get("/v1/projects")["items"]}["vision"] == NOTHING


def test_what_a_project_uses_does_not_change_the_revision_of_its_quotas(vision: Vision) -> None:
    read = vision.client.send("GET", "/v1/projects/vision", 200).headers["ETag"]
    vision.post("/v1/datasets", LINE_DATASET)
    assert vision.client.send("GET", "/v1/projects/vision", 200).headers["ETag"] != read
    change = {"json": {"quotas": {"queued_jobs": 1}}, "headers": {"If-Match": read}}
    vision.client.send("PATCH", "/v1/projects/vision", 200, **change)
    vision.client.send("PATCH", "/v1/projects/vision", 412, **change)


def test_a_full_queue_of_a_project_refuses_only_its_jobs(stocked: Vision) -> None:
    stocked.limit(queued_jobs=2)
    for _ in range(2):
        stocked.post("/v1/training-jobs", TRAINING)
    refused = stocked.post("/v1/training-jobs", TRAINING, 429)
    assert (refused["quota"], refused["limit"], refused["used"]) == ("queued_jobs", 2, 2)
    assert int(refused["retry_after"]) > 0
    assert "queued_jobs" in refused["detail"]
    stocked.post("/v1/models", named(LINE, "another"), 429)
    assert stocked.usage["queued_jobs"] == 2
    stocked.client.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")


def test_a_refusal_is_not_stored_for_its_idempotency_key(stocked: Vision, idle_worker: FakeWorker) -> None:
    stocked.limit(queued_jobs=0)
    once = {"Idempotency-Key": "once"}
    stocked.send("/v1/training-jobs", 429, json=TRAINING, headers=once)
    stocked.limit(queued_jobs=None)
    stocked.send("/v1/training-jobs", 202, json=TRAINING, headers=once)


def test_jobs_over_the_quota_of_running_ones_stay_queued_and_let_others_pass(
    stocked: Vision, idle_worker: FakeWorker
) -> None:
    stocked.limit(running_jobs=1)
    first = stocked.post("/v1/training-jobs", TRAINING)
    second = stocked.post("/v1/training-jobs", {**TRAINING, "priority": 9})
    stocked.client.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    stocked.client.post("/v1/models", LINE, 202, Prefer="wait=0")
    claimed = idle_worker.claim("training")
    assert claimed is not None
    assert claimed[1].id == second["id"]
    assert stocked.usage == {**stocked.usage, "queued_jobs": 1, "running_jobs": 1}
    assert idle_worker.claim("training") is None
    idle_worker.run_all()
    other = stocked.client.post("/v1/training-jobs", TRAINING, 202)
    passed = idle_worker.claim("training")
    assert passed is not None
    assert passed[1].id == other["id"]
    idle_worker.finish(*claimed)
    following = idle_worker.claim("training")
    assert following is not None
    assert following[1].id == first["id"]


def test_builds_and_imports_are_no_running_jobs(vision: Vision, idle_worker: FakeWorker) -> None:
    vision.limit(running_jobs=0)
    vision.post("/v1/datasets", LINE_DATASET)
    assert idle_worker.run_next()


def test_an_upload_over_the_quota_of_bytes_is_refused(vision: Vision, idle_worker: FakeWorker) -> None:
    vision.limit(stored_bytes=len(CSV) - 1)
    refused = upload(vision, "a", 429)
    assert (refused["quota"], refused["limit"], refused["used"]) == ("stored_bytes", len(CSV) - 1, 0)
    assert refused["retry_after"] is None
    vision.limit(stored_bytes=len(CSV))
    upload(vision, "a", 202)
    assert vision.usage["stored_bytes"] == len(CSV)
    upload(vision, "b", 429)
    vision.post("/v1/datasets", LINE_DATASET, 429)


def test_datasets_versions_and_files_of_models_are_stored_bytes(stocked: Vision, idle_worker: FakeWorker) -> None:
    with_data = stocked.usage["stored_bytes"]
    dataset = stocked.client.get("/v1/datasets/line", Fitserve_Project="vision")
    assert with_data == dataset["bytes"] > 0
    stocked.post("/v1/training-jobs", TRAINING)
    idle_worker.run_all()
    trained = stocked.usage["stored_bytes"]
    assert trained > with_data
    file, form = model_file(), {"name": "imported", "classes": '["a", "b", "c"]'}
    stocked.limit(stored_bytes=trained + len(file) - 1)
    stocked.send("/v1/models", 429, data=form | {"file": (as_file(file), "net.keras")})
    stocked.limit(stored_bytes=trained + len(file))
    stocked.send("/v1/models", 202, data=form | {"file": (as_file(file), "net.keras")})
    assert stocked.usage["stored_bytes"] == trained + len(file)
    assert stocked.post("/v1/training-jobs", TRAINING, 429)["quota"] == "stored_bytes"
    stocked.post("/v1/evaluations", {"model": "line", "dataset": "line", "split": "train"})


def test_a_batch_prediction_is_stored(stocked: Vision, idle_worker: FakeWorker) -> None:
    stocked.post("/v1/training-jobs", TRAINING)
    idle_worker.run_all()
    before = stocked.usage["stored_bytes"]
    stocked.post("/v1/batch-predictions", {"model": "line", "dataset": "line"})
    idle_worker.run_all()
    assert stocked.usage["stored_bytes"] > before


def test_a_project_that_was_deleted_meanwhile_gets_nothing_more(
    api: ApiClient, context: Context, vision: Vision
) -> None:
    vision.client.get("/v1/models", Fitserve_Project="vision")
    with context.database.engine.begin() as connection:  # as another host does: this one remembers the caller
        connection.exec_driver_sql("DELETE FROM projects WHERE name = 'vision'")
    vision.post("/v1/datasets", LINE_DATASET, 404)
