"""Versions of datasets over HTTP: added from files and rows, compared, used by jobs, deleted."""

import hashlib
import io
from typing import Any

import pytest

from service.context import Context
from service.operations.upkeep import references
from tests.journeys.specs import LINE, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

VERSIONS = "/v1/datasets/houses/versions"
HEADER = "size,district,built,price\n"
ROWS = [f"{50 + n},{'north' if n % 2 else 'south'},{1 + n % 28:02}/06/2020,{100 + 2 * n}\n" for n in range(20)]
CSV = HEADER + "".join(ROWS)
OPTIONS: dict[str, Any] = {"target": "price", "split": '{"validation": 0.2, "test": 0.2, "seed": 3}'}
DROPPING = '{"missing": "drop"}'
NEW = {"size": 61, "district": "north", "built": "05/07/2021", "price": 120}


def form(csv: str, **fields: str) -> dict[str, Any]:
    return {"file": (io.BytesIO(csv.encode()), "houses.csv"), **fields}


def upload(api: ApiClient, path: str, csv: str, expect: int = 201, **fields: Any) -> dict[str, Any]:
    response = api.send("POST", path, expect, data=form(csv, **fields), headers={"Prefer": "wait=30"})
    assert response.json is not None
    return response.json


@pytest.fixture
def houses(api: ApiClient, worker: FakeWorker) -> ApiClient:
    upload(api, "/v1/datasets", CSV, name="houses", **OPTIONS)
    return api


def rows_of(api: ApiClient, name: str) -> dict[str, list[dict[str, Any]]]:
    splits = ("train", "validation", "test")
    return {split: api.get(f"/v1/datasets/{name}/rows?split={split}&limit=100")["items"] for split in splits}


def test_a_new_dataset_has_version_1(houses: ApiClient) -> None:
    assert houses.get("/v1/datasets/houses")["version"] == 1
    (first,) = houses.get(VERSIONS)["items"]
    assert (first["version"], first["status"], first["rows"], first["drift"], first["base"]) == (
        1,
        "ready",
        20,
        None,
        None,
    )
    assert first["sha256"] == hashlib.sha256(CSV.encode()).hexdigest()
    assert first["options"] == {"target": "price", "split": {"validation": 0.2, "test": 0.2, "seed": 3}}
    assert houses.get(f"{VERSIONS}/1") == first
    houses.get(f"{VERSIONS}/2", 404)
    houses.get("/v1/datasets/none/versions", 404)


def test_a_new_file_is_read_with_the_same_options_and_becomes_what_the_dataset_shows(houses: ApiClient) -> None:
    second = upload(houses, VERSIONS, HEADER + "".join(ROWS[:10]))
    assert (second["version"], second["status"], second["rows"]) == (2, "ready", 10)
    assert second["splits"] == {"train": 6, "validation": 2, "test": 2}
    dataset = houses.get("/v1/datasets/houses")
    assert (dataset["version"], dataset["rows"], dataset["file"]) == (2, 10, second["file"])
    assert houses.get(f"{VERSIONS}/1")["rows"] == 20
    assert [one["version"] for one in houses.get(VERSIONS)["items"]] == [2, 1]
    page = houses.get(f"{VERSIONS}?limit=1&sort=created_at")
    assert [one["version"] for one in page["items"]] == [1]
    assert [one["version"] for one in houses.get(page["next"])["items"]] == [2]


def test_rows_are_those_of_one_version(houses: ApiClient) -> None:
    before = houses.get("/v1/datasets/houses/rows?limit=5")
    upload(houses, VERSIONS, HEADER + "".join(ROWS[10:]))
    assert houses.get("/v1/datasets/houses/rows?limit=5&version=1")["items"] == before["items"]
    following = houses.get(before["next"])["items"]
    assert following == houses.get("/v1/datasets/houses/rows?limit=10&version=1")["items"][5:]
    assert following[0] not in houses.get("/v1/datasets/houses/rows")["items"]
    houses.get("/v1/datasets/houses/rows?version=9", 404)


