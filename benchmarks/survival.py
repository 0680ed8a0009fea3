"""Crashes, full queues, the latency of orders, and the overhead of jobs, over HTTP against services of their own.

    python -m benchmarks.survival [kills queue orders cost] [--jobs N] [--rows N] [--rounds N] [--seed N]
        [--between SECONDS SECONDS]

`kills` kills processes at random moments; `queue` fills the queue; `orders` sends orders during a long epoch; `cost`
compares a job with the bare training. MNIST and CIFAR-10 are read from `mnist.npz` and `cifar10-images.zip` in
FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import argparse
import contextlib
import hashlib
import io
import random
import statistics
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.training_jobs import JOBS, mnist
from benchmarks.training_speed import measure_apart
from tests.journeys.specs import CIFAR_CONVOLUTIONAL, DIGITS, RINGS, RINGS_DATASET, STATEFUL
from tests.reference_data import DATA, make_keras_home
from tests.running_service import FINAL, Client, RunningService, running_service, wait_for

Rows = Iterator[tuple[str, str]]

SEEDS = 10
MOONS = {
    "name": "moons",
    "source": "moons",
    "parameters": {"samples": 30_000, "noise": 0.2, "seed": 7},
    "split": {"validation": 0.1, "test": 0.1, "seed": 7},
}
EPOCHS = 24
LOOK_SECONDS = 0.05
JOBS_SECONDS = 3600
TIDY_SECONDS = 15

PRIORITIES = (1, 5, 9)
QUEUED_EPOCHS = 60

FEW_ROWS = 2_000
LONG_BATCH = 32

COST_TRAINING, COST_VALIDATION = 54_000, 6_000


class Killer(threading.Thread):
    """Kills a job's process, the fork server or the supervisor, at random moments while jobs run."""

    def __init__(self, service: RunningService, seed: int, between: tuple[float, float]) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._between = between
        self.kills: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._ending = threading.Event()
        self._victims: dict[str, Callable[[], psutil.Process]] = {
            "job's process": lambda: self._random.choice(service.job_processes()),
            "fork server": service.fork_server,
            "supervisor": lambda: service.part("worker"),
        }

    def run(self) -> None:
        while not self._ending.is_set():
            self._let_jobs_run(self._random.uniform(*self._between))
            kind = self._random.choice(list(self._victims))
            with contextlib.suppress(psutil.Error, LookupError, StopIteration):  # it ended at this very moment
                self._victims[kind]().kill()
                self.kills[kind] += 1

    def _let_jobs_run(self, seconds: float) -> None:
        """Wait until jobs have had processes for that long."""
        while seconds > 0 and not self._ending.wait(LOOK_SECONDS):
            with contextlib.suppress(psutil.Error, LookupError, StopIteration):
                seconds -= LOOK_SECONDS if self._service.job_processes() else 0

    def end(self) -> None:
        self._ending.set()
        self.join()


def kills(folder: Path, arguments: argparse.Namespace) -> Rows:
    """Jobs give the same results as undisturbed ones, although processes are killed at random moments."""
    with running_service(folder, worker_slots="2") as service:
        client = service.client
        client.post("/v1/datasets", MOONS)
        client.post("/v1/models", STATEFUL)
        count = arguments.jobs or 50
        seeds = range(1, min(SEEDS, count) + 1)
        began = time.monotonic()
        expected = [weights_of(client, job) for job in wait_for_all(client, start(client, seeds))]
        yield (
            "undisturbed",
            f"{len(seeds)} jobs in {time.monotonic() - began:.0f} s, {len(set(expected))} different weights",
        )
        versions_before = count_versions(client, STATEFUL["name"])
        killer, began = Killer(service, arguments.seed, arguments.between), time.monotonic()
        started = start(client, [seeds[number % len(seeds)] for number in range(count)])
        killer.start()
        ended = wait_for_all(client, started)
        killer.end()
        yield f"{count} jobs while processes are killed", f"{time.monotonic() - began:.0f} s"
        yield "kills", ", ".join(f"{kind} {number}" for kind, number in killer.kills.items())
        yield "attempts of a job", count_each(job["attempt"] for job in ended)
        yield "ended as", count_each(job["status"] for job in ended)
        for job in ended:
            if job["error"]:
                yield job["id"], job["error"]["detail"]
        succeeded = [(number, job) for number, job in enumerate(ended) if job["status"] == "succeeded"]
        yield "versions", str(count_versions(client, STATEFUL["name"]) - versions_before)
        equal = sum(weights_of(client, job) == expected[number % len(seeds)] for number, job in succeeded)
        yield "weights equal to the undisturbed", str(equal)
        yield from event_logs(client, [job for _, job in succeeded])
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not left_over(service), TIDY_SECONDS)
        yield "folders left over", count_each(left_over(service))


