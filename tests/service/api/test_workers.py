"""Workers, their queues, and draining them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner

from service.cli import main
from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.storage.records import Worker
from tests.journeys.specs import LINE_DATASET
from tests.running_service import wait_for
from tests.service.api import heartbeats
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.api_server import Server
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.heartbeats import DEVICES, HERE
from tests.service.api.keys import Keys

PATH = f"/v1/workers/{HERE}"


@pytest.fixture
def beat(context: Context) -> Callable[..., Worker]:
    """Sends a heartbeat of a worker; returns what the worker then knows."""
    return partial(heartbeats.beat, context)


def claim(context: Context, *queues: str, worker: str = HERE) -> str | None:
    claimed = execution.claim(context, worker, ["training", "import"], queues, {})
    return None if claimed is None else claimed[1].id


def train(api: ApiClient, **options: Any) -> Any:
    return api.post("/v1/training-jobs", TRAINING | options, 202)


def test_a_worker_shows_what_it_offers(api: ApiClient, beat: Callable[..., Worker]) -> None:
    beat(queues=("cpu", "gpu"))
    shown = api.get(PATH)
    assert shown["queues"] == ["cpu", "gpu"]
    assert shown["devices"] == DEVICES
    assert (shown["status"], shown["desired_status"], shown["running_jobs"]) == ("ready", "running", 0)
    assert shown["started_at"].endswith("Z")
    assert shown["links"] == {"self": PATH}
    assert api.get("/v1/workers")["items"] == [shown]


def test_a_worker_that_is_silent_is_not_there(api: ApiClient, beat: Callable[..., Worker], context: Context) -> None:
    beat()
    with context.database.write() as session:
        session.query(Worker).update({"heartbeat_at": datetime.now(UTC) - timedelta(minutes=1)})
    assert "A worker that starts again has a new id." in api.get(PATH, 404)["detail"]
    assert api.patch(PATH, {"desired_status": "draining"}, 404)["status"] == 404


def test_a_draining_worker_claims_nothing_more_until_it_is_resumed(
    trained: ApiClient, beat: Callable[..., Worker], context: Context
) -> None:
    beat()
    first, second = train(trained)["id"], train(trained)["id"]
    assert claim(context, "cpu") == first
    drained = trained.patch(PATH, {"desired_status": "draining"})
    assert (drained["status"], drained["running"], drained["running_jobs"]) == ("draining", [first], 1)
    assert claim(context, "cpu") is None
    assert not execution.may_claim(context, HERE, ["training"], ["cpu"])
    assert beat().desired_status == "draining"
    assert trained.get(PATH)["status"] == "draining"
    assert claim(context, "cpu", worker="wk_other") == second
    third = train(trained)
    assert third["status_reason"] == "waiting_for_worker"
    assert trained.get("/readyz")["parts"]["workers"] == {
        "status": "waiting", "detail": "The workers that could run jobs are draining.", "alive": 1,
        "queues": {"cpu": {"status": "waiting", "workers": 0}},
    }  # fmt: skip
    assert trained.patch(PATH, {"desired_status": "running"})["status"] == "ready"
    assert trained.get(third["links"]["self"])["status_reason"] is None
    assert claim(context, "cpu") == third["id"]


def test_a_worker_that_starts_again_claims_jobs(trained: ApiClient, beat: Callable[..., Worker]) -> None:
    beat()
    trained.patch(PATH, {"desired_status": "draining"})
    assert beat("wk_1660cff60faa21743c8f48cd").desired_status == "running"


def test_a_job_is_claimed_from_its_queue_only(
    trained: ApiClient, beat: Callable[..., Worker], context: Context
) -> None:
    beat()
    job = train(trained, queue="gpu")
    assert (job["queue"], job["status"], job["status_reason"]) == ("gpu", "queued", "waiting_for_worker")
    assert claim(context, "cpu") is None
    beat("wk_1660cff60faa21743c8f48cd", ("gpu", "large"))
    assert trained.get(job["links"]["self"])["status_reason"] is None
    assert trained.get("/v1/training-jobs?status=queued")["items"][0]["status_reason"] is None
    trained.post("/v1/datasets", LINE_DATASET | {"name": "another"}, 202, Prefer="wait=0")
    assert claim(context, "gpu", "large") == job["id"]
    assert claim(context, "gpu", "large") is None
    assert trained.get("/readyz")["parts"]["workers"]["queues"] == {
        name: {"status": "ready", "workers": 1} for name in ("cpu", "gpu", "large")
    }


def test_jobs_of_several_queues_are_claimed_by_priority_then_by_age(trained: ApiClient, context: Context) -> None:
    low, old, young, high = (
        train(trained, queue=queue, priority=priority)["id"]
        for queue, priority in (("gpu", 1), ("cpu", 5), ("gpu", 5), ("cpu", 9))
    )
    train(trained, queue="tpu", priority=9)
    assert [claim(context, "cpu", "gpu") for _ in range(5)] == [high, old, young, low, None]


def test_a_queue_is_named_like_everything_else(trained: ApiClient) -> None:
    (fault,) = trained.post("/v1/training-jobs", TRAINING | {"queue": "a queue"}, 422)["errors"]
    assert fault["pointer"] == "#/queue"


def test_changes_to_a_worker_are_checked(api: ApiClient, beat: Callable[..., Worker]) -> None:
    beat()
    (fault,) = api.patch(PATH, {"desired_status": "drained"}, 422)["errors"]
    assert (fault["pointer"], fault["allowed"]) == ("#/desired_status", ["running", "draining"])
    assert api.patch(PATH, {}) == api.get(PATH)
    assert api.patch("/v1/workers/nobody", {"desired_status": "draining"}, 404)["status"] == 404


def test_a_heartbeat_does_not_make_an_etag_stale(api: ApiClient, beat: Callable[..., Worker]) -> None:
    beat()
    condition = {"If-Match": api.send("GET", PATH, 200).headers["ETag"]}
    beat()
    api.send("PATCH", PATH, 200, json={"desired_status": "draining"}, headers=condition)
    api.send("PATCH", PATH, 412, json={"desired_status": "running"}, headers=condition)


def test_only_administrators_drain_workers_and_it_is_recorded(of: Keys, beat: Callable[..., Worker]) -> None:
    beat()
    key = of.make("train")
    of.send(key, "GET", PATH, 200)
    of.send(key, "PATCH", PATH, 403, json={"desired_status": "draining"})
    of.send(of.admin, "PATCH", PATH, 200, json={"desired_status": "draining"})

    def recorded() -> list[tuple[str, int]]:
        events = of.send(of.admin, "GET", "/v1/audit-events", 200)["items"]
        return [(event["route"], event["status"]) for event in events if event["resource"] == PATH]

    wait_for(lambda: len(recorded()) == 2, what="the audit events")
    assert recorded() == [("/v1/workers/{worker_id}", 200), ("/v1/workers/{worker_id}", 403)]


def test_an_administrator_sees_how_many_jobs_of_all_projects_a_worker_runs(
    of: Keys, beat: Callable[..., Worker], idle_worker: FakeWorker
) -> None:
    of.make_project("a")
    of.send(of.make("train", project="a"), "POST", "/v1/datasets", 202, json=LINE_DATASET, headers={"Prefer": "wait=0"})
    assert idle_worker.claim() is not None
    beat("fake")
    shown = of.send(of.admin, "GET", "/v1/workers/fake", 200)
    assert (shown["running"], shown["running_jobs"]) == ([], 1)


def test_workers_are_drained_in_a_terminal(server: Server) -> None:
    heartbeats.beat(server.context, queues=("cpu", "gpu"))

    def fitserve(*arguments: str) -> list[list[str]]:
        ended = CliRunner().invoke(main, ["workers", *arguments, "--url", server.url], catch_exceptions=False)
        assert ended.exit_code == 0
        return [line.split() for line in ended.stdout.splitlines()]

    assert fitserve("list")[2:] == [
        [HERE, "trainer-1", "ready", "cpu,gpu", "0", "2", "2026-01-02", "03:04:05"]
    ]  # fmt: skip
    assert ["status", "draining"] in fitserve("drain", HERE)
    assert ["status", "ready"] in fitserve("resume", HERE)
