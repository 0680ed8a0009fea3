"""A job is paused, goes on, is changed and ended while its process runs; the process may be deaf."""

from pathlib import Path

from service.operations.jobs import leases
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.worker.journal import Journal
from tests.service.worker.bench import Bench


def start(bench: Bench, tmp_path: Path, wish: str = "until") -> str:
    job_id = bench.submit({"epochs": 1, wish: str(tmp_path / "go")}, epochs=9)
    bench.start_worker()
    bench.wait_for_epoch(job_id)
    return job_id


def test_a_paused_job_waits_and_goes_on_from_its_checkpoint(bench: Bench, tmp_path: Path) -> None:
    job_id = start(bench, tmp_path)
    bench.order(job_id, "paused")
    job = bench.wait_for_status(job_id, "paused")
    assert job.checkpoint is not None
    assert [event.data for event in bench.events(job_id, "checkpoint")] == [{"epoch": 2, "step": 5}]
    (tmp_path / "go").touch()
    bench.order(job_id, "running")
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.run, job.attempt) == (1, 1)
    assert [status for status, _ in bench.transitions(job_id)] == [
        "queued", "running", "pausing", "paused", "queued", "running", "succeeded",
    ]  # fmt: skip


def test_a_deaf_process_is_paused_all_the_same(bench: Bench, tmp_path: Path) -> None:
    job_id = start(bench, tmp_path, "deaf_until")
    bench.order(job_id, "paused")
    assert bench.wait_for_status(job_id, "paused").checkpoint is None


def test_a_deaf_process_that_has_done_no_step_is_stopped_all_the_same(bench: Bench) -> None:
    job_id = bench.submit({"deaf_until": "/nonexistent"}, epochs=9)
    bench.wait_for_status(job_id, "running")
    bench.order(job_id, "stopped")
    assert bench.wait_for_status(job_id, "cancelled").status_reason == "stopped_before_training"


def test_a_job_that_is_wanted_again_while_it_pauses_goes_on(bench: Bench, tmp_path: Path) -> None:
    job_id = start(bench, tmp_path, "deaf_until")
    bench.order(job_id, "paused")
    bench.order(job_id, "running")
    (tmp_path / "go").touch()
    bench.wait_for_status(job_id, "succeeded")


def test_a_paused_job_that_is_stopped_keeps_the_model_of_its_checkpoint(bench: Bench, tmp_path: Path) -> None:
    job_id = start(bench, tmp_path)
    bench.order(job_id, "paused")
    bench.wait_for_status(job_id, "paused")
    bench.order(job_id, "stopped")
    job = bench.wait_for_status(job_id, "succeeded")
    assert job.status_reason == "stopped"
    assert job.version == 1


def test_a_paused_job_that_is_cancelled_leaves_nothing(bench: Bench, tmp_path: Path) -> None:
    job_id = start(bench, tmp_path)
    bench.order(job_id, "paused")
    bench.wait_for_status(job_id, "paused")
    bench.order(job_id, "cancelled")
    assert bench.job(job_id).status == "cancelled"
    assert bench.context.artifacts.names("checkpoints") == []


def test_a_process_that_stands_still_is_ended_and_counted(make_bench, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    bench = make_bench(stall_seconds=1.0, max_attempts=2)
    job_id = start(bench, tmp_path, "deaf_until")
    job = bench.wait_for(lambda: (job := bench.job(job_id)).status == "failed" and job)
    assert (job.status_reason, job.attempt) == ("stalled", 2)
    assert "no progress for 1 s" in job.error["detail"]


def test_an_order_that_the_training_has_not_heard_keeps_it_from_ending(bench: Bench) -> None:
    job_id = bench.submit({}, epochs=9)
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    lease, _ = claimed
    training_jobs.change(bench.context, job_id, {"epochs": 12})
    assert leases.close(bench.context, lease, orders_known=0).closed is False
    assert leases.close(bench.context, lease, orders_known=1).closed is True


def test_a_job_that_was_put_back_while_its_result_was_saved_takes_orders_again(bench: Bench) -> None:
    job_id = bench.submit({}, epochs=9)
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    assert leases.close(bench.context, claimed[0], orders_known=0).closed
    execution.put_back(bench.context, claimed[0], "worker_shutdown")
    training_jobs.change(bench.context, job_id, {"epochs": 12})
    bench.order(job_id, "paused")
    assert bench.job(job_id).status == "paused"


def test_a_job_that_is_cancelled_while_its_worker_is_lost_leaves_no_checkpoint(bench: Bench, tmp_path: Path) -> None:
    job_id = start(bench, tmp_path)
    bench.order(job_id, "paused")
    bench.wait_for_status(job_id, "paused")
    bench.order(job_id, "running")
    bench.let_a_dead_worker_claim()
    bench.order(job_id, "cancelled")
    (sighting,) = execution.sightings(bench.context)
    abandoned = execution.reap(bench.context, sighting)
    assert abandoned is not None
    assert bench.job(job_id).status == "cancelled"
    execution.remove_files(bench.context, abandoned)
    assert bench.context.artifacts.names("checkpoints") == []


def test_changes_that_took_effect_are_told_to_the_last_digit(bench: Bench) -> None:
    job_id = bench.submit({}, epochs=9)
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    journal = Journal(bench.context, claimed[0])
    changes = {"epochs": 1_234_567, "learning_rate": 1e-05}
    journal.add({"type": "order", "data": {"number": 1, "epoch": 2, "earliest": 1, "step": 5} | changes})
    journal.write()
    assert bench.printed(job_id) == "From epoch 2 on: epochs 1,234,567, learning rate 1e-05\n"
