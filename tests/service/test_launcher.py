"""`fitserve serve` with stand-ins for api and worker: starting, starting again, ending, and leaving nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from service.addresses import AddressUnavailable, listen

ROOT = Path(__file__).parents[2]
SECONDS = 20


class Service:
    """A launcher in a process of its own, as a terminal would start it."""

    def __init__(self, port: int, behaviour: str) -> None:
        command = [sys.executable, "-m", "tests.service.launcher_parts", "launcher", str(port), behaviour]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.seen: dict[int, psutil.Process] = {}

    def first_line(self) -> str:
        """What the launcher prints first; waits for it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def parts(self) -> dict[str, psutil.Process]:
        """The running stand-ins by name; every one that was seen must be gone in the end."""
        children = psutil.Process(self.process.pid).children()
        self.seen |= {child.pid: child for child in children}
        by_name = {command_line(child)[3:4]: child for child in children}
        return {name: by_name[(name,)] for name in ("api", "worker") if (name,) in by_name}

    def send(self, signal_number: int) -> None:
        os.kill(self.process.pid, signal_number)

    def exit_code(self) -> int:
        return self.process.wait(SECONDS)

    def errors(self) -> str:
        """What it wrote to standard error, once it has ended."""
        return "".join(self._errors())

    def wait_for_error(self, text: str) -> None:
        """Wait until a line of standard error has this in it."""
        assert any(text in line for line in self._errors()), f"ended without writing {text!r}"

    def _errors(self) -> IO[str]:
        assert self.process.stderr is not None
        return self.process.stderr

    def everything_ended(self) -> bool:
        return not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in self.seen.values())


def command_line(process: psutil.Process) -> tuple[str, ...]:
    """Empty when the process has ended."""
    try:
        return tuple(process.cmdline())
    except psutil.NoSuchProcess:
        return ()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(port: int) -> Iterator[Callable[[str], Service]]:
    services: list[Service] = []

    def start_one(behaviour: str = "obedient") -> Service:
        services.append(Service(port, behaviour))
        return services[-1]

    yield start_one
    for service in services:
        service.process.kill()
        service.process.communicate()
        for child in service.seen.values():
            if child.is_running():
                child.kill()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_says_where_it_is_ready_once_api_and_worker_are(start: Callable[..., Service], port: int) -> None:
    service = start()
    assert service.first_line() == f"ready at http://127.0.0.1:{port}\n"
    assert set(service.parts()) == {"api", "worker"}


def handles_sigterm(pid: int) -> bool:
    """Whether a process has a handler of its own (proc(5): SigCgt)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_parts_cleanly(start: Callable[..., Service], stop: int) -> None:
    service = start()
    service.first_line()
    # The api may say "ready" before the other part has got so far as to handle a signal.
    wait_until(lambda: all(handles_sigterm(part.pid) for part in service.parts().values()))
    service.send(stop)
    assert service.exit_code() == 0
    assert service.everything_ended()
    assert "api ended cleanly" in (errors := service.errors())
    assert "worker ended cleanly" in errors


def test_a_signal_before_the_service_is_ready_ends_it_too(start: Callable[..., Service]) -> None:
    service = start("never-ready")
    wait_until(lambda: len(service.parts()) == 2)
    service.send(signal.SIGTERM)
    assert service.exit_code() == 0
    assert service.everything_ended()


def test_ctrl_c_in_a_terminal_reaches_the_launcher_alone(start: Callable[..., Service]) -> None:
    service = start()
    service.first_line()
    launcher = os.getpgid(service.process.pid)
    assert all(os.getpgid(part.pid) != launcher for part in service.parts().values())


def test_a_second_ctrl_c_ends_a_part_that_does_not_obey(start: Callable[..., Service]) -> None:
    service = start("stubborn")
    service.first_line()
    service.parts()
    service.send(signal.SIGINT)
    service.wait_for_error("was asked to end")
    service.send(signal.SIGINT)
    assert service.exit_code() == 0
    assert service.everything_ended()


def test_a_part_that_dies_is_started_again(start: Callable[..., Service]) -> None:
    service = start()
    service.first_line()
    before = service.parts()["worker"]
    before.kill()
    wait_until(lambda: service.parts().get("worker", before) != before)
    service.send(signal.SIGTERM)
    assert service.exit_code() == 0
    assert service.everything_ended()


def test_a_part_that_crashes_before_the_service_is_ready_is_restarted(
    start: Callable[..., Service], port: int, tmp_path: Path
) -> None:
    service = start(str(tmp_path / "starts"))
    assert service.first_line() == f"ready at http://127.0.0.1:{port}\n"
    assert set(service.parts()) == {"api", "worker"}
    service.send(signal.SIGTERM)
    assert service.exit_code() == 0
    assert "part crashed" in service.errors()


def test_a_part_that_crashes_at_each_attempt_to_start_ends_the_command(start: Callable[..., Service]) -> None:
    service = start("broken")
    assert service.exit_code() == 1
    errors = service.errors()
    assert errors.count("part started") == 3
    assert re.search(r"part did not start.*attempts=2.*exit_code=3.*name=worker", errors)


def test_nothing_is_left_behind_when_the_launcher_is_killed(start: Callable[..., Service]) -> None:
    service = start()
    service.first_line()
    service.parts()
    service.send(signal.SIGKILL)
    service.exit_code()
    wait_until(service.everything_ended)


def test_a_taken_port_is_one_clear_line(port: int) -> None:
    listen("127.0.0.1", port).close()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(
            AddressUnavailable, match=f"can't listen on port {port} of 127.0.0.1: Address already in use"
        ):
            listen("127.0.0.1", port)
