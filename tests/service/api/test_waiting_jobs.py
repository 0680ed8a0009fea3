"""Jobs that are posted while their model is being built or their dataset imported."""

from typing import Any

import pytest

from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import UNBUILDABLE, FakeWorker

JOBS = "/v1/training-jobs"
RAGGED = named(LINE_DATASET, "line", inputs=[[1], [2, 3]], targets=[1, 2])
"""Data whose fault an import finds."""


@pytest.fixture
def posted(api: ApiClient) -> ApiClient:
    """A client of an app whose dataset and model `line` no worker has made yet."""
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    return api


def state(job: Any) -> tuple[str, str | None]:
    return job["status"], job["status_reason"]


def transitions(job: Any) -> list[tuple[str, str | None]]:
    return [(transition["status"], transition["reason"]) for transition in job["transitions"]]


def test_a_job_waits_for_its_model_then_for_its_dataset_then_runs(posted: ApiClient, idle_worker: FakeWorker) -> None:
    job = posted.post(JOBS, TRAINING, 202)
    assert state(job) == ("queued", "waiting_for_model")
    assert (job["execution"], job["execution_reason"]) == ("auto", None)
    idle_worker.run_next("build")
    assert not idle_worker.run_next("training")
    assert state(posted.get(job["links"]["self"])) == ("queued", "waiting_for_dataset")
    idle_worker.run_next("import")
    claimed = idle_worker.claim("training")
    assert claimed is not None
    begun = posted.get(job["links"]["self"])
    assert (begun["execution"], begun["execution_reason"].partition(" ")[0]) == ("graph", "Compiling")
    idle_worker.finish(*claimed)
    done = posted.get(job["links"]["self"])
    assert transitions(done) == [
        ("queued", "waiting_for_model"), ("queued", "waiting_for_dataset"), ("queued", None), ("running", None),
        ("succeeded", None),
    ]  # fmt: skip
    assert done["version"] == 1


def test_waiting_jobs_are_listed_and_read_like_all_others(posted: ApiClient) -> None:
    job = posted.post(JOBS, TRAINING, 202, Idempotency_Key="once")
    assert posted.post(JOBS, TRAINING, 202, Idempotency_Key="once")["id"] == job["id"]
    assert [item["id"] for item in posted.get(f"{JOBS}?status=queued&model=line")["items"]] == [job["id"]]
    assert posted.get(job["links"]["metrics"]) == {"epochs": []}
    assert posted.get(job["links"]["events"])["items"][0]["data"] == {"status": "queued", "reason": "waiting_for_model"}


