"""Batch predictions over HTTP: of datasets and of files, followed, cancelled, listed, deleted, and downloaded."""

import gzip
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars
import pytest

from service.context import Context
from service.operations.jobs import lifecycle as execution
from service.operations.jobs import recording
from service.operations.upkeep import housekeeping
from service.storage.records import Version
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

URL = "/v1/batch-predictions"
ALL = {"model": "line", "dataset": "line"}
CSV, JSON_LINES, PARQUET = "text/csv", "application/x-ndjson", "application/vnd.apache.parquet"


def send(api: ApiClient, data: bytes | str, called: str = "rows.csv", expect: int = 202, **fields: Any) -> Any:
    content = data.encode() if isinstance(data, str) else data
    headers = {"Idempotency-Key": fields.pop("key")} if "key" in fields else {}
    form = {"model": "line", "file": (io.BytesIO(content), called), **fields}
    return api.send("POST", URL, expect, data=form, content_type="multipart/form-data", headers=headers).json


def download(api: ApiClient, job: Any, accept: str = JSON_LINES) -> Any:
    return api.send("GET", job["links"]["self"] + "/result", 200, headers={"Accept": accept})


def lines(api: ApiClient, job: Any) -> list[Any]:
    return [json.loads(line) for line in download(api, job).text.splitlines()]


def files_below(context: Context, *groups: str) -> set[str]:
    root = context.settings.artifact_folder
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    found = {name for name in found if not name.endswith((".hold", "SHA256SUMS"))}
    return {name for name in found if name.startswith(groups or ("batch-predictions", "uploads", ".staging"))}


