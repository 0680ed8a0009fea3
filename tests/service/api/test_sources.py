"""Versions that trainings start from, and that models take layers from: named, checked, kept while they are needed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.context import Context
from service.operations.catalog import models
from service.storage.folder_store import FolderStore
from tests.journeys.specs import LINE, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.prepared_data import PreparedData
from tests.service.operations import stocked

JOBS = "/v1/training-jobs"
VERSION = "/v1/models/line/versions/1"
TAKEN = {"type": "Pretrained", "model": "line", "version": 1}


def train_best(api: ApiClient, worker: FakeWorker) -> None:
    with worker:
        api.make_line()
        api.train_line(label="best")


@pytest.fixture
def trained(api: ApiClient, context: Context, prepared: PreparedData) -> ApiClient:
    """A client of an app with version 1 of `line`, labelled `best`; its worker does nothing."""
    prepared.copy(train_best, context)
    return api


def taking(name: str, *layers: dict[str, Any]) -> dict[str, Any]:
    return named(LINE, name, layers=[*layers, {"type": "Dense", "units": 1}])


def make(api: ApiClient, worker: FakeWorker, model: dict[str, Any]) -> None:
    api.post("/v1/models", model, 202, Prefer="wait=0")
    assert worker.run_next("build")


def pointers(problem: Any) -> list[str]:
    return [fault["pointer"] for fault in problem["errors"]]


def test_a_start_by_label_is_a_number_from_then_on(trained: ApiClient) -> None:
    assert trained.post(JOBS, TRAINING, 202)["start_from"] is None
    job = trained.post(JOBS, TRAINING | {"start_from": {"label": "best"}}, 202)
    assert job["start_from"] == {"model": "line", "version": 1}
    again = trained.post(JOBS, TRAINING | {"start_from": job["start_from"]}, 202)
    assert again["start_from"] == job["start_from"]


@pytest.mark.parametrize(
    ("start", "pointer", "suggestion"),
    [
        ({}, "#/start_from/version", None),
        ({"version": 1, "label": "best"}, "#/start_from/version", None),
        ({"model": "line"}, "#/start_from/version", None),
        ({"version": 0}, "#/start_from/version", None),
        ({"version": 7}, "#/start_from/version", None),
        ({"label": "bets"}, "#/start_from/label", "best"),
        ({"model": "nothing", "version": 1}, "#/start_from/model", None),
        ({"version": 1, "lable": 2}, "#/start_from/lable", "label"),
    ],
)
def test_a_start_that_names_nothing_is_refused(
    trained: ApiClient, start: dict[str, Any], pointer: str, suggestion: str | None
) -> None:
    (fault,) = trained.post(JOBS, TRAINING | {"start_from": start}, 422)["errors"]
    assert fault["pointer"] == pointer
    assert fault.get("did_you_mean") == suggestion


def test_a_start_that_does_not_fit_names_the_first_layer_that_differs(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    make(trained, idle_worker, taking("deep", {"type": "Dense", "units": 3}))
    make(trained, idle_worker, named(LINE, "longer", layers=[{"type": "Dense", "units": 1}] * 2))
    start = {"start_from": {"model": "line", "version": 1}}
    (fault,) = trained.post(JOBS, TRAINING | start | {"model": "deep"}, 422)["errors"]
    assert fault["pointer"] == "#/start_from"
    assert fault["detail"].startswith('The layer "layer_0" has the 6 weights of a Dense')
    (fault,) = trained.post(JOBS, TRAINING | start | {"model": "longer"}, 422)["errors"]
    assert fault["detail"] == 'Only the model has the layer "layer_1" (Dense).'


def test_a_version_stays_while_a_job_is_to_start_from_it(trained: ApiClient, idle_worker: FakeWorker) -> None:
    make(trained, idle_worker, named(LINE, "other"))
    trained.delete("/v1/models/line/labels/best")
    job = trained.post(JOBS, TRAINING | {"model": "other", "start_from": {"model": "line", "version": 1}}, 202)
    assert job["id"] in trained.send("DELETE", VERSION, 409).text
    assert job["id"] in trained.send("DELETE", "/v1/models/line", 409).text
    trained.patch(job["links"]["self"], {"desired_status": "cancelled"})
    trained.delete(VERSION)


def test_a_model_stays_while_its_layers_are_being_copied_and_may_go_afterwards(
    trained: ApiClient, idle_worker: FakeWorker
) -> None:
    trained.delete("/v1/models/line/labels/best")
    trained.post("/v1/models", taking("taker", TAKEN), 202, Prefer="wait=0")
    trained.delete(VERSION, 409)
    trained.delete("/v1/models/line", 409)
    idle_worker.run_next("build")
    trained.delete("/v1/models/line")
    taker = trained.get("/v1/models/taker")
    assert taker["status"] == "ready"
    assert taker["layers"][0] == TAKEN  # it can be posted again, and shows nothing that no client posts


@pytest.mark.parametrize(
    ("changes", "pointer", "suggestion"),
    [
        ({"model": "nothing"}, "model", None),
        ({"version": 2}, "version", None),
        ({"version": None}, "version", None),
        ({"label": "best"}, "version", None),
        ({"version": None, "label": "bets"}, "label", "best"),
        ({"version": "1"}, "version", None),
        ({"until": "denes"}, "until", "dense"),
        ({"until": 3}, "until", None),
        ({"network": {}}, "network", None),
        ({"model": None}, "model", None),
    ],
)
def test_layers_that_are_not_there_can_not_be_taken(
    trained: ApiClient, changes: dict[str, Any], pointer: str, suggestion: str | None
) -> None:
    (fault,) = trained.post("/v1/models", taking("taker", TAKEN | changes), 422)["errors"]
    assert fault["pointer"] == f"#/layers/0/{pointer}"
    assert fault.get("did_you_mean") == suggestion


def test_every_layer_that_is_not_there_is_told_in_one_answer(trained: ApiClient) -> None:
    layers = (TAKEN | {"model": "nothing"}, TAKEN | {"version": 9}, TAKEN | {"until": "x"})
    assert pointers(trained.post("/v1/models", taking("taker", *layers), 422)) == [
        "#/layers/0/model", "#/layers/1/version", "#/layers/2/until",
    ]  # fmt: skip


def test_a_model_without_a_version_has_no_layers_to_take(trained: ApiClient, idle_worker: FakeWorker) -> None:
    make(trained, idle_worker, named(LINE, "fresh"))
    (fault,) = trained.post("/v1/models", taking("taker", TAKEN | {"model": "fresh"}), 422)["errors"]
    assert fault["detail"] == 'The model "fresh" has no version yet: train it first.'


def test_no_transaction_waits_for_the_download_of_a_version(trained: ApiClient, context: Context) -> None:
    class Downloading(FolderStore):
        def folder(self, key: str, *names: str) -> Path:
            open_connections.append(context.database.engine.pool.checkedout())  # type: ignore[attr-defined]
            return super().folder(key, *names)

    open_connections: list[int] = []
    layers = {"name": "other", "layers": [TAKEN, {"type": "Dense", "units": 1}]}
    own = replace(context, artifacts=Downloading(context.artifacts.root)).in_project("default")
    models.create(own, stocked.LINE | layers)
    assert open_connections == [0]


def test_pretrained_is_documented_with_the_layers(api: ApiClient) -> None:
    entries = api.get("/v1/layer-types")["items"]
    (entry,) = (entry for entry in entries if entry["type"] == "Pretrained")
    names = [parameter["name"] for parameter in entry["parameters"]]
    assert names[:6] == ["model", "version", "label", "until", "name", "trainable"]


def test_a_training_keeps_the_preprocessing_of_its_version_unless_it_asks_otherwise(trained: ApiClient) -> None:
    assert trained.post(JOBS, TRAINING, 202)["preprocessing"] is None
    start = TRAINING | {"start_from": {"version": 1}}
    assert trained.post(JOBS, start, 202)["preprocessing"] == "keep"
    assert trained.post(JOBS, start | {"preprocessing": "refit"}, 202)["preprocessing"] == "refit"
    (fault,) = trained.post(JOBS, TRAINING | {"preprocessing": "keep"}, 422)["errors"]
    assert fault["pointer"] == "#/preprocessing"
    (fault,) = trained.post(JOBS, start | {"preprocessing": "reset"}, 422)["errors"]
    assert (fault["pointer"], fault["allowed"]) == ("#/preprocessing", ["keep", "refit"])


def test_a_dataset_without_the_columns_of_the_version_is_refused(api: ApiClient, idle_worker: FakeWorker) -> None:
    with idle_worker:
        rows = [{"x": number, "y": number % 4, "price": number} for number in range(12)]
        named_otherwise = [{"u": number, "v": number % 4, "price": number} for number in range(12)]
        for name, found in (("xy", rows), ("uv", named_otherwise)):
            api.post("/v1/datasets", {"name": name, "source": "inline", "rows": found, "target": "price"}, 201)
        api.post("/v1/models", named(LINE, "plain", input={"shape": [2]}), 201)
        job = {"model": "plain", "epochs": 1}
        api.post(JOBS, job | {"dataset": "xy"}, 201, Prefer="wait=60")
    problem = api.post(JOBS, job | {"dataset": "uv", "start_from": {"version": 1}}, 422)
    assert pointers(problem) == ["#/preprocessing"] * 2
    assert 'has no column "x"' in problem["errors"][0]["detail"]
    api.post(JOBS, job | {"dataset": "uv", "start_from": {"version": 1}, "preprocessing": "refit"}, 202)


def test_a_model_shows_that_its_pretrained_layers_keep_their_preprocessing(
    api: ApiClient, idle_worker: FakeWorker
) -> None:
    rows = [{"x": number, "y": number % 4, "price": number} for number in range(12)]
    with idle_worker:
        for name, found in (("xy", rows), ("uy", [{"u": row["x"], "y": row["y"], "price": 1.5} for row in rows])):
            api.post("/v1/datasets", {"name": name, "source": "inline", "rows": found, "target": "price"}, 201)
        api.post("/v1/models", named(LINE, "of-xy", input={"dataset": "xy"}), 201)
        api.post(JOBS, {"model": "of-xy", "dataset": "xy", "epochs": 1}, 201, Prefer="wait=60")
    layer = {"type": "Pretrained", "model": "of-xy", "version": 1}
    other = taking("of-uy", layer) | {"input": {"dataset": "uy"}}
    problem = api.post("/v1/models", other, 422)
    assert pointers(problem) == ["#/layers/0"] * 2
    make(api, idle_worker, taking("again", layer) | {"input": {"dataset": "xy"}})
    job = {"model": "again", "dataset": "xy", "epochs": 1}
    assert api.post(JOBS, job, 202)["preprocessing"] == "keep"
    assert api.post(JOBS, job | {"preprocessing": "refit"}, 202)["preprocessing"] == "refit"
