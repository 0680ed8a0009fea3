"""Jobs whose files are in S3, which fails meanwhile."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from models.jobs.evaluation import EvaluationRequest
from service.operations.jobs import queue
from service.operations.jobs.kinds import evaluation
from service.operations.jobs.kinds import training as training_jobs
from service.storage import bucket
from service.worker import supervisor
from tests.running_service import wait_for
from tests.s3_server import S3Server
from tests.service.worker.bench import Bench


@pytest.fixture
def bench(s3: S3Server, make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(bucket, "ATTEMPTS", 1)
    monkeypatch.setattr(bucket, "REST_SECONDS", 0.1)
    settings: dict[str, Any] = {"artifact_url": f"s3://{s3.make_bucket()}", "disk_full_seconds": 0.3}
    bench = make_bench(**settings)
    store = bench.context.artifacts
    folder = store.stage("ij_1-1")
    (folder / "data").write_text("rows")
    store.publish(folder, "datasets/ds_1/ij_1-1")
    store.remove_leftovers(0)
    bench.start_worker()
    return bench


def test_a_job_publishes_into_s3_and_leaves_nothing_on_the_host(bench: Bench) -> None:
    job_id = bench.submit({"save_checkpoint": 1})
    bench.wait_for_status(job_id, "succeeded")
    (version,) = bench.versions()
    assert bench.context.artifacts.names("models/md_1") == [version.folder.split("/")[-1]]
    assert bench.context.artifacts.existing_file(version.folder, "network.onnx").read_text() == "weights"
    bench.wait_for(lambda: bench.context.artifacts.names("checkpoints") == [])
    assert bench.left_behind() == []


def test_a_job_whose_inputs_cannot_be_read_waits_in_the_queue(bench: Bench, s3: S3Server) -> None:
    bench.context.artifacts._cache.drop("datasets")  # type: ignore[attr-defined]
    with s3.failing(status=503):
        job_id = bench.submit({})
        bench.wait_for(lambda: bench.transitions(job_id).count(("queued", "inputs_unavailable")))
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.warnings) == (1, [])


def test_heartbeats_and_leases_go_on_while_s3_is_silent(
    s3: S3Server, make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "HEARTBEAT_SECONDS", 0.05)
    bench = make_bench(artifact_url=f"s3://{s3.make_bucket()}", lease_seconds=0.2)
    lost = [bench.submit({}) for _ in range(2)]
    for _ in lost:
        bench.let_a_dead_worker_claim()
    worker, longest = bench.start_worker(), 0.0
    with s3.failing(seconds=600) as fault:

        def beats() -> list[datetime]:
            return [each.heartbeat_at for each in bench.workers()]

        def is_put_back(job_id: str) -> bool:
            return ("queued", "worker_lost") in bench.transitions(job_id)

        def step() -> bool:
            nonlocal longest
            began = time.monotonic()
            worker.step()
            longest = max(longest, time.monotonic() - began)
            return fault.seen > 0 and all(map(is_put_back, lost))

        wait_for(step)
        before = beats()
        wait_for(lambda: step() and beats() > before)
    assert longest < 2


def test_a_training_whose_checkpoints_cannot_be_saved_for_long_is_paused(
    bench: Bench, s3: S3Server, tmp_path: Path
) -> None:
    with s3.failing(status=503, methods=("PUT",)):
        job_id = bench.submit({"save_checkpoints_until": str(tmp_path / "go")})
        job = bench.wait_for_status(job_id, "paused")
    assert job.status_reason == "artifacts_unwritable"
    first, paused = job.warnings
    assert (first.type, paused.type) == ("checkpoint_skipped", "paused")
    assert paused.detail == "The artifact store fails: S3 answers SlowDown."
    (tmp_path / "go").touch()
    bench.order(job_id, "running")
    bench.wait_for_status(job_id, "succeeded")


def test_a_training_whose_model_cannot_be_saved_is_paused_with_its_checkpoint(bench: Bench, s3: S3Server) -> None:
    with s3.failing(status=503, methods=("PUT",), ends="network.onnx"):
        job_id = bench.submit({"save_checkpoint": 1})
        job = bench.wait_for_status(job_id, "paused")
    assert job.status_reason == "artifacts_unwritable"
    with bench.context.holding_files() as context:
        (checkpoint,) = training_jobs.KIND.describe(context, job).checkpoints
    assert (checkpoint / "state").exists()


def test_a_waiting_job_that_cannot_be_checked_holds_up_no_other(bench: Bench, s3: S3Server, tmp_path: Path) -> None:
    bench.wait_for_status(bench.submit({}), "succeeded")
    (version,) = bench.versions()
    bench.context.artifacts._cache.drop("models")  # type: ignore[attr-defined]
    with bench.context.database.write() as session:
        waiting = queue.enqueue(
            bench.context, session, evaluation.KIND, EvaluationRequest("test", None, None),
            model_id="md_1", model_name="m", version=version.number,
            dataset_id="ds_1", dataset_name="d", dataset_version=1, waits_for="dataset",
        ).id  # fmt: skip
    other = bench.submit({"until": str(tmp_path / "go")})
    with s3.failing(status=503):
        bench.wait_for_status(other, "running")
        assert bench.job(waiting).waits_for == "dataset"
    (tmp_path / "go").touch()
    bench.wait_for_status(other, "succeeded")
