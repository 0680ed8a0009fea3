"""A client watches a training: it predicts with epochs while the job runs, and keeps the one that it likes."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fitserve_client import Client as FitserveClient
from tests.journeys.specs import RINGS_DATASET, named
from tests.running_service import Client, RunningService, wait_for

NETWORK: dict[str, Any] = {
    "name": "snapshots", "task": "binary", "input": {"shape": [2]},
    "layers": [
        {"type": "Dense", "units": 8, "activation": "tanh"},
        {"type": "Dense", "units": 1, "activation": "sigmoid"},
    ],
    "optimizer": "adam", "loss": "binary_crossentropy", "metrics": ["accuracy"],
}  # fmt: skip
ROWS = np.random.default_rng(1).normal(size=(20, 2)).round(3)
LONG = 200_000
"""More epochs than the test waits for."""


@pytest.fixture(scope="module")
def client_of_module(service: RunningService) -> Client:
    service.client.post("/v1/datasets", named(RINGS_DATASET, "snapshots"))
    service.client.post("/v1/models", NETWORK)
    return service.client


@pytest.fixture
def client(client_of_module: Client) -> Client:
    return client_of_module


def weights_at(client: Client, url: str) -> dict[str, np.ndarray]:
    response = client.request("GET", f"{url}/weights", headers={"Accept": "application/x-npz"})
    assert response.status_code == 200, response.text
    with np.load(io.BytesIO(response.content)) as arrays:
        return {name: arrays[name] for name in arrays.files}


def predict(client: Client, url: str) -> Any:
    return client.post(f"{url}/predictions", {"instances": ROWS.tolist()}, expect=200)


def scores(answer: Any) -> list[float]:
    """The scores of the second class."""
    return [prediction["scores"][1] for prediction in answer["predictions"]]


def forward(weights: dict[str, np.ndarray]) -> np.ndarray:
    """What the network answers with these weights."""
    kernel, bias, last_kernel, last_bias = weights.values()
    outputs = np.tanh(ROWS.astype(np.float32) @ kernel + bias) @ last_kernel + last_bias
    return (1 / (1 + np.exp(-outputs)))[:, 0]


def test_every_epoch_predicts_with_its_own_weights_and_can_become_a_version(client: Client) -> None:
    job = client.train("snapshots", "snapshots", epochs=50, seed=7)
    url = job["links"]["self"]
    listed = list(client.items(job["links"]["snapshots"]))
    assert [item["epoch"] for item in listed] == list(range(50, 0, -1))
    found = [weights_at(client, item["links"]["self"]) for item in listed]
    assert len({arrays["dense/kernel"].tobytes() for arrays in found}) == 50
    for item, arrays in zip(listed, found, strict=True):
        answer = predict(client, item["links"]["self"])
        assert answer["epoch"] == item["epoch"]
        assert scores(answer) == pytest.approx(forward(arrays), abs=1e-5)
    last = weights_at(client, job["links"]["version"])
    assert all(np.array_equal(last[name], found[0][name]) for name in last)

    made = client.post("/v1/models/snapshots/versions", {"training_job": job["id"], "epoch": 12}, wait=60)
    assert made["status"] == "succeeded", made["error"]
    version = client.get(made["links"]["version"])
    assert (version["training_job"], version["epoch"]) == (job["id"], 12)
    evaluated = client.get(f"{url}/snapshots/12")["metrics"]
    assert version["metrics"]["train"].keys() == {"loss", "accuracy"}
    assert version["metrics"]["validation"]["loss"] == pytest.approx(evaluated["val_loss"], rel=1e-4)
    assert all(
        np.array_equal(found[38][name], array) for name, array in weights_at(client, version["links"]["self"]).items()
    )
    assert scores(client.predict("snapshots", ROWS.tolist())) == scores(predict(client, f"{url}/snapshots/12"))


def test_a_running_training_is_asked_while_it_thins_its_snapshots_and_continued_elsewhere(client: Client) -> None:
    started = client.start_training("snapshots", "snapshots", epochs=LONG, seed=7, snapshots={"every": 2, "keep": 6})
    url = f"/v1/training-jobs/{started}"
    client.wait_for_first_epoch(started)
    seen: list[tuple[int, bool]] = []

    def ask() -> None:
        own = Client(client.base_url)
        for _ in range(10):
            epoch = own.get(f"{url}/metrics?points=1")["epochs"][-1]["epoch"]
            answer = predict(own, f"{url}/snapshots/latest")
            seen.append((answer["epoch"] - epoch, len(own.get(f"{url}/snapshots")["items"]) <= 6))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 30
    assert all(ahead >= 0 and bounded for ahead, bounded in seen)
    client.patch(url, {"desired_status": "paused"})
    client.wait_for_status(started, "paused")
    epochs = [item["epoch"] for item in client.get(f"{url}/snapshots")["items"]]
    best = client.job(started)["best"]["epoch"]
    assert len(epochs) == len(set(epochs)) <= 6
    assert {max(epochs), best} <= set(epochs)
    assert all(epoch % 2 == 0 for epoch in set(epochs) - {max(epochs), best})
    client.patch(url, {"desired_status": "running"})
    wait_for(lambda: client.get(f"{url}/snapshots/latest")["epoch"] > max(epochs), what="a later epoch")
    start = {"training_job": started, "epoch": "latest"}
    child = client.post(
        "/v1/training-jobs", {"model": "snapshots", "dataset": "snapshots", "epochs": 1, "start_from": start}, 202
    )
    parent = child["parent"]
    assert parent["training_job"] == started
    client.patch(url, {"desired_status": "cancelled"})
    client.wait_for_status(started, "cancelled")
    assert predict(client, f"{url}/snapshots/best")["epoch"] == client.job(started)["best"]["epoch"]
    child = client.wait_for_status(child["id"], "succeeded")
    assert child["metrics"]["loss"] < 0.69
    client.delete(url)
    assert client.request("GET", f"{url}/snapshots/best").status_code == 404


def test_the_python_client_reaches_all_of_it(client: Client, tmp_path: Path) -> None:
    with FitserveClient(client.base_url) as python:
        job = python.training_jobs.create("snapshots", "snapshots", 3, seed=1)["id"]
        python.training_jobs.wait(job)
        assert [item["epoch"] for item in python.training_jobs.snapshots(job)] == [3, 2, 1]
        assert python.training_jobs.snapshot(job)["epoch"] == 3
        answer = python.predict_with_snapshot(job, ROWS, epoch=2, top=1)
        assert (answer["epoch"], len(answer["predictions"])) == (2, 20)
        np.save(tmp_path / "rows.npy", ROWS)
        same = python.predict_files_with_snapshot(job, [tmp_path / "rows.npy"], epoch=2, top=1)
        assert same["predictions"] == answer["predictions"]
        python.training_jobs.download_weights(job, tmp_path / "weights.npz", epoch=1)
        with np.load(tmp_path / "weights.npz") as weights:
            assert weights["dense/kernel"].shape == (2, 8)
        made = python.training_jobs.wait(python.models.add_version_of_snapshot("snapshots", job, "best")["id"])
        best = python.training_jobs.get(job)["best"]
        assert python.models.version("snapshots", made["version"])["epoch"] == best["epoch"]
