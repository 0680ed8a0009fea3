"""What snapshots cost: the same training with and without them.

    python -m benchmarks.snapshots [JOB …] [--pairs 7]

Each training is a fresh process that runs the task of a training job and reports to this one through a pipe, as to a
worker; both sides take turns. From the first step to the last, its CPU time and its wall time are measured, with
tracing and the graph of the snapshots. Every epoch has a snapshot. The figures are medians, and the medians of the
ratios of each pair. MNIST is read from `mnist.npz` in FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from benchmarks.training_jobs import SEED
from models.jobs.assignment import Runtime
from models.jobs.training import SnapshotsRequest, TrainingAssignment, TrainingRequest
from models.limits import Limits
from models.spec import NetworkSpec
from service.worker.child import PipeChannel
from tests.journeys.specs import DIGITS, RINGS, RINGS_DATASET
from tests.models.made_datasets import make_dataset
from tests.reference_data import DATA, make_keras_home

SNAPSHOT_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Job:
    """A network, the dataset that it is trained on, and how."""

    document: dict[str, Any]
    dataset: dict[str, Any]
    batch_size: int
    epochs: int
    needs: str | None = None
    """The file of DATA with the rows; None if they are generated."""


JOBS = {
    "mnist": Job(DIGITS, {"source": "mnist"}, batch_size=128, epochs=5, needs="mnist.npz"),
    "rings": Job(RINGS, RINGS_DATASET, batch_size=32, epochs=500),
}


class Watch(PipeChannel):
    """Measures from the first step to the last, and sends what a worker would get."""

    begin: tuple[float, float]
    figures: dict[str, float]

    def baseline(self, metrics: dict[str, float]) -> None:
        super().baseline(metrics)
        self.begin = time.process_time(), time.perf_counter()

    def may_end(self) -> bool:
        cpu, wall = self.begin
        self.figures = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        return True


def measure(name: str, folder: Path, *, snapshots: bool) -> dict[str, float]:
    """Train once in this process: CPU seconds and seconds. `folder` has the dataset."""
    from models.tasks import training

    job, kept = JOBS[name], SnapshotsRequest(1, 1_000) if snapshots else None
    here, there = Pipe()
    threading.Thread(target=_drain, args=(there,), daemon=True).start()
    channel = Watch(here)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        assignment = TrainingAssignment(
            spec=NetworkSpec.from_document(job.document), dataset=folder / job.dataset["source"], limits=Limits(),
            runtime=Runtime(resident_bytes=2**30), snapshots=Path(made) / "snapshots", snapshot_bytes=SNAPSHOT_BYTES,
            request=TrainingRequest(
                name, name, epochs=job.epochs, seed=SEED, batch_size=job.batch_size, execution="graph", snapshots=kept
            ),
        )  # fmt: skip
        version = Path(made) / "version"
        version.mkdir()
        training.run(assignment, version, channel)
    return channel.figures


def _drain(connection: Any) -> None:
    while True:
        connection.recv_bytes()


def measure_apart(name: str, folder: Path, *, snapshots: bool) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.snapshots", name, "--measure", str(folder)]
    command += ["--with-snapshots"] if snapshots else []
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    figures: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return figures


def compare(name: str, pairs: int) -> str:
    """The table's line for a job."""
    job, found = JOBS[name], []
    with tempfile.TemporaryDirectory() as folder:
        members = {member: value for member, value in job.dataset.items() if member != "name"}
        make_dataset(Path(folder), cache=make_keras_home(Path(folder)), **members)
        for number in range(pairs):
            sides = (True, False) if number % 2 else (False, True)
            found.append({side: measure_apart(name, Path(folder), snapshots=side) for side in sides})
    cells = [name, str(job.epochs)]
    for figure in ("cpu", "wall"):
        medians = [statistics.median(pair[side][figure] for pair in found) for side in (False, True)]
        ratio = statistics.median(pair[True][figure] / pair[False][figure] for pair in found)
        cells += [f"{seconds:.2f} s" for seconds in medians] + [f"{ratio:.3f}"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=", ".join(JOBS))
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--measure", type=Path, metavar="FOLDER", help="measure one side in this process")
    parser.add_argument("--with-snapshots", action="store_true", help="the side that --measure measures")
    arguments = parser.parse_args()
    if unknown := set(arguments.jobs) - set(JOBS):
        parser.error(f"no such job: {', '.join(sorted(unknown))}; there are {', '.join(JOBS)}")
    if arguments.measure:
        print(json.dumps(measure(arguments.jobs[0], arguments.measure, snapshots=arguments.with_snapshots)))
        return
    print("| job | epochs | CPU without | CPU with | ratio | wall without | wall with | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.jobs or JOBS:
        needs = JOBS[name].needs
        if needs and not (DATA / needs).is_file():
            print(f"{name} is left out: {DATA / needs} is absent", file=sys.stderr)
            continue
        print(compare(name, arguments.pairs), flush=True)


if __name__ == "__main__":
    main()
