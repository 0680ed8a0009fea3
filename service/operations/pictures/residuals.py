"""What a regression's evaluation predicted, against what is true."""

from typing import Any

import numpy as np

from models.errors import NoPicture
from models.previews.histograms import describe_numbers
from models.values.rounding import short_numbers
from service.context import Context
from service.operations.pictures.evaluated import OUTDATED, Evaluated, find_evaluated


def describe(context: Context, evaluation_id: str) -> dict[str, Any]:
    """The true and predicted values of an evaluation, which the `residuals` picture shows. Raises NotFound, NotReady;
    NoPicture for classes."""
    return describe_evaluated(find_evaluated(context, evaluation_id))


def describe_evaluated(evaluated: Evaluated) -> dict[str, Any]:
    """The document of an evaluation that has succeeded. Raises NoPicture."""
    if evaluated.result.classes is not None:
        detail = "A classification predicts classes, so it has no residuals."
        raise NoPicture(f"{detail} Its picture is /v1/evaluations/{evaluated.job.id}/confusion.")
    metrics = {name: evaluated.result.metrics.get(name) for name in ("mae", "rmse", "r2")}
    kept = (evaluated.points or {}).get("rows")
    rows = kept or {"rows": [], "true": [], "predicted": [], "outputs": 0, "total": None}
    target = (evaluated.points or {}).get("target") or {"name": "target", "unit": None, "columns": None}
    pairs = zip(_name_outputs(target, rows["outputs"]), rows["true"], rows["predicted"], strict=False)
    return {
        "title": "Predicted and true values",
        "subtitle": evaluated.where,
        "description": _summarize(target, metrics) if kept else OUTDATED.format(what="rows"),
        **evaluated.describe(),
        **metrics,
        "unit": target["unit"],
        "rows": rows["rows"],
        "total": rows["total"],
        "outputs": [describe_output(name, true, predicted) for name, true, predicted in pairs],
        "found": rows["outputs"],
        "notes": _notes(rows) if kept else [OUTDATED.format(what="rows")],
    }


def describe_output(name: str, true: list[float | None], predicted: list[float | None]) -> dict[str, Any]:
    """One number of the target: the values, the residuals (true minus predicted), and their distribution."""
    with np.errstate(over="ignore"):
        residuals = np.array(true, float) - np.array(predicted, float)
    return {
        "name": name, "true": true, "predicted": predicted, "residuals": short_numbers(residuals),
        **describe_numbers(residuals),
    }  # fmt: skip


def _name_outputs(target: dict[str, Any], outputs: int) -> list[str]:
    columns = target["columns"] or []
    if outputs == 1:
        return [target["name"]]
    if len(columns) == outputs:
        return columns
    return [f"{target['name']} {number}" for number in range(1, outputs + 1)]


def _notes(rows: dict[str, Any]) -> list[str]:
    notes = []
    if rows["total"] is not None and len(rows["rows"]) < rows["total"]:
        notes.append(f"Drawn are {len(rows['rows']):,} of {rows['total']:,} rows, at even distances.")
    if len(rows["true"]) < rows["outputs"]:
        notes.append(f"Shown are the first {len(rows['true'])} of {rows['outputs']:,} outputs.")
    missing = sum(value is None for values in rows["predicted"] for value in values)
    if missing:
        notes.append(f"{missing:,} predictions aren't finite numbers and can't be drawn.")
    return notes


def _summarize(target: dict[str, Any], metrics: dict[str, float | None]) -> str:
    unit = f" {target['unit']}" if target["unit"] else ""
    if metrics["mae"] is None:
        return f'The predictions of "{target["name"]}" have no finite errors.'
    r2 = "" if metrics["r2"] is None else f" R² is {metrics['r2']:.3f}."
    error = f"{metrics['mae']:,.0f}" if 10_000 <= metrics["mae"] < 10_000_000 else f"{metrics['mae']:,.4g}"
    return f'The predictions of "{target["name"]}" differ from the truth by {error}{unit} on average.{r2}'
