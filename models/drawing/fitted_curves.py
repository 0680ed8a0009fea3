"""Draws the predictions of a network of one number as curves, with the rows and how far they are from the curve."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from models.drawing.canvas import Canvas, Key
from models.drawing.notes import write_notes
from models.drawing.plotted_rows import by_split, class_color, row_colors, size_of, split_keys
from models.drawing.style import Theme
from models.drawing.ticks import numbers, write_number

MANY = 500
"""From so many rows on, they are fainter, and the curve is in front of them."""


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw a curve with the residuals of a regression, or the probabilities of classes."""
    (axis,) = document["axes"]
    values = [numbers(line) for line in document["values"]]
    across = np.linspace(axis["minimum"], axis["maximum"], len(values[0]))
    is_regression = document["task"] == "regression"
    canvas.heading(document["title"], _subtitle(document))
    canvas.legend(_keys(canvas, document))
    write_notes(canvas, document["notes"])
    axes = canvas.axes()
    axes.set_xlim(axis["minimum"], axis["maximum"])
    axes.set_xlabel(axis["name"])
    axes.set_ylabel("prediction" if is_regression else "probability")
    if is_regression:
        _draw_residuals(axes, document, canvas.theme)
        axes.plot(across, values[0], color=canvas.theme.color(0), zorder=4 if _are_many(document) else 2)
        return
    axes.set_ylim(-0.06, 1.06)
    for place, line in zip(_curves(document), values, strict=True):
        axes.plot(across, line, color=class_color(canvas.theme, place, len(document["classes"])), zorder=2)
    if document["threshold"] is not None:
        axes.axhline(document["threshold"], color=canvas.theme.muted, linewidth=1.2, linestyle=(0, (3, 2)))
    _draw_classes(axes, document, canvas.theme)


def _curves(document: Mapping[str, Any]) -> list[int]:
    """The classes of the curves."""
    return [1] if document["curves"] is None else list(document["curves"])


def _subtitle(document: Mapping[str, Any]) -> str:
    rows = document["rows"]
    if document["task"] != "regression":
        return "The predicted probability, with the rows of each class."
    if rows is None or not rows["predictions"]:
        return "The prediction for each number."
    errors = numbers(rows["targets"]) - numbers(rows["predictions"])
    errors = errors[np.isfinite(errors)]
    return f"Mean absolute error of the rows: {write_number(float(np.abs(errors).mean()), 3)}" if len(errors) else ""


def _keys(canvas: Canvas, document: Mapping[str, Any]) -> list[Key]:
    theme, keys = canvas.theme, split_keys(canvas, document)
    if document["task"] == "regression":
        residuals = [Key("residuals", theme.bad)] if keys and document["rows"]["predictions"] else []
        return [Key("prediction", theme.color(0)), *residuals, *keys]
    classes = document["classes"]
    lines = [Key(str(classes[place]), class_color(theme, place, len(classes))) for place in _curves(document)]
    others = [Key(str(classes[0]), class_color(theme, 0, 2), "square")] if document["curves"] is None else []
    threshold = [Key("threshold", theme.muted, "dashes")] if document["threshold"] is not None else []
    return [*lines, *others, *threshold, *keys]


def _are_many(document: Mapping[str, Any]) -> bool:
    return document["rows"] is not None and len(document["rows"]["inputs"]) > MANY


def _draw_residuals(axes: Axes, document: Mapping[str, Any], theme: Theme) -> None:
    rows = document["rows"]
    if rows is None or not rows["inputs"]:
        return
    across = np.array(rows["inputs"])[:, 0]
    targets = numbers(rows["targets"])
    faint = {"linewidths": 0.6, "alpha": 0.4} if _are_many(document) else {"linewidths": 1.0, "alpha": 0.8}
    if rows["predictions"]:
        ends = np.stack([across, targets, across, numbers(rows["predictions"])], axis=1).reshape(-1, 2, 2)
        ends = ends[np.isfinite(ends).all(axis=(1, 2))]
        axes.add_collection(LineCollection(list(ends), colors=theme.bad, zorder=1, **faint))
    size = size_of(len(across), axes.figure.bbox.width)
    for is_test, places in by_split(rows):
        style = {"facecolors": "none", "edgecolors": theme.ink} if is_test else {"color": theme.ink, "linewidths": 0}
        alpha = 0.45 if _are_many(document) else 1.0
        axes.scatter(across[places], targets[places], s=size, zorder=3, alpha=alpha, **style)


def _draw_classes(axes: Axes, document: Mapping[str, Any], theme: Theme) -> None:
    """The rows of the second class of two at 1, and all others at 0, as short strokes."""
    rows, classes = document["rows"], document["classes"]
    if rows is None or not rows["inputs"]:
        return
    across = np.array(rows["inputs"])[:, 0]
    is_two = document["curves"] is None
    for is_test, places in by_split(rows):
        up = [1.03 if is_two and rows["targets"][place] == 1 else -0.03 for place in places.tolist()]
        colors = row_colors(theme, rows["targets"], places, len(classes))
        style = {"facecolors": "none", "edgecolors": colors} if is_test else {"c": colors, "linewidths": 0}
        axes.scatter(across[places], up, s=size_of(len(across), axes.figure.bbox.width), zorder=3, alpha=0.8, **style)
