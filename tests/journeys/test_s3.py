"""Artifacts in S3, from the upload to the deletion, while this host's copies come and go."""

import hashlib
import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.config import Settings
from service.context import Context
from service.operations.upkeep import orphans, verification
from tests.journeys.specs import RINGS, RINGS_DATASET
from tests.running_service import FINAL, Client, running_service, wait_for
from tests.s3_server import S3Server

INSTANCES = [[0.1, 0.2], [-0.9, 0.4], [0.5, -0.5]]
TRAINING: dict[str, Any] = {"seed": 7, "checkpoint_seconds": 0.1, "snapshots": {"every": 30}}
EPOCHS = 150


@pytest.fixture
def settings(s3: S3Server, tmp_path: Path) -> dict[str, Any]:
    return {
        "artifact_url": f"s3://{s3.make_bucket()}/fitserve",
        "artifact_redirects": "true",
        "database_url": f"sqlite:///{tmp_path / 'fitserve.db'}",
        "api_processes": "1",
    }


def bucket_of(settings: dict[str, Any]) -> str:
    return settings["artifact_url"].split("/")[2]


def upload(client: Client, name: str) -> Any:
    rows = "".join(f"{number},{number * 2 + 1}\n" for number in range(20))
    fields = {"name": name, "target": "y"}
    return client.request("POST", "/v1/datasets", data=fields, files={"file": ("line.csv", f"x,y\n{rows}")})


def has_checkpoint(client: Client, job: str) -> bool:
    events = client.get(f"/v1/training-jobs/{job}/events?limit=1000")["items"]
    return any(event["type"] == "checkpoint" and event["data"]["epoch"] > 5 for event in events)


def losses(client: Client, job: str) -> list[float]:
    return [epoch["loss"] for epoch in client.get(f"/v1/training-jobs/{job}/metrics")["epochs"]]


def predicted(client: Client, version: int) -> Any:
    path = f"/v1/models/rings/versions/{version}/predictions"
    return client.post(path, {"instances": INSTANCES}, expect=200)["predictions"]


def test_a_job_and_its_artifacts_need_nothing_but_the_bucket(
    settings: dict[str, Any], s3: S3Server, tmp_path: Path
) -> None:
    with running_service(tmp_path / "host", **settings) as service:
        client = service.client
        assert upload(client, "line").status_code == 201
        client.post("/v1/datasets", RINGS_DATASET)
        client.post("/v1/models", RINGS)
        whole = client.train("rings", "rings", epochs=EPOCHS, **TRAINING)["id"]
        job = client.start_training("rings", "rings", epochs=EPOCHS, **TRAINING)
        wait_for(lambda: has_checkpoint(client, job), what="a checkpoint")
        client.patch(f"/v1/training-jobs/{job}", {"desired_status": "paused"})
        client.wait_for_status(job, "paused")
        shutil.rmtree(tmp_path / "host" / "cache")  # now this host is as good as another
        client.patch(f"/v1/training-jobs/{job}", {"desired_status": "running"})
        client.wait_for_status(job, "succeeded")
        assert losses(client, job) == losses(client, whole)
        assert predicted(client, 1) == predicted(client, 2)
        _check_files(client, whole)
        _verify(tmp_path / "other", settings)
        _check_that_loaded_models_outlive_s3(client, s3, bucket_of(settings))
        for path in (
            f"training-jobs/{job}",
            f"training-jobs/{whole}",
            "models/rings",
            "datasets/rings",
            "datasets/line",
        ):
            client.delete(f"/v1/{path}")
    # An upload that a silent S3 interrupted is left to the cleanup.
    assert groups_in(s3, bucket_of(settings)) <= {"batch-predictions", "uploads", ".probe"}
    context = open_context(tmp_path / "host", settings)
    orphans.remove(context, datetime.now(UTC) + timedelta(days=1))
    context.database.close()
    assert groups_in(s3, bucket_of(settings)) == {"batch-predictions"}


