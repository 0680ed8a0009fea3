"""Pictures of evaluations and of datasets over HTTP."""

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from models.figures import ClassFigures, Figures, LabelFigures, NumberFigures
from models.jobs.evaluation import EvaluationResult
from models.spec import Task
from service.context import Context
from service.operations.jobs import lifecycle as execution
from tests.journeys.specs import LINE_DATASET, named
from tests.service.api.api_client import TRAINING, ApiClient
from tests.service.api.fake_worker import FakeWorker

EVALUATION = {"model": "line", "dataset": "line", "split": "train"}
RANDOM = np.random.default_rng(5)
TARGET = {"name": "y", "unit": "€", "columns": None}


@pytest.fixture
def evaluated(trained: ApiClient, idle_worker: FakeWorker, context: Context) -> Any:
    """Makes an evaluation with a result, and returns its URL."""

    def make(result: EvaluationResult) -> str:
        url: str = trained.post("/v1/evaluations", EVALUATION, 202)["links"]["self"]
        claimed = idle_worker.claim("evaluation")
        assert claimed is not None
        execution.succeed(context, claimed[0], result.to_document())
        return url

    return make


def complete(figures: Figures, classes: list[Any] | None, threshold: float | None = None) -> EvaluationResult:
    metrics, points = figures.metrics(), figures.points() | {"target": TARGET}
    return EvaluationResult(0.1, metrics, classes, **figures.details(), threshold=threshold, points=points)


def evaluate_classes(folder: Any, classes: list[Any], rows: int, task: Task = Task.MULTICLASS) -> EvaluationResult:
    truth = np.arange(rows) % len(classes)
    scores = RANDOM.random((rows, len(classes)), dtype=np.float32)
    scores[np.arange(rows), truth] += 0.6
    figures = ClassFigures(classes, rows, folder, task)
    figures.add(truth, scores / scores.sum(axis=1, keepdims=True))
    return complete(figures, classes, 0.5 if task is Task.BINARY else None)


def evaluate_numbers(rows: int, outputs: int) -> EvaluationResult:
    truth = RANDOM.normal(size=(rows, outputs))
    figures = NumberFigures(truth)
    figures.add(truth, truth + RANDOM.normal(size=truth.shape) / 3)
    return complete(figures, None)


def expect_svg(api: ApiClient, url: str) -> None:
    document = api.get(f"{url}{'&' if '?' in url else '?'}format=json")
    root = ElementTree.fromstring(api.send("GET", url, 200).data)
    description = root.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    assert description.text == " ".join(document["description"].split())


def test_a_confusion_matrix_names_the_classes_that_are_confused_most(
    trained: ApiClient, evaluated: Any, tmp_path: Any
) -> None:
    result = evaluate_classes(tmp_path, ["cat", "dog", "fish"], 90)
    url = evaluated(result)
    found = trained.get(f"{url}/confusion?format=json")
    assert (found["form"], found["matrix"], found["classes"]) == ("matrix", result.confusion_matrix, result.classes)
    assert (found["rows"], found["correct"]) == (90, np.trace(np.array(found["matrix"])))
    assert all(sum(row) == pytest.approx(100, abs=0.2) for row in found["percentages"])
    worst = found["confused"][0]
    assert worst["count"] == max(pair["count"] for pair in found["confused"])
    assert f'Most often, "{worst["true"]}" was predicted as "{worst["predicted"]}"' in found["description"]
    assert (found["model"], found["version"], found["dataset"], found["split"]) == ("line", 1, "line", "train")
    expect_svg(trained, f"{url}/confusion")
    assert "points" not in trained.get(url)["result"]


def test_too_many_classes_for_a_matrix_are_shown_by_their_recall(
    trained: ApiClient, evaluated: Any, tmp_path: Any
) -> None:
    url = evaluated(evaluate_classes(tmp_path, [f"class {number}" for number in range(300)], 600))
    found = trained.get(f"{url}/confusion?format=json")
    assert (found["form"], found["matrix"], found["found"], len(found["weakest"])) == ("classes", None, 300, 20)
    recalls = [entry["recall"] for entry in found["weakest"]]
    assert recalls == sorted(recalls)
    (note,) = found["notes"]
    assert note == (
        "A confusion matrix has at most 256 classes, but there are 300. "
        "Shown instead are the 20 with the lowest recall."
    )
    expect_svg(trained, f"{url}/confusion")