def start(client: Client, seeds: Any) -> list[str]:
    return [
        client.start_training("stateful", "moons", epochs=EPOCHS, seed=seed, checkpoint_seconds=1) for seed in seeds
    ]


def wait_for_all(client: Client, job_ids: list[str]) -> list[Any]:
    """Wait until all jobs are final, and return them in that order."""
    wait_for(lambda: all(is_final(client, job_id) for job_id in reversed(job_ids)), JOBS_SECONDS, "all jobs")
    return [client.job(job_id) for job_id in job_ids]


def is_final(client: Client, job_id: str) -> bool:
    final: bool = client.get(f"/v1/training-jobs/{job_id}", headers={"Prefer": "wait=10"})["status"] in FINAL
    return final


def weights_of(client: Client, job: dict[str, Any]) -> str:
    """The SHA-256 of the names and values of a version's weights."""
    response = client.request("GET", job["links"]["version"] + "/weights", headers={"Accept": "application/x-npz"})
    digest = hashlib.sha256()
    with np.load(io.BytesIO(response.content)) as arrays:
        for name in arrays.files:
            digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()


def count_versions(client: Client, model: str) -> int:
    return sum(1 for _ in client.items(f"/v1/models/{model}/versions"))


def count_each(things: Any) -> str:
    """How often each item occurs."""
    return ", ".join(f"{thing}: {number}" for thing, number in sorted(Counter(things).items())) or "none"


def event_logs(client: Client, jobs: list[Any]) -> Rows:
    """What the events report, and whether each epoch is reported exactly once."""
    every = list(range(1, EPOCHS + 1))
    gapless = complete = once = 0
    for job in jobs:
        events = list(client.items(job["links"]["events"]))
        told = [event["data"]["epoch"] for event in events if event["type"] == "epoch"]
        measured = [epoch["epoch"] for epoch in client.get(job["links"]["metrics"])["epochs"]]
        gapless += [event["seq"] for event in events] == list(range(1, len(events) + 1))
        complete += measured == every
        once += told == every
    yield "event logs without gaps", str(gapless)
    yield "metrics with every epoch once", str(complete)
    yield "event logs with every epoch once, in order", str(once)


def left_over(service: RunningService) -> list[str]:
    """The kind of each unreferenced item in the artifact store, while no job runs."""
    artifacts = service.data_dir / "artifacts"
    versions = count_versions(service.client, STATEFUL["name"])
    folders = len(list(artifacts.glob("models/*/*")))
    return [
        *("staged" for _ in artifacts.glob(".staging/*")),
        *("checkpoint" for _ in artifacts.glob("checkpoints/*")),
        *("removed" for _ in artifacts.glob(".removed/*")),
        *("version" for _ in range(folders - versions)),
    ]