def test_the_rows_of_a_version_that_is_not_ready_are_a_409_that_names_it(
    api: ApiClient, idle_worker: FakeWorker
) -> None:
    unready = {"headers": {"Prefer": "wait=0"}}
    api.send("POST", "/v1/datasets", 202, data=form(CSV, name="houses", **OPTIONS), **unready)
    assert api.get("/v1/datasets/houses/rows", 409)["detail"] == 'The dataset "houses" is processing.'
    idle_worker.run_all()
    api.send("POST", VERSIONS, 202, data=form(CSV), **unready)
    problem = api.get("/v1/datasets/houses/rows?version=2", 409)
    assert problem["detail"] == 'The dataset version "houses version 2" is processing.'


def test_posted_options_replace_the_earlier_ones(houses: ApiClient) -> None:
    second = upload(houses, VERSIONS, CSV, ignore="built", split="{}")
    assert second["options"] == {"target": "price", "split": {}, "ignore": ["built"]}
    assert [entry["name"] for entry in second["inputs"]] == ["size", "district"]


def test_drift_is_reported_column_by_column(houses: ApiClient) -> None:
    rows = [f"{80 + n},{'east' if n % 2 else 'south'},{'' if n % 2 else n},{100 + 2 * n}\n" for n in range(20)]
    drift = upload(houses, VERSIONS, "size,district,rooms,price\n" + "".join(rows))["drift"]
    assert drift["since"] == 1
    found = {(change["column"], change["type"]): change for change in drift["changes"]}
    assert found["rooms", "added"]["detail"] == 'The column "rooms" (number) is new.'
    assert found["built", "removed"]["before"] == "date"
    assert sum(found["district", "new_categories"]["counts"].values()) == 10
    assert '"east" (10 rows)' in found["district", "new_categories"]["detail"]
    assert found["district", "vanished_categories"]["counts"] == {"north": 10}
    assert found["size", "mean"]["before"] == pytest.approx(59.5)
    assert found["size", "range"]["after"] == [80, 99]
    assert not [key for key in found if key[0] == "price"]


def test_the_file_of_a_version_may_be_as_large_as_that_of_a_dataset(houses: ApiClient, context: Context) -> None:
    large = HEADER + "".join(ROWS) * 500
    assert context.settings.max_body_bytes < len(large) < context.settings.max_upload_bytes
    assert upload(houses, VERSIONS, large)["rows"] == 10_000
    path = VERSIONS.replace("houses", "%68ouses")
    assert upload(houses, path, large)["version"] == 3
    upload(houses, VERSIONS, "x" * (context.settings.max_upload_bytes + 1), 413)


def test_a_file_that_cannot_be_read_leaves_the_dataset_as_it_was(houses: ApiClient) -> None:
    before = houses.get("/v1/datasets/houses")
    problem = upload(houses, VERSIONS, "size,district\n1,north\n", 422)
    assert problem["errors"][0]["pointer"] == "#/target"
    assert houses.get("/v1/datasets/houses") == before
    assert len(houses.get(VERSIONS)["items"]) == 1


