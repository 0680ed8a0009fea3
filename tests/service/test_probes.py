"""`fitserve health` says whether the part in this container can work, and limits of a container are seen in it."""

import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service import processes
from service.cli import main
from service.config import Settings
from service.context import Context
from service.identity import identify
from service.operations.upkeep import workers
from service.storage.records import Worker
from tests.databases import make_database
from tests.running_service import free_port


def health(part: str, **settings: str) -> Result:
    variables = {f"FITSERVE_{name.upper()}": value for name, value in settings.items()}
    return CliRunner().invoke(main, ["health", part], env=variables)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(data_dir=tmp_path)
    make_database(settings)
    context = Context.from_settings(settings)
    yield context
    context.database.close()


def beat(context: Context, process: dict[str, Any], ready: bool = True, silence: int = 0) -> None:
    """A heartbeat of the worker `process`, `silence` seconds ago."""
    worker = Worker(
        id="wk_1", host=socket.gethostname(), process=process, slots=1, versions={}, ready=ready,
        heartbeat_at=datetime.now(UTC),
    )  # fmt: skip
    workers.record_heartbeat(context, worker)
    with context.database.write() as session:
        session.get_one(Worker, "wk_1").heartbeat_at -= timedelta(seconds=silence)


def worker_health(context: Context) -> tuple[int, str]:
    ended = health("worker", data_dir=str(context.settings.data_dir))
    return ended.exit_code, ended.output


def test_a_worker_is_healthy_while_its_heartbeats_come(context: Context) -> None:
    here = identify(os.getpid())
    beat(context, here)
    assert worker_health(context) == (0, "")
    beat(context, here, silence=60)
    assert worker_health(context) == (1, "Error: The worker sent its last heartbeat 60 seconds ago.\n")
    beat(context, here, ready=False)
    assert worker_health(context) == (1, "Error: The worker can't start the processes of jobs; its log says why.\n")


@pytest.mark.parametrize("difference", [{"namespace": 1}, {"boot": "another"}, {"started": 1}])
def test_the_worker_of_another_container_or_an_ended_one_is_not_the_one_that_is_checked(
    context: Context, difference: dict[str, Any]
) -> None:
    beat(context, identify(os.getpid()) | difference)
    assert worker_health(context) == (1, "Error: No worker runs here.\n")


def test_a_worker_without_its_database_is_unhealthy(tmp_path: Path) -> None:
    ended = health("worker", data_dir=str(tmp_path))
    assert (ended.exit_code, ended.output) == (1, "Error: The database can't be used: no such table: workers.\n")


@pytest.mark.parametrize(("status", "outcome"), [(200, (0, "")), (503, (1, "Error: {url}/healthz returns a 503.\n"))])
def test_an_api_is_healthy_if_it_says_so_itself_and_no_proxy_for_it(
    status: int, outcome: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        ended = health("api", port=str(server.server_port))
        expected = outcome[1].format(url=f"http://127.0.0.1:{server.server_port}")
        assert (ended.exit_code, ended.output) == (outcome[0], expected)


def test_an_api_that_does_not_answer_is_unhealthy() -> None:
    port = free_port()
    ended = health("api", port=str(port))
    assert ended.exit_code == 1
    assert f"http://127.0.0.1:{port}/healthz doesn't answer: " in ended.output


def test_an_invalid_setting_is_no_matter_of_health() -> None:
    assert health("api", port="many").exit_code == 2


@pytest.fixture
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of control groups, in which this process is in `fitserve.slice/worker`."""
    (tmp_path / "own").write_text("0::/fitserve.slice/worker\n")
    monkeypatch.setattr(processes, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(processes, "CGROUPS", tmp_path / "groups")
    (tmp_path / "groups" / "fitserve.slice" / "worker").mkdir(parents=True)
    return tmp_path / "groups"


def test_the_memory_of_jobs_follows_from_the_limit_of_the_container(groups: Path) -> None:
    (groups / "fitserve.slice" / "worker" / "memory.max").write_text("max\n")
    machine = processes.usable_memory()
    assert machine == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    (groups / "fitserve.slice" / "memory.max").write_text(f"{256 * 2**20}\n")
    assert processes.usable_memory() == 256 * 2**20
    (groups / "memory.max").write_text(f"{128 * 2**20}\n")
    assert Settings(worker_slots=2).job_memory_bytes == 128 * 2**20 * 8 // 10 // 2


def test_the_threads_of_jobs_follow_from_the_quota_of_the_container(groups: Path) -> None:
    assert processes.usable_cores() == len(os.sched_getaffinity(0))
    (groups / "fitserve.slice" / "worker" / "cpu.max").write_text("100000 100000\n")
    assert Settings().training_threads == 1


def test_a_machine_without_control_groups_has_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "OWN_CGROUP", tmp_path / "none")
    assert processes.usable_memory() == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
