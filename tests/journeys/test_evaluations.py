"""Evaluating over real HTTP: every task, by trainings themselves and on other data, with the figures of predictions."""

import hashlib
import io
import zipfile
from typing import Any

import numpy as np
import pytest
import sklearn.metrics

from tests.journeys.specs import LINE, RINGS, RINGS_DATASET, classifier, named
from tests.running_service import Client, wait_for

URL = "/v1/evaluations"
CLASS_METRICS = {
    "accuracy", "balanced_accuracy", "roc_auc", "pr_auc", "log_loss", "brier",
    "macro_precision", "macro_recall", "macro_f1", "weighted_precision", "weighted_recall", "weighted_f1",
}  # fmt: skip


def evaluate(client: Client, model: str, dataset: str, **members: Any) -> Any:
    """The result of an evaluation that succeeded."""
    evaluation = client.post(URL, {"model": model, "dataset": dataset, **members}, wait=60)
    assert evaluation["status"] == "succeeded", evaluation["error"]
    assert evaluation["progress"]["fraction"] == 1
    return evaluation["result"]


def rows_of(client: Client, dataset: str, split: str = "test") -> list[dict[str, Any]]:
    rows, url = [], f"/v1/datasets/{dataset}/rows?split={split}&limit=100"
    while url:
        page = client.get(url)
        rows += page["items"]
        url = page["next"]
    return rows


@pytest.fixture(scope="module")
def iris(service: Any) -> tuple[Client, Any]:
    """A client, and the job that trained `iris`, a multiclass model of a table."""
    client: Client = service.client
    client.post("/v1/datasets", {"name": "ev-iris", "source": "iris"})
    client.post("/v1/models", classifier("ev-iris", [4], 3, input={"dataset": "ev-iris"}))
    return client, client.train("ev-iris", "ev-iris", epochs=20, seed=3)


def test_a_training_evaluates_its_test_rows_as_a_client_would(iris: tuple[Client, Any]) -> None:
    client, job = iris
    own = client.get(job["links"]["evaluation"])
    assert (own["training_job"], own["split"], own["status"]) == (job["id"], "test", "succeeded")
    version = client.get(job["links"]["version"])
    assert version["links"]["evaluation"] == job["links"]["evaluation"]
    asked = evaluate(client, "ev-iris", "ev-iris")
    assert asked["loss"] == pytest.approx(own["result"]["loss"], rel=1e-6)
    assert asked["confusion_matrix"] == own["result"]["confusion_matrix"]
    assert asked["metrics"] == pytest.approx(own["result"]["metrics"], rel=1e-6)
    assert version["metrics"]["test"] == pytest.approx(
        {"loss": asked["loss"], "accuracy": asked["metrics"]["accuracy"]}, rel=1e-6
    )
    roc = client.get(f"{own['links']['self']}/roc?format=json")
    assert [curve["label"] for curve in roc["curves"]] == own["result"]["classes"]
    assert np.mean([curve["area"] for curve in roc["curves"]]) == pytest.approx(asked["metrics"]["roc_auc"])


def test_an_evaluation_warns_of_numbers_in_another_unit_than_the_version_learned(service: Any) -> None:
    client: Client = service.client
    for unit in ("miles", "km"):
        rows = [{"way": f"{number % 9}.5 {unit}", "price": float(number)} for number in range(20)]
        client.post("/v1/datasets", {"name": f"ev-{unit}", "source": "inline", "rows": rows, "target": "price"})
    client.post("/v1/models", named(LINE, "ev-ways", input={"dataset": "ev-miles"}))
    client.train("ev-ways", "ev-miles", epochs=1)
    assert evaluate(client, "ev-ways", "ev-miles", split="train")["warnings"] == []
    (warning,) = evaluate(client, "ev-ways", "ev-km", split="train")["warnings"]
    assert warning["type"] == "out_of_range"
    assert warning["detail"].startswith('The numbers of "way" are in "km", but the version learned them in "miles".')