def test_a_version_that_failed_after_the_wait_shows_its_error(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.send("POST", "/v1/datasets", 202, data=form(CSV, name="houses", **OPTIONS), headers={"Prefer": "wait=0"})
    assert api.get("/v1/datasets/houses")["version"] is None
    early = api.send("POST", VERSIONS, 409, data=form(CSV))
    assert "Retry-After" in early.headers
    idle_worker.run_all()
    bad = api.send("POST", VERSIONS, 202, data=form("size,district\n1,north\n"), headers={"Prefer": "wait=0"})
    assert bad.headers["Location"] == f"{VERSIONS}/2"
    assert api.get(f"{VERSIONS}/2")["status"] == "processing"
    assert api.get("/v1/datasets/houses")["version"] == 1
    api.post("/v1/models", named(LINE, "m", input={"dataset": "houses"}, layers=[{"type": "Dense", "units": 1}]), 202,
             Prefer="wait=0")  # fmt: skip
    waiting = api.post("/v1/training-jobs", TRAINING | {"model": "m", "dataset": "houses"}, 202)
    idle_worker.run_next("import")
    failed = api.get(f"{VERSIONS}/2")
    assert (failed["status"], failed["error"]["errors"][0]["pointer"]) == ("failed", "#/target")
    assert api.get("/v1/datasets/houses")["status"] == "ready"
    assert api.get(f"/v1/training-jobs/{waiting['id']}")["status"] == "queued"
    refused = api.post("/v1/training-jobs", TRAINING | {"model": "m", "dataset": "houses", "dataset_version": 2}, 409)
    why = 'The dataset version "houses version 2" is failed. Its error says why. Add its data again as a new version.'
    assert refused["detail"] == why
    assert api.get("/v1/datasets/houses/rows?split=train&version=2", 409)["detail"] == why
    api.delete(f"{VERSIONS}/2")
    idle_worker.run_all()
    assert api.get(f"/v1/training-jobs/{waiting['id']}")["dataset_version"] == 1


def test_appended_rows_come_after_the_old_ones_which_keep_their_splits(houses: ApiClient) -> None:
    before = rows_of(houses, "houses")
    new = [NEW | {"size": 60 + n, "built": f"{1 + n:02}/07/2021"} for n in range(10)]
    second = houses.post(VERSIONS, {"append": new}, 201)
    assert (second["version"], second["base"], second["source"], second["rows"]) == (2, 1, "append", 30)
    assert second["splits"] == {"train": 18, "validation": 6, "test": 6}
    after = rows_of(houses, "houses")
    for split, rows in before.items():
        assert after[split][: len(rows)] == rows
    appended = sorted((row for rows in after.values() for row in rows if row["row"] >= 20), key=lambda row: row["row"])
    assert [row["instance"]["size"] for row in appended] == [60 + n for n in range(10)]
    assert appended[0]["instance"]["built"].startswith("2021-07-01")
    assert appended[0]["target"] == 120
    assert second["inputs"][2]["format"] == houses.get(f"{VERSIONS}/1")["inputs"][2]["format"]
    assert "10 rows appended: 6 to train, 2 to validation, 2 to test." in [note["detail"] for note in second["notes"]]


def test_appended_rows_are_typed_like_the_columns(houses: ApiClient) -> None:
    bad = [NEW, NEW | {"size": "big"}, NEW | {"built": "2021-13-45", "price": None}]
    faults = houses.post(VERSIONS, {"append": bad}, 422)["errors"]
    assert {(fault["row"], fault["column"], fault["pointer"]) for fault in faults} == {
        (1, "size", "#/append/1/size"), (2, "built", "#/append/2/built"),
    }  # fmt: skip
    (fault,) = houses.post(VERSIONS, {"append": [NEW, NEW | {"sise": 5}]}, 422)["errors"]
    assert (fault["row"], fault["column"]) == (1, "sise")
    assert "size" in fault["detail"]
    (fault,) = houses.post(VERSIONS, {"append": [{"size": 5}]}, 422)["errors"]
    assert fault["detail"] == 'Row 0: "price" is missing.'
    assert houses.post(VERSIONS, {"append": []}, 422)["errors"][0]["pointer"] == "#/append"
    second = houses.post(VERSIONS, {"append": [{"price": 99.5, "district": "west"}]}, 201)
    assert second["inputs"][0]["missing"] == 1
    assert "new_categories" in [change["type"] for change in second["drift"]["changes"]]


@pytest.mark.usefixtures("worker")
def test_appended_rows_without_a_target_are_left_out_and_counted_if_the_dataset_leaves_them_out(api: ApiClient) -> None:
    upload(api, "/v1/datasets", f"{CSV}9,north,01/07/2020,\n", name="houses", **OPTIONS, target_options=DROPPING)
    second = api.post(VERSIONS, {"append": [NEW | {"price": None}, NEW, {"size": 62}, NEW]}, 201)
    assert (second["rows"], sum(second["splits"].values())) == (22, 22)
    assert {note["detail"] for note in second["notes"]} >= {
        "1 row without a target was left out.",
        "2 appended rows without a target were left out.",
        "2 rows appended: 2 to train, 0 to validation, 0 to test.",
    }
    (fault,) = api.post(VERSIONS, {"append": [{"size": 1}, NEW | {"size": "big"}]}, 422)["errors"]
    assert (fault["row"], fault["pointer"]) == (1, "#/append/1/size")
    assert fault["detail"].startswith("Row 1: ")
    (fault,) = api.post(VERSIONS, {"append": [{"size": 1}]}, 422)["errors"]
    assert (fault["pointer"], fault["detail"]) == ("#/append", 'The target "price" has no value in any row.')


def test_rows_appended_one_after_another_all_count(houses: ApiClient) -> None:
    digests = {houses.post(VERSIONS, {"append": [NEW]}, 201)["sha256"] for _ in range(3)}
    assert len(digests) == 3
    assert houses.get("/v1/datasets/houses")["rows"] == 23


def test_rows_wait_for_other_rows_that_are_being_imported(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.send("POST", "/v1/datasets", 202, data=form(CSV, name="houses", **OPTIONS), headers={"Prefer": "wait=0"})
    idle_worker.run_all()
    api.post(VERSIONS, {"append": [NEW]}, 202, Prefer="wait=0")
    refused = api.send("POST", VERSIONS, 409, json={"append": [NEW]})
    assert "Retry-After" in refused.headers
    api.delete(f"{VERSIONS}/1", 409)
    idle_worker.run_all()
    assert api.get("/v1/datasets/houses")["rows"] == 21


@pytest.mark.usefixtures("worker")
def test_inline_rows_and_built_in_tables_take_rows_but_images_do_not(api: ApiClient) -> None:
    rows = [{"x": n, "kind": "ab"[n % 2], "y": n % 3 == 0} for n in range(9)]
    api.post("/v1/datasets", {"name": "posted", "source": "inline", "rows": rows, "target": "y"})
    second = api.post("/v1/datasets/posted/versions", {"append": [{"x": 1.5, "kind": "c", "y": True}]})
    assert second["splits"] == {"train": 10, "validation": 0, "test": 0}
    assert second["target"]["classes"] == [False, True]
    api.post("/v1/datasets", {"name": "iris", "source": "iris"})
    row = api.get("/v1/datasets/iris/rows")["items"][0]
    third = api.post("/v1/datasets/iris/versions", {"append": [row["instance"] | {"species": row["target"]}] * 5})
    assert (third["rows"], third["splits"]["test"]) == (155, 31)
    api.post("/v1/datasets", {"name": "rings", "source": "circles"})
    (fault,) = api.post("/v1/datasets/rings/versions", {"append": [{"x": 1}]}, 422)["errors"]
    assert fault["pointer"] == "#/append"
    assert "only to a table" in fault["detail"]


def test_a_job_trains_on_the_version_of_its_creation_or_on_the_one_that_it_names(
    api: ApiClient, idle_worker: FakeWorker
) -> None:
    def train(**fields: Any) -> dict[str, Any]:
        return api.post("/v1/training-jobs", TRAINING | {"model": "m", "dataset": "houses", **fields}, 202)

    api.send("POST", "/v1/datasets", 202, data=form(CSV, name="houses", **OPTIONS), headers={"Prefer": "wait=0"})
    idle_worker.run_all()
    api.post("/v1/models", named(LINE, "m", input={"dataset": "houses"}, layers=[{"type": "Dense", "units": 1}]), 202,
             Prefer="wait=0")  # fmt: skip
    idle_worker.run_all()
    first = train()
    assert (first["dataset_version"], first["dataset_sha256"]) == (1, hashlib.sha256(CSV.encode()).hexdigest())
    api.post(VERSIONS, {"append": [NEW]}, 202, Prefer="wait=0")
    idle_worker.run_next("import")
    assert api.get("/v1/datasets/houses")["version"] == 2
    api.delete(f"{VERSIONS}/1", 409)
    second, old = train(), train(dataset_version=1)
    assert (second["dataset_version"], old["dataset_version"]) == (2, 1)
    (fault,) = api.post("/v1/training-jobs", TRAINING | {"model": "m", "dataset": "houses", "dataset_version": 9}, 422)[
        "errors"
    ]
    assert fault["pointer"] == "#/dataset_version"
    idle_worker.run_all()
    versions = [one["dataset_version"] for one in api.get("/v1/models/m/versions?sort=created_at")["items"]]
    assert versions == [1, 2, 1]
    for url in ("/v1/evaluations", "/v1/batch-predictions"):
        job = api.post(url, {"model": "m", "dataset": "houses", "dataset_version": 1}, 202)
        assert job["dataset_version"] == 1
        assert api.post(url, {"model": "m", "dataset": "houses"}, 202)["dataset_version"] == 2
    idle_worker.run_all()
    (made,) = [job for job in api.get("/v1/evaluations")["items"] if job["training_job"] == old["id"]]
    assert made["dataset_version"] == 1
    api.delete(f"{VERSIONS}/2", 409)
    api.delete(f"{VERSIONS}/1")
    assert api.get(f"/v1/training-jobs/{first['id']}")["dataset_sha256"] == first["dataset_sha256"]


def test_the_files_of_every_version_are_kept_until_the_dataset_is_deleted(houses: ApiClient, context: Context) -> None:
    houses.post(VERSIONS, {"append": [NEW]}, 201)
    with context.database.read() as session:
        keys = references.needed(session)
    assert len(keys) == 2
    assert all((context.artifacts.folder(key) / "dataset.json").exists() for key in keys)
    houses.delete("/v1/datasets/houses")
    with context.database.read() as session:
        assert references.needed(session) == frozenset()
    assert not any(context.artifacts.folder(key).exists() for key in keys)


def test_a_repeated_request_with_a_key_adds_one_version(houses: ApiClient) -> None:
    for _ in range(2):
        added = houses.send("POST", VERSIONS, 201, json={"append": [NEW]}, headers={"Idempotency-Key": "k"})
        assert added.json is not None
        assert added.json["version"] == 2
    assert len(houses.get(VERSIONS)["items"]) == 2
    etag = houses.send("GET", f"{VERSIONS}/1", 200).headers["ETag"]
    houses.send("GET", f"{VERSIONS}/1", 304, headers={"If-None-Match": etag})
    houses.send("DELETE", f"{VERSIONS}/1", 412, headers={"If-Match": '"other"'})
    houses.send("DELETE", f"{VERSIONS}/1", 204, headers={"If-Match": etag})


def test_appended_numbers_beyond_64_bits_are_kept(houses: ApiClient) -> None:
    large = NEW | {"size": 2**70, "price": 1e30}
    appended = houses.post(VERSIONS, {"append": [large, NEW | {"price": 2**63}]}, Prefer="wait=30")
    (size, *_), target = appended["inputs"], appended["target"]
    assert (size["missing"], size["max"]) == (0, pytest.approx(2**70))
    assert (target["min"], target["max"]) == (100, pytest.approx(1e30))
    assert [row["target"] for row in rows_of(houses, "houses")["train"][-2:]] == [1e30, float(2**63)]


def test_an_appended_class_beyond_64_bits_is_a_fault(api: ApiClient, worker: FakeWorker) -> None:
    rows = [{"x": n, "kind": n % 3} for n in range(12)]
    api.post("/v1/datasets", {"name": "houses", "source": "inline", "rows": rows, "target": "kind"})
    for value in (2**70, 1e30):
        problem = api.post(VERSIONS, {"append": [{"x": 1, "kind": value}]}, 422, Prefer="wait=30")
        assert problem["errors"][0]["pointer"] == "#/append/0/kind"
