"""Predicting for many rows over real HTTP with a real worker: datasets and files, as posted rows are predicted."""

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from tests.clusters import needs_folder
from tests.journeys.specs import classifier
from tests.models.made_pictures import picture, write_zip
from tests.running_service import FINAL, FINAL_PAUSE, Client, RunningService, wait_for

URL = "/v1/batch-predictions"
JSON_LINES, PARQUET = "application/x-ndjson", "application/vnd.apache.parquet"
MANY = 150_000


def start(client: Client, expect: int = 201, wait: int = 60, **members: Any) -> Any:
    return client.post(URL, members, expect=expect, wait=wait)


def send(client: Client, data: bytes, called: str, wait: int = 60, **fields: Any) -> Any:
    headers = {"Prefer": f"wait={wait}"}
    response = client.request("POST", URL, data=fields, files={"file": (called, io.BytesIO(data))}, headers=headers)
    assert response.status_code in (201, 202), response.text
    return response.json()


def result(client: Client, job: Any, accept: str) -> bytes:
    assert job["status"] == "succeeded", job["error"]
    response = client.request("GET", job["links"]["result"], headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"].split(";")[0]) == (200, accept)
    return response.content


def lines(client: Client, job: Any) -> list[Any]:
    return [json.loads(line) for line in result(client, job, JSON_LINES).splitlines()]


def ended(client: Client, job: Any) -> Any:
    """The job once it has ended."""

    def look() -> Any:
        found = client.get(job["links"]["self"])
        return found if found["status"] in FINAL else None

    return wait_for(look, 120, "the job to end", FINAL_PAUSE)


def same(found: list[Any], predictions: list[Any]) -> bool:
    """Whether results are predictions, with scores as near as float32 has them."""
    return len(found) == len(predictions) and all(
        one["label"] == other["label"] and np.allclose(one["scores"], other["scores"], atol=1e-6)
        for one, other in zip(found, predictions, strict=True)
    )


@pytest.fixture(scope="module")
def flowers(service: RunningService) -> Client:
    """A client with the model `bp-iris`."""
    client = service.client
    client.post("/v1/datasets", {"name": "bp-iris", "source": "iris"})
    client.post("/v1/models", classifier("bp-iris", [4], 3, input={"dataset": "bp-iris"}))
    client.train("bp-iris", "bp-iris", epochs=10, seed=3)
    return client


def test_the_predictions_for_a_dataset_are_those_for_its_rows(flowers: Client) -> None:
    job = start(flowers, model="bp-iris", dataset="bp-iris")
    assert job["progress"] == {"step": 150, "steps": 150, "fraction": 1.0, "eta_seconds": None}
    rows = sorted(
        (
            row
            for split in ("train", "validation", "test")
            for row in flowers.get(f"/v1/datasets/bp-iris/rows?split={split}&limit=100")["items"]
        ),
        key=lambda row: row["row"],
    )
    found = lines(flowers, job)
    assert [one["row"] for one in found] == [row["row"] for row in rows] == list(range(150))
    answer = flowers.predict("bp-iris", [row["instance"] for row in rows])
    assert same(found, answer["predictions"])
    assert job["result"]["classes"] == answer["classes"]
    frame = polars.read_parquet(io.BytesIO(result(flowers, job, PARQUET)))
    assert frame["label"].to_list() == [one["label"] for one in found]
    table = list(csv.DictReader(io.StringIO(result(flowers, job, "text/csv").decode())))
    assert list(table[0]) == ["row", "label", "score", *(f"score_{label}" for label in answer["classes"])]


def test_a_file_of_every_format_gives_what_its_rows_give(flowers: Client) -> None:
    rows = [row["instance"] for row in flowers.get("/v1/datasets/bp-iris/rows?split=test&limit=100")["items"]]
    expected = flowers.predict("bp-iris", rows)["predictions"]
    frame, npy, parquet = polars.DataFrame(rows), io.BytesIO(), io.BytesIO()
    np.save(npy, frame.to_numpy())
    frame.write_parquet(parquet)
    files = {
        "rows.csv": frame.write_csv(separator=";").encode(),
        "rows.json": json.dumps(rows).encode(),
        "rows.jsonl": frame.write_ndjson().encode(),
        "rows.parquet": parquet.getvalue(),
        "rows.npy": npy.getvalue(),
    }
    for name, data in files.items():
        job = send(flowers, data, name, model="bp-iris", version="1")
        assert same(lines(flowers, job), expected), name


def test_a_bad_row_is_named(flowers: Client) -> None:
    bad = b"petal_width,petal_length,sepal_width,sepal_length\n1,1,1,1\n1,1,wide,1\n"
    job = send(flowers, bad, "bad.csv", model="bp-iris")
    assert job["status"] == "failed"
    (fault,) = job["error"]["errors"]
    assert (fault["file"], fault["row"], fault["column"]) == ("bad.csv", 1, "sepal_width")


def test_pictures_in_a_zip_are_predicted_and_named(service: RunningService, tmp_path: Path) -> None:
    client = service.client
    client.post("/v1/datasets", {"name": "bp-digits", "source": "digits"})
    client.post("/v1/models", classifier("bp-digits", [8, 8], 10))
    client.train("bp-digits", "bp-digits", epochs=1, seed=3)
    pictures = {f"folder/{name}.png": picture(grey, 8, 8) for name, grey in (("b", 10), ("a", 250))}
    job = send(client, write_zip(tmp_path / "pictures.zip", pictures).read_bytes(), "pictures.zip", model="bp-digits")
    found = lines(client, job)
    assert [row["file"] for row in found] == ["folder/a.png", "folder/b.png"]
    posted = [{"b64": base64.b64encode(pictures[row["file"]]).decode()} for row in found]
    assert same(found, client.predict("bp-digits", posted)["predictions"])


def large_file() -> bytes:
    numbers = np.random.default_rng(1).random((MANY, 4)).round(3)
    header = b"sepal_length,sepal_width,petal_length,petal_width\n"
    return header + b"\n".join(b",".join(b"%g" % value for value in row) for row in numbers.tolist())


def running(client: Client, job: Any) -> Any:
    """The job once it has predicted for some rows."""

    def look() -> Any:
        found = client.get(job["links"]["self"])
        assert found["status"] not in FINAL, found
        return found if 0 < found["progress"]["fraction"] < 1 else None

    return wait_for(look, 60, "some rows to be done")


@needs_folder
def test_a_killed_process_reads_the_file_again_and_a_cancelled_job_leaves_nothing(
    service: RunningService, flowers: Client
) -> None:
    data, artifacts = large_file(), service.data_dir / "artifacts"
    job = send(flowers, data, "many.csv", wait=0, model="bp-iris")
    running(flowers, job)
    assert (artifacts / "uploads" / job["id"] / "data").exists()
    (process,) = service.job_processes()
    process.kill()
    done = ended(flowers, job)
    assert (done["status"], done["attempt"], done["result"]["rows"]) == ("succeeded", 2, MANY)
    assert not (artifacts / "uploads" / job["id"]).exists()

    job = send(flowers, data, "many.csv", wait=0, model="bp-iris")
    running(flowers, job)
    assert flowers.patch(job["links"]["self"], {"desired_status": "cancelled"})["status"] == "cancelling"
    assert ended(flowers, job)["status"] == "cancelled"
    left = [path for group in ("uploads", "batch-predictions", ".staging") for path in (artifacts / group).glob("*")]
    wait_for(lambda: not any(job["id"] in str(path) and path.exists() for path in left), 10, "its files to be removed")
