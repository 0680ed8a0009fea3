"""The latency of orders during a long epoch; pausing doesn't change the result."""

import argparse
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.serving.report import Row, Rows
from benchmarks.survival.jobs import weights_of
from tests.journeys.specs import CIFAR_CONVOLUTIONAL
from tests.reference_data import DATA
from tests.running_service import Client, running_service, wait_for

FEW_ROWS = 2_000
LONG_BATCH = 32


def orders(folder: Path, arguments: argparse.Namespace) -> Rows:
    """The latency of orders during a long epoch; pausing doesn't change the result."""
    with running_service(folder / "var") as service:
        client = service.client
        client.post("/v1/models", CIFAR_CONVOLUTIONAL, wait=60)
        for name, rows in (("long", arguments.rows), ("few", FEW_ROWS)):
            post_pictures(client, folder / f"{name}.zip", name, rows)
        yield Row("rows and steps of the long epoch", f"{arguments.rows:,}, {-(-arguments.rows // LONG_BATCH):,}")
        yield from long_epoch(client)
        expected = weights_of(client, train_few(client, pause=False))
        paused = train_few(client, pause=True)
        told = " ".join(transition["status"] for transition in paused["transitions"])
        yield Row("a job that was paused and went on", told)
        yield Row("its weights are those of an uninterrupted one", str(weights_of(client, paused) == expected))


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
            yield Row("stopped: the training ended after", f"{seconds_after(ordered, trained):.2f} s")
            yield Row("stopped: the model was kept after", f"{changed:.2f} s")
        else:
            yield Row(f"{desired} after", f"{changed:.2f} s, in epoch {describe_position(ended)}")
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
