"""Predictions over HTTP, for versions, labels and the latest."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest

from models.predictor import Predictor
from service.api.app import create_front
from service.api.front.app import Front
from service.callers import DEFAULT_PROJECT
from service.context import Context
from service.operations.catalog import versions
from service.operations.inference.predictions import PredictionService, Wanted
from service.operations.memory import LARGE
from tests.journeys.specs import LINE
from tests.running_service import wait_for
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker
from tests.service.api.front_client import FrontClient, alive
from tests.service.api.prepared_data import PreparedData

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


def train_champion(api: ApiClient, worker: FakeWorker) -> None:
    with worker:
        api.make_line()
        api.train_line(label="champion")


@pytest.fixture
def trained(api: ApiClient, context: Context, prepared: PreparedData, worker: object) -> ApiClient:
    """A client of an app with a version of `line`, which returns its input."""
    prepared.copy(train_champion, context)
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


@contextmanager
def busy_with(app: Front, monkeypatch: pytest.MonkeyPatch, rows: int, requests: int) -> Iterator[None]:
    """While so many requests of so many rows are being predicted."""
    inside, leave = threading.Semaphore(0), threading.Event()
    original = Predictor.prepare

    def slow(self: Predictor, instances: Any, *args: Any, **options: Any) -> Any:
        if len(instances) == rows:
            inside.release()
            leave.wait(20)
        return original(self, instances, *args, **options)

    monkeypatch.setattr(Predictor, "prepare", slow)
    body = {"instances": [[1]] * rows}
    busy = [threading.Thread(target=lambda: FrontClient(app).post(PREDICTIONS, json=body)) for _ in range(requests)]
    for thread in busy:
        thread.start()
    for _ in busy:
        assert inside.acquire(timeout=20)
    yield
    leave.set()
    for thread in busy:
        thread.join()


def test_too_many_at_once_are_a_503_at_once(
    trained: ApiClient, app: Front, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    with busy_with(app, monkeypatch, 1, context.settings.max_concurrent_predictions):
        problem = trained.post(PREDICTIONS, {"instances": [[1]]}, expect=503)
    assert problem["type"] == "/problems/overloaded"
    trained.post(PREDICTIONS, {"instances": [[1]]}, expect=200)


@pytest.mark.usefixtures("trained")
def test_large_requests_leave_room_for_small_ones(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_front(replace(context, settings=replace(context.settings, max_body_bytes=2 * LARGE)))
    api, rows = ApiClient(FrontClient(app)), LARGE // len(b"[1],")
    with busy_with(app, monkeypatch, rows, 1):
        api.post(PREDICTIONS, {"instances": [[1]] * (rows + 1)}, expect=503)
        api.post(PREDICTIONS, {"instances": [[1]]}, expect=200)


def test_many_rows_come_back_in_their_order(trained: ApiClient) -> None:
    rows = [[number] for number in range(10_000)]
    answer = trained.post(PREDICTIONS, {"instances": rows}, expect=200)
    assert [prediction["value"] for prediction in answer["predictions"]] == list(range(10_000))


def test_a_prediction_whose_time_is_over_is_a_503(trained: ApiClient, context: Context) -> None:
    hurried = create_front(replace(context, settings=replace(context.settings, prediction_seconds=1e-6)))
    problem = ApiClient(FrontClient(hurried)).post(PREDICTIONS, {"instances": [[1]]}, expect=503)
    assert problem["type"] == "/problems/prediction-timeout"


def test_a_body_may_be_compressed(trained: ApiClient) -> None:
    data = gzip.compress(orjson.dumps({"instances": [[10], [-2.5]]}))
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = trained.send("POST", PREDICTIONS, 200, data=data, headers=headers).json
    assert answer is not None
    assert answer["predictions"] == [{"value": 10.0}, {"value": -2.5}]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b'{"instances": ' + b"[" * 10**5 + b"1" + b"]" * 10**5 + b"}", 413, ""),
        (b'{"instances": ' + b"[" * 40_000 + b"1" + b"]" * 40_000 + b"}", 400, "levels"),
        (b'{"instances": ' + b"[" * 30 + b"1, 2" + b"]" * 30 + b"}", 422, "Row 0"),
        (b'{"instances": [[1], [2, 3]]}', 422, "Row 1"),
        (b'{"instances": [[1], [[2]], [3]]}', 422, "Row 1"),
        (b'{"instances": [[1], []]}', 422, "Row 1"),
        (b'{"instances": [[1], ["2"]]}', 422, "Row 1"),
        (b'{"instances": [[1, 2], [3, 4]]}', 422, "Row 0"),
        (b'{"instances": [[1], [3.5e38]]}', 422, "Row 1"),
        (b'{"instances": [[1], [1e999]]}', 400, "double precision"),
        (b'{"instances": [[1], [2]]', 400, "not JSON"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_rows_are_named(trained: ApiClient, body: bytes, status: int, says: str) -> None:
    problem = trained.send("POST", PREDICTIONS, status, data=body, content_type="application/json").json
    assert problem is not None
    assert says in problem["detail"]


def test_what_is_deleted_or_relabelled_takes_effect_at_once_in_the_process_that_did_it(trained: ApiClient) -> None:
    labelled, body = "/v1/models/line/labels/champion/predictions", {"instances": [[1]]}
    trained.train_line()
    assert trained.post(PREDICTIONS, body, expect=200)["version"] == 2
    assert trained.post(labelled, body, expect=200)["version"] == 1
    trained.put("/v1/models/line/labels/champion", {"version": 2})
    assert trained.post(labelled, body, expect=200)["version"] == 2
    trained.delete("/v1/models/line/versions/1")
    trained.post("/v1/models/line/versions/1/predictions", body, expect=404)
    trained.delete("/v1/models/line/labels/champion")
    trained.post(labelled, body, expect=404)
    trained.delete("/v1/models/line/versions/2")
    trained.post(PREDICTIONS, body, expect=409)


@pytest.mark.usefixtures("trained")
def test_the_database_is_not_asked_for_each_prediction(context: Context) -> None:
    service = PredictionService(context)
    found = [service.find(Wanted(DEFAULT_PROJECT, "line")) for _ in range(1000)]
    assert len(set(map(id, found))) < 1000


def test_the_newest_models_are_loaded_ahead_of_use(trained: ApiClient, context: Context) -> None:
    eager = replace(context, settings=replace(context.settings, preloaded_models=5))
    app = create_front(eager)
    stored, _ = versions.artifact(context, "line", 1, "onnx")
    path = stored.open()
    with alive(app):
        wait_for(lambda: ApiClient(FrontClient(app)).http.get("/readyz").status_code == 200)
        path.unlink()
        ApiClient(FrontClient(app)).post(PREDICTIONS, {"instances": [[1]]}, expect=200)
    damaged = create_front(eager)
    with alive(damaged):
        wait_for(lambda: ApiClient(FrontClient(damaged)).http.get("/readyz").status_code == 200)


@pytest.mark.parametrize("content", [b"", None])
def test_a_damaged_or_missing_network_is_the_services_fault(
    trained: ApiClient, context: Context, content: bytes | None
) -> None:
    stored, _ = versions.artifact(context, "line", 1, "onnx")
    path = stored.open()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    problem = trained.post(PREDICTIONS, {"instances": [[1]]}, expect=500)
    assert problem["type"] == "/problems/damaged-network"
    assert str(path.parent) not in problem["detail"]