def test_labels_have_a_matrix_each(trained: ApiClient, evaluated: Any, tmp_path: Any) -> None:
    labels = [f"label {number}" for number in range(15)]
    figures = LabelFigures(labels, 40, tmp_path)
    figures.add(RANDOM.random((40, 15)) < 0.4, RANDOM.random((40, 15), dtype=np.float32))
    url = evaluated(complete(figures, labels, 0.5))
    found = trained.get(f"{url}/confusion?format=json")
    assert (found["form"], found["rows"], len(found["labels"])) == ("labels", 40, 12)
    assert found["notes"] == ["Shown are the 12 of 15 labels with the most wrong decisions."]
    roc = trained.get(f"{url}/roc?format=json")
    assert len(roc["curves"]) == roc["found"] == 15
    assert roc["curves"][0]["chosen"]["threshold"] == 0.5
    expect_svg(trained, f"{url}/confusion")
    expect_svg(trained, f"{url}/roc")


def test_two_classes_have_one_roc_curve_with_the_chosen_threshold(
    trained: ApiClient, evaluated: Any, tmp_path: Any
) -> None:
    result = evaluate_classes(tmp_path, ["benign", "malignant"], 200, Task.BINARY)
    url = evaluated(result)
    found = trained.get(f"{url}/roc?format=json")
    (curve,) = found["curves"]
    assert (curve["label"], curve["area"], found["area"]) == ("malignant", found["area"], result.metrics["roc_auc"])
    assert (curve["false_positive_rates"][0], curve["true_positive_rates"][-1], curve["thresholds"][0]) == (0, 1, None)
    assert curve["chosen"]["true_positive_rate"] == pytest.approx(result.metrics["recall"])
    assert found["notes"] == []
    expect_svg(trained, f"{url}/roc")


def test_of_many_classes_the_worst_roc_curves_are_shown(trained: ApiClient, evaluated: Any, tmp_path: Any) -> None:
    url = evaluated(evaluate_classes(tmp_path, list(range(30)), 58))
    found = trained.get(f"{url}/roc?format=json")
    assert (len(found["curves"]), found["found"]) == (20, 30)
    assert found["notes"] == ["Shown are the 20 of 30 classes with the smallest areas."]
    assert {curve["chosen"] for curve in found["curves"]} == {None}


def test_residuals_are_the_truth_minus_the_prediction(trained: ApiClient, evaluated: Any) -> None:
    url = evaluated(evaluate_numbers(1500, 1))
    found = trained.get(f"{url}/residuals?format=json")
    (output,) = found["outputs"]
    assert (output["name"], found["unit"], found["total"], len(found["rows"])) == ("y", "€", 1500, 1000)
    expected = np.array(output["true"]) - np.array(output["predicted"])
    np.testing.assert_allclose(output["residuals"], expected, rtol=1e-4)
    assert sum(output["counts"]) == 1000
    assert found["notes"] == ["Drawn are 1,000 of 1,500 rows, at even distances."]
    expect_svg(trained, f"{url}/residuals")


def test_of_many_outputs_the_first_have_residuals(trained: ApiClient, evaluated: Any) -> None:
    url = evaluated(evaluate_numbers(20, 12))
    found = trained.get(f"{url}/residuals?format=json")
    assert ([output["name"] for output in found["outputs"]], found["found"]) == ([f"y {n}" for n in range(1, 10)], 12)
    assert found["notes"] == ["Shown are the first 9 of 12 outputs."]
    expect_svg(trained, f"{url}/residuals?width=320")


def test_a_picture_of_another_task_is_a_409_that_names_the_one_that_fits(
    trained: ApiClient, evaluated: Any, tmp_path: Any
) -> None:
    numbers, classes = evaluated(evaluate_numbers(5, 1)), evaluated(evaluate_classes(tmp_path, ["a", "b"], 6))
    for url, other in ((f"{numbers}/confusion", "residuals"), (f"{numbers}/roc", "residuals"),
                       (f"{classes}/residuals", "confusion")):  # fmt: skip
        problem = trained.get(url, 409)
        assert problem["type"] == "/problems/no-picture"
        assert problem["detail"].endswith(f"Its picture is {url.rpartition('/')[0]}/{other}.")
        assert "Retry-After" not in trained.send("GET", url, 409).headers


