"""A service is backed up while it trains, and goes on elsewhere as if nothing had happened."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from service.config import Settings
from service.context import Context
from service.operations.upkeep import backups
from tests.clusters import needs_folder
from tests.journeys.specs import RINGS, RINGS_DATASET
from tests.running_service import Client, running_service, wait_for

TRAINING: dict[str, Any] = {"epochs": 300, "batch_size": 64, "seed": 7, "checkpoint_seconds": 0.2}
INSTANCES = [[0.1, 0.2], [-0.9, 0.4], [0.5, -0.5]]
NPZ = "application/x-npz"


def context_of(data_dir: Path) -> Context:
    return Context.from_settings(Settings(data_dir=data_dir))


def ignore(done: int, total: int) -> None:
    pass


def weights(client: Client, version: int) -> dict[str, bytes]:
    answer = client.request("GET", f"/v1/models/rings/versions/{version}/weights", headers={"Accept": NPZ})
    assert answer.status_code == 200, answer.text
    with np.load(io.BytesIO(answer.content)) as file:
        return {name: file[name].tobytes() for name in file}


def events(client: Client, job: str) -> list[Any]:
    found: list[Any] = []
    while page := client.get(f"/v1/training-jobs/{job}/events?after={len(found)}")["items"]:
        found += page
    return found


def has_checkpoint(client: Client, job: str) -> bool:
    return any(event["type"] == "checkpoint" and event["data"]["epoch"] > 5 for event in events(client, job))


def predictions(client: Client, version: int) -> Any:
    return client.post(f"/v1/models/rings/versions/{version}/predictions", {"instances": INSTANCES}, expect=200)


@needs_folder
def test_a_job_goes_on_where_its_backup_is_restored(tmp_path: Path) -> None:
    archive = tmp_path / "backup.tar"
    with running_service(tmp_path / "here") as here:
        client = here.client
        client.post("/v1/datasets", RINGS_DATASET)
        client.post("/v1/models", RINGS)
        client.train("rings", "rings", epochs=1)
        job = client.start_training("rings", "rings", **TRAINING)
        wait_for(lambda: has_checkpoint(client, job), what="a checkpoint after some epochs")
        backups.back_up(context_of(tmp_path / "here"), archive, ignore)
        trained = len(client.get(f"/v1/training-jobs/{job}/metrics")["epochs"])
        assert client.job(job)["status"] == "running", "the job was over too soon"
        client.wait_for_status(job, "succeeded")
        expected = weights(client, 2), predictions(client, 1), predictions(client, 2)

    backups.restore(context_of(tmp_path / "there"), archive, ignore)
    with running_service(tmp_path / "there") as there:
        client = there.client
        ended = client.wait_for_status(job, "succeeded")
        assert (ended["attempt"], ended["version"]) == (1, 2)
        assert (weights(client, 2), predictions(client, 1), predictions(client, 2)) == expected
        log = events(client, job)
        assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
        epochs = [event["data"]["epoch"] for event in log if event["type"] == "epoch"]
        assert epochs == list(range(1, TRAINING["epochs"] + 1))
        statuses = [event["data"]["status"] for event in log if event["type"] == "transition"]
        assert statuses == ["queued", "running", "queued", "running", "succeeded"]
        again = next(event["seq"] for event in log if event["data"].get("reason") == "worker_lost")
        assert 5 <= sum(event["type"] == "epoch" for event in log[:again]) <= trained