def queue(folder: Path, arguments: argparse.Namespace) -> Rows:
    """A full queue is processed in order, without memory growth."""
    count = arguments.jobs or 200
    with running_service(folder) as service:
        client = service.client
        client.post("/v1/datasets", RINGS_DATASET)
        client.post("/v1/models", RINGS)
        client.train("rings", "rings", epochs=QUEUED_EPOCHS)
        before = memory(service)
        first = client.start_training("rings", "rings", epochs=100_000, priority=9)
        client.wait_for_first_epoch(first)
        random_ = random.Random(arguments.seed)
        began = time.monotonic()
        priorities = {
            client.start_training("rings", "rings", epochs=QUEUED_EPOCHS, priority=priority): priority
            for priority in random_.choices(PRIORITIES, k=count)
        }
        yield "queued", f"{count} jobs in {time.monotonic() - began:.1f} s"
        began = time.monotonic()
        client.patch(f"/v1/training-jobs/{first}", {"desired_status": "cancelled"})
        jobs = wait_for_all(client, list(priorities))
        yield "all ended", f"after {time.monotonic() - began:.0f} s"
        yield "ended as", count_each(job["status"] for job in jobs)
        by_start = [job["id"] for job in sorted(jobs, key=lambda job: job["started_at"])]
        wanted = sorted(priorities, key=lambda job_id: -priorities[job_id])
        yield "started in order of priority, then of age", str(by_start == wanted)
        after = memory(service)
        for part, size in before.items():
            yield f"memory of the {part} before and after (PSS)", f"{size:.0f} MB, {after[part]:.0f} MB"


def memory(service: RunningService) -> dict[str, float]:
    """Proportional set sizes in MB: of the supervisor, and of all api processes."""
    api = service.part("api")
    processes = {"supervisor": [service.part("worker")], "api": [api, *api.children(recursive=True)]}
    return {part: sum(one.memory_full_info().pss for one in several) / 1e6 for part, several in processes.items()}


def orders(folder: Path, arguments: argparse.Namespace) -> Rows:
    """The latency of orders during a long epoch; pausing doesn't change the result."""
    with running_service(folder / "var") as service:
        client = service.client
        client.post("/v1/models", CIFAR_CONVOLUTIONAL, wait=60)
        for name, rows in (("long", arguments.rows), ("few", FEW_ROWS)):
            post_pictures(client, folder / f"{name}.zip", name, rows)
        yield "rows and steps of the long epoch", f"{arguments.rows:,}, {-(-arguments.rows // LONG_BATCH):,}"
        yield from long_epoch(client)
        expected = weights_of(client, train_few(client, pause=False))
        paused = train_few(client, pause=True)
        told = " ".join(transition["status"] for transition in paused["transitions"])
        yield "a job that was paused and went on", told
        yield "its weights are those of an uninterrupted one", str(weights_of(client, paused) == expected)


