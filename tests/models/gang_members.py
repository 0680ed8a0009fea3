"""The members of a gang of three in processes of their own, and the trainings that they do with the leader:
`python -m tests.models.gang_members PORT` follows the leader through all of them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np

from models.training.gangs.gang import ALONE, Gang, Membership
from models.training.gangs.links import gathered
from models.training.loop import train
from models.training.plan import Arrays, StreamedArrays, TrainingPlan
from tests.models.training_networks import Recorder, classifier, compiled, labelled_rows, plan

HOSTS = 3
BATCH = 4
"""The rows of a step of each member."""


def membership(rank: int, port: int, seconds: float = 240) -> Membership:
    return Membership(rank, HOSTS, "127.0.0.1", port, "secret", seconds)


def start_followers(port: int) -> subprocess.Popen[bytes]:
    """Start all members but the leader; the process ends when they have."""
    return subprocess.Popen([sys.executable, "-m", "tests.models.gang_members", str(port)])


def dense() -> keras.Model:
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, activation="relu", kernel_regularizer="l2"), keras.layers.Dense(3)]
    network = compiled((4,), [*layers, keras.layers.Softmax()], "adam")
    metrics = ["accuracy", keras.metrics.AUC(name="auc"), keras.metrics.F1Score()]
    network.compile("adam", "categorical_crossentropy", metrics=metrics, jit_compile=False)
    return network


def normalized() -> keras.Model:
    """Convolution and BatchNormalization. Biases before a normalization have no gradient but rounding, so none."""
    keras.utils.set_random_seed(1)
    layers = [
        keras.layers.Conv2D(4, 3, use_bias=False),
        keras.layers.BatchNormalization(),
        keras.layers.Flatten(),
        keras.layers.Dense(3, activation="softmax"),
    ]
    return compiled((6, 6, 2), layers, keras.optimizers.SGD(0.1))


def embedding() -> keras.Model:
    """An Embedding, whose gradients are sparse."""
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Embedding(20, 4), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    return compiled((5,), layers, "adam")


def words(rows: int) -> Arrays:
    inputs = np.random.default_rng(3).integers(0, 20, (rows, 5)).astype(np.float32)
    return Arrays({"input": inputs}, np.eye(3, dtype=np.float32)[inputs[:, 0].astype(int) % 3])


def weighted(rows: Arrays) -> Arrays:
    return Arrays(rows.inputs, rows.targets, np.linspace(0.5, 1.5, rows.rows, dtype=np.float32))


class Case:
    """A training that one host and a gang do."""

    def __init__(
        self,
        make: Callable[[], keras.Model],
        rows: Arrays,
        held: Arrays | None = None,
        streams: bool = False,
        **how: object,
    ) -> None:
        self.make, self.rows, self.held, self.streams = make, rows, held, streams
        self.how = {"epochs": 3, "shuffle": True, **how}

    def plan(self, batch_size: int) -> TrainingPlan:
        return plan(batch_size=batch_size, **self.how)  # type: ignore[arg-type]

    def train(
        self, batch_size: int, gang: Gang = ALONE, recorder: Recorder | None = None
    ) -> tuple[keras.Model, Recorder]:
        """Train the case's network; returns it and what was observed."""
        network, recorder = self.make(), recorder or Recorder()
        with TemporaryDirectory() as folder:
            rows = on_disk(self.rows, Path(folder)) if self.streams else self.rows
            train(network, rows, self.held, self.plan(batch_size), recorder, None, gang)
        return network, recorder


def on_disk(rows: Arrays, folder: Path) -> StreamedArrays:
    np.save(folder / "input.npy", rows.processed()["input"])
    np.save(folder / "targets.npy", rows.targets)
    inputs, targets = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("input", "targets"))
    return StreamedArrays({"input": inputs}, targets)


CASES = {
    "dense, with a last batch of 3, 3 and 2 rows": Case(dense, labelled_rows(44), labelled_rows(19, seed=1)),
    "normalized, with a last batch of one row": Case(normalized, labelled_rows(25, (6, 6, 2)), fused=True),
    "an embedding, fused, fewer rows than members": Case(embedding, words(2), fused=True),
    "an embedding with an even number of batches": Case(embedding, words(24), fused=True),
    "rows with weights": Case(dense, weighted(labelled_rows(30)), early_stopping=None),
    "rows from the disk": Case(dense, labelled_rows(44), labelled_rows(19, seed=1), streams=True),
}
STOPPED = Case(classifier, labelled_rows(44), epochs=1000)
"""A training that the leader's observer stops, with dropout."""


def follow(rank: int, port: int) -> None:
    with gathered(membership(rank, port)) as gang:
        for case in [*CASES.values(), STOPPED]:
            case.train(BATCH, gang)


def main(port: int) -> None:
    """Follow as every member but the leader. TensorFlow is imported once, and does nothing before the fork."""
    child = os.fork()
    follow(2 if child else 1, port)
    if child:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
