"""How the servers that are compared are started: each with as many processes, on the same networks."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.environments import python_of
from benchmarks.serving.dialects import FITSERVE, V2_BINARY, Dialect, inference_protocol, plain_route
from benchmarks.serving.servers import START_SECONDS, Program
from tests.running_service import ROOT, free_port

PEERS = ROOT / "benchmarks" / "serving_peers"
FITSERVE_API = "fitserve api"
BASELINE = tuple(replace(dialect, name=dialect.name.replace("Fitserve", "baseline")) for dialect in FITSERVE)
BARE_FLASK, BARE_WSGI = plain_route("bare Flask route"), plain_route("bare WSGI function")
BARE_ASGI = plain_route("bare ASGI function")
FLASK_PREDICT, FLASK_FUNCTION = plain_route("Flask, `model.predict`"), plain_route("Flask, `tf.function`")
FASTAPI, GRANIAN = plain_route("FastAPI on uvicorn"), plain_route("Granian, RSGI")
LITSERVE, MLSERVER = plain_route("LitServe"), inference_protocol("MLServer")
TRITON_JSON, TRITON_BINARY = inference_protocol("Triton, v2 JSON"), replace(V2_BINARY, name="Triton, v2 binary")
PYTRITON = inference_protocol("PyTriton, v2 JSON")
RIVALS = (
    FLASK_PREDICT,
    FLASK_FUNCTION,
    FASTAPI,
    GRANIAN,
    LITSERVE,
    MLSERVER,
    PYTRITON,
    TRITON_JSON,
    TRITON_BINARY,
)
KEEP_ALIVE_SECONDS = 75


@dataclass(frozen=True)
class Size:
    """What each server may use alike; threads are those of a gthread process."""

    processes: int = 2
    threads: int = 16


Elsewhere = Callable[[Path, Size, str], Program]
"""From the networks' folder, a size and the Python of an environment."""


def fitserve(networks: Path, size: Size, **settings: str) -> Program:
    """`fitserve api` alone, on the service in `var` within the networks' folder."""
    port = free_port()
    values = {
        "port": str(port),
        "data_dir": str(networks / "var"),
        "api_processes": str(size.processes),
        **settings,
    }
    environment = {f"FITSERVE_{name.upper()}": value for name, value in values.items()}
    command = (sys.executable, "-m", "service", "api")
    return Program(FITSERVE_API, command, port, FITSERVE, networks, environment)


def baseline(networks: Path, size: Size, checkout: Path) -> Program:
    """The same of another checkout of Fitserve, with the libraries of this one."""
    program = fitserve(networks, size)
    return replace(
        program,
        name=f"{FITSERVE_API}, baseline",
        dialects=BASELINE,
        environment=program.environment | {"PYTHONPATH": str(checkout)},
        working_folder=checkout,
    )


def under_gunicorn(dialect: Dialect, app: str, networks: Path, size: Size, worker_class: str = "gthread") -> Program:
    """An app of benchmarks/serving_peers under the server that runs Fitserve."""
    port = free_port()
    options = {
        "bind": f"127.0.0.1:{port}",
        "workers": size.processes,
        "threads": size.threads,
        "worker-class": worker_class,
        "keep-alive": KEEP_ALIVE_SECONDS,
        "timeout": START_SECONDS,
        "log-level": "warning",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    command = (sys.executable, "-m", "gunicorn", *given, f"benchmarks.serving_peers.{app}")
    environment = {"BENCHMARK_NETWORKS": str(networks), "TF_CPP_MIN_LOG_LEVEL": "3"}
    return Program(dialect.name, command, port, (dialect,), networks, environment)


def floors(networks: Path, size: Size) -> list[Program]:
    """A prediction's work and nothing else, in all that gunicorn runs."""
    return [
        under_gunicorn(BARE_ASGI, "onnx_routes:asgi_app", networks, size, "uvicorn_worker.UvicornWorker"),
        under_gunicorn(BARE_FLASK, "onnx_routes:flask_app", networks, size),
        under_gunicorn(BARE_WSGI, "onnx_routes:wsgi_app", networks, size),
    ]


def tutorials(networks: Path, size: Size) -> list[Program]:
    """Keras behind Flask."""
    return [
        under_gunicorn(FLASK_PREDICT, 'keras_routes:create_app("predict")', networks, size),
        under_gunicorn(FLASK_FUNCTION, 'keras_routes:create_app("function")', networks, size),
    ]


def fastapi(networks: Path, size: Size, python: str) -> Program:
    port = free_port()
    options = {
        "app-dir": PEERS,
        "port": port,
        "workers": size.processes,
        "loop": "uvloop",
        "http": "httptools",
        "timeout-keep-alive": KEEP_ALIVE_SECONDS,
        "log-level": "warning",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    command = (python, "-m", "uvicorn", *given, "--no-access-log", "fastapi_app:app")
    return Program(FASTAPI.name, command, port, (FASTAPI,), networks, {"BENCHMARK_NETWORKS": str(networks)})


def granian(networks: Path, size: Size, python: str) -> Program:
    port = free_port()
    options = {
        "interface": "rsgi",
        "working-dir": PEERS,
        "port": port,
        "workers": size.processes,
        "loop": "uvloop",
        "http": "1",
        "runtime-mode": "st",
        "log-level": "warning",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    command = (python, "-m", "granian", *given, "--no-ws", "rsgi_app:app")
    return Program(GRANIAN.name, command, port, (GRANIAN,), networks, {"BENCHMARK_NETWORKS": str(networks)})


def by_script(name: str, dialects: tuple[Dialect, ...], script: str) -> Elsewhere:
    """A script of benchmarks/serving_peers that takes the networks' folder, a port and a number of processes."""

    def program(networks: Path, size: Size, python: str) -> Program:
        port = free_port()
        command = (python, str(PEERS / script), str(networks), str(port), str(size.processes))
        return Program(name, command, port, dialects, networks)

    return program


ELSEWHERE: dict[str, tuple[str, Elsewhere]] = {
    "fastapi": ("asgi", fastapi),
    "granian": ("asgi", granian),
    "litserve": ("litserve", by_script("LitServe", (LITSERVE,), "litserve_app.py")),
    "mlserver": ("mlserver", by_script("MLServer", (MLSERVER,), "mlserver_runtime.py")),
    "pytriton": ("triton", by_script("PyTriton", (PYTRITON,), "pytriton_server.py")),
    "triton": ("triton", by_script("Triton", (TRITON_JSON, TRITON_BINARY), "triton_server.py")),
}
"""The peers in environments of their own, with the environments' names."""


def elsewhere(names: list[str], networks: Path, size: Size, environments: Path) -> list[Program]:
    """Peers by their names in ELSEWHERE, whose environments are made where they are missing."""
    chosen = [ELSEWHERE[name] for name in names]
    return [make(networks, size, python_of(environment, environments)) for environment, make in chosen]
