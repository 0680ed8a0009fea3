"""Thirty clients that each create a model and a training job at the same moment, over HTTP.

    python -m benchmarks.crowded_start [CLIENTS]

Each client posts a small network without waiting for its build, and its job right after. For models and jobs: the time
from the first POST until the first, the median and the last of them is ready or has its first epoch. A client that gets
a 409 retries, as a service would need it whose jobs don't wait; the 409s are counted.

The environment's FITSERVE_… settings apply, such as FITSERVE_BUILD_SLOTS and FITSERVE_WORKER_SLOTS.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from tests.running_service import Client, running_service, wait_for

CLIENTS = 30
EPOCHS = 3
DATASET = {"name": "circles", "source": "circles", "parameters": {"samples": 500, "seed": 7}}
RETRY_SECONDS = 0.1


def network(number: int) -> dict[str, Any]:
    """A network of its own for each client."""
    return {
        "name": f"m{number}", "task": "binary", "input": {"shape": [2]},
        "layers": [{"type": "Dense", "units": 8 + number, "activation": "relu"},
                   {"type": "Dense", "units": 8, "activation": "relu"},
                   {"type": "Dense", "units": 1, "activation": "sigmoid"}],
        "optimizer": "adam", "loss": "binary_crossentropy", "metrics": ["accuracy"],
    }  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """One client's model and job; moments on the system clock, as the service's timestamps are."""

    posted: float
    built: float
    first_epoch: float
    ended: float
    refusals: int


def post_job(base_url: str, number: int, begin: Callable[[], Any]) -> tuple[float, str, int]:
    """Post a model and its job; returns the moment of the first POST, the job's path, and the number of 409s."""
    client, refusals = Client(base_url), 0
    begin()
    posted = time.time()
    client.post("/v1/models", network(number), expect=202, wait=0)
    job = {"model": f"m{number}", "dataset": "circles", "epochs": EPOCHS, "seed": 7}
    while (response := client.request("POST", "/v1/training-jobs", json=job)).status_code == requests.codes.conflict:
        refusals += 1
        time.sleep(RETRY_SECONDS)
    assert response.status_code == requests.codes.accepted, response.text
    return posted, response.json()["links"]["self"], refusals


def watch_build(base_url: str, number: int) -> float:
    """Wait until a model is ready; returns that moment."""
    client = Client(base_url)
    while client.get(f"/v1/models/m{number}", headers={"Prefer": "wait=60"})["status"] == "building":
        pass
    return time.time()


def run_client(base_url: str, number: int, begin: Callable[[], Any]) -> Outcome:
    posted, job, refusals = post_job(base_url, number, begin)
    built = watch_build(base_url, number)
    client = Client(base_url)
    wait_for(lambda: client.get(job, headers={"Prefer": "wait=60"})["finished_at"], 600)
    events = client.get(f"{job}/events?limit=100")["items"]
    epochs = [event["at"] for event in events if event["type"] == "epoch"]
    ended = [event["at"] for event in events if event["type"] == "transition"]
    return Outcome(posted, built, moment(epochs[0]), moment(ended[-1]), refusals)


def moment(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


def describe(what: str, seconds: Sequence[float]) -> str:
    first, middle, last = min(seconds), statistics.median(seconds), max(seconds)
    return f"{what:<28} first {first:6.2f} s   median {middle:6.2f} s   last {last:6.2f} s"


def main(clients: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = {name for name in os.environ if name.startswith("FITSERVE_")}
        settings: dict[str, Any] = {name.removeprefix("FITSERVE_").lower(): os.environ[name] for name in given}
        with running_service(Path(folder), **settings) as service, ThreadPoolExecutor(clients) as pool:
            service.client.post("/v1/datasets", DATASET)
            begin = threading.Barrier(clients).wait
            running = [pool.submit(run_client, service.client.base_url, n, begin) for n in range(clients)]
            outcomes = [each.result() for each in running]
    start = min(outcome.posted for outcome in outcomes)
    print(f"{clients} clients, {sum(outcome.refusals for outcome in outcomes)} answers with 409")
    print(describe("model ready after", [outcome.built - start for outcome in outcomes]))
    print(describe("first epoch after", [outcome.first_epoch - start for outcome in outcomes]))
    print(describe("job ended after", [outcome.ended - start for outcome in outcomes]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CLIENTS)
