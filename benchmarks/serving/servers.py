"""A server from its start until its end, in processes of its own on a port of its own."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from benchmarks.serving.dialects import Dialect
from benchmarks.serving.load import Address, Answer, ask
from tests.running_service import ROOT

START_SECONDS = 180
STOP_SECONDS = 20
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Program:
    """How a server is started on a port, the dialects that it speaks, and the folder of the networks that it serves."""

    name: str
    command: Sequence[str]
    port: int
    dialects: tuple[Dialect, ...]
    networks: Path
    environment: dict[str, str] = field(default_factory=dict)
    working_folder: Path = ROOT


class Server:
    """A server from its start until its end, its output in a file."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.address: Address = ("127.0.0.1", program.port)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FITSERVE_")}
        self._began = time.perf_counter()
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                program.command,
                env=inherited | program.environment,
                cwd=program.working_folder,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_for(self, request: bytes) -> tuple[Answer, float]:
        """The answer to a request once it succeeds, and the seconds from the server's start until then.

        Raises RuntimeError when the server ends, or doesn't come to it.
        """
        while time.perf_counter() < self._began + START_SECONDS and self._process.poll() is None:
            try:
                answer = ask(self.address, request, START_SECONDS)
                if answer.status == 200:
                    return answer, time.perf_counter() - self._began
            except OSError:
                pass  # it doesn't listen yet
            time.sleep(LOOK_SECONDS)
        raise RuntimeError(f"{self.program.name} doesn't answer:\n{self.log.read_text(errors='replace')[-2000:]}")

    def processes(self) -> list[psutil.Process]:
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def memory(self) -> float:
        """The proportional set size of all processes in MB."""
        return sum(megabytes(process) for process in self.processes())

    def largest_process(self) -> float:
        """The proportional set size of the largest process in MB."""
        return max(megabytes(process) for process in self.processes())

    def cpu_seconds(self) -> float:
        """The CPU time of all processes so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes())

    def loaded(self, names: Sequence[str]) -> list[str]:
        """The shared libraries in its processes whose path has one of these names in it."""
        paths = {mapped.path for process in self.processes() for mapped in process.memory_maps()}
        return sorted(path for path in paths if any(name in path for name in names))

    def stop(self) -> None:
        processes = self.processes() if self._process.poll() is None else []
        self._process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(processes, STOP_SECONDS)
        for process in alive:
            process.kill()
        self._process.wait()


def megabytes(process: psutil.Process) -> float:
    """Proportional set size; 0 of a process that ended meanwhile."""
    try:
        size: float = process.memory_full_info().pss / 1e6
    except psutil.NoSuchProcess:
        return 0
    return size