def post_pictures(client: Client, path: Path, name: str, rows: int) -> None:
    """Create a dataset from the first images of each class."""
    with zipfile.ZipFile(DATA / "cifar10-images.zip") as source, zipfile.ZipFile(path, "w") as target:
        taken: Counter[str] = Counter()
        for picture in source.namelist():
            split, _, rest = picture.partition("/")
            class_ = f"{split}/{rest.partition('/')[0]}"
            if picture.endswith(".jpg") and taken[class_] < (rows // 10 if split == "train" else 20):
                taken[class_] += 1
                target.writestr(picture, source.read(picture))
    with path.open("rb") as file:
        client.request("POST", "/v1/datasets", data={"name": name}, files={"file": file})
    wait_for(lambda: client.get(f"/v1/datasets/{name}")["status"] == "ready", 600, "the dataset")


def long_epoch(client: Client) -> Rows:
    """The latency of each order during an epoch, from PATCH to effect."""
    for desired, effect in (("cancelled", "cancelled"), ("paused", "paused"), ("stopped", "succeeded")):
        job = client.start_training("cifar-convolutional", "long", epochs=2, batch_size=LONG_BATCH, seed=7)
        wait_for_step(client, job, 20)
        ordered = datetime.now(UTC)
        client.patch(f"/v1/training-jobs/{job}", {"desired_status": desired})
        ended = client.wait_for_status(job, effect, seconds=600)
        last = list(client.items(ended["links"]["events"]))
        changed = seconds_after(ordered, last[-1]["at"])
        if desired == "stopped":
            trained = max(event["at"] for event in last if event["type"] == "progress")
            yield "stopped: the training ended after", f"{seconds_after(ordered, trained):.2f} s"
            yield "stopped: the model was kept after", f"{changed:.2f} s"
        else:
            yield f"{desired} after", f"{changed:.2f} s, in epoch {describe_position(ended)}"
        if desired == "paused":
            client.patch(f"/v1/training-jobs/{job}", {"desired_status": "cancelled"})


def wait_for_step(client: Client, job: str, step: int) -> None:
    wait_for(lambda: (client.job(job)["progress"] or {}).get("step", 0) > step, 300, "steps")


def describe_position(job: dict[str, Any]) -> str:
    progress = job["progress"]
    return f"{progress['epoch']} at step {progress['step']} of {progress['steps']}"


def seconds_after(moment: datetime, at: str) -> float:
    return (datetime.fromisoformat(at) - moment).total_seconds()


def train_few(client: Client, *, pause: bool) -> Any:
    """Train on few rows, with or without a pause in the first epoch."""
    job = client.start_training("cifar-convolutional", "few", epochs=2, batch_size=LONG_BATCH, seed=7)
    if pause:
        wait_for_step(client, job, 2)
        client.patch(f"/v1/training-jobs/{job}", {"desired_status": "paused"})
        client.wait_for_status(job, "paused")
        client.patch(f"/v1/training-jobs/{job}", {"desired_status": "running"})
    return client.wait_for_status(job, "succeeded", seconds=600)


def cost(folder: Path, arguments: argparse.Namespace) -> Rows:
    """The MNIST job with events, validation and a checkpoint every second, compared with its training alone."""
    rows = folder / "rows.npz"
    np.savez(rows, **asdict(mnist(COST_TRAINING)))
    share = COST_VALIDATION / (COST_TRAINING + COST_VALIDATION)
    with running_service(folder / "var", make_keras_home(folder)) as service:
        client = service.client
        dataset = {"name": "mnist", "source": "mnist", "split": {"validation": share, "seed": 7}}
        splits = client.post("/v1/datasets", dataset, wait=60)["splits"]
        yield "rows", f"{splits['train']:,} to train on, {splits['validation']:,} to validate on"
        client.post("/v1/models", DIGITS)
        sides: list[tuple[float, float]] = []
        for number in range(arguments.rounds):
            bare = measure_apart("mnist", "fitserve", rows, None)
            started = client.start_training(
                "digits-mlp", "mnist", epochs=JOBS["mnist"].epochs, batch_size=128, seed=7, checkpoint_seconds=1
            )
            (job,) = wait_for_all(client, [started])
            ours = sum(epoch["seconds"] for epoch in client.get(job["links"]["metrics"])["epochs"])
            kept = sum(event["type"] == "checkpoint" for event in client.items(job["links"]["events"]))
            yield (
                f"round {number + 1}: bare, in the service",
                f"{bare['seconds']:.2f} s ({bare['execution']}), {ours:.2f} s ({job['execution']}, {kept} checkpoints)",
            )
            sides.append((bare["seconds"], ours))
        ratios = statistics.median(ours / bare for bare, ours in sides)
        medians = [statistics.median(side) for side in zip(*sides, strict=True)]
        yield (
            "medians; what everything around the training adds",
            (
                f"{medians[0]:.2f} s, {medians[1]:.2f} s; {medians[1] / medians[0] - 1:+.1%} "
                f"(median of the rounds' own: {ratios - 1:+.1%})"
            ),
        )


PARTS: dict[str, Callable[[Path, argparse.Namespace], Rows]] = {
    part.__name__: part for part in (kills, queue, orders, cost)
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--jobs", type=int, help="jobs of `kills` (50) and `queue` (200)")
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the long epoch of `orders`")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of `cost`; the median counts")
    parser.add_argument(
        "--between",
        type=float,
        nargs=2,
        default=(1.5, 5.0),
        metavar="SECONDS",
        help="least and most between two `kills`",
    )
    parser.add_argument("--seed", type=int, default=7, help="draws moments, victims and priorities")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    print(f"{psutil.cpu_count()} cores, seed {arguments.seed}\n\n| part | what | figure |\n| --- | --- | --- |")
    for name in arguments.parts or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            for what, figure in PARTS[name](Path(folder), arguments):
                print(f"| {name} | {what} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
