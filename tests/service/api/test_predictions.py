"""Predictions over HTTP, for versions, labels and the latest."""

import threading
from typing import Any

import pytest
from flask import Flask

from models.predictor import Predictor
from service.context import Context
from service.operations import versions
from tests.journeys.specs import LINE
from tests.service.api.api_client import ApiClient

PREDICTIONS = "/v1/models/line/predictions"
KINDS = {"name": "kinds", "source": "inline", "inputs": [[0, 0]] * 3, "targets": ["a", "b", "c"]}
CLASSIFIER = {
    "name": "kinds",
    "task": "multiclass",
    "input": {"shape": [2]},
    "layers": [{"type": "Dense", "units": 3, "activation": "softmax"}],
    "optimizer": "adam",
    "loss": "sparse_categorical_crossentropy",
}


@pytest.fixture
def trained(api: ApiClient, worker: object) -> ApiClient:
    """A client of an app with a version of `line`, which returns its input."""
    api.make_line()
    api.train_line(label="champion")
    return api


def test_the_latest_version_a_number_and_a_label_predict(trained: ApiClient) -> None:
    expected = {
        "model": "line", "version": 1, "classes": None, "predictions": [{"value": 10.0}, {"value": -2.5}],
        "warnings": [],
    }  # fmt: skip
    for path in (PREDICTIONS, "/v1/models/line/versions/1/predictions", "/v1/models/line/labels/champion/predictions"):
        assert trained.post(path, {"instances": [[10], [-2.5]]}, expect=200) == expected


def test_a_regression_has_no_best_classes(trained: ApiClient) -> None:
    problem = trained.post(f"{PREDICTIONS}?top=2", {"instances": [[10]]}, expect=400)
    assert problem["type"] == "/problems/invalid-query"
    assert [fault["parameter"] for fault in problem["errors"]] == ["top"]


@pytest.mark.usefixtures("worker")
def test_classes_come_with_names_scores_and_the_best(api: ApiClient) -> None:
    api.post("/v1/datasets", KINDS)
    api.post("/v1/models", CLASSIFIER)
    api.post("/v1/training-jobs", {"model": "kinds", "dataset": "kinds", "epochs": 1}, Prefer="wait=20")
    path, body = "/v1/models/kinds/predictions", {"instances": [[0.5, 0.25]]}
    answer = api.post(path, body, expect=200)
    assert answer["classes"] == ["a", "b", "c"]
    assert answer["predictions"] == [{"label": "a", "score": 0.75, "scores": [0.75, 0.0, 0.0]}]
    (short,) = api.post(f"{path}?scores=false&top=2", body, expect=200)["predictions"]
    assert "scores" not in short
    assert short["top"] == [{"label": "a", "score": 0.75}, {"label": "b", "score": 0.0}]
    for query in ("top=0", "top=x", "scores=no", "tops=1"):
        api.post(f"{path}?{query}", body, expect=400)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "#/instances"),
        ({"instances": []}, "#/instances"),
        ({"instances": 5}, "#/instances"),
        ({"instances": [[1]], "signature_name": "x"}, "#/signature_name"),
        ({"instances": [[1], ["x"]]}, "#/instances/1"),
        ({"instances": [[1], [1, 2]]}, "#/instances/1"),
        ({"instances": [[None]]}, "#/instances/0"),
    ],
)
def test_instances_that_do_not_fit_are_named(trained: ApiClient, body: dict[str, Any], pointer: str) -> None:
    problem = trained.post(PREDICTIONS, body, expect=422)
    assert problem["errors"][0]["pointer"].startswith(pointer)


@pytest.mark.usefixtures("worker")
def test_without_a_version_it_is_a_409_and_unknown_ones_are_a_404(api: ApiClient) -> None:
    body = {"instances": [[1]]}
    api.post(PREDICTIONS, body, expect=404)
    api.post("/v1/models", LINE)
    assert api.post(PREDICTIONS, body, expect=409)["type"] == "/problems/no-version"
    api.post("/v1/models/line/versions/1/predictions", body, expect=404)
    api.post("/v1/models/line/labels/champion/predictions", body, expect=404)


def test_too_many_at_once_are_a_503_at_once(
    trained: ApiClient, app: Flask, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = context.settings.max_concurrent_predictions
    inside, leave = threading.Semaphore(0), threading.Event()
    original = Predictor.predict

    def slow(self: Predictor, *args: Any) -> Any:
        inside.release()
        leave.wait(20)
        return original(self, *args)

    monkeypatch.setattr(Predictor, "predict", slow)
    busy = [
        threading.Thread(target=lambda: app.test_client().post(PREDICTIONS, json={"instances": [[1]]}))
        for _ in range(most)
    ]
    for thread in busy:
        thread.start()
    for _ in busy:
        assert inside.acquire(timeout=20)
    problem = trained.post(PREDICTIONS, {"instances": [[1]]}, expect=503)
    assert problem["type"] == "/problems/overloaded"
    leave.set()
    for thread in busy:
        thread.join()
    trained.post(PREDICTIONS, {"instances": [[1]]}, expect=200)


@pytest.mark.parametrize("content", [b"", None])
def test_a_damaged_or_missing_network_is_the_services_fault(
    trained: ApiClient, context: Context, content: bytes | None
) -> None:
    path, _ = versions.artifact(context, "line", 1, "onnx")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    problem = trained.post(PREDICTIONS, {"instances": [[1]]}, expect=500)
    assert problem["type"] == "/problems/damaged-network"
    assert str(path.parent) not in problem["detail"]
