"""The MNIST job with events, validation and a checkpoint every second, compared with its training alone."""

import argparse
import statistics
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.serving.report import Row, Rows
from benchmarks.survival.jobs import wait_for_all
from benchmarks.training_jobs import JOBS, mnist
from benchmarks.training_speed import Side, measure_apart
from tests.journeys.specs import DIGITS
from tests.reference_data import make_keras_home
from tests.running_service import running_service

COST_TRAINING, COST_VALIDATION = 54_000, 6_000


def cost(folder: Path, arguments: argparse.Namespace) -> Rows:
    """The MNIST job with events, validation and a checkpoint every second, compared with its training alone."""
    rows = folder / "rows.npz"
    np.savez(rows, **asdict(mnist(COST_TRAINING)))
    share = COST_VALIDATION / (COST_TRAINING + COST_VALIDATION)
    with running_service(folder / "var", make_keras_home(folder)) as service:
        client = service.client
        dataset = {"name": "mnist", "source": "mnist", "split": {"validation": share, "seed": 7}}
        splits = client.post("/v1/datasets", dataset, wait=60)["splits"]
        yield Row("rows", f"{splits['train']:,} to train on, {splits['validation']:,} to validate on")
        client.post("/v1/models", DIGITS)
        sides: list[tuple[float, float]] = []
        for number in range(arguments.rounds):
            bare = measure_apart("mnist", Side("fitserve"), rows, None)
            started = client.start_training(
                "digits-mlp", "mnist", epochs=JOBS["mnist"].epochs, batch_size=128, seed=7, checkpoint_seconds=1
            )
            (job,) = wait_for_all(client, [started])
            ours = sum(epoch["seconds"] for epoch in client.get(job["links"]["metrics"])["epochs"])
            kept = sum(event["type"] == "checkpoint" for event in client.items(job["links"]["events"]))
            yield Row(
                f"round {number + 1}: bare, in the service",
                f"{bare['seconds']:.2f} s ({bare['execution']}), {ours:.2f} s ({job['execution']}, {kept} checkpoints)",
            )
            sides.append((bare["seconds"], ours))
        ratios = statistics.median(ours / bare for bare, ours in sides)
        medians = [statistics.median(side) for side in zip(*sides, strict=True)]
        yield Row(
            "medians; what everything around the training adds",
            (
                f"{medians[0]:.2f} s, {medians[1]:.2f} s; {medians[1] / medians[0] - 1:+.1%} "
                f"(median of the rounds' own: {ratios - 1:+.1%})"
            ),
        )
