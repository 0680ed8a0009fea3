"""Training jobs over HTTP: started, followed, ordered about, deleted."""

from typing import Any

import pytest

from models.jobs.training import TrainingAssignment
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import recording
from service.operations.jobs.registry import kind_of
from service.storage import jobs
from service.storage.documents import KeptCheckpoint
from service.storage.jobs import NewEvent
from tests.journeys.specs import LINE, LINE_DATASET
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations import stocked

PIECES = {"type": "PiecewiseConstantDecay", "values": [0.1]}
SCHEDULED = {
    "type": "SGD",
    "learning_rate": {"type": "ExponentialDecay", "initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.9},
}


@pytest.fixture
def ready(api: ApiClient, idle_worker: FakeWorker) -> ApiClient:
    """A client of an app with the dataset and the model `line`."""
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    while idle_worker.run_next():
        pass
    return api


def test_a_new_job_waits_in_the_queue_with_every_default_resolved(ready: ApiClient) -> None:
    response = ready.send("POST", "/v1/training-jobs", 202, json=TRAINING)
    job = response.json
    assert job is not None
    assert response.headers["Location"] == job["links"]["self"]
    assert "Retry-After" in response.headers
    assert job["id"].startswith("tj_")
    assert (job["status"], job["desired_status"], job["attempt"]) == ("queued", "running", 1)
    assert isinstance(job["seed"], int)
    defaults = {"batch_size": 32, "shuffle": True, "optimizer": None, "early_stopping": None, "label": None}
    assert defaults.items() <= job.items()
    assert (job["priority"], job["queue"], job["execution"]) == (5, "cpu", "graph")
    assert job["progress"] == {
        "epoch": 0, "epochs": 3, "step": 0, "steps": None, "fraction": 0.0, "eta_seconds": None,
    }  # fmt: skip
    assert (job["metrics"], job["best"], job["version"], job["error"], job["started_at"]) == (None,) * 5
    assert [transition["status"] for transition in job["transitions"]] == ["queued"]
    assert ready.get(job["links"]["self"]) == job


def test_a_job_begins_with_what_a_reader_looks_for(ready: ApiClient) -> None:
    response = ready.send("POST", "/v1/training-jobs", 202, json=TRAINING)
    assert list(response.json or ())[:4] == ["id", "model", "dataset", "status"]


@pytest.mark.parametrize(("member", "setting"), [("epochs", "MAX_EPOCHS"), ("batch_size", "MAX_BATCH_SIZE")])
def test_a_limit_names_its_setting(ready: ApiClient, member: str, setting: str) -> None:
    (fault,) = ready.post("/v1/training-jobs", TRAINING | {member: 2_000_000}, 422)["errors"]
    assert fault["pointer"] == f"#/{member}"
    assert fault["detail"] == (
        f"`{member}` must be at most 1,000,000, not 2,000,000. The operator sets this limit with FITSERVE_{setting}."
    )


def test_a_job_can_be_posted_again_as_it_is_shown(ready: ApiClient) -> None:
    stopping = {"early_stopping": {"patience": 2}, "optimizer": {"type": "Adam", "learning_rate": 0.01}}
    job = ready.post("/v1/training-jobs", TRAINING | stopping, 202)
    assert job["early_stopping"] == {"monitor": "loss", "patience": 2, "min_delta": 0.0, "restore_best": True}
    posted = ("model", "dataset", "epochs", "batch_size", "shuffle", "seed", "optimizer", "early_stopping", "label")
    again = ready.post("/v1/training-jobs", {member: job[member] for member in posted}, 202)
    assert {member: again[member] for member in posted} == {member: job[member] for member in posted}


def test_a_job_says_how_it_is_executed_and_why(ready: ApiClient, context: Context) -> None:
    job = ready.post("/v1/training-jobs", TRAINING, 202)
    assert (job["precision"], job["execution"]) == ("float32", "graph")
    assert job["execution_reason"] == "Compiling takes about 0.2 s, more than it saves in 3 steps."
    chosen = ready.post("/v1/training-jobs", TRAINING | {"precision": "bfloat16", "execution": "compiled"}, 202)
    assert (chosen["precision"], chosen["execution"]) == ("bfloat16", "compiled")
    assert chosen["execution_reason"].startswith("The request chose `compiled`. No layer computes in bfloat16")
    again = {name: chosen[name] for name in ("model", "dataset", "epochs", "precision", "execution")}
    assert ready.post("/v1/training-jobs", again, 202)["precision"] == "bfloat16"
    with context.database.read() as session:
        stored = jobs.get(session, chosen["id"])
        assert stored is not None
        assert stored.request["fused"]
    (fault,) = ready.post("/v1/training-jobs", TRAINING | {"precision": "float16"}, 422)["errors"]
    assert (fault["pointer"], fault["allowed"]) == ("#/precision", ["float32", "bfloat16"])


@pytest.mark.usefixtures("worker")
def test_a_job_that_ends_within_the_wait_is_a_201(api: ApiClient) -> None:
    api.make_line()
    response = api.send("POST", "/v1/training-jobs", 201, json=TRAINING, headers={"Prefer": "wait=20"})
    assert response.headers["Preference-Applied"] == "wait=20"
    job = response.json
    assert job is not None
    assert (job["status"], job["version"]) == ("succeeded", 1)
    assert job["links"]["version"] == "/v1/models/line/versions/1"
    assert job["links"]["predictions"] == "/v1/models/line/versions/1/predictions"
    assert [transition["status"] for transition in job["transitions"]] == ["queued", "running", "succeeded"]
    assert job["finished_at"] >= job["started_at"] >= job["created_at"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"model": "nobody"}, "#/model"),
        ({"dataset": "nothing"}, "#/dataset"),
        ({"epochs": 1_000_001}, "#/epochs"),
        ({"optimizer": "adamm"}, "#/optimizer"),
        ({"early_stopping": {"monitor": "val_loss"}}, "#/early_stopping/monitor"),
        ({"learning_rate_schedule": {**PIECES, "boundaries": [5]}}, "#/learning_rate_schedule/values"),
        ({"learning_rate_schedule": {"type": "ReduceLROnPlateau"}, "optimizer": SCHEDULED}, "#/learning_rate_schedule"),
    ],
)
def test_what_is_bound_to_fail_is_refused_before_it_is_queued(
    ready: ApiClient, change: dict[str, Any], pointer: str
) -> None:
    problem = ready.post("/v1/training-jobs", TRAINING | change, 422)
    assert problem["errors"][0]["pointer"] == pointer
    assert ready.get("/v1/training-jobs")["items"] == []


