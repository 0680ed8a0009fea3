"""Where the time of a training step goes, operation by operation.

    python -m benchmarks.training_profile JOB [--execution graph|compiled] [--precision float32|bfloat16] [--steps 20]

Trains a job of benchmarks/training_jobs.py as Fitserve does, with the execution that `auto` takes unless one is named.
Prints the milliseconds of a step, measured without a profiler, then what TensorFlow's profiler recorded in an epoch of
`--steps` further steps: a table by type of operation and a table by layer. With `compiled`, the operations are XLA's,
which have no layers. Operations run concurrently and the profiler itself takes time, so a table adds up to more than
the step.
"""

import argparse
import re
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.training_jobs import JOBS, SEED, Job
from benchmarks.training_speed import Unwatched
from models.spec import SINGLE_INPUT, NetworkSpec
from models.training.execution import choose_execution
from models.training.plan import BFLOAT16, COMPILED, FLOAT32, GRAPH, PRECISIONS, Arrays, EpochResult, TrainingPlan
from models.training.precision import find_bfloat16_layers

MEASURED = 7
"""Epochs that are measured, after one in which the step is traced and compiled, and before the one that is profiled."""
PROFILED = MEASURED + 2
CONTAINERS = frozenset(
    {"Case", "If", "PartitionedCall", "StatefulPartitionedCall", "StatelessIf", "StatelessWhile", "While"}
)
XLA_CONTAINERS = frozenset({"call", "cond", "conditional", "while"})
"""Operations that run others, whose time would count twice."""
EXECUTOR = "ExecutorState::Process"
SMALL = "(small operations, executor)"
"""TensorFlow doesn't record operations that it takes for cheap; they run within its executor."""
OPTIMIZER = "(optimizer)"
OTHER = "(loss, metrics, rows)"


class Operation(NamedTuple):
    """One run of an operation."""

    type: str
    owner: str
    milliseconds: float


class Profiler(Unwatched):
    """An observer that measures the first epochs and has the last one profiled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.seconds: list[float] = []

    def on_epoch(self, result: EpochResult) -> None:
        import tensorflow as tf

        if 1 < result.epoch < PROFILED:
            self.seconds.append(result.seconds)
        if result.epoch == PROFILED - 1:
            tf.profiler.experimental.start(str(self._folder))
        elif result.epoch == PROFILED:
            tf.profiler.experimental.stop()


def profile(job: Job, execution: str | None, precision: str, steps: int, top: int) -> str:
    """Train the job's network; returns the report."""
    from models.building import build_network
    from models.limits import Limits
    from models.training.loop import train

    spec = NetworkSpec.from_document(job.document)
    network = build_network(spec, Limits(), seed=SEED)
    data = job.load()
    if execution is None:
        choice = choose_execution(spec, len(data.x), job.batch_size, job.epochs, network.count_params())
        execution = choice.execution
    rows = Arrays({SINGLE_INPUT: repeated(data.x, steps * job.batch_size)}, repeated(data.y, steps * job.batch_size))
    lowered = find_bfloat16_layers(spec) if precision == BFLOAT16 else ()
    plan = TrainingPlan(PROFILED, job.batch_size, True, SEED, execution, fused=True, bfloat16_layers=lowered)
    with tempfile.TemporaryDirectory() as folder:
        profiler = Profiler(Path(folder))
        train(network, rows, None, plan, profiler)
        owners = {network.optimizer.name: OPTIMIZER} | {layer.name: layer.name for layer in network.layers}
        operations = list(read_operations(Path(folder), owners))
    step = statistics.median(profiler.seconds) / steps * 1e3
    tables = [table("operation", ((each.type, each.milliseconds) for each in operations), steps, top)]
    if execution == GRAPH:
        tables.append(table("layer", ((each.owner, each.milliseconds) for each in operations), steps, top))
    return "\n\n".join([f"{execution}, {precision}: {step:.2f} ms a step of {job.batch_size} rows", *tables])


def repeated(values: np.ndarray, rows: int) -> np.ndarray:
    """The first rows of an array; those of a small one several times."""
    return np.resize(values, (rows, *values.shape[1:]))


