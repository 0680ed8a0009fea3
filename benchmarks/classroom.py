"""Projects that use the same names at the same moment: whether each has its own resources, and how long it takes.

    python -m benchmarks.classroom [--projects 30] [--predictions 100]

Each project has a key. With it, it creates the dataset and the model `line`, trains the model, and predicts in every
protocol. The targets of each dataset have a slope of their own, so a prediction shows whose model made it. Afterwards,
each key's lists must have its project's resources alone, and the ids of the others' jobs must be unknown to it.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from fitserve_client import Client, RequestFailed
from tests.running_service import run_command, running_service

NAME = "line"
INPUTS = (-2, -1, 1, 2)
MODEL = {
    "name": NAME,
    "task": "regression",
    "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1}],
    "optimizer": {"type": "SGD", "learning_rate": 0.1},
    "loss": "mean_squared_error",
}
EPOCHS = 20
"""After which the weight differs from the slope by less than a millionth."""
ASKED = 10.0
TOLERANCE = 0.1
"""Between a prediction and what the line gives. The slopes of projects differ by 1, so their predictions by ASKED."""
MOST_SECONDS = 3600


@dataclass
class Member:
    """A project, its key, and the slope of its line."""

    url: str
    project: str
    key: str
    slope: int
    job: str = ""
    trained_after: float = 0.0
    """Seconds from the first request to the end of the training."""
    predicted_in: list[float] = field(default_factory=list)
    """Seconds of each prediction."""
    faults: list[str] = field(default_factory=list)
    """What was not as it must be."""

    @property
    def dataset(self) -> dict[str, Any]:
        """The project's rows."""
        targets = [[self.slope * x] for x in INPUTS]
        return {"name": NAME, "source": "inline", "inputs": [[x] for x in INPUTS], "targets": targets}

    def work(self, begin: Callable[[], Any], predictions: int) -> None:
        """Create, train and predict as soon as all others have come."""
        try:
            with Client(self.url, key=self.key) as client:
                begin()
                started = time.monotonic()
                self._train(client)
                self.trained_after = time.monotonic() - started
                for _ in range(predictions):
                    self._predict(client)
            for protocol, found in predict_in_all_protocols(self.url, self.key).items():
                self._compare(protocol, found)
        except (RequestFailed, requests.RequestException, TimeoutError) as error:
            self.faults.append(f"failed: {error}")

    def _train(self, client: Client) -> None:
        client.datasets.create(self.dataset)
        client.models.create(MODEL)
        self.job = client.training_jobs.create(NAME, NAME, EPOCHS, seed=7)["id"]
        ended = client.training_jobs.wait(self.job, timeout=MOST_SECONDS)
        if ended["status"] != "succeeded":
            self.faults.append(f"the training ended as {ended['status']}: {ended['error']}")

    def _predict(self, client: Client) -> None:
        started = time.monotonic()
        found = client.predict(NAME, [[ASKED]])["predictions"][0]["value"]
        self.predicted_in.append(time.monotonic() - started)
        self._compare("native", found)

    def _compare(self, protocol: str, found: float) -> None:
        if abs(found - self.slope * ASKED) > TOLERANCE:
            self.faults.append(f"{protocol}: predicted {found} instead of {self.slope * ASKED}")

    def look_around(self, others: Sequence["Member"]) -> None:
        """Note what the key sees of the others' projects, which must be nothing."""
        with Client(self.url, key=self.key) as client:
            seen = {
                "datasets": [item["name"] for item in client.datasets.list()],
                "models": [item["name"] for item in client.models.list()],
                "jobs": [item["id"] for item in client.training_jobs.list()],
            }
            if seen != {"datasets": [NAME], "models": [NAME], "jobs": [self.job]}:
                self.faults.append(f"sees {seen}")
            for other in others:
                try:
                    client.training_jobs.get(other.job)
                except RequestFailed as error:
                    if error.status == requests.codes.not_found:
                        continue
                self.faults.append(f"can read a job of {other.project}")


def predict_in_all_protocols(url: str, key: str) -> dict[str, float]:
    """The prediction for ASKED by each protocol's endpoint. Raises requests.HTTPError."""

    def post(path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        response = requests.post(url + path, json=body, headers=headers, timeout=60)
        response.raise_for_status()
        return response.json()

    rows = {"instances": [[ASKED]]}
    tensor = {"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [ASKED]}
    return {
        "native": post(f"/v1/models/{NAME}/predictions", rows)["predictions"][0]["value"],
        "TensorFlow Serving": post(f"/v1/models/{NAME}:predict", rows)["predictions"][0][0],
        "KServe v2": post(f"/v2/models/{NAME}/infer", {"inputs": [tensor]})["outputs"][0]["data"][0],
    }


def enrol(url: str, admin_key: str, projects: int, prefix: str = "seat") -> list[Member]:
    """Create so many projects with a key each."""
    members = []
    with Client(url, key=admin_key) as admin:
        for number in range(1, projects + 1):
            project = admin.projects.create(f"{prefix}-{number}")["name"]
            key = admin.api_keys.create(project, ["train"], project=project)["key"]
            members.append(Member(url, project, key, slope=number))
    return members


def work_at_once(members: Sequence[Member], predictions: int) -> None:
    """Have all members work at the same moment; afterwards, each looks for the others."""
    begin = threading.Barrier(len(members)).wait
    with ThreadPoolExecutor(len(members)) as pool:
        list(pool.map(lambda member: member.work(begin, predictions), members))
        list(pool.map(lambda member: member.look_around([one for one in members if one is not member]), members))


def describe(members: Sequence[Member]) -> Iterator[str]:
    """The figures, and every fault."""
    trained = [member.trained_after for member in members]
    first, median, last = min(trained), statistics.median(trained), max(trained)
    yield f"{len(members)} projects, trained after {first:.1f} s, median {median:.1f} s, last {last:.1f} s"
    milliseconds = [1000 * seconds for member in members for seconds in member.predicted_in]
    if len(milliseconds) > 1:
        p50, p99 = (statistics.quantiles(milliseconds, n=100)[at] for at in (49, 98))
        yield f"{len(milliseconds):,} predictions, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
    faults = [f"{member.project}: {fault}" for member in members for fault in member.faults]
    yield f"{len(faults)} faults"
    yield from faults


def main() -> int:
    """Measure. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--projects", type=int, default=30)
    parser.add_argument("--predictions", type=int, default=100, help="of each project")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = run_command("keys", "create", "operator", "--scope", "admin", data_dir=str(folder)).strip()
        with running_service(folder, key=key) as service:
            members = enrol(service.client.base_url, key, arguments.projects)
            work_at_once(members, arguments.predictions)
    print(*describe(members), sep="\n")
    return int(any(member.faults for member in members))


if __name__ == "__main__":
    sys.exit(main())
