"""The figures of an evaluation equal scikit-learn's, for any blocks of rows, and are None where it warns."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.calibration
import sklearn.metrics

from models import figures
from models.figures import ClassFigures, Figures, LabelFigures, NumberFigures
from models.spec import Task

RANDOM = np.random.default_rng(3)


def add_in_parts(collector: Figures, targets: np.ndarray, predicted: np.ndarray) -> None:
    for start in range(0, len(targets), 7):
        collector.add(targets[start : start + 7], predicted[start : start + 7])


def probabilities(rows: int, classes: int) -> np.ndarray:
    scores = RANDOM.random((rows, classes), dtype=np.float32)
    return scores / scores.sum(axis=1, keepdims=True)


def column(per_class: list[dict[str, Any]], name: str) -> list[Any]:
    return [entry[name] for entry in per_class]


@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "b", "c"]])
def test_of_classes(classes: list[str], tmp_path: Path) -> None:
    truth, scores = RANDOM.integers(0, len(classes), 60), probabilities(60, len(classes))
    guesses = scores.argmax(axis=1)
    collector = ClassFigures(classes, 60, tmp_path)
    add_in_parts(collector, truth, scores)
    metrics, details = collector.metrics(), collector.details()
    assert details["confusion_matrix"] == sklearn.metrics.confusion_matrix(truth, guesses).tolist()
    expected = sklearn.metrics.precision_recall_fscore_support(truth, guesses)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert column(details["per_class"], name) == pytest.approx(values.tolist())
    assert column(details["per_class"], "label") == classes
    for average in ("macro", "weighted"):
        means = sklearn.metrics.precision_recall_fscore_support(truth, guesses, average=average)[:3]
        assert [metrics[f"{average}_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(means)
    assert metrics["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(truth, guesses))
    assert metrics["log_loss"] == pytest.approx(sklearn.metrics.log_loss(truth, scores), rel=1e-6)
    positive = scores[:, 1] if len(classes) == 2 else scores
    assert metrics["roc_auc"] == pytest.approx(sklearn.metrics.roc_auc_score(truth, positive, multi_class="ovr"))
    each = truth == 1 if len(classes) == 2 else np.eye(len(classes))[truth]
    assert metrics["pr_auc"] == pytest.approx(sklearn.metrics.average_precision_score(each, positive))
    assert metrics["balanced_accuracy"] == pytest.approx(sklearn.metrics.balanced_accuracy_score(truth, guesses))
    assert metrics["brier"] == pytest.approx(sklearn.metrics.brier_score_loss(truth, positive), rel=1e-6)


def expect_curve(bins: list[dict[str, Any]], truth: np.ndarray, scores: np.ndarray) -> None:
    """The bins that aren't empty are those of scikit-learn."""
    shares, means = sklearn.calibration.calibration_curve(truth, scores, n_bins=10)
    filled = [one for one in bins if one["count"]]
    assert column(filled, "share") == pytest.approx(shares)
    assert column(filled, "mean_score") == pytest.approx(means)
    assert sum(column(bins, "count")) == len(scores)
    assert (column(bins, "lower"), bins[-1]["upper"]) == ([i / 10 for i in range(10)], 1)


def test_two_classes_have_the_figures_of_the_positive_one_at_a_threshold(tmp_path: Path) -> None:
    truth, scores = RANDOM.integers(0, 2, 60), probabilities(60, 2)
    collector = ClassFigures(["ok", "fraud"], 60, tmp_path, Task.BINARY, threshold=0.3)
    add_in_parts(collector, truth, scores)
    metrics, details = collector.metrics(), collector.details()
    guesses = scores[:, 1] >= 0.3
    expected = sklearn.metrics.precision_recall_fscore_support(truth, guesses, average="binary")[:3]
    assert [metrics[name] for name in ("precision", "recall", "f1")] == pytest.approx(expected)
    assert metrics["accuracy"] == pytest.approx((truth == guesses).mean())
    assert details["positive_class"] == "fraud"
    expect_curve(details["calibration"], truth, scores[:, 1])


def test_several_classes_have_the_calibration_of_the_predicted_one(tmp_path: Path) -> None:
    truth, scores = RANDOM.integers(0, 3, 60), probabilities(60, 3)
    collector = ClassFigures(["a", "b", "c"], 60, tmp_path)
    add_in_parts(collector, truth, scores)
    details = collector.details()
    expect_curve(details["calibration"], truth == scores.argmax(axis=1), scores.max(axis=1))
    assert details["positive_class"] is None


