"""Datasets over HTTP: made, shown, listed, deleted."""

import io
import shutil
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import orjson
import pytest

from models.datasets.storage import MAX_PAGE_NUMBERS
from service.api.front.app import Front
from service.api.http.bodies import write_json
from service.context import Context
from service.storage.artifact_keys import datasets_key
from tests.journeys.specs import LINE, LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient

CIRCLES = {"name": "rings", "source": "circles", "parameters": {"samples": 50}}


@pytest.mark.usefixtures("worker")
def test_a_dataset_that_is_imported_within_the_wait_is_a_201(api: ApiClient) -> None:
    response = api.send("POST", "/v1/datasets", 201, json=CIRCLES)
    dataset = response.json
    assert dataset is not None
    assert response.headers["Location"] == dataset["links"]["self"] == "/v1/datasets/rings"
    assert dataset["id"].startswith("ds_")
    assert (dataset["status"], dataset["source"], dataset["kind"]) == ("ready", "circles", "vector")
    assert dataset["splits"] == {"train": 30, "validation": 10, "test": 10}
    assert dataset["created_at"].endswith("Z")
    assert dataset["error"] is None
    assert api.get("/v1/datasets/rings") == dataset


def test_a_dataset_that_takes_longer_is_a_202_and_ready_later(api: ApiClient, idle_worker: FakeWorker) -> None:
    response = api.send("POST", "/v1/datasets", 202, json=LINE_DATASET, headers={"Prefer": "respond-async"})
    assert response.headers["Location"] == "/v1/datasets/line"
    assert int(response.headers["Retry-After"]) > 0
    assert response.json is not None
    assert response.json["status"] == "processing"
    assert response.json["rows"] is None
    assert "Retry-After" in api.send("GET", "/v1/datasets/line", 200).headers
    assert api.get("/v1/datasets/line/rows", 409)["type"] == "/problems/not-ready"

    idle_worker.run_next()
    ready = api.send("GET", "/v1/datasets/line", 200)
    assert ready.json is not None
    assert ready.json["status"] == "ready"
    assert "Retry-After" not in ready.headers


@pytest.mark.usefixtures("worker")
def test_data_found_wrong_within_the_wait_is_a_422_and_nothing_is_kept(api: ApiClient) -> None:
    problem = api.post("/v1/datasets", named(LINE_DATASET, "bad", inputs=[[1], ["x"], [0], [2], [3], [4]]), expect=422)
    assert problem["errors"][0]["pointer"].startswith("#/inputs/1")
    api.get("/v1/datasets/bad", 404)
    api.post("/v1/datasets", named(LINE_DATASET, "bad"))


def test_data_found_wrong_later_leaves_a_failed_dataset_until_it_is_deleted(
    api: ApiClient, idle_worker: FakeWorker
) -> None:
    bad = named(LINE_DATASET, "bad", inputs=[[1], ["x"], [0], [2], [3], [4]])
    api.post("/v1/datasets", bad, 202, Prefer="wait=0")
    idle_worker.run_next()
    failed = api.get("/v1/datasets/bad")
    assert failed["status"] == "failed"
    assert failed["error"]["type"] == "/problems/invalid-data"
    assert failed["error"]["errors"][0]["pointer"].startswith("#/inputs/1")
    api.post("/v1/datasets", bad, 409)
    api.delete("/v1/datasets/bad")
    api.get("/v1/datasets/bad", 404)


def test_a_dataset_that_failed_is_nothing_to_wait_for(api: ApiClient, idle_worker: FakeWorker) -> None:
    bad = named(LINE_DATASET, "bad", inputs=[[1], ["x"], [0], [2], [3], [4]])
    api.post("/v1/datasets", bad, 202, Prefer="wait=0")
    model = named(LINE, "made", input={"dataset": "bad"})
    assert "Retry-After" in api.send("GET", "/v1/datasets/bad/rows", 409).headers
    assert "Retry-After" in api.send("POST", "/v1/models", 409, json=model, headers={"Prefer": "wait=0"}).headers
    idle_worker.run_next()
    for refused in (
        api.send("GET", "/v1/datasets/bad/rows", 409),
        api.send("POST", "/v1/models", 409, json=model),
    ):
        assert "Retry-After" not in refused.headers
        assert "error says why" in refused.text