def test_the_saved_model_of_a_version_is_downloaded_whole_or_in_part(iris: tuple[Client, Any]) -> None:
    client, job = iris
    version = client.get(job["links"]["version"])
    formats = [artifact["format"] for artifact in version["artifacts"]]
    assert formats == ["keras", "onnx", "saved_model", "preprocessing"]
    artifact = version["artifacts"][2]
    response = client.request("GET", artifact["href"])
    assert (response.headers["Content-Type"], response.headers["ETag"]) == (
        "application/zip",
        f'"{artifact["sha256"]}"',
    )
    assert hashlib.sha256(response.content).hexdigest() == artifact["sha256"]
    assert len(response.content) == artifact["bytes"]
    part = client.request("GET", artifact["href"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"PK\x03\x04")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert archive.namelist() == [
            "saved_model.pb", "variables/variables.data-00000-of-00001", "variables/variables.index",
        ]  # fmt: skip
    assert "Assets written" not in client.request("GET", job["links"]["log"]).text


def test_the_figures_are_those_of_the_predictions(iris: tuple[Client, Any]) -> None:
    client, _ = iris
    result, rows = evaluate(client, "ev-iris", "ev-iris"), rows_of(client, "ev-iris")
    truth = [row["target"] for row in rows]
    predictions = client.predict("ev-iris", [row["instance"] for row in rows])["predictions"]
    labels = [prediction["label"] for prediction in predictions]
    scores = np.array([prediction["scores"] for prediction in predictions])
    scores /= scores.sum(axis=1, keepdims=True)
    assert set(result["metrics"]) == CLASS_METRICS
    assert result["classes"] == sorted(set(truth))
    assert result["confusion_matrix"] == sklearn.metrics.confusion_matrix(truth, labels).tolist()
    assert result["metrics"]["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(truth, labels, average="macro"))
    assert result["metrics"]["log_loss"] == pytest.approx(sklearn.metrics.log_loss(truth, scores), abs=1e-5)
    areas = sklearn.metrics.roc_auc_score(truth, scores, multi_class="ovr")
    assert result["metrics"]["roc_auc"] == pytest.approx(areas)


def test_another_dataset_may_have_its_classes_in_another_order_and_lack_some(iris: tuple[Client, Any]) -> None:
    client, _ = iris
    rows = [{**row["instance"], "kind": row["target"]} for row in rows_of(client, "ev-iris")]
    kept = [row for row in reversed(rows) if row["kind"] != "versicolor"]
    client.post("/v1/datasets", {"name": "ev-some", "source": "inline", "rows": kept, "target": "kind"})
    result = evaluate(client, "ev-iris", "ev-some", split="train")
    setosa, versicolor, virginica = result["per_class"]
    assert (versicolor["label"], versicolor["support"], versicolor["recall"]) == ("versicolor", 0, None)
    assert setosa["support"] + virginica["support"] == len(kept)
    assert setosa["recall"] == 1.0


def test_unknown_classes_and_missing_columns_are_named(iris: tuple[Client, Any]) -> None:
    client, _ = iris
    rows = [{"sepal_length": 1.5, "kind": "rose"}, {"sepal_length": 2.5, "kind": "setosa"}]
    client.post("/v1/datasets", {"name": "ev-roses", "source": "inline", "rows": rows, "target": "kind"})
    problem = client.post(URL, {"model": "ev-iris", "dataset": "ev-roses", "split": "train"}, expect=422)
    assert {fault.get("column") for fault in problem["errors"]} == {None, "sepal_width", "petal_length", "petal_width"}
    (unknown,) = (fault for fault in problem["errors"] if "column" not in fault)
    assert "rose" in unknown["detail"]
    assert unknown["allowed"] == ["setosa", "versicolor", "virginica"]


def test_two_classes_have_one_curve(client: Client) -> None:
    client.post("/v1/datasets", named(RINGS_DATASET, "ev-rings"))
    client.post("/v1/models", named(RINGS, "ev-rings"))
    job = client.train("ev-rings", "ev-rings", epochs=30, seed=7)
    result = evaluate(client, "ev-rings", "ev-rings", split="validation", version=1)
    assert np.array(result["confusion_matrix"]).sum() == 200
    assert set(result["metrics"]) == CLASS_METRICS | {"precision", "recall", "f1"}
    assert (result["positive_class"], result["threshold"]) == (1, 0.5)
    matrix = np.array(result["confusion_matrix"])
    assert result["metrics"]["recall"] == pytest.approx(matrix[1, 1] / matrix[1].sum())
    assert sum(one["count"] for one in result["calibration"]) == 200
    validated = client.get(job["links"]["version"])["metrics"]["validation"]
    assert result["loss"] == pytest.approx(validated["loss"], rel=1e-5)
    assert result["metrics"]["accuracy"] == pytest.approx(validated["accuracy"], rel=1e-5)


def test_several_labels_a_row_are_decisions_of_their_own(client: Client) -> None:
    inputs = np.random.default_rng(1).random((60, 3)).round(3)
    targets = [[name for name, value in zip("abc", row, strict=True) if value > 0.5] for row in inputs.tolist()]
    split = {"test": 0.5, "seed": 1}
    posted = {"source": "inline", "inputs": inputs.tolist(), "targets": targets, "split": split}
    client.post("/v1/datasets", {"name": "ev-labels", **posted})
    model = {
        "name": "ev-labels", "task": "multilabel", "input": {"shape": [3]},
        "layers": [{"type": "Dense", "units": 3, "activation": "sigmoid"}],
        "optimizer": {"type": "Adam", "learning_rate": 0.1}, "loss": "binary_crossentropy",
    }  # fmt: skip
    client.post("/v1/models", model)
    job = client.train("ev-labels", "ev-labels", epochs=50, seed=1)
    result = client.get(job["links"]["evaluation"])["result"]
    assert result["confusion_matrix"] is None
    assert [entry["label"] for entry in result["per_class"]] == ["a", "b", "c"]
    assert all(np.array(entry["confusion_matrix"]).sum() == 30 for entry in result["per_class"])
    assert result["metrics"]["roc_auc"] > 0.9


def test_numbers_have_no_classes(client: Client) -> None:
    client.post("/v1/datasets", {"name": "ev-sine", "source": "sine"})
    model = {
        "name": "ev-sine", "task": "regression", "input": {"shape": [1]},
        "layers": [{"type": "Dense", "units": 8, "activation": "tanh"}, {"type": "Dense", "units": 1}],
        "optimizer": {"type": "Adam", "learning_rate": 0.05}, "loss": "mean_squared_error", "metrics": ["mae"],
    }  # fmt: skip
    client.post("/v1/models", model)
    job = client.train("ev-sine", "ev-sine", epochs=20, seed=1)
    result = client.get(job["links"]["evaluation"])["result"]
    rows = rows_of(client, "ev-sine")
    predicted = [p["value"] for p in client.predict("ev-sine", [row["instance"] for row in rows])["predictions"]]
    truth = np.array([row["target"] for row in rows]).reshape(-1)
    assert set(result["metrics"]) == {"mae", "rmse", "r2"}
    assert result["metrics"]["r2"] == pytest.approx(sklearn.metrics.r2_score(truth, predicted), abs=1e-4)
    assert result["metrics"]["mae"] == pytest.approx(np.abs(truth - predicted).mean(), rel=1e-4)
    assert result["metrics"]["rmse"] ** 2 == pytest.approx(result["loss"], rel=1e-4)
    assert (result["classes"], result["confusion_matrix"], result["per_class"]) == (None, None, None)
    residuals = client.get(f"{job['links']['evaluation']}/residuals?format=json")
    assert residuals["outputs"][0]["true"] == pytest.approx(truth.tolist(), rel=1e-4)
    assert residuals["outputs"][0]["predicted"] == pytest.approx(predicted, rel=1e-4)


def test_a_running_evaluation_is_cancelled(client: Client) -> None:
    parameters = {"samples": 1_000_000}
    client.post("/v1/datasets", {"name": "ev-many", "source": "line", "parameters": parameters}, wait=60)
    client.post("/v1/datasets", {"name": "ev-few", "source": "line"})
    hidden = {"type": "Dense", "units": 256}
    model = {
        "name": "ev-many", "task": "regression", "input": {"shape": [1]},
        "layers": [*[hidden] * 8, {"type": "Dense", "units": 1}], "optimizer": "adam", "loss": "mean_squared_error",
    }  # fmt: skip
    client.post("/v1/models", model)
    client.train("ev-many", "ev-few", epochs=1)
    url = client.post(URL, {"model": "ev-many", "dataset": "ev-many", "split": "train"}, expect=202)["links"]["self"]
    wait_for(lambda: client.get(url)["progress"]["fraction"] > 0, what="some rows")
    client.delete("/v1/datasets/ev-many", expect=409)
    assert client.patch(url, {"desired_status": "cancelled"})["status"] == "cancelling"
    ended = wait_for(lambda: client.get(url) if client.get(url)["status"] == "cancelled" else None)
    assert [transition["status"] for transition in ended["transitions"]] == [
        "queued", "running", "cancelling", "cancelled",
    ]  # fmt: skip
    client.delete(url)
    client.delete("/v1/datasets/ev-many")
