"""The positive class, and the threshold from which a class counts as predicted, over HTTP."""

import io
from typing import Any

import pytest

from models.spec import Task
from tests.journeys.specs import LINE
from tests.service.api.api_client import ApiClient
from tests.service.api.fake_worker import FakeWorker

SPEC = {
    "input": {"shape": [1]},
    "layers": [{"type": "Dense", "units": 1, "activation": "sigmoid"}],
    "optimizer": "adam",
    "loss": "binary_crossentropy",
}
FRAUD = SPEC | {"name": "fraud", "task": "binary", "threshold": 0.3}
LABELS = SPEC | {"name": "labels", "task": "multilabel", "layers": [SPEC["layers"][0] | {"units": 2}]}  # type: ignore[index]
PAYMENTS = {"name": "payments", "source": "inline", "inputs": [[0], [1], [2], [3]], "split": {"test": 0.5, "seed": 1}}
TARGETS = ["fraud", "ok", "ok", "ok"]
PREDICTIONS = "/v1/models/fraud/predictions"
SCORES = {"instances": [[0.25], [0.3], [0.31], [0.75]]}
"""The score of the positive class is the instance itself: the fake network gives its input."""


@pytest.fixture
def api(api: ApiClient, worker: FakeWorker) -> ApiClient:
    """A client of an app with a version that says how likely fraud is, of a model with the threshold 0.3."""
    api.post("/v1/datasets", PAYMENTS | {"targets": TARGETS})
    api.post("/v1/models", FRAUD)
    api.post("/v1/training-jobs", {"model": "fraud", "dataset": "payments", "epochs": 1}, Prefer="wait=20")
    return api


def labels(api: ApiClient, query: str = "", path: str = PREDICTIONS) -> list[Any]:
    return [one["label"] for one in api.post(f"{path}{query}", SCORES, expect=200)["predictions"]]


def test_the_positive_class_is_shown_and_its_score_is_that_of_a_single_output(api: ApiClient) -> None:
    target = api.get("/v1/datasets/payments")["target"]
    assert (target["classes"], target["positive_class"]) == (["ok", "fraud"], "fraud")
    answer = api.post(PREDICTIONS, {"instances": [[0.75]]}, expect=200)
    assert answer["classes"] == ["ok", "fraud"]
    assert answer["predictions"] == [{"label": "fraud", "score": 0.75, "scores": [0.25, 0.75]}]


def test_a_version_keeps_its_classes_whatever_a_later_dataset_says(api: ApiClient) -> None:
    api.delete("/v1/datasets/payments")
    api.post("/v1/datasets", PAYMENTS | {"targets": TARGETS, "target_options": {"positive_class": "ok"}})
    assert api.get("/v1/datasets/payments")["target"]["positive_class"] == "ok"
    assert api.get("/v1/models/fraud/versions/1")["classes"] == ["ok", "fraud"]
    evaluation = {"model": "fraud", "dataset": "payments"}
    assert api.post("/v1/evaluations", evaluation, Prefer="wait=20")["status"] == "succeeded"


def test_options_of_the_target_are_checked_at_once_or_by_the_import(api: ApiClient) -> None:
    for options, pointer in [
        ({"positive": "ok"}, "positive"),
        ({"missing": "drop"}, "missing"),
        ({"positive_class": "thief"}, "positive_class"),
    ]:
        request = PAYMENTS | {"name": "other", "targets": TARGETS, "target_options": options}
        (fault,) = api.post("/v1/datasets", request, expect=422)["errors"]
        assert fault["pointer"] == f"#/target_options/{pointer}"
    assert fault["allowed"] == ["fraud", "ok"]


def test_a_form_has_the_options_as_json(api: ApiClient) -> None:
    content = b"x,who,y\n1,a,ok\n2,a,ok\n3,b,\n4,c,fraud\n5,d,ok\n"
    form = {
        "name": "sent", "target": "y", "target_options": '{"positive_class": "ok", "missing": "drop"}',
        "split": '{"group": "who", "validation": 0, "test": 0.5, "stratify": false}',
        "file": (io.BytesIO(content), "payments.csv"),
    }  # fmt: skip
    dataset: Any = api.send("POST", "/v1/datasets", 201, data=form).json
    assert dataset["target"]["positive_class"] == "ok"
    assert (dataset["rows"], sorted(dataset["splits"].values())) == (4, [0, 2, 2])
    assert {note["type"] for note in dataset["notes"]} == {"missing_target", "groups"}
    assert [(one["name"], one["reason"]) for one in dataset["left_out"]] == [("who", "group")]


