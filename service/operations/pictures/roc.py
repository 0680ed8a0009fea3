"""The ROC curves of an evaluation: how many rows of a class are found, against how many others are taken for it."""

from typing import Any

from models.errors import NoPicture
from models.figures import MOST_SCORES, SCORES_NOT_FINITE, TOO_MANY_SCORES
from models.jobs.evaluation import EvaluationResult
from models.roc_curves import MOST_CURVES
from service.context import Context
from service.operations.pictures.evaluated import OUTDATED, Evaluated, find_evaluated

MISSING = {
    TOO_MANY_SCORES: f"There are more than {MOST_SCORES:,} scores: too many for ROC curves.",
    SCORES_NOT_FINITE: "A score isn't a finite number, so there are no ROC curves.",
}


def describe(context: Context, evaluation_id: str) -> dict[str, Any]:
    """The ROC curves of an evaluation, which the `roc` picture shows: of each class against the rest, of two classes
    only that of the positive one. Raises NotFound, NotReady; NoPicture for a regression."""
    return describe_evaluated(find_evaluated(context, evaluation_id))


def describe_evaluated(evaluated: Evaluated) -> dict[str, Any]:
    """The document of an evaluation that has succeeded. Raises NoPicture."""
    result = evaluated.result
    if result.classes is None:
        detail = "A regression predicts numbers, so it has no ROC curve."
        raise NoPicture(f"{detail} Its picture is /v1/evaluations/{evaluated.job.id}/residuals.")
    stored = (evaluated.points or {}).get("roc")
    roc = stored or {"curves": [], "found": 0, "missing": None}
    curves = [_describe_curve(result, curve) for curve in roc["curves"]]
    notes = list(_notes(result, stored is None, roc))
    return {
        "title": "ROC curve" if len(curves) == 1 else "ROC curves",
        "subtitle": evaluated.where,
        "description": _summarize(curves) or " ".join(notes),
        **evaluated.describe(),
        "area": result.metrics.get("roc_auc"),
        "threshold": result.threshold,
        "curves": curves,
        "found": roc["found"],
        "notes": notes,
    }


def _describe_curve(result: EvaluationResult, curve: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": (result.classes or [])[curve["class"]],
        **{name: curve[name] for name in ("area", "false_positive_rates", "true_positive_rates", "thresholds")},
        "chosen": _find_chosen(result, curve["class"]),
    }


def _find_chosen(result: EvaluationResult, number: int) -> dict[str, float] | None:
    """The rates at the threshold that decides; None if the highest score does."""
    matrix = result.confusion_matrix
    if result.threshold is None or result.per_class is None:
        return None
    if matrix is None or len(matrix) != 2:
        matrix = result.per_class[number].get("confusion_matrix")
    if matrix is None:
        return None
    (rejected, false), (missed, hits) = matrix
    if not rejected + false or not missed + hits:
        return None
    return {
        "threshold": result.threshold,
        "false_positive_rate": false / (rejected + false),
        "true_positive_rate": hits / (missed + hits),
    }


def _notes(result: EvaluationResult, is_outdated: bool, roc: dict[str, Any]) -> Any:
    if is_outdated:
        yield OUTDATED.format(what="ROC curves")
        return
    if roc["missing"] is not None:
        yield MISSING[roc["missing"]]
        return
    drawn, classes = len(roc["curves"]), len(result.classes or ())
    wanted = 1 if result.positive_class is not None else classes
    if roc["found"] > drawn:
        yield f"Shown are the {MOST_CURVES} of {roc['found']:,} classes with the smallest areas."
    if undefined := wanted - roc["found"]:
        what = "No class has a curve" if not drawn else f"{undefined:,} of {wanted:,} classes have no curve"
        yield f"{what}: a curve needs rows of the class and rows of others."


def _summarize(curves: list[dict[str, Any]]) -> str:
    if not curves:
        return ""
    if len(curves) == 1:
        (curve,) = curves
        chosen = curve["chosen"]
        at = "" if chosen is None else (
            f' At the threshold {chosen["threshold"]:g}, {100 * chosen["true_positive_rate"]:.1f} % of its rows are '
            f'found, and {100 * chosen["false_positive_rate"]:.1f} % of the others are taken for it.'
        )  # fmt: skip
        return f'The area under the ROC curve of "{curve["label"]}" is {curve["area"]:.3f}.{at}'
    worst, best = (choose(curves, key=lambda curve: curve["area"]) for choose in (min, max))
    return (
        f'The areas under {len(curves)} ROC curves are from {worst["area"]:.3f} ("{worst["label"]}") to '
        f'{best["area"]:.3f} ("{best["label"]}").'
    )
