"""Processes are started, heard, killed and described, also while their fork server dies."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from models.jobs.assignment import Runtime
from models.jobs.training import TrainingAssignment, TrainingRequest
from models.limits import Limits
from models.spec import NetworkSpec
from service.worker import processes
from service.worker.processes import JobProcess, ProcessStarter, StartFailed
from tests.running_service import wait_for
from tests.service.worker.bench import document_of, fork_server, is_gone
from tests.service.worker.fake_tasks import PRELOADED, TASK


@pytest.fixture
def starter() -> ProcessStarter:
    starter = ProcessStarter("forkserver", TASK, PRELOADED)
    starter.warm_up()
    assert starter.warm
    return starter


def assign(folder: Path, **wishes: Any) -> TrainingAssignment:
    return TrainingAssignment(
        limits=Limits(), runtime=Runtime(), dataset=folder, spec=NetworkSpec.from_document(document_of({})),
        request=TrainingRequest("m", "d", epochs=1, optimizer=wishes),
    )  # fmt: skip


def start(starter: ProcessStarter, folder: Path, **wishes: Any) -> contextlib.closing[JobProcess]:
    return contextlib.closing(starter.start_task(assign(folder, **wishes), folder))


def messages_until_the_end(process: JobProcess) -> Iterator[dict[str, Any]]:
    while True:
        process.wait(10)
        ended = process.ended
        yield from process.messages()
        if ended:
            return


def test_a_process_reports_and_ends(starter: ProcessStarter, tmp_path: Path) -> None:
    with start(starter, tmp_path, epochs=1, print="hello\n") as process:
        types = [message["type"] for message in messages_until_the_end(process)]
        assert types == ["progress", "epoch", "result"]
        assert process.printed() == b"hello\n"
        assert process.describe_end() == "exit code 0"


def test_how_a_process_ended_is_known_although_others_start_meanwhile(starter: ProcessStarter, tmp_path: Path) -> None:
    ends: list[str] = []

    def die_often(name: str) -> None:
        for number in range(5):
            with start(starter, tmp_path, die=f"{tmp_path / name}-{number}:1") as process:
                assert list(messages_until_the_end(process)) == []
                ends.append(process.describe_end())

    threads = [threading.Thread(target=die_often, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == ["killed by SIGKILL"] * 20


def test_temporary_files_go_with_the_job(starter: ProcessStarter, tmp_path: Path) -> None:
    with start(starter, tmp_path, temporary=str(tmp_path / "where")) as process:
        assert [message["type"] for message in messages_until_the_end(process)] == ["result"]
    written = Path((tmp_path / "where").read_text())
    assert written.is_relative_to(tmp_path)
    assert not written.exists()
    assert list(tmp_path.glob(".*")) == []


def test_a_process_is_out_of_the_terminals_reach_and_yields_to_others(starter: ProcessStarter, tmp_path: Path) -> None:
    with start(starter, tmp_path, pid=str(tmp_path / "pid"), until="/nonexistent") as process:
        while not (tmp_path / "pid").exists():
            process.wait(0.05)
        child = psutil.Process(process.pid)
        assert os.getsid(process.pid) == process.pid
        assert child.nice() == 10
        assert Path(f"/proc/{process.pid}/oom_score_adj").read_text().strip() == "1000"
        assert os.readlink(f"/proc/{process.pid}/fd/0") == os.devnull
        os.kill(process.pid, signal.SIGINT)
        assert process.memory() > 1024**2
        assert not is_gone(child)
        process.kill()
        assert process.ended
        assert process.describe_end() == "killed by SIGKILL"
    assert is_gone(child)


def test_nothing_but_the_import_is_kept_from_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    command = "import os, service.worker.quiet_import, sys; os.write(2, b'after'); assert 'tensorflow' in sys.modules"
    subprocess.run([sys.executable, "-c", command], env=environment, check=True)
    assert capfd.readouterr().err == "after"


def test_an_error_while_importing_quietly_surfaces(capfd: pytest.CaptureFixture[str]) -> None:
    command = "import sys; sys.modules['models.building'] = None; import service.worker.quiet_import"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 1
    assert "ModuleNotFoundError" in capfd.readouterr().err


def test_collections_never_examine_what_was_imported_before() -> None:
    command = "import gc, service.worker.frozen_heap; assert gc.isenabled(); assert gc.get_freeze_count() > 1000"
    subprocess.run([sys.executable, "-c", command], check=True)
    assert processes.PRELOADED[-1] == "service.worker.frozen_heap"


def test_an_order_to_stop_arrives(starter: ProcessStarter, tmp_path: Path) -> None:
    with start(starter, tmp_path, until="/nonexistent") as process:
        process.send(command="stop")
        (result,) = messages_until_the_end(process)
        assert result["data"]["status_reason"] == "stopped"


def test_a_process_starts_although_fork_servers_die_around_it(starter: ProcessStarter, tmp_path: Path) -> None:
    ended = threading.Event()
    kills: list[int] = []

    def kill_fork_servers() -> None:
        while not ended.wait(0.3 + 0.01 * len(kills)):
            with contextlib.suppress(StopIteration, psutil.Error):
                fork_server(psutil.Process()).kill()
                kills.append(1)

    killer = threading.Thread(target=kill_fork_servers)
    killer.start()
    reports: list[list[str]] = []
    try:
        while len(kills) < 8:
            folder = tmp_path / str(len(reports))
            folder.mkdir(exist_ok=True)
            with contextlib.suppress(StartFailed), start(starter, folder, epochs=1) as process:
                reports.append([message["type"] for message in messages_until_the_end(process)])
    finally:
        ended.set()
        killer.join()
    assert ["progress", "epoch", "result"] in reports
    with start(starter, tmp_path, epochs=1) as process:
        assert [message["type"] for message in messages_until_the_end(process)] == ["progress", "epoch", "result"]


@pytest.fixture
def losing_track(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The supervisor gets no hold of the first process that it starts: it has ended, as far as can be told."""
    lost: list[int] = []
    pidfd_open = os.pidfd_open

    def lose_the_first(pid: int) -> int:
        if not lost:
            lost.append(pid)
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        return pidfd_open(pid)

    monkeypatch.setattr(os, "pidfd_open", lose_the_first)
    return lost


@pytest.mark.parametrize("start_method", ["forkserver", "spawn"])
def test_a_process_that_the_supervisor_has_no_hold_of_never_begins(
    start_method: str, losing_track: list[int], tmp_path: Path
) -> None:
    starter = ProcessStarter(start_method, TASK, PRELOADED)
    with start(starter, tmp_path, note_run=str(tmp_path / "runs")) as process:
        assert [message["type"] for message in messages_until_the_end(process)] == ["result"]
        assert process.pid not in losing_track
    with contextlib.suppress(psutil.NoSuchProcess):
        lost = psutil.Process(losing_track[0])
        wait_for(lambda: is_gone(lost), what="the end of the process that was lost")
    assert (tmp_path / "runs").read_text() == "run\n"


def test_a_module_that_jobs_need_and_cannot_be_imported_keeps_the_worker_from_claiming(
    capsys: pytest.CaptureFixture[str],
) -> None:
    starter = ProcessStarter("spawn", TASK, ("service.worker.child", "no_such_module"))
    starter.warm_up()
    assert not starter.warm
    assert "No module named 'no_such_module'" in capsys.readouterr().out


def test_a_closed_starter_starts_nothing(starter: ProcessStarter, tmp_path: Path) -> None:
    starter.close()
    with pytest.raises(StartFailed, match="shutting down"):
        starter.start_task(assign(tmp_path), tmp_path)
