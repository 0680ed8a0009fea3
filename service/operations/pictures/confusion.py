"""The confusion matrix of an evaluation: how often each class was predicted as which."""

from typing import Any

import numpy as np

from models.errors import NoPicture
from models.figures import MOST_CLASSES_IN_MATRIX
from service.context import Context
from service.operations.pictures.evaluated import Evaluated, find_evaluated

MOST_CONFUSED = 10
"""The most pairs of classes that are named."""
MOST_LABELS = 12
"""The most labels with a matrix: those with the most wrong decisions."""
MOST_WEAKEST = 20
"""The most classes that are shown without a matrix: those with the lowest recall."""


def describe(context: Context, evaluation_id: str) -> dict[str, Any]:
    """The confusion matrix of an evaluation, which the `confusion` picture shows.

    `form` is `matrix`; `labels` for a multilabel task, where each label is a decision of its own; or `classes` if there
    are too many classes for a matrix. Raises NotFound, NotReady; NoPicture for a regression.
    """
    return describe_evaluated(find_evaluated(context, evaluation_id))


def describe_evaluated(evaluated: Evaluated) -> dict[str, Any]:
    """The document of an evaluation that has succeeded. Raises NoPicture."""
    result = evaluated.result
    if result.classes is None or result.per_class is None:
        detail = "A regression predicts numbers, so it has no confusion matrix."
        raise NoPicture(f"{detail} Its picture is /v1/evaluations/{evaluated.job.id}/residuals.")
    empty: dict[str, Any] = {
        "matrix": None,
        "percentages": None,
        "confused": [],
        "labels": [],
        "weakest": [],
        "notes": [],
    }
    about = {"title": "Confusion matrix", "subtitle": evaluated.where, **evaluated.describe()}
    about |= {"found": len(result.classes), "classes": [], "rows": None, "correct": None, **empty}
    if result.confusion_matrix is not None:
        return about | _describe_matrix(evaluated, result.classes, np.array(result.confusion_matrix, np.int64))
    if any("confusion_matrix" in entry for entry in result.per_class):
        return about | _describe_labels(evaluated, result.per_class)
    return about | _describe_classes(evaluated, result.per_class)


def _describe_matrix(evaluated: Evaluated, classes: list[Any], matrix: np.ndarray) -> dict[str, Any]:
    rows, correct = int(matrix.sum()), int(np.trace(matrix))
    confused = _find_confused(classes, matrix)
    worst = ""
    if confused:
        pair = confused[0]
        worst = f' Most often, "{pair["true"]}" was predicted as "{pair["predicted"]}": {pair["count"]:,} times.'
    return {
        "form": "matrix",
        "description": f"Of {rows:,} rows in {len(classes):,} classes, {correct:,} ({_share(correct, rows)}) are "
        f"predicted correctly.{worst}",
        "classes": classes, "rows": rows, "correct": correct, "confused": confused,
        "matrix": matrix.tolist(), "percentages": _percentages(matrix),
    }  # fmt: skip


def _find_confused(classes: list[Any], matrix: np.ndarray) -> list[dict[str, Any]]:
    """The pairs of classes that were confused most often."""
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    support = matrix.sum(axis=1)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_CONFUSED]
    places = zip(*(indices.tolist() for indices in np.unravel_index(order, wrong.shape)), strict=True)
    return [
        {
            "true": classes[row], "predicted": classes[column], "count": int(wrong[row, column]),
            "percentage": round(100 * int(wrong[row, column]) / int(support[row]), 1),
        }
        for row, column in places if wrong[row, column]
    ]  # fmt: skip


def _percentages(matrix: np.ndarray) -> list[list[float | None]]:
    """Of each row; None for a class without rows."""
    support = matrix.sum(axis=1, keepdims=True)
    shares = np.round(100 * matrix / np.maximum(support, 1), 1).tolist()
    return [row if total else [None] * len(row) for row, (total,) in zip(shares, support.tolist(), strict=True)]


def _describe_labels(evaluated: Evaluated, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """A matrix for each label. Its rows are those without and with the label, its columns how it was predicted."""
    wrong = [entry["confusion_matrix"][0][1] + entry["confusion_matrix"][1][0] for entry in entries]
    rows = int(np.sum(entries[0]["confusion_matrix"])) if entries else 0
    decisions = rows * len(entries)
    most = sorted(sorted(range(len(entries)), key=lambda place: -wrong[place])[:MOST_LABELS])
    notes = []
    if len(entries) > MOST_LABELS:
        notes.append(f"Shown are the {MOST_LABELS} of {len(entries):,} labels with the most wrong decisions.")
    correct = decisions - sum(wrong)
    return {
        "form": "labels",
        "title": "Confusion matrices of the labels",
        "description": f"Of {decisions:,} decisions for {len(entries):,} labels of {rows:,} rows, {correct:,} "
        f"({_share(correct, decisions)}) are correct.",
        "rows": rows, "correct": correct, "labels": [entries[place] for place in most], "notes": notes,
    }  # fmt: skip


def _describe_classes(evaluated: Evaluated, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The classes with the lowest recall, for want of a matrix."""
    known = [entry for entry in entries if entry["recall"] is not None]
    weakest = sorted(known, key=lambda entry: (entry["recall"], -entry["support"]))[:MOST_WEAKEST]
    note = (
        f"A confusion matrix has at most {MOST_CLASSES_IN_MATRIX} classes, but there are {len(entries):,}. Shown "
        f"instead are the {len(weakest)} with the lowest recall."
    )
    return {
        "form": "classes",
        "title": "The classes with the lowest recall",
        "description": note, "rows": evaluated.rows, "weakest": weakest, "notes": [note],
    }  # fmt: skip


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"