def test_a_split_that_leaves_nothing_to_train_on_is_a_422(api: ApiClient) -> None:
    for split in ({"test": 1.0}, {"validation": 0.5, "test": 0.5}):
        (fault,) = api.post("/v1/datasets", named(LINE_DATASET, "a", split=split), 422)["errors"]
        assert fault["pointer"] == "#/split"
        assert "train" in fault["detail"]


def test_a_name_that_is_too_long_is_one_fault(api: ApiClient) -> None:
    for name in ("a" * 129, "a\0", 5, "stats"):
        (fault,) = api.post("/v1/datasets", named(LINE_DATASET, "x") | {"name": name}, 422)["errors"]
        assert fault["pointer"] == "#/name"


@pytest.mark.usefixtures("worker")
def test_as_many_classes_as_rows_are_no_target(api: ApiClient) -> None:
    sentences = [f"This is sentence {number}." for number in range(20)]
    rows = [{"x": number, "said": said} for number, said in enumerate(sentences)]
    (fault,) = api.post("/v1/datasets", {"name": "a", "source": "inline", "rows": rows, "target": "said"}, 422)[
        "errors"
    ]
    assert fault["pointer"] == "#/target"
    assert "20 distinct texts in 20 rows" in fault["detail"]
    inline = {"name": "a", "source": "inline", "inputs": list(range(20)), "targets": sentences}
    (fault,) = api.post("/v1/datasets", inline, 422)["errors"]
    assert fault["pointer"] == "#/targets"
    api.post("/v1/datasets", inline | {"targets": [f"class {number // 2}" for number in range(20)]})


def test_what_is_known_to_be_wrong_at_once_needs_no_worker(api: ApiClient) -> None:
    fault = api.post("/v1/datasets", {"name": "a", "source": "circels"}, expect=422)["errors"][0]
    assert (fault["pointer"], fault["did_you_mean"]) == ("#/source", "circles")
    fault = api.post("/v1/datasets", named(LINE_DATASET, "a", targets=[1]), expect=422)["errors"][0]
    assert fault["pointer"] == "#/targets"


BUILT_IN = ["parameters", "split", "target_options"]


@pytest.mark.parametrize(
    ("members", "pointers", "taken"),
    [
        ({"source": "iris", "rows": [{"a": 1}], "target": "a"}, ["#/rows", "#/target"], BUILT_IN),
        ({"source": "circles", "types": {}}, ["#/types"], BUILT_IN),
        (
            {"source": "inline", "inputs": [1], "targets": [1], "parameters": {"samples": 5}},
            ["#/parameters"],
            ["inputs", "targets", "rows", "target", "types", "ignore", "split", "target_options"],
        ),
    ],
)
def test_members_of_another_source_are_faults(
    api: ApiClient, members: dict[str, Any], pointers: list[str], taken: list[str]
) -> None:
    errors = api.post("/v1/datasets", {"name": "a", **members}, expect=422)["errors"]
    assert sorted(fault["pointer"] for fault in errors) == pointers
    assert all(fault["allowed"] == taken and taken[-1] in fault["detail"] for fault in errors)


@pytest.mark.parametrize(
    "given",
    [
        {"source": "http://127.0.0.1:9/data.csv"},
        {"source": "file:///etc/passwd"},
        {"source": "inline", "url": "http://127.0.0.1:9/data.csv"},
        {"source": "upload", "file": "/etc/passwd"},
        {"source": "iris", "parameters": {"url": "http://127.0.0.1:9/"}},
    ],
)
def test_nothing_that_a_request_names_is_fetched(api: ApiClient, given: dict[str, Any]) -> None:
    api.post("/v1/datasets", {"name": "fetched", **given}, 422)


def test_a_taken_name_is_a_409_also_for_two_at_once(app: Front) -> None:
    def create() -> int:
        headers = {"Prefer": "wait=0"}
        return FrontClient(app).post("/v1/datasets", json=LINE_DATASET, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: create(), range(4))) == [202, 409, 409, 409]
    assert ApiClient(FrontClient(app)).post("/v1/datasets", LINE_DATASET, 409)["type"] == "/problems/name-taken"