def test_every_fault_of_a_job_is_in_one_answer(ready: ApiClient) -> None:
    wrong = {
        "optimizer": "adamm",
        "epochs": 1_000_001,
        "class_weights": "balanced",
        "early_stopping": {"monitor": "val_loss"},
    }
    problem = ready.post("/v1/training-jobs", TRAINING | wrong, 422)
    assert {fault["pointer"] for fault in problem["errors"]} == {
        "#/optimizer", "#/epochs", "#/class_weights", "#/early_stopping/monitor",
    }  # fmt: skip
    problem = ready.post("/v1/training-jobs", TRAINING | {"optimizer": "adamm", "batch_size": 0}, 422)
    assert {fault["pointer"] for fault in problem["errors"]} == {"#/optimizer", "#/batch_size"}


def test_the_metrics_of_epochs_are_followed_thinned_and_finite(ready: ApiClient, idle_worker: FakeWorker) -> None:
    job = ready.post("/v1/training-jobs", TRAINING | {"epochs": 100}, 202)
    claimed = idle_worker.claim("training")
    assert claimed is not None
    idle_worker.record_epochs(claimed[0], 1, 10, 100)

    running = ready.get(job["links"]["self"])
    assert running["progress"]["epoch"] == 10
    assert running["metrics"] == {"loss": 0.1}
    assert running["best"] == {"epoch": 10, "loss": 0.1}
    epochs = ready.get(job["links"]["metrics"])["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, 11))
    assert epochs[0] == {"epoch": 1, "seconds": 0.1, "loss": 1.0}
    assert [e["epoch"] for e in ready.get(job["links"]["metrics"] + "?after=8")["epochs"]] == [9, 10]
    for points, chosen in ((4, [1, 4, 7, 10]), (2, [1, 10]), (1, [10]), (100, list(range(1, 11)))):
        thinned = ready.get(f"{job['links']['metrics']}?points={points}")["epochs"]
        assert [epoch["epoch"] for epoch in thinned] == chosen
    for query in ("points=0", "after=-1", "point=3"):
        ready.get(f"{job['links']['metrics']}?{query}", 400)


def test_events_are_one_log_that_is_read_on_from_where_it_ended(ready: ApiClient, idle_worker: FakeWorker) -> None:
    job = ready.post("/v1/training-jobs", TRAINING, 202)
    idle_worker.run_next()
    url, events = job["links"]["events"] + "?limit=2", []
    link = ready.send("GET", url, 200).headers["Link"]
    assert link == f'<{ready.get(url)["next"]}>; rel="next"'
    while url:
        page = ready.get(url)
        assert len(page["items"]) <= 2
        events += page["items"]
        url = page["next"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events] == [
        "transition", "transition", "epoch", "epoch", "epoch", "message", "transition",
    ]  # fmt: skip
    assert events[-1]["data"] == {"status": "succeeded", "reason": None}
    assert ready.get(f"{job['links']['events']}?after={len(events)}") == {"items": [], "next": None}


def test_a_job_that_nobody_works_on_has_no_time_left(
    ready: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    job = ready.post("/v1/training-jobs", TRAINING, 202)
    claimed = idle_worker.claim("training")
    assert claimed is not None
    kept = KeptCheckpoint("checkpoints/tj_1/tj_1-1-checkpoint-1", 2, 0)
    recording.record(context, claimed[0], [NewEvent("checkpoint", {"epoch": 2, "step": 0}, checkpoint=kept)])
    idle_worker.record_epochs(claimed[0], 1, 1, 3)
    assert ready.patch(job["links"]["self"], {"desired_status": "paused"})["progress"]["eta_seconds"] == 0.0
    execution.put_back(context, claimed[0])
    paused = ready.get(job["links"]["self"])
    assert (paused["status"], paused["progress"]["epoch"], paused["progress"]["eta_seconds"]) == ("paused", 1, None)


def test_after_a_crash_the_next_attempt_uses_no_compiled_code(
    ready: ApiClient, context: Context, idle_worker: FakeWorker
) -> None:
    def discards() -> bool:
        claimed = idle_worker.claim("training")
        assert claimed is not None
        lease, job = claimed
        assignment = kind_of(job).describe(context, job)
        assert isinstance(assignment, TrainingAssignment)
        execution.crashed(context, lease, {"code": "worker-process-died", "detail": "It died.", "faults": []})
        return assignment.compiles_anew

    ready.post("/v1/training-jobs", TRAINING | {"execution": "compiled"}, 202)
    assert (discards(), discards()) == (False, True)


def test_the_log_is_a_line_for_each_epoch_and_what_was_printed(ready: ApiClient, idle_worker: FakeWorker) -> None:
    job = ready.post("/v1/training-jobs", TRAINING, 202)
    assert ready.send("GET", job["links"]["log"], 200).text == ""
    idle_worker.run_next()
    response = ready.send("GET", job["links"]["log"], 200)
    assert response.mimetype == "text/plain"
    assert response.text.splitlines() == [
        "Epoch 1/3 - 0.1s - loss: 1",
        "Epoch 2/3 - 0.1s - loss: 0.5",
        "Epoch 3/3 - 0.1s - loss: 0.3333",
        "training",
    ]
    again = {"If-None-Match": response.headers["ETag"]}
    assert ready.send("GET", job["links"]["log"], 304, headers=again).text == ""
    ready.get(job["links"]["log"], 406, Accept="application/json")


def test_orders_are_obeyed_and_hold_when_repeated(ready: ApiClient, idle_worker: FakeWorker) -> None:
    url = ready.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    going_on = ready.send("PATCH", url, 200, json={"desired_status": "running"})
    assert going_on.json is not None
    assert going_on.json["status"] == "queued"
    assert int(going_on.headers["Retry-After"]) > 0
    cancelled = ready.send("PATCH", url, 200, json={"desired_status": "cancelled"})
    assert "Retry-After" not in cancelled.headers
    assert ready.patch(url, {"desired_status": "cancelled"})["status"] == "cancelled"
    assert ready.patch(url, {"desired_status": "running"}, 409)["type"] == "/problems/conflict"

    url = ready.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    claimed = idle_worker.claim("training")
    assert claimed is not None
    assert ready.patch(url, {"desired_status": "stopped"})["status"] == "stopping"
    ready.delete(url, 409)
    assert ready.patch(url, {"desired_status": "cancelled"})["status"] == "cancelling"
    idle_worker.finish(*claimed)
    assert ready.get(url)["status"] == "cancelled"
    assert ready.get("/v1/models/line/versions")["items"] == []


@pytest.mark.parametrize("order", [{"desired_status": "succeeded"}, {"epochs": 0}, {"rate": 1}])
def test_an_order_that_does_not_exist_is_refused(ready: ApiClient, order: dict[str, Any]) -> None:
    url = ready.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    assert ready.patch(url, order, 422)["errors"]


def test_more_epochs_than_allowed_are_refused_as_when_the_job_was_posted(ready: ApiClient) -> None:
    url = ready.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    changed = ready.patch(url, {"epochs": 1_000_001}, 422)["errors"]
    assert changed == ready.post("/v1/training-jobs", TRAINING | {"epochs": 1_000_001}, 422)["errors"]


def test_the_progress_is_that_towards_the_epochs_as_ordered(ready: ApiClient, idle_worker: FakeWorker) -> None:
    url = ready.post("/v1/training-jobs", TRAINING | {"epochs": 100}, 202)["links"]["self"]
    claimed = idle_worker.claim("training")
    assert claimed is not None
    idle_worker.record_epochs(claimed[0], 1, 10, 100)
    progress = ready.patch(url, {"epochs": 20})["progress"]
    assert (progress["epoch"], progress["epochs"], progress["fraction"]) == (10, 20, 0.5)


def test_an_epoch_that_has_begun_cannot_be_taken_back(ready: ApiClient, idle_worker: FakeWorker) -> None:
    url = ready.post("/v1/training-jobs", TRAINING | {"epochs": 100}, 202)["links"]["self"]
    claimed = idle_worker.claim("training")
    assert claimed is not None
    idle_worker.record_epochs(claimed[0], 1, 13, 100)
    (fault,) = ready.patch(url, {"epochs": 2}, 422)["errors"]
    assert fault["detail"] == "Epoch 13 has already begun: `epochs` must be at least 13. Or stop the job."


def test_an_empty_patch_changes_nothing(ready: ApiClient) -> None:
    job = ready.post("/v1/training-jobs", TRAINING, 202)
    assert ready.patch(job["links"]["self"], {}) == job
    ready.patch("/v1/training-jobs/tj_0", {}, 404)


def test_a_final_job_can_be_deleted(ready: ApiClient, idle_worker: FakeWorker) -> None:
    job = ready.post("/v1/training-jobs", TRAINING, 202)
    idle_worker.run_next()
    ready.delete(job["links"]["self"])
    ready.get(job["links"]["self"], 404)
    ready.get(job["links"]["events"], 404)
    assert ready.get("/v1/models/line/versions/1")["training_job"] == job["id"]


def test_jobs_are_listed_by_status_model_and_dataset(ready: ApiClient, idle_worker: FakeWorker) -> None:
    done = ready.post("/v1/training-jobs", TRAINING, 202)
    idle_worker.run_next()
    waiting = ready.post("/v1/training-jobs", TRAINING, 202)

    def listed(query: str) -> list[str]:
        return [job["id"] for job in ready.get(f"/v1/training-jobs?{query}")["items"]]

    assert listed("") == [waiting["id"], done["id"]]
    assert listed("sort=created_at") == [done["id"], waiting["id"]]
    assert listed("status=succeeded&model=line&dataset=line") == [done["id"]]
    assert listed("model=other") == []


def test_a_job_that_the_disk_pauses_tells_why_and_can_be_resumed(
    ready: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    url = ready.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    claimed = idle_worker.claim("training")
    assert claimed is not None
    full = {"code": "disk-full", "detail": "The disk is full: nothing was saved.", "faults": []}
    execution.fail(context, claimed[0], full, "disk_full")
    job = ready.get(url)
    assert (job["status"], job["status_reason"], job["desired_status"]) == ("paused", "disk_full", "paused")
    advice = "The disk is full. Free some space, then resume the job."
    assert (job["error"], job["warnings"]) == (None, [{"type": "paused", "detail": advice}])
    assert job["transitions"][-1]["reason"] == "disk_full"
    resumed = ready.send("PATCH", url, 200, json={"desired_status": "running"}).json
    assert resumed is not None
    assert (resumed["status"], resumed["status_reason"]) == ("queued", "waiting_for_worker")
    idle_worker.run_all()
    assert ready.get(url)["status"] == "succeeded"


@pytest.mark.parametrize("desired", ["running", "stopped"])
def test_a_stop_that_the_disk_interrupts_is_finished_after_resuming(
    ready: ApiClient, idle_worker: FakeWorker, context: Context, desired: str
) -> None:
    url = ready.post("/v1/training-jobs", TRAINING, 202)["links"]["self"]
    claimed = idle_worker.claim("training")
    assert claimed is not None
    stocked.checkpoint(context, claimed[0])
    ready.send("PATCH", url, 200, json={"desired_status": "stopped"})
    execution.fail(context, claimed[0], {"code": "disk-full", "detail": "", "faults": []}, "disk_full")
    job = ready.get(url)
    assert (job["status"], job["desired_status"]) == ("paused", "stopped")
    resumed = ready.send("PATCH", url, 200, json={"desired_status": desired}).json
    assert resumed is not None
    assert (resumed["status"], resumed["desired_status"]) == ("queued", "stopped")
    assert idle_worker.claim("training") is not None
    assert ready.get(url)["status"] == "stopping"


def test_folds_are_shown_as_they_finish_and_can_be_posted_again(
    ready: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    job = ready.post("/v1/training-jobs", TRAINING | {"folds": 3}, 202)
    assert (job["folds"], job["folds_summary"]) == ([{"metrics": None}] * 3, None)
    lease, _ = idle_worker.claim("training") or pytest.fail("there is no job")
    for fold in (1, 2, 1, 3):  # a training that begins again reports its folds again
        data = {"fold": fold, "folds": 3, "metrics": {"loss": float(fold)}}
        recording.record(context, lease, [NewEvent("message", {"text": f"Fold {fold}/3\n", "fold": data}, fold=fold)])
    found = ready.get(job["links"]["self"])
    assert found["folds"] == [{"metrics": {"loss": loss}} for loss in (1.0, 2.0, 3.0)]
    assert found["folds_summary"] == {"loss": {"mean": 2.0, "std": pytest.approx((2 / 3) ** 0.5)}}
    messages = [event for event in ready.get(job["links"]["events"])["items"] if event["type"] == "message"]
    assert [event["data"]["fold"]["fold"] for event in messages] == [1, 2, 3]
    again = ready.post("/v1/training-jobs", TRAINING | {"folds": found["folds"]}, 202)
    assert len(again["folds"]) == 3


@pytest.mark.parametrize("folds", [1, 21, True, "five", [{"metrics": None}], 2.5])
def test_a_number_of_folds_is_checked(ready: ApiClient, folds: Any) -> None:
    (fault,) = ready.post("/v1/training-jobs", TRAINING | {"folds": folds}, 422)["errors"]
    assert fault["pointer"] == "#/folds"
    assert "between 2 and 20" in fault["detail"]