def test_an_evaluation_of_an_older_release_needs_a_new_one(trained: ApiClient, evaluated: Any, tmp_path: Any) -> None:
    numbers = evaluated(evaluate_numbers(5, 1).without_points()[0])
    classes = evaluated(evaluate_classes(tmp_path, ["a", "b"], 6).without_points()[0])
    for url, what in ((f"{numbers}/residuals", "rows"), (f"{classes}/roc", "ROC curves")):
        found = trained.get(f"{url}?format=json")
        assert found["notes"] == [
            f"An older Fitserve made this evaluation and kept no {what}: evaluate the version again."
        ]
        expect_svg(trained, url)
    expect_svg(trained, f"{classes}/confusion")


def test_an_evaluation_that_has_not_succeeded_is_a_409(
    trained: ApiClient, idle_worker: FakeWorker, context: Context
) -> None:
    waiting = trained.post("/v1/evaluations", EVALUATION, 202)["links"]["self"]
    response = trained.send("GET", f"{waiting}/confusion", 409)
    assert response.headers["Retry-After"] == "1"
    claimed = idle_worker.claim("evaluation")
    assert claimed is not None
    execution.fail(context, claimed[0], {"code": "out-of-memory", "detail": "It needs more memory.", "faults": []})
    for picture in ("confusion", "roc", "residuals"):
        problem = trained.get(f"{waiting}/{picture}", 409)
        assert "failed: It needs more memory." in problem["detail"]
    assert "Retry-After" not in trained.send("GET", f"{waiting}/roc", 409).headers
    trained.get("/v1/evaluations/ev_000000000000000000000000/roc", 404)


def test_a_training_evaluation_has_residuals(trained: ApiClient, idle_worker: FakeWorker) -> None:
    job = trained.post("/v1/training-jobs", TRAINING | {"dataset": "tested"}, 202)["links"]["self"]
    idle_worker.run_all()
    found = trained.get(f"{trained.get(job)['links']['evaluation']}/residuals?format=json")
    assert (found["total"], found["outputs"][0]["true"]) == (2, [1, 2])


def test_a_preview_shows_a_dataset_at_a_glance(trained: ApiClient, idle_worker: FakeWorker) -> None:
    for name in ("iris", "digits", "circles"):
        trained.post("/v1/datasets", {"name": name, "source": name}, 202, Prefer="wait=0")
    idle_worker.run_all()
    forms = {"iris": "histograms", "digits": "pictures", "circles": "points", "line": "points"}
    for name, form in forms.items():
        found = trained.get(f"/v1/datasets/{name}/preview?format=json")
        assert (found["form"], found["title"], found["dataset_version"]) == (form, name, 1)
        assert found[form]
        expect_svg(trained, f"/v1/datasets/{name}/preview?width=320&height=200")
    few = trained.get("/v1/datasets/digits/preview?format=json&split=test&count=3")
    assert (few["split"], few["rows"], len(few["pictures"]["items"])) == ("test", 359, 3)
    assert few["subtitle"] == '359 rows in test · target "digit": 10 classes'
    assert len(trained.get("/v1/datasets/digits/preview?format=json&count=1000")["pictures"]["items"]) == 100


def test_a_preview_needs_a_dataset_that_is_ready_and_a_valid_query(trained: ApiClient) -> None:
    trained.post("/v1/datasets", named(LINE_DATASET, "slow"), 202, Prefer="wait=0")
    assert trained.send("GET", "/v1/datasets/slow/preview", 409).headers["Retry-After"] == "1"
    trained.get("/v1/datasets/nothing/preview", 404)
    trained.get("/v1/datasets/line/preview?version=9", 404)
    for query in ("split=all", "count=0", "count=x"):
        assert trained.get(f"/v1/datasets/line/preview?{query}", 400)["errors"][0]["parameter"] == query.split("=")[0]
    empty = trained.get("/v1/datasets/line/preview?format=json&split=test")
    assert (empty["rows"], empty["points"]["x"]) == (0, [])
    expect_svg(trained, "/v1/datasets/line/preview?split=test")
