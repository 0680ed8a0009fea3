"""How much faster Fitserve trains than `keras.Model.fit`, with the same network, rows and batches.

    python -m benchmarks.training_speed [line rings mnist] [--rounds 3]

Every measurement is a fresh process, the two sides taking turns. Tracing and compiling are measured, importing and
building are not. Fitserve takes the execution that `auto` would. MNIST is read from `mnist.npz` in FITSERVE_TEST_DATA,
or in `../shared/data`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.limits import Limits
from models.preprocessing.tensor_input import TensorInput
from models.spec import SINGLE_INPUT, NetworkSpec
from models.training.execution import choose_execution
from models.training.plan import Arrays, EpochResult, Progress, TrainingPlan
from tests.journeys.specs import DIGITS, LINE, LINE_DATASET, RINGS

MNIST = Path(os.environ.get("FITSERVE_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data") / "mnist.npz"
SEED = 7
SIDES = ("fit", "fitserve")


@dataclass(frozen=True)
class Job:
    """A network, what it is trained on, and for how long."""

    document: dict[str, Any]
    load: Callable[[], tuple[Arrays, Arrays]]
    """Training and test rows."""
    batch_size: int
    epochs: int


def line() -> tuple[Arrays, Arrays]:
    arrays = Arrays(
        {SINGLE_INPUT: np.array(LINE_DATASET["inputs"], np.float32)}, np.array(LINE_DATASET["targets"], np.float32)
    )
    return arrays, arrays


def rings() -> tuple[Arrays, Arrays]:
    from sklearn.datasets import make_circles

    inputs, classes = make_circles(1000, noise=0.05, factor=0.5, random_state=SEED)
    inputs, targets = inputs.astype(np.float32), classes.astype(np.float32)[:, None]
    return Arrays({SINGLE_INPUT: inputs[:600]}, targets[:600]), Arrays({SINGLE_INPUT: inputs[600:]}, targets[600:])


def mnist() -> tuple[Arrays, Arrays]:
    with np.load(MNIST) as data:
        scaled = TensorInput.fit(NetworkSpec.from_document(DIGITS).input, data["x_train"], "image")
        train, test = (
            Arrays(
                {SINGLE_INPUT: scaled.transform(data[f"x_{split}"])}, np.eye(10, dtype=np.float32)[data[f"y_{split}"]]
            )
            for split in ("train", "test")
        )
    return train, test


JOBS = {
    "line": Job(LINE, line, batch_size=32, epochs=500),
    "rings": Job(RINGS, rings, batch_size=32, epochs=50),
    "mnist": Job(DIGITS, mnist, batch_size=128, epochs=5),
}


class Unwatched:
    """An observer that wants nothing."""

    def on_progress(self, progress: Progress) -> None:
        pass

    def on_epoch(self, result: EpochResult) -> None:
        pass

    def stop_requested(self) -> bool:
        return False


def measure(name: str, side: str) -> dict[str, Any]:
    """Train once in this process: the seconds, and what the network then does on the test rows."""
    from models.building import build_network
    from models.training.evaluation import evaluate
    from models.training.loop import train

    job = JOBS[name]
    training, test = job.load()
    spec = NetworkSpec.from_document(job.document)
    network = build_network(spec, Limits(), seed=SEED)
    execution = choose_execution(spec, training.rows, job.batch_size, job.epochs, network.count_params())
    start = time.perf_counter()
    if side == "fit":
        inputs = training.inputs[SINGLE_INPUT]
        network.fit(inputs, training.targets, batch_size=job.batch_size, epochs=job.epochs, verbose=0)
    else:
        plan = TrainingPlan(job.epochs, job.batch_size, shuffle=True, seed=SEED, execution=execution)
        train(network, training, None, plan, Unwatched())
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "execution": execution, "test": evaluate(network, test, 1024)}


def compare(name: str, rounds: int) -> str:
    """The table's line for a job."""
    measured: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            measured[side].append(measure_apart(name, side))
    seconds = {side: statistics.median(run["seconds"] for run in runs) for side, runs in measured.items()}
    ratio = statistics.median(fit["seconds"] / ours["seconds"] for fit, ours in zip(*measured.values(), strict=True))
    figure = "accuracy" if "accuracy" in measured["fit"][0]["test"] else "loss"
    figures = " / ".join(f"{measured[side][-1]['test'][figure]:.4g}" for side in SIDES)
    execution = measured["fitserve"][0]["execution"]
    return (
        f"| {name} | {seconds['fit']:.2f} s | {seconds['fitserve']:.2f} s | {ratio:.1f} | {execution} "
        f"| {figure} {figures} |"
    )


def measure_apart(name: str, side: str) -> dict[str, Any]:
    """Measure in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training_speed", name, "--measure", side]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=", ".join(JOBS))
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side; the median counts")
    parser.add_argument("--measure", choices=SIDES, help="measure one side in this process")
    arguments = parser.parse_args()
    if unknown := set(arguments.jobs) - set(JOBS):
        parser.error(f"no such job: {', '.join(sorted(unknown))}; there are {', '.join(JOBS)}")
    if arguments.measure:
        print(json.dumps(measure(arguments.jobs[0], arguments.measure)))
        return
    print("| job | `Model.fit` | Fitserve | times as fast | execution | on test rows, `fit` / Fitserve |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in arguments.jobs or JOBS:
        if name == "mnist" and not MNIST.is_file():
            print(f"mnist is left out: {MNIST} is absent; FITSERVE_TEST_DATA can name another folder", file=sys.stderr)
            continue
        print(compare(name, arguments.rounds), flush=True)


if __name__ == "__main__":
    main()
