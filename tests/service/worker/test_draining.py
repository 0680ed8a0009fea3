"""A worker that drains, one that offers other queues, and what a worker says about its machine."""

import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.identity import identify
from service.operations.upkeep import workers
from service.storage.records import Worker
from service.worker import supervisor
from service.worker.devices import find_devices
from service.worker.hosts import HostCheck
from service.worker.inability import CannotWork
from tests.service.worker.bench import Bench
from tests.service.worker.test_survival import release, start_holding_job


def test_a_draining_worker_finishes_what_it_runs_and_claims_nothing_more(bench: Bench, tmp_path: Path) -> None:
    running, _ = start_holding_job(bench, tmp_path)
    (worker,) = bench.workers()
    workers.change(bench.context, worker.id, {"desired_status": "draining"})
    queued = bench.submit({})
    release(tmp_path)
    bench.wait_for_status(running, "succeeded")
    assert bench.supervisor is not None
    for _ in range(20):
        bench.supervisor.step()
    assert bench.job(queued).status == "queued"
    assert [each.desired_status for each in bench.workers()] == ["draining"]
    workers.change(bench.context, worker.id, {"desired_status": "running"})
    bench.wait_for_status(queued, "succeeded")


def test_a_worker_without_the_usual_queue_leaves_its_jobs_alone(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(worker_queues="gpu, large")
    build, usual, other = bench.submit_build({}), bench.submit({}), bench.submit({}, queued_in="large")
    bench.start_worker()
    bench.wait_for_status(other, "succeeded")
    assert [bench.job(job).status for job in (build, usual)] == ["queued", "queued"]
    (worker,) = bench.workers()
    assert worker.queues == ["gpu", "large"]
    assert worker.started_at is not None
    assert worker.devices is not None
    assert worker.devices["cpus"] >= 1


def be_on_another_host(bench: Bench, boot: str, started_at: datetime | None = None) -> None:
    """Let a worker of another host run, whose machine was booted as `boot` says."""
    process = identify(os.getpid()) | {"boot": boot}
    now = datetime.now(UTC)
    worker = Worker(
        id="wk_far", host="far", process=process, slots=1, queues=["cpu"], versions={}, ready=True, heartbeat_at=now,
        started_at=started_at,
    )  # fmt: skip
    workers.record_heartbeat(bench.context, worker)


def test_a_worker_refuses_an_sqlite_file_that_another_machine_uses(bench: Bench) -> None:
    be_on_another_host(bench, "another")
    with pytest.raises(CannotWork, match=r"on the host far uses the same SQLite file.*FITSERVE_DATABASE_URL"):
        bench.wait_for(lambda: False)


def test_of_two_machines_on_an_sqlite_file_that_see_each_other_later_the_last_one_ends(
    make_bench: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "HEARTBEAT_SECONDS", 0.01)
    bench = make_bench()
    bench.start_worker()
    bench.wait_for(bench.workers)
    be_on_another_host(bench, "another", datetime.now(UTC))
    bench.wait_for_status(bench.submit({}), "succeeded")
    assert capsys.readouterr().out.count("workers on other machines use the same SQLite file") == 1
    be_on_another_host(bench, "another", datetime.now(UTC) - timedelta(hours=1))
    with pytest.raises(CannotWork, match="on the host far uses the same SQLite file"):
        bench.wait_for(lambda: False)


def test_containers_of_one_machine_share_an_sqlite_file(bench: Bench) -> None:
    be_on_another_host(bench, identify(os.getpid())["boot"])
    bench.wait_for_status(bench.submit({}), "succeeded")
    assert sorted(worker.host for worker in bench.workers()) == sorted(["far", socket.gethostname()])


def test_a_worker_of_another_machine_is_told_to_share_the_artifacts(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    be_on_another_host(bench, "another")
    on_server = replace(bench.settings, database_url="postgresql+psycopg://server/fitserve")
    context = replace(bench.context, settings=on_server)
    check = HostCheck(context, "wk_here", datetime.now(UTC), identify(os.getpid()))
    with pytest.raises(CannotWork, match=r"on several hosts, such as far.*no datasets/ds_1/ij_1-1.*s3://BUCKET/PREFIX"):
        check.check()
    (bench.settings.artifact_folder / "datasets/ds_1/ij_1-1").mkdir(parents=True)
    check.check()
    told = capsys.readouterr().out
    assert "workers run on several hosts" in told
    assert str(bench.settings.artifact_folder) in told
    check.check()
    assert "several hosts" not in capsys.readouterr().out


def test_the_devices_are_those_that_the_driver_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf 'NVIDIA H200, 143771\\nOdd, model, [N/A]\\n'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert find_devices()["accelerators"] == [
        {"type": "gpu", "name": "NVIDIA H200", "memory_bytes": 143771 * 1024**2},
        {"type": "gpu", "name": "Odd, model", "memory_bytes": None},
    ]
    driver.write_text("#!/bin/sh\nexit 9\n")
    assert find_devices()["accelerators"] == []