def read_operations(folder: Path, owners: dict[str, str]) -> Iterator[Operation]:
    """The operations in the profile that TensorFlow wrote into the folder; `owners` by the names of their scopes."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    (path,) = folder.rglob("*.xplane.pb")
    space.ParseFromString(path.read_bytes())
    for plane in space.planes:
        names = {key: metadata.name for key, metadata in plane.event_metadata.items()}
        stats = {key: metadata.name for key, metadata in plane.stat_metadata.items()}
        for line in plane.lines:
            for event, picoseconds in own_times(line.events):
                of_xla = any(stats[stat.metadata_id] == "hlo_op" for stat in event.stats)
                if operation := to_operation(names[event.metadata_id], of_xla, owners):
                    yield Operation(*operation, picoseconds / 1e9)


def own_times(events: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """The events of a thread, each with its picoseconds outside the events within it."""
    running: list[tuple[Any, int]] = []
    for event in sorted(events, key=lambda event: (event.offset_ps, -event.duration_ps)):
        while running and running[-1][0].offset_ps + running[-1][0].duration_ps <= event.offset_ps:
            yield running.pop()
        if running:
            around, rest = running[-1]
            running[-1] = around, rest - event.duration_ps
        running.append((event, event.duration_ps))
    yield from running


def to_operation(name: str, of_xla: bool, owners: dict[str, str]) -> tuple[str, str] | None:
    """The type and the owner of what the profiler calls `name`; None if it is no operation, or runs others.

    TensorFlow's names are `while/network/dense/MatMul:MatMul`; XLA's are `add_tanh_fusion.3`.
    """
    if name == EXECUTOR:
        return SMALL, SMALL
    if of_xla:
        kind = re.sub(r"(_\d+)?[.\d]*$", "", name)
        return None if kind in XLA_CONTAINERS else (kind, "")
    match = re.fullmatch(r"([^:]+):(_?[A-Z]\w*)", name)
    if match is None or match[2] in CONTAINERS:
        return None
    return match[2].removeprefix("_Mkl").removeprefix("Native"), find_owner(match[1], owners)


def find_owner(path: str, owners: dict[str, str]) -> str:
    """What an operation belongs to, by the scopes of its path. The training step is the second trace of the network, so
    TensorFlow has appended a number to the name of each layer: `dense_1` is `dense`, and `dense_1_2` is `dense_1`."""
    for scope in path.split("/"):
        owner = owners.get(re.sub(r"_\d+$", "", scope)) or owners.get(scope)
        if owner:
            return owner
    return OTHER


def table(title: str, runs: Iterable[tuple[str, float]], steps: int, top: int) -> str:
    """Milliseconds and calls of a step for each name, the longest first."""
    milliseconds, calls = defaultdict[str, float](float), Counter[str]()
    for name, duration in runs:
        milliseconds[name] += duration
        calls[name] += 1
    total = sum(milliseconds.values())
    lines = [f"| {title} | ms a step | calls a step | share |", "| --- | ---: | ---: | ---: |"]
    longest = sorted(milliseconds.items(), key=lambda item: -item[1])
    for name, duration in longest[:top]:
        lines.append(f"| {name} | {duration / steps:.3f} | {calls[name] / steps:.1f} | {duration / total:.1%} |")
    if rest := sum(duration for _, duration in longest[top:]):
        lines.append(f"| {len(longest) - top} more | {rest / steps:.3f} | | {rest / total:.1%} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=JOBS, metavar="JOB", help=", ".join(JOBS))
    parser.add_argument("--execution", choices=(GRAPH, COMPILED), help="left out: what `auto` takes for the whole job")
    parser.add_argument("--precision", choices=PRECISIONS, default=FLOAT32)
    parser.add_argument("--steps", type=int, default=20, help="steps of each epoch that is measured or profiled")
    parser.add_argument("--top", type=int, default=20, help="lines of a table")
    arguments = parser.parse_args()
    print(profile(JOBS[arguments.job], arguments.execution, arguments.precision, arguments.steps, arguments.top))


if __name__ == "__main__":
    main()
