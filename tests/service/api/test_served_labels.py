"""A model that serves a label: predictions that name no version use the label's, in every protocol."""

from typing import Any

import pytest

from tests.journeys.specs import LINE, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

MODEL = "/v1/models/line"
INSTANCES = {"instances": [[1]]}
TENSOR = {"inputs": [{"name": "input", "shape": [1, 1], "datatype": "FP32", "data": [1]}]}


@pytest.fixture
def labelled(trained: ApiClient, idle_worker: FakeWorker) -> ApiClient:
    """A client of an app whose model `line` has two versions; the label `champion` points to the first."""
    trained.post("/v1/training-jobs", TRAINING, 202)
    idle_worker.run_all()
    trained.put(f"{MODEL}/labels/champion", {"version": 1}, 201)
    return trained


def serving_versions(api: ApiClient) -> set[int]:
    """The versions that answer requests that name none."""
    metadata = api.http.get(f"{MODEL}/metadata").json
    inferred = api.http.post("/v2/models/line/infer", json=TENSOR).json
    assert metadata is not None
    assert inferred is not None
    assert api.http.post(f"{MODEL}:predict", json=INSTANCES).json == {"predictions": [[1.0]]}
    assert api.http.get("/v2/models/line/ready").status_code == 200
    return {
        api.post(f"{MODEL}/predictions", INSTANCES, 200)["version"],
        int(metadata["model_spec"]["version"]),
        int(inferred["model_version"]),
    }


def test_a_served_label_replaces_the_latest_version_in_every_protocol(labelled: ApiClient) -> None:
    assert labelled.get(MODEL)["serve"] is None
    assert serving_versions(labelled) == {2}
    assert labelled.patch(MODEL, {"serve": "champion"})["serve"] == "champion"
    assert serving_versions(labelled) == {1}
    labelled.put(f"{MODEL}/labels/champion", {"version": 2})
    assert serving_versions(labelled) == {2}
    labelled.put(f"{MODEL}/labels/champion", {"version": 1})
    assert labelled.post(f"{MODEL}/versions/2/predictions", INSTANCES, 200)["version"] == 2
    assert labelled.patch(MODEL, {"description": "x"})["serve"] == "champion"
    labelled.patch(MODEL, {"serve": None})
    assert serving_versions(labelled) == {2}


def test_a_label_that_is_served_is_not_deleted(labelled: ApiClient) -> None:
    labelled.patch(MODEL, {"serve": "champion"})
    refusal = labelled.send("DELETE", f"{MODEL}/labels/champion", 409).json
    assert refusal is not None
    assert refusal["type"] == "/problems/in-use"
    assert '"champion"' in refusal["detail"]
    labelled.patch(MODEL, {"serve": None})
    labelled.delete(f"{MODEL}/labels/champion")


def test_a_misspelt_label_changes_nothing(labelled: ApiClient) -> None:
    (fault,) = labelled.patch(MODEL, {"serve": "champoin"}, 422)["errors"]
    assert (fault["pointer"], fault["did_you_mean"], fault["allowed"]) == ("#/serve", "champion", ["champion"])
    assert labelled.patch(MODEL, {"serve": "a b"}, 422)["errors"][0]["pointer"] == "#/serve"
    assert serving_versions(labelled) == {2}


def test_a_model_serves_nothing_until_its_label_exists(trained: ApiClient, idle_worker: FakeWorker) -> None:
    trained.post("/v1/models", named(LINE, "new", serve="champion"), 202, Prefer="wait=0")
    trained.post("/v1/training-jobs", TRAINING | {"model": "new"}, 202)
    idle_worker.run_all()
    model = trained.get("/v1/models/new")
    assert (model["serve"], model["latest_version"], model["ready"]) == ("champion", 1, False)
    problem = trained.post("/v1/models/new/predictions", INSTANCES, 409)
    assert problem["type"] == "/problems/no-version"
    for refusal in (
        trained.http.post("/v1/models/new:predict", json=INSTANCES),
        trained.http.get("/v1/models/new/metadata"),
        trained.http.post("/v2/models/new/infer", json=TENSOR),
        trained.http.get("/v2/models/new/ready"),
    ):
        document: Any = refusal.json
        assert refusal.status_code == 404
        assert problem["detail"] in document["error"]
    trained.post("/v1/training-jobs", TRAINING | {"model": "new", "label": "champion"}, 202)
    idle_worker.run_all()
    assert trained.post("/v1/models/new/predictions", INSTANCES, 200)["version"] == 2
    assert trained.get("/v1/models/new")["ready"]
