"""A real Fitserve service on a free port with its own data folder, and a simple HTTP client for it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import psutil
import requests

ROOT = Path(__file__).parents[1]
START_SECONDS = 120
FINAL = ("succeeded", "failed", "cancelled")
SHORTEST_PAUSE = 0.02
FINAL_PAUSE = 0.25
"""Seconds between two requests that wait for a status that stays. For a small training, polling cost a third more."""

Found = TypeVar("Found")


def _file_and_folder(data_dir: Path) -> Mapping[str, str]:
    return {}


backing: Callable[[Path], Mapping[str, str]] = _file_and_folder
"""Returns the variables for what a service with this data folder stands on. By default, it is what the folder has."""


def wait_for(
    poll: Callable[[], Found | None], seconds: float = 60, what: str = "it", longest_pause: float = SHORTEST_PAUSE
) -> Found:
    """Call `poll` until it returns a true value, and return that. Fails the test after `seconds`.

    A `longest_pause` beyond the shortest saves polls of what lasts: the longer it takes, the longer the pauses.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds:
        found = poll()
        if found:
            return found
        time.sleep(min(max(waited / 5, SHORTEST_PAUSE), longest_pause))
    raise AssertionError(f"waited {seconds} s for {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run_command(*arguments: str, **settings: str) -> str:
    """What `fitserve ARGUMENTS` prints. Fails the test if it doesn't succeed."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("FITSERVE_")}
    given |= backing(Path(settings["data_dir"])) if "data_dir" in settings else {}
    given |= {f"FITSERVE_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "service", *arguments]
    ended = subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


class Client:
    """A client of one service: paths in, JSON out. It sends the API key with every request if it has one."""

    def __init__(self, base_url: str, key: str | None = None) -> None:
        self.base_url = base_url
        self._session = requests.Session()
        if key is not None:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._session.request(method, self.base_url + path, timeout=90, **options)

    def get(self, path: str, **options: Any) -> Any:
        """The JSON of a successful GET."""
        response = self.request("GET", path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    def items(self, path: str) -> Iterator[Any]:
        """All items of a list, read in pages."""
        url: str | None = f"{path}?limit=100"
        while url is not None:
            page = self.get(url)
            yield from page["items"]
            url = page["next"]

    def post(self, path: str, body: Any, expect: int = 201, wait: int | None = None) -> Any:
        headers = {} if wait is None else {"Prefer": f"wait={wait}"}
        response = self.request("POST", path, json=body, headers=headers)
        assert response.status_code == expect, f"{response.status_code}: {response.text}"
        return response.json()

    def patch(self, path: str, body: Any, expect: int = 200) -> Any:
        response = self.request("PATCH", path, json=body)
        assert response.status_code == expect, f"{response.status_code}: {response.text}"
        return response.json()

    def delete(self, path: str, expect: int = 204) -> None:
        response = self.request("DELETE", path)
        assert response.status_code == expect, f"{response.status_code}: {response.text}"

    def start_training(self, model: str, dataset: str, epochs: int, **options: Any) -> str:
        """Create a training job and return its id."""
        body = {"model": model, "dataset": dataset, "epochs": epochs, **options}
        job: str = self.post("/v1/training-jobs", body, expect=202)["id"]
        return job

    def job(self, job_id: str) -> Any:
        return self.get(f"/v1/training-jobs/{job_id}")

    def wait_for_status(self, job_id: str, *wanted: str, seconds: float = 120) -> Any:
        """Wait for a job to reach a wanted status, and return it. Fails immediately if it ends with another status."""

        def poll() -> Any:
            job = self.job(job_id)
            if job["status"] in wanted:
                return job
            assert job["status"] not in FINAL, f"{job['status']}: {job['error']}"
            return None

        pause = FINAL_PAUSE if set(wanted) <= set(FINAL) else SHORTEST_PAUSE
        return wait_for(poll, seconds, f"{job_id} to be {' or '.join(wanted)}", pause)

    def wait_for_first_epoch(self, job_id: str, seconds: float = 60) -> None:
        wait_for(lambda: self.get(f"/v1/training-jobs/{job_id}/metrics")["epochs"], seconds, "an epoch")

    def train(self, model: str, dataset: str, epochs: int, **options: Any) -> Any:
        """Train a model and return the successful job."""
        return self.wait_for_status(self.start_training(model, dataset, epochs, **options), "succeeded", seconds=3600)

    def predict(self, model: str, instances: Any, query: str = "") -> Any:
        return self.post(f"/v1/models/{model}/predictions{query}", {"instances": instances}, expect=200)


class RunningService:
    """`fitserve serve` in its own process. `keras_home` is the folder of Keras's downloaded datasets.

    `environment` has other variables than Fitserve's settings; `client` has the key. It listens on `address`, on
    whatever host the `prefix` of its command starts it.
    """

    root = ROOT
    """The folder with the service's code."""

    def __init__(
        self,
        data_dir: Path,
        keras_home: Path | None = None,
        environment: Mapping[str, str] | None = None,
        key: str | None = None,
        *,
        address: str = "127.0.0.1",
        prefix: Sequence[str] = (),
        **settings: str,
    ) -> None:
        self.port = free_port()
        self._prefix = prefix
        self.data_dir = data_dir
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FITSERVE_")}
        self.environment |= {
            "FITSERVE_HOST": address,
            "FITSERVE_PORT": str(self.port),
            "FITSERVE_DATA_DIR": str(data_dir),
            "KERAS_HOME": str(keras_home or data_dir / "keras"),
            # A busy machine builds slowly, and tests expect 201: the request must wait until its resource is ready.
            "FITSERVE_MODEL_WAIT_SECONDS": "60",
            "FITSERVE_DATASET_WAIT_SECONDS": "60",
            **({} if "database_url" in settings else backing(data_dir)),
            **{f"FITSERVE_{name.upper()}": value for name, value in settings.items()},
            **(environment or {}),
        }
        self.client = Client(f"http://{address}:{self.port}", key)
        self.start()

    def start(self) -> None:
        """Start the service, or start it again with the same port, folder and settings."""
        self._log: list[str] = []
        self.process = subprocess.Popen(
            [*self._prefix, sys.executable, "-m", "service", "serve"],
            env=self.environment,
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            self._log.extend(stream)

    @property
    def artifacts(self) -> Path:
        """The folder of the artifacts, or that of their copies if they are in S3."""
        return self.data_dir / ("cache" if "FITSERVE_ARTIFACT_URL" in self.environment else "artifacts")

    @property
    def log(self) -> str:
        """Everything that the service has printed since its start."""
        return "".join(self._log)

    def lines(self, first: int) -> list[str]:
        """The printed lines from number `first` on, counted from 0."""
        return self._log[first:]

    def wait_until_ready(self) -> Self:
        def ready() -> bool:
            assert self.process.poll() is None, self.log
            return "ready at http" in self.log

        wait_for(ready, START_SECONDS, "the service to be ready")
        return self

    def processes(self) -> list[psutil.Process]:
        """All descendant processes of the launcher."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, command: str) -> psutil.Process:
        """The process that runs `fitserve COMMAND` (for the api: gunicorn's master)."""
        matching = [p for p in psutil.Process(self.process.pid).children() if p.cmdline()[-1] == command]
        return matching[0]

    def fork_server(self) -> psutil.Process:
        return next(p for p in self.part("worker").children() if "forkserver" in " ".join(p.cmdline()))

    def job_processes(self) -> list[psutil.Process]:
        """The child processes of jobs. Each has its own session."""
        return [process for process in self.fork_server().children() if process.pid == os.getsid(process.pid)]

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """Stop the service like an operator, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            exit_code = self.process.wait(15)
            self._reader.join()
            return exit_code
        except subprocess.TimeoutExpired:
            for process in self.processes():
                process.kill()
            self.process.kill()
            raise

    @contextmanager
    def away(self, signal_number: int = signal.SIGTERM) -> Iterator[int]:
        """Stop the service during the block, which gets the exit code, and start it again afterwards."""
        try:
            yield self.stop(signal_number)
        finally:
            self.start()
            self.wait_until_ready()


@contextmanager
def running_service(
    data_dir: Path, keras_home: Path | None = None, key: str | None = None, **settings: str
) -> Iterator[RunningService]:
    """A ready service during the block, whose client has the key."""
    service = RunningService(data_dir, keras_home, None, key, **settings)
    try:
        yield service.wait_until_ready()
    finally:
        service.stop()
