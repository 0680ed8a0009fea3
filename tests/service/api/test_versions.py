"""Versions, their files, and labels over HTTP."""

import hashlib
import io

import numpy as np
import pytest

from models.files.sums import write_sums
from service.context import Context
from service.operations.catalog import versions
from tests.journeys.specs import LINE
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.prepared_data import PreparedData

VERSION = "/v1/models/line/versions/1"


def train_twice(api: ApiClient, worker: FakeWorker) -> None:
    with worker:
        api.make_line()
        api.train_line()
        api.train_line()


@pytest.fixture
def trained(api: ApiClient, context: Context, prepared: PreparedData, worker: object) -> ApiClient:
    """A client of an app with two versions of `line`."""
    prepared.copy(train_twice, context)
    return api


def test_a_version_says_where_it_comes_from_and_what_it_can_do(trained: ApiClient) -> None:
    version = trained.get(VERSION)
    assert (version["version"], version["status"], version["servable"]) == (1, "available", True)
    assert version["dataset"] == "line"
    assert trained.get(version["links"]["training_job"])["version"] == 1
    assert version["metrics"] == {"train": {"loss": 0.1}, "validation": None, "test": None}
    assert version["model_version_status"] == [
        {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    ]
    assert [artifact["format"] for artifact in version["artifacts"]] == ["keras", "onnx", "preprocessing"]
    assert "reason" not in version
    assert [item["version"] for item in trained.get("/v1/models/line/versions")["items"]] == [2, 1]
    assert [item["version"] for item in trained.get("/v1/models/line/versions?sort=created_at")["items"]] == [1, 2]
    model = trained.get("/v1/models/line")
    assert model["latest_version"] == 2
    assert [status["version"] for status in model["model_version_status"]] == ["2", "1"]


def test_a_version_links_to_its_job_as_long_as_there_is_one(trained: ApiClient) -> None:
    job = trained.get(VERSION)["links"]["training_job"]
    trained.delete(job)
    version = trained.get(VERSION)
    assert version["links"]["training_job"] is None
    assert version["training_job"] == job.rpartition("/")[2]
    newest, oldest = trained.get("/v1/models/line/versions")["items"]
    assert (newest["links"]["training_job"] is None, oldest["links"]["training_job"]) == (False, None)


def test_a_version_says_how_it_was_trained_after_its_job_too(trained: ApiClient) -> None:
    assert trained.get(VERSION)["training"] == {"precision": "float32", "bfloat16_layers": 0, "execution": "graph"}
    request = {"model": "line", "dataset": "line", "epochs": 1, "precision": "bfloat16", "execution": "compiled"}
    links = trained.post("/v1/training-jobs", request, 201, Prefer="wait=20")["links"]
    trained.delete(links["self"])
    version = trained.get(links["version"])
    assert version["training"] == {"precision": "bfloat16", "bfloat16_layers": 0, "execution": "compiled"}
    start = {"model": "line", "dataset": "line", "epochs": 1, "start_from": {"version": version["version"]}}
    assert trained.post("/v1/training-jobs", start, 202)["precision"] == "float32"


def test_a_version_says_how_many_of_its_layers_computed_in_bfloat16(trained: ApiClient) -> None:
    layers = [{"type": "Dense", "units": 4, "activation": "relu"}, {"type": "Dense", "units": 1}]
    trained.post("/v1/models", LINE | {"name": "deep", "layers": layers}, 201, Prefer="wait=20")
    request = {"model": "deep", "dataset": "line", "epochs": 1, "precision": "bfloat16", "execution": "graph"}
    links = trained.post("/v1/training-jobs", request, 201, Prefer="wait=20")["links"]
    mode = {"precision": "bfloat16", "bfloat16_layers": 1, "execution": "graph"}
    assert trained.get(links["version"])["training"] == mode


def test_artifacts_are_downloaded_whole_in_ranges_or_not_again(trained: ApiClient) -> None:
    artifacts = trained.get(VERSION)["artifacts"]
    for artifact in artifacts:
        response = trained.send("GET", artifact["href"], 200)
        assert len(response.data) == artifact["bytes"]
        assert hashlib.sha256(response.data).hexdigest() == artifact["sha256"]
        assert response.headers["ETag"] == f'"{artifact["sha256"]}"'
        json = artifact["format"] == "preprocessing"
        assert response.mimetype == ("application/json" if json else "application/octet-stream")
        assert response.headers["Accept-Ranges"] == "bytes"
    keras = f"{VERSION}/artifacts/keras"
    part = trained.send("GET", keras, 206, headers={"Range": "bytes=1-2"})
    assert part.data == b"er"
    tag = f'"{artifacts[0]["sha256"]}"'
    assert trained.send("GET", keras, 304, headers={"If-None-Match": tag}).data == b""
    assert "Content-Range" in trained.send("GET", keras, 416, headers={"Range": "bytes=100-"}).headers
    assert "onnx" in trained.get(f"{VERSION}/artifacts/torch", 404)["detail"]


def test_weights_are_npz_unless_json_is_asked_for(trained: ApiClient) -> None:
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/x-npz"}):
        response = trained.send("GET", f"{VERSION}/weights", 200, headers=headers)
        assert response.mimetype == "application/x-npz"
        assert response.headers["Vary"] == "Accept, Accept-Encoding"
        with np.load(io.BytesIO(response.data)) as weights:
            assert weights["dense/kernel"].tolist() == [[1.0]]
    assert trained.get(f"{VERSION}/weights", Accept="application/json") == {
        "weights": [
            {"name": "dense/kernel", "shape": [1, 1], "values": [[1.0]]},
            {"name": "dense/bias", "shape": [1], "values": [0.0]},
        ]
    }
    trained.get(f"{VERSION}/weights", 406, Accept="text/csv")


def test_weights_are_not_sent_again(trained: ApiClient) -> None:
    tags = [
        trained.send("GET", f"/v1/models/line/versions/{number}/weights", 200).headers["ETag"] for number in (1, 2, 1)
    ]
    assert tags[0] == tags[2] != tags[1]
    trained.send("GET", f"{VERSION}/weights", 304, headers={"If-None-Match": tags[0]})
    trained.send("GET", f"{VERSION}/weights", 200, headers={"If-None-Match": tags[1]})


def test_many_weights_are_no_json_and_the_error_names_npz(trained: ApiClient, context: Context) -> None:
    path = versions.weights_file(context, "line", 1)
    np.savez(path, kernel=np.zeros(10_001))
    write_sums(path.parent)
    problem = trained.get(f"{VERSION}/weights", 406, Accept="application/json")
    assert "application/x-npz" in problem["detail"]
    both = trained.send("GET", f"{VERSION}/weights", 200, headers={"Accept": "application/json, */*;q=0.1"})
    assert both.mimetype == "application/x-npz"


def test_labels_are_put_moved_listed_and_deleted(trained: ApiClient) -> None:
    url = "/v1/models/line/labels/champion"
    response = trained.send("PUT", url, 201, json={"version": 1})
    assert response.headers["Location"] == url
    assert trained.put(url, {"version": 2}, 200)["version"] == 2
    label = trained.get(url)
    assert (label["label"], label["version"]) == ("champion", 2)
    assert label["model_version_status"][0]["version"] == "2"
    assert label["links"]["self"] == url
    trained.put("/v1/models/line/labels/best", {"version": 1}, 201)
    assert [item["label"] for item in trained.get("/v1/models/line/labels")["items"]] == ["best", "champion"]
    assert trained.get("/v1/models/line")["labels"] == {"best": 1, "champion": 2}
    trained.delete(url)
    trained.delete(url, 404)


def test_labels_point_to_versions_that_exist_by_names_that_are_possible(trained: ApiClient) -> None:
    assert trained.put("/v1/models/line/labels/a", {"version": 9}, 422)["errors"][0]["pointer"] == "#/version"
    assert trained.put("/v1/models/line/labels/a", {"version": "1"}, 422)["errors"][0]["pointer"] == "#/version"
    assert trained.put("/v1/models/line/labels/A!", {"version": 1}, 422)["errors"][0]["parameter"] == "label"
    trained.put("/v1/models/nobody/labels/a", {"version": 1}, 404)


def test_a_job_points_its_label_to_what_it_made(trained: ApiClient) -> None:
    trained.train_line(label="champion")
    assert trained.get("/v1/models/line/labels/champion")["version"] == 3


def test_a_version_is_deleted_unless_a_label_points_to_it_and_its_number_is_never_used_again(
    trained: ApiClient,
) -> None:
    trained.put("/v1/models/line/labels/champion", {"version": 2}, 201)
    trained.delete("/v1/models/line/versions/2", 409)
    trained.delete("/v1/models/line/labels/champion")
    trained.delete("/v1/models/line/versions/2")
    trained.get("/v1/models/line/versions/2", 404)
    assert trained.get("/v1/models/line")["latest_version"] == 1
    assert trained.train_line()["version"] == 3
