"""Upload realistic files with curl to a real service: duration, memory, and the accuracy of a network.

    python -m benchmarks.uploads [pictures table]

`cifar10-images.zip` is read from FITSERVE_TEST_DATA, or from `../shared/data`; `benchmarks.big_table`
creates the table of 1,000,000 rows and 30 columns.
"""

import io
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.big_table import ROWS, SEED, make_columns
from tests.journeys.specs import CIFAR_DENSE, named
from tests.reference_data import DATA
from tests.running_service import RunningService, running_service, wait_for

SEEDS = (7, 8, 9)
Rows = Iterator[tuple[str, str]]


class MemoryWatch:
    """Peak memory in MB of a service's api processes (PSS) and of its jobs' processes (private pages)."""

    def __init__(self, service: RunningService) -> None:
        self._service = service
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.api = self.job = 0.0

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            try:
                for process in self._service.part("api").children():
                    self.api = max(self.api, process.memory_full_info().pss / 1e6)
                for process in self._service.part("worker").children(recursive=True):
                    if os.getsid(process.pid) == process.pid:
                        memory = process.memory_info()
                        self.job = max(self.job, (memory.rss - memory.shared) / 1e6)
            except (psutil.Error, ProcessLookupError):
                continue


def post_file(service: RunningService, path: Path, *fields: str) -> tuple[float, Any]:
    """Upload a file with curl and wait for its dataset; the seconds since the request's start, and the dataset."""
    start = time.monotonic()
    form = [option for field in (*fields, f"file=@{path}") for option in ("-F", field)]
    url = f"{service.client.base_url}/v1/datasets"
    posted = subprocess.run(["curl", "-sS", "-H", "Prefer: wait=60", *form, url], capture_output=True, check=True)
    name = next(field for field in fields if field.startswith("name=")).partition("=")[2]
    assert b'"status"' in posted.stdout, posted.stdout[:500]

    def ready() -> Any:
        dataset = service.client.get(f"/v1/datasets/{name}")
        assert dataset["status"] != "failed", dataset["error"]
        return dataset if dataset["status"] == "ready" else None

    dataset = wait_for(ready, 300)
    return time.monotonic() - start, dataset


def pictures(service: RunningService) -> Rows:
    """60,000 images, and a dense network trained on them."""
    archive = DATA / "cifar10-images.zip"
    with MemoryWatch(service) as watch:
        seconds, dataset = post_file(service, archive, "name=cifar")
    yield "cifar10-images.zip, POST to ready", f"{seconds:.1f} s"
    yield "rows; classes", f"{dataset['splits']}; {dataset['target']['classes']}"
    yield "highest memory, api; import", f"{watch.api:.0f} MB; {watch.job:.0f} MB"
    model = service.client.post("/v1/models", CIFAR_DENSE)
    yield "parameters of the dense network", f"{model['summary']['parameters']:,}"
    for seed in SEEDS:
        job = service.client.train("cifar-dense", "cifar", epochs=10, batch_size=32, seed=seed)
        metrics = service.client.get(job["links"]["version"])["metrics"]
        first, *_, last = service.client.get(job["links"]["metrics"])["epochs"]
        yield f"loss of its first and last epoch, seed {seed}", f"{first['loss']:.4f} → {last['loss']:.4f}"
        accuracies = [last["accuracy"], metrics["train"]["accuracy"], metrics["test"]["accuracy"]]
        yield "accuracy as it trained, on train and test rows", ", ".join(f"{value:.4f}" for value in accuracies)
    with zipfile.ZipFile(archive) as opened:
        cat = next(name for name in opened.namelist() if name.startswith("test/cat/") and name.endswith(".jpg"))
        body = io.BytesIO(opened.read(cat))
    url = f"{service.client.base_url}/v1/models/cifar-dense/predictions?top=3&scores=false"
    command = ["curl", "-sS", "--data-binary", "@-", "-H", "Content-Type: image/jpeg", url]
    answer = subprocess.run(command, input=body.read(), capture_output=True, check=True).stdout.decode().strip()
    yield f"{cat} posted with curl", f"`{answer}`"


def table(service: RunningService) -> Rows:
    """A CSV file of a million rows, and a network trained on it."""
    import polars

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        frame = polars.DataFrame(make_columns(ROWS, np.random.default_rng(SEED)))
        frame.write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%S")
        target = frame.columns[-1]
        del frame
        size = path.stat().st_size / 1e6
        with MemoryWatch(service) as watch:
            seconds, dataset = post_file(service, path, "name=big", f"target={target}")
    yield f"CSV of {ROWS:,} rows, {size:.0f} MB, POST to ready", f"{seconds:.1f} s"
    yield "highest memory, api; import", f"{watch.api:.0f} MB; {watch.job:.0f} MB"
    left_out = ", ".join(f"{column['name']} ({column['reason']})" for column in dataset["left_out"])
    yield "columns used; left out", f"{len(dataset['inputs'])}; {left_out}"
    units = len(dataset["target"]["classes"])
    layers = [{"type": "Dense", "units": 16, "activation": "relu"}, {**CIFAR_DENSE["layers"][-1], "units": units}]
    service.client.post("/v1/models", named(CIFAR_DENSE, "big", input={"dataset": "big"}, layers=layers))
    job = service.client.train("big", "big", epochs=1, batch_size=1024, seed=7)
    metrics = service.client.get(job["links"]["version"])["metrics"]["test"]
    share = max(dataset["target"]["counts"]) / sum(dataset["target"]["counts"])
    yield "test accuracy after an epoch; always the larger class", f"{metrics['accuracy']:.3f}; {share:.3f}"


PARTS: dict[str, Callable[[RunningService], Rows]] = {"pictures": pictures, "table": table}


def main(names: list[str]) -> None:
    """Run the named parts, both by default, and print a Markdown table."""
    with tempfile.TemporaryDirectory() as folder, running_service(Path(folder) / "var") as service:
        print("| file | what | figure |\n| --- | --- | --- |")
        for name in names or list(PARTS):
            for what, figure in PARTS[name](service):
                print(f"| {name} | {what} | {figure} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
