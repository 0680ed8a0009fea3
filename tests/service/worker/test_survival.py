"""Processes are killed, leases are lost, the database goes away: the job still ends well, once, nothing left behind."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from service.errors import DatabaseUnavailable, InvalidRequest
from service.operations.jobs import leases, recording
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.operations.jobs.leases import Lease
from service.storage.documents import KeptCheckpoint
from service.storage.jobs import NewEvent
from service.worker.journal import BATCH_EVENTS, Journal
from tests.running_service import wait_for
from tests.service.worker.bench import Bench, fork_server, is_gone
from tests.service.worker.worker_process import WorkerProcess


def holding(folder: Path) -> dict[str, Any]:
    """Wishes of a job that tells its process id and an epoch, and goes on when `release` has been called."""
    return {"pid": str(folder / "pid"), "epochs": 2, "until": str(folder / "go")}


def release(folder: Path) -> None:
    (folder / "go").touch()


def start_holding_job(bench: Bench, folder: Path) -> tuple[str, psutil.Process]:
    job_id = bench.submit(holding(folder))
    bench.wait_for_epoch(job_id)
    return job_id, bench.wait_for_pid(folder / "pid")


def test_a_job_whose_process_is_killed_runs_again(bench: Bench, tmp_path: Path) -> None:
    job_id, child = start_holding_job(bench, tmp_path)
    child.kill()
    release(tmp_path)
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.run) == (2, 2)
    assert bench.transitions(job_id) == [
        ("queued", None), ("running", None), ("queued", "worker_lost"), ("running", None), ("succeeded", None),
    ]  # fmt: skip
    assert [event.epoch for event in bench.events(job_id, "epoch")] == [1, 2]
    assert len(bench.versions()) == 1
    assert bench.left_behind() == []


def test_a_job_fails_when_its_process_crashed_three_times(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job_id = bench.submit({"die": f"{tmp_path / 'deaths'}:3"})
    job = bench.wait_for_status(job_id, "failed")
    assert (job.attempt, job.status_reason) == (3, "worker_lost")
    assert job.error is not None
    assert job.error["code"] == "worker-process-died"
    assert "killed by SIGKILL" in job.error["detail"]
    printed = capsys.readouterr().out
    assert printed.count("[warning  ] the child process crashed") == 3
    told = "".join(event.data["text"] for event in bench.events(job_id, "message"))
    lines = [f"The child process crashed: killed by SIGKILL (attempt {attempt}).\n" for attempt in (1, 2, 3)]
    assert [line for line in ("about to die\n", *lines) if line not in told] == []
    assert "about to die" not in job.error["detail"]
    assert bench.left_behind() == []


def test_deaths_count_until_a_checkpoint_gets_further(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(max_attempts=3)
    job_id = bench.submit({})
    for epoch, step, deaths in ((1, 10, 1), (1, 10, 2), (2, 5, 1), (2, 5, 2)):
        die_after_checkpoint(bench, epoch, step)
        assert (bench.job(job_id).status, bench.job(job_id).deaths) == ("queued", deaths)
    die_after_checkpoint(bench, 2, 5)
    assert (bench.job(job_id).status, bench.job(job_id).attempt) == ("failed", 5)


def die_after_checkpoint(bench: Bench, epoch: int, step: int) -> None:
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    checkpoint = KeptCheckpoint("checkpoints/tj_1/tj_1-1-checkpoint-1", epoch, step)
    event = NewEvent("checkpoint", {"epoch": epoch, "step": step}, checkpoint=checkpoint)
    recording.record(bench.context, claimed[0], [event])
    execution.crashed(bench.context, claimed[0], {"code": "died", "detail": "", "faults": []})


def test_orders_after_a_crash_begin_with_the_first_epoch_that_was_not_told(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    job_id = bench.submit({}, epochs=9)
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    told = [NewEvent("epoch", {"epoch": epoch, "loss": 1.0}, epoch=epoch) for epoch in (1, 2, 3)]
    recording.record(bench.context, claimed[0], told)
    assert leases.close(bench.context, claimed[0], orders_known=0).closed
    execution.lost_fork_server(bench.context, claimed[0])
    assert execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {}) is not None
    training_jobs.change(bench.context, job_id, {"epochs": 12})
    assert [order.earliest for order in bench.job(job_id).orders] == [4]
    with pytest.raises(InvalidRequest, match="Epoch 3 has already begun"):
        training_jobs.change(bench.context, job_id, {"epochs": 2})


def test_deaths_of_the_fork_server_are_no_fault_of_the_job(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    bench = make_bench(max_attempts=1)
    bench.start_worker()
    job_id, _ = start_holding_job(bench, tmp_path)
    fork_server(psutil.Process()).kill()
    bench.wait_for_pid(tmp_path / "pid")
    release(tmp_path)
    assert bench.wait_for_status(job_id, "succeeded").attempt == 2


def test_a_checkpoint_that_is_yet_to_be_noted_stays(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench()
    job_id = bench.submit({})
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    artifacts, journal = bench.context.artifacts, Journal(bench.context, claimed[0])
    folder = artifacts.stage(claimed[0].staging_name)
    for number in (1, 2):
        (folder / f"checkpoint-{number}").mkdir()
        position = {"epoch": BATCH_EVENTS * number, "step": 1}
        journal.add({"type": "checkpoint", "name": f"checkpoint-{number}", "data": position})
        for epoch in range(BATCH_EVENTS * (number - 1) + 1, BATCH_EVENTS * number + 1):
            journal.add({"type": "epoch", "data": {"epoch": epoch, "loss": 1.0}, "best": None})
    while not journal.empty:
        journal.write()
        noted = bench.job(job_id).checkpoint
        assert noted is not None
        assert artifacts.folder(noted.folder).is_dir()
    kept = [f"{claimed[0].staging_name}-checkpoint-{number}" for number in (1, 2)]
    assert artifacts.names(f"checkpoints/{job_id}") == kept


def test_an_execution_that_was_overtaken_leaves_the_checkpoints_of_the_one_that_overtook_it(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench()
    job_id = bench.submit({})
    late = Journal(bench.context, claim(bench))
    add_checkpoint(bench, late, job_id, 1)
    record = recording.record

    def record_and_stand_still(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(recording, "record", record)
        instructions = record(*arguments, **options)
        bench.take_lease_away(job_id)
        overtaking = Journal(bench.context, bench.lease(job_id), bench.job(job_id).checkpoint)
        add_checkpoint(bench, overtaking, job_id, 2)
        overtaking.write()
        return instructions

    monkeypatch.setattr(recording, "record", record_and_stand_still)
    late.write()
    noted = bench.job(job_id).checkpoint
    assert noted is not None
    assert noted.epoch == 2
    assert bench.context.artifacts.folder(noted.folder).is_dir()


def claim(bench: Bench) -> Lease:
    claimed = execution.claim(bench.context, "wk_1", ["training"], ["cpu"], {})
    assert claimed is not None
    return claimed[0]


def add_checkpoint(bench: Bench, journal: Journal, job_id: str, epoch: int) -> None:
    """Have the execution that holds the lease hand over a checkpoint."""
    folder = bench.context.artifacts.staged(bench.lease(job_id).staging_name) / f"checkpoint-{epoch}"
    folder.mkdir(parents=True)
    journal.add({"type": "checkpoint", "name": folder.name, "data": {"epoch": epoch, "step": 1}})


def test_a_job_survives_the_fork_server(bench: Bench, tmp_path: Path) -> None:
    job_id, child = start_holding_job(bench, tmp_path)
    fork_server(psutil.Process()).kill()
    bench.wait_for(lambda: is_gone(child))
    release(tmp_path)
    assert bench.wait_for_status(job_id, "succeeded").attempt == 2
    assert len(bench.versions()) == 1


def test_a_network_that_crashes_its_build_is_refused_at_once(bench: Bench) -> None:
    job = bench.wait_for_status(bench.submit_build({"fall": int(signal.SIGFPE)}), "failed")
    assert job.attempt == 1
    assert job.error is not None
    assert job.error["code"] == "invalid-spec"
    assert "SIGFPE" in job.error["faults"][0]["detail"]


def test_a_build_that_takes_too_long_fails_and_is_not_tried_again(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(build_seconds=1)
    bench.start_worker()
    job = bench.wait_for_status(bench.submit_build({"deaf_until": "/nonexistent"}), "failed")
    assert job.attempt == 1
    assert job.error is not None
    assert job.error["code"] == "invalid-spec"
    assert "within 1 s" in job.error["detail"]


def test_an_idle_fork_server_that_died_is_replaced(bench: Bench) -> None:
    bench.wait_for_status(bench.submit({}), "succeeded")
    for _ in range(3):
        killed = fork_server(psutil.Process())
        killed.kill()
        assert bench.wait_for_status(bench.submit({}), "succeeded").attempt == 1
        assert fork_server(psutil.Process()).pid != killed.pid


def test_a_lost_lease_ends_the_process_and_nothing_more_is_written(bench: Bench, tmp_path: Path) -> None:
    job_id, child = start_holding_job(bench, tmp_path)
    bench.take_lease_away(job_id)
    bench.wait_for(lambda: is_gone(child))
    bench.wait_for(lambda: bench.left_behind() == [])
    job = bench.job(job_id)
    assert (job.status, job.owner, job.attempt) == ("running", "wk_other", 1)
    assert [event.run for event in bench.events(job_id) if event.run == 2] == [2]
    assert bench.versions() == []


def test_a_job_whose_worker_went_silent_is_put_back(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(lease_seconds=1)
    job_id = bench.submit({})
    assert bench.supervisor is None
    bench.let_a_dead_worker_claim()
    bench.start_worker()
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.run) == (1, 2)
    assert ("queued", "worker_lost") in bench.transitions(job_id)


def test_a_job_that_takes_long_keeps_its_lease(make_bench: Callable[..., Bench], tmp_path: Path) -> None:
    bench = make_bench(lease_seconds=1)
    bench.start_worker()
    job_id = bench.submit({"until": str(tmp_path / "go")})
    bench.wait_for(lambda: bench.job(job_id).renewals >= 6)
    release(tmp_path)
    assert bench.wait_for_status(job_id, "succeeded").run == 1


def test_a_job_whose_files_take_long_to_reach_the_disk_keeps_its_lease(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make_bench(lease_seconds=1)
    artifacts = bench.context.artifacts
    publish = artifacts.publish

    def publish_slowly(folder: Path, key: str) -> None:
        before = bench.job(job_id).renewals
        wait_for(lambda: bench.job(job_id).renewals >= before + 6, seconds=10, what="two lengths of the lease")
        publish(folder, key)

    monkeypatch.setattr(artifacts, "publish", publish_slowly)
    job_id = bench.submit({})
    bench.start_worker()
    assert bench.wait_for_status(job_id, "succeeded").run == 1


def test_shutting_down_puts_jobs_back_without_blame(bench: Bench, tmp_path: Path) -> None:
    job_id, child = start_holding_job(bench, tmp_path)
    assert bench.supervisor is not None
    bench.supervisor.end(5)
    job = bench.job(job_id)
    assert is_gone(child)
    assert (job.status, job.status_reason, job.attempt, job.owner) == ("queued", "worker_shutdown", 1, None)
    assert job.checkpoint is not None
    assert (bench.context.artifacts.folder(job.checkpoint.folder) / "state").read_text() == "where it was"
    assert bench.left_behind() == []
    release(tmp_path)
    bench.start_worker()
    assert bench.wait_for_status(job_id, "succeeded").attempt == 1
    # the row tells the end before the files are gone
    bench.wait_for(lambda: bench.context.artifacts.names("checkpoints") == [])


@contextlib.contextmanager
def database_away(bench: Bench) -> Iterator[list[int]]:
    """Nothing can be read or written; gives the tries so far."""
    tries: list[int] = []

    def away() -> NoReturn:
        tries.append(1)
        raise DatabaseUnavailable("The database is away.")

    database = bench.context.database
    read, write = database.read, database.write
    database.read = database.write = away  # type: ignore[method-assign]
    try:
        yield tries
    finally:
        database.read, database.write = read, write  # type: ignore[method-assign]


def test_a_database_that_is_away_for_a_while_costs_nothing(bench: Bench, tmp_path: Path) -> None:
    job_id, _ = start_holding_job(bench, tmp_path)
    with database_away(bench) as tries:
        release(tmp_path)
        while len(tries) < 5:
            bench.step_without_database()
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.run) == (1, 1)
    assert len(bench.versions()) == 1


def test_a_job_survives_the_supervisor(
    make_bench: Callable[..., Bench], start_worker_process: Callable[..., WorkerProcess], tmp_path: Path
) -> None:
    bench = make_bench()
    worker = start_worker_process(bench)
    job_id, child = start_holding_job(bench, tmp_path)
    processes = [child, *worker.process.children(recursive=True)]
    worker.process.kill()
    bench.wait_for(lambda: all(is_gone(process) for process in processes))
    release(tmp_path)
    start_worker_process(bench)
    job = bench.wait_for_status(job_id, "succeeded")
    assert (job.attempt, job.run) == (1, 2)
    assert len(bench.versions()) == 1
    assert bench.left_behind() == []


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_worker_cleanly(
    make_bench: Callable[..., Bench],
    start_worker_process: Callable[..., WorkerProcess],
    tmp_path: Path,
    signal_number: int,
) -> None:
    bench = make_bench()
    worker = start_worker_process(bench)
    job_id, child = start_holding_job(bench, tmp_path)
    processes = [child, *worker.process.children(recursive=True)]
    assert worker.end(signal_number) == (0, "imported:\n")
    assert all(is_gone(process) for process in processes)
    assert (bench.job(job_id).status, bench.job(job_id).attempt) == ("queued", 1)
    assert bench.workers() == []
    assert bench.left_behind() == []


def test_a_job_that_reports_more_than_is_kept_while_the_database_is_away_loses_nothing(
    bench: Bench, tmp_path: Path
) -> None:
    job_id = bench.submit({"until": str(tmp_path / "go"), "epochs": 25_000})
    bench.wait_for_status(job_id, "running")
    with database_away(bench) as tries:
        release(tmp_path)
        while len(tries) < 5:
            bench.step_without_database()
    bench.wait_for_status(job_id, "succeeded")
    assert [event.epoch for event in bench.events(job_id, "epoch")] == list(range(1, 25_001))
