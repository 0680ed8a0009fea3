"""SIGTERM under load: predictions on many connections, event streams, and a training job.

    python -m benchmarks.shutdown [TIMES]

Clients predict without pause, each on a connection of its own that it keeps open, while others follow a job that
trains. Then the service gets SIGTERM. For each time, a line says what the clients saw: complete and correct responses,
wrong ones, requests that were cut off (the connection ended without a complete response), streams that ended with their
last chunk, and streams that were cut off. A client stops once its connection is refused: nothing listens any more. Then
the service starts again, and the job must continue: as the same attempt, with every epoch once.
"""

import contextlib
import http.client
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from tests.running_service import Client, RunningService, running_service, wait_for

CONNECTIONS, STREAMS = 32, 200
LOAD_SECONDS = 1.0
DATASET = {
    "name": "shutting-down",
    "source": "inline",
    "inputs": [[-1], [0], [1], [2]],
    "targets": [[-3], [-1], [1], [3]],
}
MODEL = {
    "name": "shutting-down", "task": "regression", "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}], "optimizer": "sgd", "loss": "mean_squared_error",
}  # fmt: skip
JSON = {"Content-Type": "application/json"}
INSTANCES = [[0.5], [1.5]]
CORRECT, WRONG, CUT_OFF, ENDED, STREAM_CUT_OFF = "correct", "wrong", "cut off", "streams ended", "streams cut off"


@dataclass
class Outcome:
    """What clients saw, how long the service took to end, and its exit code."""

    seen: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    exit_code: int = 0

    @property
    def faults(self) -> int:
        return self.seen[WRONG] + self.seen[CUT_OFF] + self.seen[STREAM_CUT_OFF]

    def __str__(self) -> str:
        counts = ", ".join(f"{self.seen[what]:,} {what}" for what in (CORRECT, WRONG, CUT_OFF, ENDED, STREAM_CUT_OFF))
        return f"{counts}; down after {self.seconds:.2f} s with exit code {self.exit_code}"


def prepare(client: Client) -> str:
    """Train a version, and start a job that trains for minutes and has finished an epoch; returns its id."""
    client.post("/v1/datasets", DATASET)
    client.post("/v1/models", MODEL)
    client.train("shutting-down", "shutting-down", 1)
    job_id = client.start_training("shutting-down", "shutting-down", 100_000, batch_size=1)
    client.wait_for_first_epoch(job_id)
    return job_id


def shut_down(service: RunningService, job_id: str, connections: int, streams: int) -> Outcome:
    """Stop the service while clients use it, and return what they saw."""
    outcome = Outcome()
    expected = service.client.predict("shutting-down", INSTANCES)
    body = orjson.dumps({"instances": INSTANCES})
    opened = threading.Semaphore(0)

    predict = partial(_predict_until_refused, service.port, body, expected)
    follow = partial(_follow, service.port, job_id, opened)
    with _clients([predict] * connections + [follow] * streams, outcome.seen):
        for _ in range(streams):
            opened.acquire()
        time.sleep(LOAD_SECONDS)
        began = time.monotonic()
        outcome.exit_code = service.stop()
        outcome.seconds = time.monotonic() - began
    return outcome


def _predict_until_refused(port: int, body: bytes, expected: Any) -> Counter[str]:
    seen: Counter[str] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        while True:
            try:
                connection.connect()
            except ConnectionRefusedError:
                return seen
            try:
                while connection.sock is not None:  # it is None after a response that closes the connection
                    connection.request("POST", "/v1/models/shutting-down/predictions", body, JSON)
                    with connection.getresponse() as response:
                        content = response.read()
                    right = response.status == 200 and orjson.loads(content) == expected
                    seen[CORRECT if right else WRONG] += 1
            except (OSError, http.client.HTTPException):
                seen[CUT_OFF] += 1
                connection.close()


def _follow(port: int, job_id: str, opened: threading.Semaphore) -> Counter[str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", f"/v1/training-jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
        with connection.getresponse() as response:
            response.read1()
            opened.release()
            try:
                while response.read1():
                    pass
            except (OSError, http.client.HTTPException):
                return Counter({STREAM_CUT_OFF: 1})
            return Counter({ENDED: 1})


@contextmanager
def _clients(clients: Sequence[Callable[[], Counter[str]]], seen: Counter[str]) -> Iterator[None]:
    """Run each client in a thread, and add what they have seen at the end of the block."""
    with ThreadPoolExecutor(len(clients)) as pool:
        running = [pool.submit(client) for client in clients]
        yield
        for client in running:
            seen.update(client.result())


def check_job(service: RunningService, job_id: str) -> None:
    """The job continues as the same attempt, and has every epoch once. Raises AssertionError."""
    client = service.client
    before = client.job(job_id)["progress"]["epoch"]
    wait_for(lambda: (job := client.job(job_id))["status"] == "running" and job["progress"]["epoch"] > before, 120)
    job = client.job(job_id)
    assert job["attempt"] == 1, job
    assert before > 0
    epochs = [epoch["epoch"] for epoch in client.get(f"/v1/training-jobs/{job_id}/metrics")["epochs"]]
    assert epochs == list(range(1, len(epochs) + 1))


def main(times: int) -> None:
    """Print a line for each time, and exit with code 1 if a client saw a fault."""
    faults = 0
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder)) as service:
        job_id = prepare(service.client)
        for _ in range(times):
            outcome = shut_down(service, job_id, CONNECTIONS, STREAMS)
            print(outcome, flush=True)
            faults += outcome.faults + (outcome.seconds > 10) + bool(outcome.exit_code)
            service.start()
            check_job(service.wait_until_ready(), job_id)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