def test_a_class_counts_as_predicted_from_the_threshold_on(api: ApiClient) -> None:
    # 0.3 as a number of single precision is a little more than 0.3
    assert labels(api) == ["ok", "fraud", "fraud", "fraud"]
    assert labels(api, "?threshold=0.75") == ["ok", "ok", "ok", "fraud"]
    assert labels(api, "?threshold=0") == ["fraud"] * 4
    assert labels(api, "?threshold=0.5", "/v1/models/fraud/versions/1/predictions") == ["ok", "ok", "ok", "fraud"]
    (first, *_) = api.post(f"{PREDICTIONS}?threshold=0.75&top=2", SCORES, expect=200)["predictions"]
    assert (first["label"], first["score"]) == ("ok", 0.75)


def test_the_threshold_can_be_changed_for_the_predictions_that_follow(api: ApiClient) -> None:
    assert api.get("/v1/models/fraud")["threshold"] == 0.3
    assert api.patch("/v1/models/fraud", {"threshold": 0.75})["threshold"] == 0.75
    assert labels(api) == ["ok", "ok", "ok", "fraud"]
    assert api.patch("/v1/models/fraud", {"threshold": None})["threshold"] == 0.5
    for wrong in (1.5, "high", True):
        (fault,) = api.patch("/v1/models/fraud", {"threshold": wrong}, 422)["errors"]
        assert fault["pointer"] == "#/threshold"


def test_jobs_keep_the_threshold_with_which_they_were_created(api: ApiClient) -> None:
    (automatic,) = api.get("/v1/evaluations")["items"]
    job = {"model": "fraud", "dataset": "payments"}
    evaluations = [api.post("/v1/evaluations", job | more, 202) for more in ({}, {"threshold": 0.9})]
    batch = api.post("/v1/batch-predictions", job, 202)
    api.patch("/v1/models/fraud", {"threshold": 0.75})
    thresholds = [api.get(one["links"]["self"])["threshold"] for one in [*evaluations, batch]]
    assert thresholds == [0.3, 0.9, 0.3]
    assert automatic["threshold"] is None  # the fake worker's


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.MULTICLASS])
def test_other_tasks_have_no_threshold(task: str, api: ApiClient) -> None:
    losses = {"regression": "mean_squared_error", "multiclass": "categorical_crossentropy"}
    dense = {"type": "Dense", "units": 2, "activation": "softmax" if task == "multiclass" else None}
    spec = FRAUD | {"name": "other", "task": task, "loss": losses[task], "layers": [dense]}
    (fault,) = api.post("/v1/models", spec, expect=422)["errors"]
    assert fault["pointer"] == "#/threshold"
    model = api.post("/v1/models", spec | {"threshold": None})
    assert model["threshold"] is None
    assert api.patch("/v1/models/other", {"threshold": 0.5}, 422)["errors"][0]["pointer"] == "#/threshold"


def test_a_threshold_that_is_none_is_a_fault(api: ApiClient) -> None:
    for wrong in (-0.1, 1.1, "0.5", True):
        (fault,) = api.post("/v1/models", FRAUD | {"name": "other", "threshold": wrong}, expect=422)["errors"]
        assert fault["pointer"] == "#/threshold"
    for query in ("threshold=2", "threshold=x", "threshold=nan", "threshold=0.1&threshold=0.2"):
        (fault,) = api.post(f"{PREDICTIONS}?{query}", SCORES, expect=400)["errors"]
        assert fault["parameter"] == "threshold"


def test_a_threshold_where_none_is_compared_is_a_fault(api: ApiClient) -> None:
    api.make_line()
    api.train_line()
    (fault,) = api.post("/v1/models/line/predictions?threshold=0.5", {"instances": [[1]]}, expect=400)["errors"]
    assert fault["parameter"] == "threshold"
    job = {"model": LINE["name"], "dataset": "line", "split": "train", "threshold": 0.5}
    assert api.post("/v1/evaluations", job, expect=422)["errors"][0]["pointer"] == "#/threshold"


def test_labels_of_several_count_from_the_threshold_on(api: ApiClient) -> None:
    data = {"name": "marks", "source": "inline", "inputs": [[0], [1]], "targets": [["a"], ["a", "b"]]}
    api.post("/v1/datasets", data)
    assert api.post("/v1/models", LABELS)["threshold"] == 0.5
    api.post("/v1/training-jobs", {"model": "labels", "dataset": "marks", "epochs": 1}, Prefer="wait=20")
    path = "/v1/models/labels/predictions"
    found = [
        [one["labels"] for one in api.post(f"{path}{query}", {"instances": [[0.4], [0.6]]}, 200)["predictions"]]
        for query in ("", "?threshold=0.3")
    ]
    assert found == [[[], ["a"]], [["a"], ["a"]]]