def _check_files(client: Client, job: str) -> None:
    """Snapshots, a file's predictions, and downloads from the bucket."""
    snapshots = client.get(f"/v1/training-jobs/{job}/snapshots")["items"]
    assert {snapshot["epoch"] for snapshot in snapshots} >= {30, 60, 90, 120, 150}
    assert client.post(f"/v1/training-jobs/{job}/snapshots/30/predictions", {"instances": INSTANCES}, expect=200)
    file = {"file": ("rows.jsonl", "".join(f"{json.dumps(row)}\n" for row in INSTANCES))}
    batch = client.request("POST", "/v1/batch-predictions", data={"model": "rings"}, files=file).json()
    batch = wait_for(lambda: _if_final(client, batch["links"]["self"]), what="the batch prediction")
    assert batch["status"] == "succeeded", batch["error"]
    accept = {"Accept": "application/vnd.apache.parquet"}
    for path, headers in (("/v1/models/rings/versions/1/artifacts/onnx", {}), (batch["links"]["result"], accept)):
        answer = client.request("GET", path, headers=headers, allow_redirects=False)
        assert answer.status_code == 303
        known = headers | {"If-None-Match": answer.headers["ETag"]}
        assert client.request("GET", path, headers=known).status_code == 304
        downloaded = client.request("GET", path, headers=headers)
        assert downloaded.history[0].headers["Location"] != downloaded.history[0].url
        assert "attachment; filename=" in downloaded.headers["Content-Disposition"]
    file_ = client.request("GET", "/v1/models/rings/versions/1/artifacts/onnx").content
    onnx = next(item for item in client.get("/v1/models/rings/versions/1")["artifacts"] if item["format"] == "onnx")
    assert hashlib.sha256(file_).hexdigest() == onnx["sha256"]


def _verify(data_dir: Path, settings: dict[str, Any]) -> None:
    context = open_context(data_dir, settings)
    found = verification.verify(context, lambda done, total: None)
    context.database.close()
    assert (found.damages, found.without_checksums) == ([], [])
    assert found.files > 10


def _if_final(client: Client, path: str) -> Any:
    job = client.get(path)
    return job if job["status"] in FINAL else None


def open_context(data_dir: Path, settings: dict[str, Any]) -> Context:
    urls = settings["artifact_url"], settings["database_url"]
    return Context.from_settings(Settings(data_dir=data_dir, artifact_url=urls[0], database_url=urls[1]))


def groups_in(s3: S3Server, bucket: str) -> set[str]:
    return {name.split("/")[1] for name in s3.names(bucket)}


def _check_that_loaded_models_outlive_s3(client: Client, s3: S3Server, bucket: str) -> None:
    before = client.predict("rings", INSTANCES)
    with s3.failing(status=503):
        refused = upload(client, "other")
        assert refused.status_code == 503, refused.text
        assert refused.json()["type"] == "/problems/artifacts-unavailable"
        assert int(refused.headers["Retry-After"]) > 0
        assert client.predict("rings", INSTANCES) == before
        unready = client.request("GET", "/readyz")
        assert unready.status_code == 503
        assert unready.json()["parts"]["artifact_store"]["status"] == "unavailable"
    wait_for(lambda: client.request("GET", "/readyz").status_code == 200, what="S3 to be asked again")
    assert upload(client, "other").status_code == 201
    wait_for(lambda: "uploads" not in groups_in(s3, bucket), what="the end of the import")
    with s3.failing(seconds=60):
        for most in (20, 4):  # seconds
            began = time.monotonic()
            assert upload(client, "another").status_code == 503
            assert time.monotonic() - began < most
        assert client.predict("rings", INSTANCES) == before
    wait_for(lambda: client.request("GET", "/readyz").status_code == 200, what="S3 to be asked again")
    client.delete("/v1/datasets/other")
