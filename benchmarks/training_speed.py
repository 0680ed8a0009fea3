"""How much faster Fitserve trains than `keras.Model.fit`, with the same network, rows and batches.

    python -m benchmarks.training_speed [JOB …] [--rounds 3] [--peers] [--bfloat16]

Every measurement is a fresh process, the sides taking turns. Tracing and compiling are measured, importing and
building are not. Fitserve takes the execution that `auto` would. With `--peers`, JAX and PyTorch stand in the same
table, with a dash for the jobs that they don't have; their environment (benchmarks/peers/requirements.txt) is made on
first use. With `--bfloat16`, a job of which layers can compute in bfloat16 has a second line for it, with Fitserve and
PyTorch in bfloat16, and `Model.fit` and JAX as above. Pictures and digits are read from `cifar10-images.zip` and
`mnist.npz` in FITSERVE_TEST_DATA, or in `../shared/data`.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.environments import DEFAULT_FOLDER, python_of
from benchmarks.training_jobs import JOBS, SEED, Job
from models.limits import Limits
from models.spec import SINGLE_INPUT, NetworkSpec
from models.training.execution import choose_execution
from models.training.plan import (
    BFLOAT16,
    FLOAT32,
    Arrays,
    Checkpoint,
    Command,
    EpochResult,
    Order,
    Progress,
    TrainingPlan,
)
from models.training.precision import find_bfloat16_layers
from tests.reference_data import DATA


class Side(NamedTuple):
    """A program that trains, in a precision."""

    program: str
    precision: str = FLOAT32


FIT, JAX = Side("fit"), Side("jax")
OWN = ("fit", "fitserve")
PEERS = {"jax": "jax_scan.py", "torch": "torch_loop.py"}


class Unwatched:
    """An observer that wants nothing."""

    def on_progress(self, progress: Progress) -> None:
        pass

    def on_epoch(self, result: EpochResult) -> None:
        pass

    def on_order(self, order: Order, step: int) -> None:
        pass

    def on_checkpoint(self, checkpoint: Checkpoint) -> None:
        pass

    def command(self) -> Command:
        return Command.RUN

    def orders(self) -> list[Order]:
        return []

    def may_end(self) -> bool:
        return True


def prepare(job: Job, rows: int, epochs: int, seed: int, precision: str) -> tuple[Any, TrainingPlan]:
    """The network of a job with so many training rows, and the plan by which Fitserve trains it."""
    from models.building import build_network

    spec = NetworkSpec.from_document(job.document)
    network = build_network(spec, Limits(), seed=seed)
    execution, _ = choose_execution(spec, rows, job.batch_size, epochs, network.count_params())
    lowered = find_bfloat16_layers(spec) if precision == BFLOAT16 else ()
    return network, TrainingPlan(epochs, job.batch_size, True, seed, execution, fused=True, bfloat16_layers=lowered)


def measure(name: str, side: Side, path: Path) -> dict[str, Any]:
    """Train once in this process: the seconds, and what the network then does on the test rows."""
    from models.training.evaluation import NetworkEvaluation
    from models.training.loop import train

    job = JOBS[name]
    with np.load(path) as data:
        training, test = (Arrays({SINGLE_INPUT: data[x]}, data[y]) for x, y in (("x", "y"), ("x_test", "y_test")))
    network, plan = prepare(job, training.rows, job.epochs, SEED, side.precision)
    start = time.perf_counter()
    if side == FIT:
        inputs = training.inputs[SINGLE_INPUT]
        network.fit(inputs, training.targets, batch_size=job.batch_size, epochs=job.epochs, verbose=0)
    else:
        train(network, training, None, plan, Unwatched())
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "execution": plan.execution, "test": NetworkEvaluation(network).evaluate(test, 1024)}


def compare(name: str, rounds: int, peers: str | None, bfloat16: bool) -> Iterator[str]:
    """The table's lines for a job: one for each precision."""
    job = JOBS[name]
    lowers = bfloat16 and find_bfloat16_layers(NetworkSpec.from_document(job.document))
    precisions = (FLOAT32, BFLOAT16) if lowers else (FLOAT32,)
    sides = [FIT, *(Side("fitserve", precision) for precision in precisions)]
    if peers and job.has_peers:
        sides += [JAX, *(Side("torch", precision) for precision in precisions)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.npz"
        np.savez(path, **asdict(job.load()))
        runs = [{side: measure_apart(name, side, path, peers) for side in sides} for _ in range(rounds)]
    yield from (describe(name, precision, runs) for precision in precisions)


def describe(name: str, precision: str, runs: list[dict[Side, dict[str, Any]]]) -> str:
    """The table's line for a job in a precision; `fit` and JAX are those in float32."""
    fitserve, torch = Side("fitserve", precision), Side("torch", precision)
    seconds = {side: statistics.median(run[side]["seconds"] for run in runs) for side in runs[0]}
    ratio = statistics.median(run[FIT]["seconds"] / run[fitserve]["seconds"] for run in runs)
    last = runs[-1]
    figure = "accuracy" if "accuracy" in last[FIT]["test"] else "loss"
    figures = " / ".join(f"{last[side]['test'][figure]:.4g}" for side in (FIT, fitserve))
    others = [f"{seconds[side]:.2f} s" if side in seconds else "–" for side in (JAX, torch)]
    cells = [name, precision, f"{seconds[FIT]:.2f} s", f"{seconds[fitserve]:.2f} s", f"{ratio:.1f}"]
    return "| " + " | ".join([*cells, last[fitserve]["execution"], *others, f"{figure} {figures}"]) + " |"


def measure_apart(name: str, side: Side, path: Path, peers: str | None) -> dict[str, Any]:
    """Measure in a process of its own."""
    job = JOBS[name]
    if side.program in PEERS:
        script = Path(__file__).parent / "peers" / PEERS[side.program]
        command = [str(peers), str(script), name, str(path), str(job.batch_size), str(job.epochs)]
        if side.precision == BFLOAT16:
            command.append(BFLOAT16)
    else:
        command = [sys.executable, "-m", "benchmarks.training_speed", name, "--measure", *side, "--rows", str(path)]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", nargs="*", metavar="JOB", help=", ".join(JOBS))
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each side; the median counts")
    parser.add_argument("--peers", action="store_true", help="measure JAX and PyTorch too")
    parser.add_argument("--environments", type=Path, default=DEFAULT_FOLDER, help="where their environment is kept")
    parser.add_argument("--bfloat16", action="store_true", help="measure bfloat16 too")
    parser.add_argument(
        "--measure", nargs=2, metavar=("|".join(OWN), "PRECISION"), help="measure one side in this process"
    )
    parser.add_argument("--rows", type=Path, help="the rows that --measure takes")
    arguments = parser.parse_args()
    if unknown := set(arguments.jobs) - set(JOBS):
        parser.error(f"no such job: {', '.join(sorted(unknown))}; there are {', '.join(JOBS)}")
    if arguments.measure:
        print(json.dumps(measure(arguments.jobs[0], Side(*arguments.measure), arguments.rows)))
        return
    columns = ["job", "precision", "`Model.fit`", "Fitserve", "times as fast", "execution", "JAX", "PyTorch"]
    print("| " + " | ".join([*columns, "test rows, `fit` / Fitserve"]) + " |")
    print("| --- " * (len(columns) + 1) + "|")
    peers = python_of("training", arguments.environments) if arguments.peers else None
    for name in arguments.jobs or JOBS:
        needs = JOBS[name].needs
        if needs and not (DATA / needs).is_file():
            print(
                f"{name} is left out: {DATA / needs} is absent; FITSERVE_TEST_DATA can name its folder", file=sys.stderr
            )
            continue
        for line in compare(name, arguments.rounds, peers, arguments.bfloat16):
            print(line, flush=True)


if __name__ == "__main__":
    main()