def test_scores_on_an_edge_are_in_the_lower_bin(tmp_path: Path) -> None:
    positive = np.array([0, 0.1, 0.1, 0.5, 1], np.float64)
    collector = ClassFigures(["no", "yes"], 5, tmp_path)
    collector.add(np.array([0, 1, 0, 1, 1]), np.stack([1 - positive, positive], axis=1))
    bins = collector.details()["calibration"]
    assert column(bins, "count") == [3, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    assert (bins[0]["share"], bins[1]["share"], bins[1]["mean_score"]) == (pytest.approx(1 / 3), None, None)


def test_of_labels(tmp_path: Path) -> None:
    truth, scores = RANDOM.random((40, 3)) < 0.4, RANDOM.random((40, 3), dtype=np.float32)
    collector = LabelFigures(["x", "y", "z"], 40, tmp_path)
    add_in_parts(collector, truth, scores)
    metrics, details = collector.metrics(), collector.details()
    guesses = scores > 0.5
    matrices = sklearn.metrics.multilabel_confusion_matrix(truth, guesses)
    assert details["confusion_matrix"] is None
    assert column(details["per_class"], "confusion_matrix") == matrices.tolist()
    assert metrics["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(truth, guesses, average="macro"))
    assert metrics["weighted_recall"] == pytest.approx(sklearn.metrics.recall_score(truth, guesses, average="weighted"))
    assert metrics["roc_auc"] == pytest.approx(sklearn.metrics.roc_auc_score(truth, scores))
    each = [sklearn.metrics.log_loss(truth[:, i], scores[:, i]) for i in range(3)]
    assert metrics["log_loss"] == pytest.approx(np.mean(each), rel=1e-6)
    assert metrics["accuracy"] == pytest.approx((truth == guesses).mean())
    assert metrics["pr_auc"] == pytest.approx(sklearn.metrics.average_precision_score(truth, scores))
    balanced = [sklearn.metrics.balanced_accuracy_score(truth[:, i], guesses[:, i]) for i in range(3)]
    assert metrics["balanced_accuracy"] == pytest.approx(np.mean(balanced))
    assert metrics["brier"] == pytest.approx(((scores - truth) ** 2).mean())
    expect_curve(details["calibration"], truth.ravel(), scores.ravel())


def test_labels_count_from_the_threshold_on(tmp_path: Path) -> None:
    truth, scores = RANDOM.random((40, 3)) < 0.4, RANDOM.random((40, 3), dtype=np.float32)
    collector = LabelFigures(["x", "y", "z"], 40, tmp_path, threshold=0.8)
    add_in_parts(collector, truth, scores)
    assert collector.metrics()["accuracy"] == pytest.approx((truth == (scores >= 0.8)).mean())


@pytest.mark.parametrize("shape", [(50, 1), (50, 3)])
def test_of_numbers(shape: tuple[int, int]) -> None:
    truth = RANDOM.normal(100, 3, shape).astype(np.float32)
    predicted = truth + RANDOM.normal(0, 1, shape).astype(np.float32)
    collector = NumberFigures(truth)
    add_in_parts(collector, truth, predicted)
    assert collector.metrics() == {
        "mae": pytest.approx(sklearn.metrics.mean_absolute_error(truth, predicted)),
        "rmse": pytest.approx(sklearn.metrics.root_mean_squared_error(truth, predicted)),
        "r2": pytest.approx(sklearn.metrics.r2_score(truth, predicted), rel=1e-5),
    }
    assert collector.details() == {"confusion_matrix": None, "per_class": None}
    rows = collector.points()["rows"]
    assert (rows["rows"], rows["total"], rows["outputs"]) == (list(range(50)), 50, shape[1])
    np.testing.assert_allclose(rows["true"], truth.T, rtol=1e-5)
    np.testing.assert_allclose(rows["predicted"], predicted.T, rtol=1e-5)


def test_many_rows_and_outputs_are_drawn_evenly() -> None:
    truth = np.arange(5000.0).repeat(12).reshape(5000, 3, 4)
    collector = NumberFigures(truth)
    add_in_parts(collector, truth, np.full_like(truth, np.nan))
    rows = collector.points()["rows"]
    assert (len(rows["rows"]), rows["rows"][0], rows["rows"][-1], rows["outputs"]) == (444, 0, 4999, 12)
    assert len(rows["true"]) == len(rows["predicted"]) == 9
    assert rows["true"][8] == rows["rows"]
    assert set(rows["predicted"][0]) == {None}


def test_targets_that_are_all_the_same_have_no_r2() -> None:
    collector = NumberFigures(np.ones((3, 1)))
    collector.add(np.ones((3, 1)), np.zeros((3, 1)))
    assert collector.metrics() == {"mae": 1.0, "rmse": 1.0, "r2": None}


def test_a_class_without_rows_has_no_recall_and_is_left_out_of_the_means(tmp_path: Path) -> None:
    collector = ClassFigures(["a", "b", "c"], 2, tmp_path)
    collector.add(np.array([0, 1]), np.array([[0.8, 0.1, 0.1], [0.7, 0.2, 0.1]], np.float32))
    metrics, entries = collector.metrics(), collector.details()["per_class"]
    assert entries[1] == {"label": "b", "precision": None, "recall": 0.0, "f1": 0.0, "support": 1}
    assert entries[2] == {"label": "c", "precision": None, "recall": None, "f1": None, "support": 0}
    assert metrics["macro_recall"] == 0.5
    assert metrics["roc_auc"] == 1.0


@pytest.mark.parametrize("classes", [2, 3])
def test_curves_are_thinned_and_keep_their_area(classes: int, tmp_path: Path) -> None:
    scores, truth = probabilities(3000, classes), RANDOM.integers(classes, size=3000)
    collector = ClassFigures(list(range(classes)), 3000, tmp_path)
    add_in_parts(collector, truth, scores)
    collector.metrics()
    roc = collector.points()["roc"]
    assert [curve["class"] for curve in roc["curves"]] == ([1] if classes == 2 else [0, 1, 2])
    assert (roc["found"], roc["missing"]) == (len(roc["curves"]), None)
    for curve in roc["curves"]:
        false, true = curve["false_positive_rates"], curve["true_positive_rates"]
        assert len(false) == len(true) == len(curve["thresholds"]) <= 200
        assert (false[0], true[0], curve["thresholds"][0], false[-1], true[-1]) == (0, 0, None, 1, 1)
        area = sklearn.metrics.roc_auc_score(truth == curve["class"], scores[:, curve["class"]])
        assert curve["area"] == pytest.approx(area)
        assert sklearn.metrics.auc(false, true) == pytest.approx(area, abs=0.01)


def test_of_many_classes_the_curves_with_the_smallest_areas_are_kept(tmp_path: Path) -> None:
    truth = np.arange(60) % 30
    scores = np.eye(30, dtype=np.float32)[truth]
    scores[:, 20:] = 0.5
    collector = ClassFigures(list(range(30)), 60, tmp_path)
    add_in_parts(collector, truth, scores)
    collector.metrics()
    roc = collector.points()["roc"]
    assert [curve["class"] for curve in roc["curves"]] == [*range(10), *range(20, 30)]
    assert roc["found"] == 30


def test_a_single_class_has_no_area(tmp_path: Path) -> None:
    collector = ClassFigures(["a", "b"], 2, tmp_path)
    collector.add(np.array([1, 1]), probabilities(2, 2))
    metrics = collector.metrics()
    assert collector.points()["roc"] == {"curves": [], "found": 0, "missing": None}
    assert (metrics["roc_auc"], metrics["pr_auc"]) == (None, 1.0)
    assert metrics["balanced_accuracy"] == metrics["recall"]
    assert collector.details()["per_class"][0]["recall"] is None


def test_scores_that_are_no_numbers_have_no_area_and_no_log_loss(tmp_path: Path) -> None:
    collector = ClassFigures(["a", "b"], 2, tmp_path)
    collector.add(np.array([0, 1]), np.array([[np.nan, np.nan], [0.1, 0.9]], np.float32))
    metrics = collector.metrics()
    assert (metrics["roc_auc"], metrics["log_loss"], metrics["accuracy"]) == (None, None, 1.0)
    assert (metrics["pr_auc"], metrics["brier"], collector.details()["calibration"]) == (None, None, None)
    assert collector.points()["roc"]["missing"] == figures.SCORES_NOT_FINITE


def test_many_classes_have_no_matrix_and_many_scores_no_area(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST_SCORES", 500)
    collector = ClassFigures(list(range(300)), 4, tmp_path)
    collector.add(np.array([0, 1, 2, 3]), np.eye(300, dtype=np.float32)[:4])
    assert collector.details()["confusion_matrix"] is None
    assert collector.metrics()["roc_auc"] is None
    assert collector.metrics()["macro_f1"] == 1.0
    assert collector.points()["roc"] == {"curves": [], "found": 0, "missing": figures.TOO_MANY_SCORES}