@pytest.mark.usefixtures("worker")
def test_rows_are_listed_as_they_can_be_posted(api: ApiClient) -> None:
    api.post("/v1/datasets", LINE_DATASET)
    page = api.get("/v1/datasets/line/rows?limit=4")
    assert [row["instance"] for row in page["items"]] == [[-1], [0], [1], [2]]
    assert page["items"][3] == {"row": 3, "instance": [2], "target": 3, "split": "train"}
    rest = api.get(page["next"])
    assert [row["row"] for row in rest["items"]] == [4, 5]
    assert rest["next"] is None
    assert api.get("/v1/datasets/line/rows?split=test")["items"] == []
    assert api.get("/v1/datasets/line/rows?split=tset", 400)["errors"][0]["did_you_mean"] == "test"
    assert "did_you_mean" not in api.get("/v1/datasets/line/rows?sort=row", 400)["errors"][0]


@pytest.mark.usefixtures("worker")
def test_large_rows_are_listed_in_smaller_pages(api: ApiClient) -> None:
    rows = np.arange(5, dtype=np.uint8).repeat(MAX_PAGE_NUMBERS * 3 // 10).reshape(5, -1)
    file = io.BytesIO()
    np.savez_compressed(file, x=rows, y=np.arange(5.0))
    form = {"name": "large", "split": '{"validation": 0, "test": 0}', "file": (io.BytesIO(file.getvalue()), "a.npz")}
    api.send("POST", "/v1/datasets", 201, data=form, content_type="multipart/form-data")
    page = api.get("/v1/datasets/large/rows?limit=20")
    assert [row["row"] for row in page["items"]] == [0, 1, 2]
    assert page["items"][2]["instance"] == rows[2].tolist()
    rest = api.get(page["next"])
    assert [row["row"] for row in rest["items"]] == [3, 4]
    assert rest["next"] is None


def test_a_large_array_takes_little_more_memory_than_its_json() -> None:
    pictures = np.arange(2 * 700 * 700 * 3, dtype=np.uint32).astype(np.uint8).reshape(2, 700, 700, 3)
    tracemalloc.start()
    body = write_json({"items": list(pictures)}).get_data()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.array_equal(orjson.loads(body)["items"], pictures)
    assert most < 4 * len(body)


@pytest.mark.usefixtures("worker")
def test_rows_whose_files_are_lost_are_a_damaged_dataset(api: ApiClient, context: Context) -> None:
    table = {"source": "inline", "rows": [{"x": 1, "y": 2.5}, {"x": 2, "y": 1}], "target": "y"}
    for request in (LINE_DATASET, {"name": "table", **table}):
        dataset = api.post("/v1/datasets", request)
        folder = context.artifacts.folder(datasets_key(dataset["id"]))
        (train,) = folder.rglob("train")
        shutil.rmtree(train)
        problem = api.get(f"/v1/datasets/{dataset['name']}/rows", 500)
        assert problem["type"] == "/problems/damaged-dataset"
        assert "is missing" in problem["detail"]


def test_a_dataset_that_a_job_needs_stays_until_the_job_is_final(api: ApiClient, idle_worker: FakeWorker) -> None:
    api.post("/v1/datasets", LINE_DATASET, 202, Prefer="wait=0")
    api.post("/v1/models", LINE, 202, Prefer="wait=0")
    while idle_worker.run_next():
        pass
    job = api.post("/v1/training-jobs", TRAINING, 202)
    assert job["id"] in api.send("DELETE", "/v1/datasets/line", 409).text
    api.patch(job["links"]["self"], {"desired_status": "cancelled"})
    api.delete("/v1/datasets/line")
    assert api.get(job["links"]["self"])["links"]["dataset"] is None


def test_the_sources_are_listed_with_their_parameters(api: ApiClient) -> None:
    sources = {source["name"]: source for source in api.get("/v1/dataset-sources")["items"]}
    assert {"circles", "iris", "mnist"} <= set(sources)
    assert "noise" in {parameter["name"] for parameter in sources["circles"]["parameters"]}
