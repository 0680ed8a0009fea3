"""A worker that can't run jobs says so in its heartbeat, and ends if that doesn't change."""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from service.config import Settings
from service.operations.upkeep import workers
from service.storage.records import Worker
from service.worker import supervisor as supervising
from service.worker import temporary_files
from service.worker.inability import CannotWork
from service.worker.processes import ProcessStarter
from service.worker.supervisor import Supervisor
from tests.service.worker.bench import Bench
from tests.service.worker.fake_tasks import TASK


def heartbeat(bench: Bench) -> Worker:
    (view,) = workers.alive(bench.context)
    return view.worker


def test_a_worker_whose_libraries_can_not_be_imported_says_so_and_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "growing_delays", lambda first: iter([0.05] * 10))
    bench.supervisor = Supervisor(bench.context, ProcessStarter("spawn", TASK, ("service.worker.child", "no_such")))
    job_id = bench.submit({})
    problem = "The libraries for jobs can't be imported."
    bench.wait_for(lambda: heartbeat(bench).problem == problem)
    assert workers.status_of(heartbeat(bench)) == workers.FAILING
    with pytest.raises(CannotWork, match=problem):
        bench.wait_for(lambda: False)
    assert bench.job(job_id).status == "queued"


@pytest.fixture
def no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder for temporary files can be written."""
    monkeypatch.setattr(temporary_files, "USUAL", ("/proc", "/proc/sys"))
    monkeypatch.setattr(tempfile, "tempdir", tempfile.gettempdir())
    for name in temporary_files.VARIABLES:
        monkeypatch.setenv(name, "/proc")


@pytest.mark.usefixtures("no_folder")
def test_without_a_folder_for_temporary_files_the_data_folder_has_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        temporary_files.settle(Settings(data_dir=Path(folder)))
        assert os.environ["TMPDIR"] == tempfile.gettempdir() == f"{folder}/tmp"
        with tempfile.NamedTemporaryFile() as file:
            assert file.name.startswith(f"{folder}/tmp/")
    assert "temporary files go to another folder" in capsys.readouterr().out


@pytest.mark.usefixtures("no_folder")
@pytest.mark.parametrize("folder", ["/proc", f"/dev/shm/{'long' * 20}"], ids=["read-only", "too-long"])
def test_without_any_folder_for_temporary_files_the_worker_does_not_start(folder: str) -> None:
    with pytest.raises(CannotWork, match=f"No folder for temporary files is writable: neither /proc, .* nor {folder}"):
        temporary_files.settle(Settings(data_dir=Path(folder)))


def test_a_worker_claims_no_job_while_a_disk_has_too_little_space(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(min_free_bytes=2**62)
    worker = bench.start_worker()
    job_id = bench.submit({})
    bench.wait_for(lambda: heartbeat(bench).ready)
    found = heartbeat(bench)
    assert workers.status_of(found) == workers.WAITING
    assert found.problem is not None
    assert f"{2**62:,} are required" in found.problem
    for _ in range(10):
        worker.step()
        worker.pause()
    assert bench.job(job_id).status == "queued"
    enough = replace(bench.context, settings=replace(bench.settings, min_free_bytes=0))
    worker._context = enough
    bench.wait_for(lambda: bench.job(job_id).status == "succeeded")
    assert workers.status_of(heartbeat(bench)) == workers.READY
