"""The servers that are compared, each in processes of its own on a port of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil

from benchmarks.serving.dialects import FITSERVE, Dialect, inference_protocol, plain_route
from benchmarks.serving.load import Address, Answer, ask
from tests.running_service import ROOT, free_port

PEERS = ROOT / "benchmarks" / "serving_peers"
FITSERVE_API = "fitserve api"
BARE_FLASK, BARE_WSGI = plain_route("bare Flask route"), plain_route("bare WSGI function")
FLASK_PREDICT, FLASK_FUNCTION = plain_route("Flask, `model.predict`"), plain_route("Flask, `tf.function`")
LITSERVE, MLSERVER = plain_route("LitServe"), inference_protocol("MLServer")
RIVALS = (FLASK_PREDICT, FLASK_FUNCTION, LITSERVE, MLSERVER)
KEEP_ALIVE_SECONDS = 75
START_SECONDS = 180
STOP_SECONDS = 20
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class Size:
    """What each server may use alike."""

    processes: int = 2
    threads: int = 16


@dataclass(frozen=True)
class Program:
    """How a server is started on a port, and the dialects that it speaks."""

    name: str
    command: Sequence[str]
    port: int
    dialects: tuple[Dialect, ...]
    environment: dict[str, str] = field(default_factory=dict)


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
                cwd=ROOT,
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


def fitserve(var: Path, size: Size, **settings: str) -> Program:
    """`fitserve api` alone, on the folder of a service."""
    port = free_port()
    values = {
        "port": str(port),
        "data_dir": str(var),
        "api_processes": str(size.processes),
        "api_threads": str(size.threads),
        **settings,
    }
    environment = {f"FITSERVE_{name.upper()}": value for name, value in values.items()}
    return Program(FITSERVE_API, (sys.executable, "-m", "service", "api"), port, FITSERVE, environment)


def under_gunicorn(dialect: Dialect, app: str, networks: Path, size: Size) -> Program:
    """An app of benchmarks/serving_peers as Fitserve's own is run."""
    port = free_port()
    options = {
        "bind": f"127.0.0.1:{port}",
        "workers": size.processes,
        "threads": size.threads,
        "worker-class": "gthread",
        "keep-alive": KEEP_ALIVE_SECONDS,
        "timeout": START_SECONDS,
        "log-level": "warning",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    command = (sys.executable, "-m", "gunicorn", *given, f"benchmarks.serving_peers.{app}")
    environment = {"BENCHMARK_NETWORKS": str(networks), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return Program(dialect.name, command, port, (dialect,), environment)


def elsewhere(dialect: Dialect, python: str, script: str, networks: Path, size: Size) -> Program:
    """A peer in an environment of its own."""
    port = free_port()
    command = (python, str(PEERS / script), str(networks), str(port), str(size.processes))
    return Program(dialect.name, command, port, (dialect,))


def programs(folder: Path, size: Size, litserve: str | None, mlserver: str | None) -> list[Program]:
    """All that are compared on the networks of a folder; a peer without a Python is left out."""
    found = [
        fitserve(folder / "var", size),
        under_gunicorn(BARE_FLASK, "onnx_routes:flask_app", folder, size),
        under_gunicorn(BARE_WSGI, "onnx_routes:wsgi_app", folder, size),
        under_gunicorn(FLASK_PREDICT, 'keras_routes:create_app("predict")', folder, size),
        under_gunicorn(FLASK_FUNCTION, 'keras_routes:create_app("function")', folder, size),
    ]
    if litserve:
        found.append(elsewhere(LITSERVE, litserve, "litserve_app.py", folder, size))
    if mlserver:
        found.append(elsewhere(MLSERVER, mlserver, "mlserver_runtime.py", folder, size))
    return found
