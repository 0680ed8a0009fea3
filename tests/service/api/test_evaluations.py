"""Evaluations over HTTP: started, followed, cancelled, listed, deleted, and made by trainings."""

import errno
import os
from typing import Any

import pytest

from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import recording
from service.worker import failures
from tests.journeys.specs import LINE, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

URL = "/v1/evaluations"
EVALUATION = {"model": "line", "dataset": "line", "split": "train"}


def test_an_evaluation_waits_in_the_queue_and_is_followed_to_its_result(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    response = trained.send("POST", URL, 202, json=EVALUATION)
    new = response.json
    assert new is not None
    assert response.headers["Location"] == new["links"]["self"] == f"{URL}/{new['id']}"
    assert "Retry-After" in response.headers
    assert new["id"].startswith("ev_")
    assert list(new)[:4] == ["id", "model", "dataset", "status"]
    assert (new["model"], new["version"], new["dataset"], new["split"]) == ("line", 1, "line", "train")
    assert (new["status"], new["result"], new["error"], new["training_job"]) == ("queued", None, None, None)
    assert new["progress"] == {"step": 0, "steps": None, "fraction": 0.0, "eta_seconds": None}
    assert new["links"]["version"] == "/v1/models/line/versions/1"

    claimed = idle_worker.claim("evaluation")
    assert claimed is not None
    progress = {"step": 1, "steps": 4, "fraction": 0.25, "eta_seconds": 1.5}
    recording.record(context, claimed[0], [], progress=progress)
    running = trained.send("GET", new["links"]["self"], 200)
    assert "Retry-After" in running.headers
    assert running.json is not None
    assert running.json["progress"] == progress
    idle_worker.finish(*claimed)

    done = trained.get(new["links"]["self"])
    assert done["status"] == "succeeded"
    assert done["result"]["loss"] == 0.2
    assert done["result"]["metrics"] == {"mae": 0.3, "rmse": 0.4, "r2": None}
    assert done["progress"]["eta_seconds"] is None
    assert [transition["status"] for transition in done["transitions"]] == ["queued", "running", "succeeded"]
    assert done["finished_at"] >= done["started_at"] >= done["created_at"]


def test_an_evaluation_that_ends_within_the_wait_is_a_201(trained: ApiClient, idle_worker: FakeWorker) -> None:
    with idle_worker:
        response = trained.send("POST", URL, 201, json=EVALUATION, headers={"Prefer": "wait=20"})
    assert response.headers["Preference-Applied"] == "wait=20"
    assert (response.json or {})["status"] == "succeeded"


def test_the_version_is_fixed_when_the_evaluation_is_created(trained: ApiClient, idle_worker: FakeWorker) -> None:
    waiting = trained.post(URL, EVALUATION, 202)
    trained.post("/v1/training-jobs", TRAINING, 202)
    trained.put("/v1/models/line/labels/old", {"version": 1}, 201)
    idle_worker.run_all()
    assert trained.get(waiting["links"]["self"])["version"] == 1
    for chosen, number in (({}, 2), ({"version": None}, 2), ({"version": 1}, 1), ({"label": "old"}, 1)):
        assert trained.post(URL, EVALUATION | chosen, 202)["version"] == number


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"model": "nobody"}, "#/model"),
        ({"dataset": "nothing"}, "#/dataset"),
        ({"version": 9}, "#/version"),
        ({"version": 0}, "#/version"),
        ({"label": "gone"}, "#/label"),
        ({"version": 1, "label": "x"}, "#/label"),
        ({"split": "all"}, "#/split"),
        ({"split": "test"}, "#/split"),
        ({"rows": 3}, "#/rows"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused_before_it_is_queued(
    trained: ApiClient, change: dict[str, Any], pointer: str
) -> None:
    problem = trained.post(URL, EVALUATION | change, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert trained.get(URL)["items"] == []


def test_a_split_without_rows_is_refused_with_those_that_have_some(trained: ApiClient) -> None:
    (fault,) = trained.post(URL, {"model": "line", "dataset": "line"}, 422)["errors"]
    assert (fault["pointer"], fault["allowed"]) == ("#/split", ["train"])


def test_a_dataset_of_another_shape_is_refused(trained: ApiClient, idle_worker: FakeWorker) -> None:
    wide = {"name": "wide", "source": "inline", "inputs": [[1, 2]], "targets": [3]}
    trained.post("/v1/datasets", wide, 202, Prefer="wait=0")
    idle_worker.run_all()
    (fault,) = trained.post(URL, EVALUATION | {"dataset": "wide"}, 422)["errors"]
    assert fault["pointer"] == "#/dataset"
    assert "[2]" in fault["detail"]


def test_a_model_without_a_version_is_a_409(trained: ApiClient, idle_worker: FakeWorker) -> None:
    trained.post("/v1/models", named(LINE, "untrained"), 202, Prefer="wait=0")
    assert trained.post(URL, EVALUATION | {"model": "untrained"}, 409)["type"] == "/problems/not-ready"
    idle_worker.run_all()
    assert trained.post(URL, EVALUATION | {"model": "untrained"}, 409)["type"] == "/problems/no-version"


def test_cancelling_holds_when_repeated_and_is_refused_when_too_late(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    waiting = trained.post(URL, EVALUATION, 202)["links"]["self"]
    assert trained.patch(waiting, {"desired_status": "cancelled"})["status"] == "cancelled"
    assert trained.patch(waiting, {"desired_status": "cancelled"})["status"] == "cancelled"

    running = trained.post(URL, EVALUATION, 202)["links"]["self"]
    claimed = idle_worker.claim("evaluation")
    assert claimed is not None
    assert trained.patch(running, {})["status"] == "running"
    assert trained.patch(running, {"desired_status": "cancelled"})["status"] == "cancelling"
    assert trained.patch(running, {"desired_status": "cancelled"})["status"] == "cancelling"
    idle_worker.finish(*claimed)
    ended = trained.get(running)
    assert (ended["status"], ended["result"]) == ("cancelled", None)

    done = trained.post(URL, EVALUATION, 202)["links"]["self"]
    idle_worker.run_all()
    assert trained.patch(done, {"desired_status": "cancelled"}, 409)["type"] == "/problems/conflict"
    assert trained.patch(done, {"desired_status": "stopped"}, 422)["errors"][0]["pointer"] == "#/desired_status"


def test_an_evaluation_that_a_read_only_disk_paused_is_resumed(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    url = trained.post(URL, EVALUATION, 202)["links"]["self"]
    claimed = idle_worker.claim("evaluation")
    assert claimed is not None
    failure = failures.unwritable(OSError(errno.EROFS, os.strerror(errno.EROFS)))
    execution.fail(context, claimed[0], failure, "artifacts_unwritable")
    paused = trained.get(url)
    assert (paused["status"], paused["status_reason"]) == ("paused", "artifacts_unwritable")
    assert (paused["desired_status"], paused["error"]) == ("paused", None)
    resumed = trained.patch(url, {"desired_status": "running"})
    assert (resumed["status"], resumed["desired_status"]) == ("queued", "running")
    idle_worker.run_all()
    assert trained.get(url)["status"] == "succeeded"
    assert trained.patch(url, {"desired_status": "running"}, 409)["type"] == "/problems/conflict"


def test_only_a_final_evaluation_can_be_deleted(trained: ApiClient, idle_worker: FakeWorker) -> None:
    url = trained.post(URL, EVALUATION, 202)["links"]["self"]
    trained.delete(url, 409)
    idle_worker.run_all()
    trained.delete(url)
    trained.delete(url, 404)
    trained.get(url, 404)
    training = trained.get("/v1/training-jobs")["items"][0]["id"]
    trained.get(f"{URL}/{training}", 404)


def test_what_an_evaluation_needs_stays_until_it_is_final(trained: ApiClient, idle_worker: FakeWorker) -> None:
    url = trained.post(URL, EVALUATION, 202)["links"]["self"]
    for needed in ("/v1/models/line/versions/1", "/v1/models/line", "/v1/datasets/line"):
        assert trained.send("DELETE", needed, 409).json["type"] == "/problems/in-use"  # type: ignore[index]
    idle_worker.run_all()
    trained.delete("/v1/models/line/versions/1")
    links = trained.get(url)["links"]
    assert (links["version"], links["model"], links["dataset"]) == (None, "/v1/models/line", "/v1/datasets/line")
    trained.delete("/v1/models/line")
    trained.delete("/v1/datasets/line")
    orphan = trained.get(url)
    assert (orphan["links"]["model"], orphan["links"]["dataset"]) == (None, None)
    assert (orphan["model"], orphan["version"], orphan["result"]["loss"]) == ("line", 1, 0.2)


def test_evaluations_are_listed_by_status_model_and_dataset_page_by_page(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    done = trained.post(URL, EVALUATION, 202)["id"]
    idle_worker.run_all()
    waiting = trained.post(URL, EVALUATION | {"dataset": "tested"}, 202)["id"]

    def listed(query: str) -> list[str]:
        return [item["id"] for item in trained.get(f"{URL}?{query}")["items"]]

    assert listed("") == [waiting, done]
    assert listed("sort=created_at") == [done, waiting]
    assert listed("status=succeeded&model=line&dataset=line") == [done]
    assert listed("dataset=tested") == [waiting]
    assert listed("model=other") == []
    first = trained.get(f"{URL}?limit=1")
    assert [item["id"] for item in trained.get(first["next"])["items"]] == [done]


def test_the_same_key_starts_one_evaluation(trained: ApiClient) -> None:
    first, again = (trained.post(URL, EVALUATION, 202, Idempotency_Key="once") for _ in range(2))
    assert first == again
    assert len(trained.get(URL)["items"]) == 1
    trained.post(URL, EVALUATION | {"version": 1}, 422, Idempotency_Key="once")


def test_a_training_evaluates_its_test_rows(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = trained.post("/v1/training-jobs", TRAINING | {"dataset": "tested"}, 202)
    assert "evaluation" not in job["links"]
    idle_worker.run_all()
    job = trained.get(job["links"]["self"])
    evaluation = trained.get(job["links"]["evaluation"])
    assert evaluation["status"] == "succeeded"
    assert (evaluation["split"], evaluation["version"], evaluation["dataset"]) == ("test", 2, "tested")
    assert (evaluation["training_job"], evaluation["links"]["training_job"]) == (job["id"], job["links"]["self"])
    assert evaluation["result"]["metrics"]["mae"] == 0.3
    assert trained.get(job["links"]["version"])["links"]["evaluation"] == job["links"]["evaluation"]
    assert trained.get("/v1/models/line/versions")["items"][0]["links"]["evaluation"] == job["links"]["evaluation"]

    trained.delete(job["links"]["evaluation"])
    assert "evaluation" not in trained.get(job["links"]["self"])["links"]
    assert "evaluation" not in trained.get(job["links"]["version"])["links"]


def test_a_training_without_test_rows_makes_no_evaluation(trained: ApiClient) -> None:
    (job,) = trained.get("/v1/training-jobs")["items"]
    assert "evaluation" not in job["links"]
    assert trained.get(URL)["items"] == []


def test_the_evaluation_of_a_training_outlives_it(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = trained.post("/v1/training-jobs", TRAINING | {"dataset": "tested"}, 202)["links"]["self"]
    idle_worker.run_all()
    url = trained.get(job)["links"]["evaluation"]
    trained.delete(job)
    evaluation = trained.get(url)
    assert evaluation["links"]["training_job"] is None
    assert evaluation["training_job"] == job.rpartition("/")[2]