def test_waiting_jobs_hold_up_no_others(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    idle_worker.run_all()
    api.post("/v1/models", named(LINE, "later"), 202, Prefer="wait=0")
    first = api.post(JOBS, TRAINING | {"model": "later", "priority": 9}, 202)
    second = api.post(JOBS, TRAINING, 202)
    assert idle_worker.run_next("training")
    assert api.get(second["links"]["self"])["status"] == "succeeded"
    assert state(api.get(first["links"]["self"])) == ("queued", "waiting_for_model")


def test_a_job_whose_model_cannot_be_built_fails_with_the_reason(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", named(LINE, "line", description=UNBUILDABLE), 202, Prefer="wait=0")
    waiting, paused = (api.post(JOBS, TRAINING, 202)["links"]["self"] for _ in range(2))
    api.patch(paused, {"desired_status": "paused"})
    idle_worker.run_next("build")
    for url in (waiting, paused):
        job = api.get(url)
        assert state(job) == ("failed", None)
        assert (job["error"]["type"], job["error"]["status"]) == ("/problems/invalid-request", 422)
        assert job["error"]["errors"] == [
            {"detail": 'The model "line" is failed: The shapes don\'t fit.', "pointer": "#/model"}
        ]
    assert api.post(JOBS, TRAINING, 409)["type"] == "/problems/not-ready"
    api.delete("/v1/models/line")


def test_a_job_whose_dataset_cannot_be_imported_fails_with_the_reason(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    idle_worker.run_all()
    api.post("/v1/datasets", RAGGED, 202, Prefer="wait=0")
    job = api.post(JOBS, TRAINING, 202)
    assert state(job) == ("queued", "waiting_for_dataset")
    idle_worker.run_all()
    (fault,) = api.get(job["links"]["self"])["error"]["errors"]
    assert fault["pointer"] == "#/dataset"
    assert fault["detail"].startswith('The dataset "line" is failed: ')


@pytest.mark.parametrize(
    ("model", "job", "pointer"),
    [
        ({"layers": [{"type": "Dense", "units": 2}]}, {}, "#/model"),
        ({}, {"early_stopping": {"monitor": "val_loss"}}, "#/early_stopping/monitor"),
        ({}, {"class_weights": "balanced"}, "#/class_weights"),
    ],
)
def test_a_job_fails_with_the_problem_that_would_have_refused_it(
    api: ApiClient, idle_worker: FakeWorker, model: dict[str, Any], job: dict[str, Any], pointer: str
) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE | model, 202, Prefer="wait=0")
    waited = api.post(JOBS, TRAINING | job, 202)
    idle_worker.run_all()
    failed = api.get(waited["links"]["self"])
    refused = api.post(JOBS, TRAINING | job, 422)
    assert transitions(failed)[-1] == ("failed", None)
    assert failed["error"]["errors"] == refused["errors"]
    assert failed["error"]["detail"] == refused["detail"]
    assert refused["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"epochs": 1_000_001}, "#/epochs"),
        ({"optimizer": "adamm"}, "#/optimizer"),
        ({"start_from": {"model": "nobody", "version": 1}}, "#/start_from/model"),
    ],
)
def test_what_is_known_to_fail_is_refused_although_the_model_is_not_ready(
    posted: ApiClient, change: dict[str, Any], pointer: str
) -> None:
    (fault,) = posted.post(JOBS, TRAINING | change, 422)["errors"]
    assert fault["pointer"] == pointer


def test_a_waiting_job_obeys_orders(posted: ApiClient, idle_worker: FakeWorker) -> None:
    cancelled, paused, longer = (posted.post(JOBS, TRAINING, 202)["links"]["self"] for _ in range(3))
    assert posted.patch(cancelled, {"desired_status": "cancelled"})["status"] == "cancelled"
    assert state(posted.patch(paused, {"desired_status": "paused"})) == ("paused", None)
    assert state(posted.patch(paused, {"desired_status": "running"})) == ("queued", "waiting_for_model")
    posted.patch(paused, {"desired_status": "paused"})
    assert posted.patch(longer, {"epochs": 5})["epochs"] == 5
    idle_worker.run_all()
    assert posted.get(cancelled)["status"] == "cancelled"
    assert posted.get(paused)["status"] == "paused"
    assert posted.get(paused)["execution"] == "graph"
    assert state(posted.get(longer))[0] == "succeeded"
    assert state(posted.patch(paused, {"desired_status": "running"})) == ("queued", "waiting_for_worker")
    idle_worker.run_all()
    assert posted.get(paused)["status"] == "succeeded"


def test_what_a_waiting_job_needs_cannot_be_deleted(posted: ApiClient, idle_worker: FakeWorker) -> None:
    job = posted.post(JOBS, TRAINING, 202)["links"]["self"]
    posted.delete("/v1/models/line", 409)
    posted.delete("/v1/datasets/line", 409)
    posted.patch(job, {"desired_status": "cancelled"})
    posted.delete("/v1/models/line")
    posted.delete("/v1/datasets/line")
    idle_worker.run_all()


def test_a_start_from_another_model_is_checked_when_the_layers_are_known(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    for name, layers in {"same": LINE["layers"], "wider": [{"type": "Dense", "units": 3}, *LINE["layers"]]}.items():
        trained.post("/v1/models", named(LINE, name, layers=layers), 202, Prefer="wait=0")
    start = {"start_from": {"model": "line", "version": 1}}
    fits, differs = (trained.post(JOBS, TRAINING | start | {"model": name}, 202) for name in ("same", "wider"))
    assert fits["start_from"] == {"model": "line", "version": 1}
    trained.delete("/v1/models/line", 409)
    idle_worker.run_all()
    assert trained.get(fits["links"]["self"])["status"] == "succeeded"
    (fault,) = trained.get(differs["links"]["self"])["error"]["errors"]
    assert fault["pointer"] == "#/start_from"


@pytest.mark.parametrize("url", ["/v1/evaluations", "/v1/batch-predictions"])
def test_jobs_of_a_version_wait_for_their_dataset(trained: ApiClient, idle_worker: FakeWorker, url: str) -> None:
    other = named(LINE_DATASET, "other", inputs=[[1, 2], [3, 4]], targets=[1, 2])
    fitting = named(LINE_DATASET, "fitting", split={"test": 0.5})
    wanted = {"model": "line", "split": "test"}
    waited = []
    for dataset in (other, fitting):
        trained.post("/v1/datasets", dataset, 202, Prefer="wait=0")
        waited.append(trained.post(url, wanted | {"dataset": dataset["name"]}, 202))
    assert {state(job) for job in waited} == {("queued", "waiting_for_dataset")}
    trained.delete("/v1/models/line/versions/1", 409)
    idle_worker.run_all()
    failed, succeeded = (trained.get(job["links"]["self"]) for job in waited)
    assert failed["error"]["errors"] == trained.post(url, wanted | {"dataset": "other"}, 422)["errors"]
    assert succeeded["status"] == "succeeded"