def test_a_job_waits_in_the_queue_and_is_followed_to_its_result(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    response = trained.send("POST", URL, 202, json=ALL)
    new = response.json
    assert new is not None
    assert response.headers["Location"] == new["links"]["self"] == f"{URL}/{new['id']}"
    assert "Retry-After" in response.headers
    assert new["id"].startswith("bp_")
    assert list(new)[:4] == ["id", "model", "dataset", "status"]
    assert (new["model"], new["version"], new["dataset"], new["split"], new["file"]) == ("line", 1, "line", None, None)
    assert (new["status"], new["result"], new["links"]["result"]) == ("queued", None, None)
    assert new["progress"] == {"step": 0, "steps": None, "fraction": 0.0, "eta_seconds": None}
    early = trained.send("GET", new["links"]["self"] + "/result", 409)
    assert early.json["type"] == "/problems/not-ready"  # type: ignore[index]
    assert "Retry-After" in early.headers

    claimed = idle_worker.claim("batch_prediction")
    assert claimed is not None
    progress = {"step": 3, "steps": 6, "fraction": 0.5, "eta_seconds": 1.5}
    recording.record(context, claimed[0], [], progress=progress)
    assert trained.get(new["links"]["self"])["progress"] == progress
    idle_worker.finish(*claimed)

    done = trained.get(new["links"]["self"])
    assert (done["status"], done["result"]["rows"], done["result"]["classes"]) == ("succeeded", 6, None)
    assert "folder" not in done["result"]
    assert done["links"]["result"] == new["links"]["self"] + "/result"
    assert lines(trained, done) == [{"row": row, "value": row - 1.0} for row in range(6)]
    assert files_below(context) == {f"batch-predictions/{new['id']}/{new['id']}-1/result.parquet"}


def test_the_result_comes_as_the_client_accepts_it(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = trained.post(URL, {**ALL, "dataset": "tested", "split": "test"}, 202)
    idle_worker.run_all()
    rows = [row["row"] for row in trained.get("/v1/datasets/tested/rows?split=test")["items"]]
    text = download(trained, job, CSV)
    assert text.mimetype == CSV
    assert text.text.splitlines() == ["row,value", *(f"{row},{row - 1.0}" for row in rows)]
    assert "result" not in text.headers["Content-Disposition"]
    assert [line["row"] for line in lines(trained, job)] == rows
    parquet = download(trained, job, PARQUET)
    assert polars.read_parquet(io.BytesIO(parquet.data))["row"].to_list() == rows
    assert trained.get(job["links"]["self"])["result"]["bytes"] == len(parquet.data)
    url = job["links"]["self"] + "/result"
    trained.send("GET", url, 406, headers={"Accept": "application/xml"})
    etags = {accept: download(trained, job, accept).headers["ETag"] for accept in (CSV, JSON_LINES, PARQUET)}
    assert len(set(etags.values())) == 3
    for accept, etag in etags.items():
        trained.send("GET", url, 304, headers={"Accept": accept, "If-None-Match": etag})
    assert trained.send("GET", url, 200).mimetype == CSV


def test_a_file_is_kept_until_the_job_has_ended(trained: ApiClient, idle_worker: FakeWorker, context: Context) -> None:
    job = send(trained, "1.5\n-2\n", "rows.csv", version="1")
    assert (job["dataset"], job["dataset_id"], job["split"], job["version"]) == (None, None, None, 1)
    assert job["file"] == {"name": "rows.csv", "bytes": 7, "sha256": job["file"]["sha256"]}
    upload = f"uploads/{job['id']}/data"
    assert files_below(context) == {upload}
    lost = idle_worker.claim("batch_prediction")
    assert lost is not None
    (sighting,) = execution.sightings(context)
    assert execution.reap(context, sighting)
    housekeeping.clean_up(context, datetime.now(UTC) + timedelta(days=1))
    assert files_below(context) == {upload}
    idle_worker.run_all()
    assert lines(trained, job) == [{"row": 0, "value": 1.5}, {"row": 1, "value": -2.0}]
    assert files_below(context) == {f"batch-predictions/{job['id']}/{job['id']}-2/result.parquet"}


def test_a_file_may_be_compressed_and_says_what_unknown_columns_are(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    packed = gzip.compress(b"1.5\n-2\n")
    job = send(trained, packed, "rows.csv.gz", extra="ignore")
    assert (job["file"]["name"], job["file"]["bytes"], job["extra"]) == ("rows.csv.gz", len(packed), "ignore")
    assert send(trained, packed, "rows.csv.gz")["extra"] == "refuse"
    assert trained.post(URL, ALL, 202)["extra"] is None
    assert send(trained, packed, "rows.csv.gz", 422, extra="drop")["errors"][0]["pointer"] == "#/extra"
    assert send(trained, packed, "rows.parquet.gz", 422)["errors"][0]["file"] == "rows.parquet"
    idle_worker.run_all()
    assert lines(trained, job) == [{"row": 0, "value": 1.5}, {"row": 1, "value": -2.0}]


def test_a_file_that_does_not_fit_fails_with_row_and_column(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    job = send(trained, "1\n2\nthree\n")
    idle_worker.run_all()
    failed = trained.get(job["links"]["self"])
    assert (failed["status"], failed["error"]["type"]) == ("failed", "/problems/invalid-instances")
    (fault,) = failed["error"]["errors"]
    assert (fault["row"], fault["column"], fault["file"]) == (2, "0", "rows.csv")
    assert files_below(context) == set()
    trained.get(job["links"]["self"] + "/result", 409)


@pytest.mark.parametrize(
    ("name", "data", "fields"),
    [
        ("rows.csv", b"", {}),
        ("rows.xlsx", b"\xd0\xcf\x11\xe0\0\0", {}),
        ("rows.parquet", b"1,2\n", {}),
        ("rows.zip", b"PK\5\6" + b"\0" * 18, {}),
        ("rows.csv", b"1\n", {"model": "nobody"}),
        ("rows.csv", b"1\n", {"version": "9"}),
        ("rows.csv", b"1\n", {"version": "one"}),
        ("rows.csv", b"1\n", {"dataset": "line"}),
    ],
)
def test_what_can_be_known_is_refused_before_it_is_queued(
    trained: ApiClient, context: Context, name: str, data: bytes, fields: dict[str, str]
) -> None:
    problem = send(trained, data, name, 422, **fields)
    (fault,) = problem["errors"]
    assert (fault.get("file") == name) != (fault.get("pointer") == f"#/{next(iter(fields), '')}")
    assert trained.get(URL)["items"] == []
    assert files_below(context) == set()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"model": "nobody"}, "#/model"),
        ({"dataset": "nothing"}, "#/dataset"),
        ({"version": 9}, "#/version"),
        ({"label": "gone"}, "#/label"),
        ({"version": 1, "label": "x"}, "#/label"),
        ({"split": "all"}, "#/split"),
        ({"split": "test"}, "#/split"),
        ({"rows": 3}, "#/rows"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused(trained: ApiClient, change: dict[str, Any], pointer: str) -> None:
    problem = trained.post(URL, ALL | change, 422)
    assert [fault["pointer"] for fault in problem["errors"]] == [pointer]
    assert trained.get(URL)["items"] == []


def test_the_target_of_a_dataset_does_not_matter_but_its_inputs_do(trained: ApiClient, idle_worker: FakeWorker) -> None:
    named_targets = {"name": "words", "source": "inline", "inputs": [[1], [2]], "targets": ["a", "b"]}
    wide = {"name": "wide", "source": "inline", "inputs": [[1, 2]], "targets": [3]}
    for dataset in (named_targets, wide):
        trained.post("/v1/datasets", dataset, 202, Prefer="wait=0")
    idle_worker.run_all()
    trained.post(URL, ALL | {"dataset": "words"}, 202)
    (fault,) = trained.post(URL, ALL | {"dataset": "wide"}, 422)["errors"]
    assert fault["pointer"] == "#/dataset"


def test_a_version_that_can_not_be_served_is_a_409(trained: ApiClient, context: Context) -> None:
    with context.database.write() as session:
        version = session.query(Version).one()
        version.servable, version.details = False, replace(version.details, reason="It has a Lambda.")
    assert "Lambda" in trained.post(URL, ALL, 409)["detail"]


def test_cancelling_removes_the_file_at_once_or_when_the_worker_has_let_go(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    waiting = send(trained, "1\n")["links"]["self"]
    assert trained.patch(waiting, {"desired_status": "cancelled"})["status"] == "cancelled"
    assert trained.patch(waiting, {"desired_status": "cancelled"})["status"] == "cancelled"
    assert files_below(context) == set()

    running = send(trained, "1\n")["links"]["self"]
    claimed = idle_worker.claim("batch_prediction")
    assert claimed is not None
    assert trained.patch(running, {})["status"] == "running"
    assert trained.patch(running, {"desired_status": "cancelled"})["status"] == "cancelling"
    idle_worker.finish(*claimed)
    ended = trained.get(running)
    assert (ended["status"], ended["result"]) == ("cancelled", None)
    assert files_below(context) == set()

    done = trained.post(URL, ALL, 202)["links"]["self"]
    idle_worker.run_all()
    assert trained.patch(done, {"desired_status": "cancelled"}, 409)["type"] == "/problems/conflict"


def test_a_job_whose_process_dies_again_and_again_leaves_no_file(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    job = send(trained, "1\n")["links"]["self"]
    for _ in range(context.settings.max_attempts):
        claimed = idle_worker.claim("batch_prediction")
        assert claimed is not None
        execution.crashed(context, claimed[0], {"code": "worker-process-died", "detail": "It died.", "faults": []})
    assert trained.get(job)["status"] == "failed"
    assert files_below(context) == set()


def test_only_a_final_job_can_be_deleted_and_its_result_goes_with_it(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    job = trained.post(URL, ALL, 202)
    url = job["links"]["self"]
    trained.delete(url, 409)
    idle_worker.run_all()
    housekeeping.clean_up(context, datetime.now(UTC) + timedelta(days=1))
    assert len(lines(trained, job)) == 6
    trained.delete(url)
    trained.get(url, 404)
    trained.get(f"{url}/result", 404)
    assert files_below(context) == set()


def test_what_a_job_needs_stays_until_it_is_final(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = trained.post(URL, ALL, 202)
    for needed in ("/v1/models/line/versions/1", "/v1/models/line", "/v1/datasets/line"):
        assert trained.send("DELETE", needed, 409).json["type"] == "/problems/in-use"  # type: ignore[index]
    idle_worker.run_all()
    trained.delete("/v1/models/line")
    trained.delete("/v1/datasets/line")
    links = trained.get(job["links"]["self"])["links"]
    assert (links["version"], links["model"], links["dataset"]) == (None, None, None)
    assert len(lines(trained, job)) == 6


def test_old_jobs_and_their_results_are_removed(trained: ApiClient, idle_worker: FakeWorker, context: Context) -> None:
    job = trained.post(URL, ALL, 202)["links"]["self"]
    idle_worker.run_all()
    forgetful = replace(context, settings=replace(context.settings, job_retention_days=5))
    housekeeping.clean_up(forgetful, datetime.now(UTC) + timedelta(days=4))
    trained.get(job)
    housekeeping.clean_up(forgetful, datetime.now(UTC) + timedelta(days=6))
    trained.get(job, 404)
    assert files_below(context) == set()


def test_jobs_are_listed_by_status_model_and_dataset_page_by_page(trained: ApiClient, idle_worker: FakeWorker) -> None:
    done = trained.post(URL, ALL, 202)["id"]
    idle_worker.run_all()
    waiting = trained.post(URL, ALL | {"dataset": "tested"}, 202)["id"]
    of_file = send(trained, "1\n")["id"]

    def listed(query: str) -> list[str]:
        return [item["id"] for item in trained.get(f"{URL}?{query}")["items"]]

    assert listed("") == [of_file, waiting, done]
    assert listed("sort=created_at&status=succeeded&model=line&dataset=line") == [done]
    assert listed("dataset=tested") == [waiting]
    first = trained.get(f"{URL}?limit=2")
    assert [item["id"] for item in trained.get(first["next"])["items"]] == [done]
    trained.get(f"/v1/evaluations/{done}", 404)


def test_the_same_key_starts_one_job(trained: ApiClient, context: Context) -> None:
    first, again = (trained.post(URL, ALL, 202, Idempotency_Key="once") for _ in range(2))
    assert first == again
    sent, sent_again = (send(trained, "1\n", key="file") for _ in range(2))
    assert sent == sent_again
    assert len(trained.get(URL)["items"]) == 2
    send(trained, "2\n", expect=422, key="file")
    assert files_below(context) == {f"uploads/{sent['id']}/data"}


def test_a_job_that_ends_within_the_wait_is_a_201(trained: ApiClient, idle_worker: FakeWorker) -> None:
    with idle_worker:
        response = trained.send("POST", URL, 201, json=ALL, headers={"Prefer": "wait=20"})
    assert (response.json or {})["status"] == "succeeded"
    assert response.headers["Preference-Applied"] == "wait=20"


def test_the_version_is_fixed_when_the_job_is_created(trained: ApiClient, idle_worker: FakeWorker) -> None:
    waiting = trained.post(URL, ALL, 202)
    trained.post("/v1/training-jobs", TRAINING, 202)
    trained.put("/v1/models/line/labels/old", {"version": 1}, 201)
    idle_worker.run_all()
    assert trained.get(waiting["links"]["self"])["version"] == 1
    for chosen, number in (({}, 2), ({"version": None}, 2), ({"version": 1}, 1), ({"label": "old"}, 1)):
        assert trained.post(URL, ALL | chosen, 202)["version"] == number
    assert send(trained, "1\n", label="old")["version"] == 1


def test_a_change_of_a_stale_resource_is_refused(trained: ApiClient, idle_worker: FakeWorker) -> None:
    url = trained.post(URL, ALL, 202)["links"]["self"]
    etag = trained.send("GET", url, 200).headers["ETag"]
    idle_worker.run_all()
    trained.send("PATCH", url, 412, json={"desired_status": "cancelled"}, headers={"If-Match": etag})
