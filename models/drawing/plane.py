"""Draws the predictions of a network of two numbers as a coloured plane."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

from models.drawing.canvas import Canvas
from models.drawing.notes import write_notes
from models.drawing.plotted_rows import (
    MOST_NAMED,
    by_split,
    class_color,
    class_keys,
    mix,
    row_colors,
    size_of,
    split_keys,
)
from models.drawing.style import Theme
from models.drawing.ticks import numbers, write_number

STRENGTH = 0.62
"""How strong the colours of the plane are at most, so that rows stand out."""
SQUARE = 1.6
"""The plane has equal scales if its sides differ by this factor at most."""


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the plane, the line where the prediction changes, and the rows."""
    values = np.array([numbers(line) for line in document["values"]])
    canvas.heading(document["title"], _subtitle(document))
    if document["task"] == "regression":
        _draw_regression(canvas, document, values)
    else:
        _draw_classes(canvas, document, values)


def _subtitle(document: Mapping[str, Any]) -> str:
    if document["task"] == "regression":
        return "The prediction at each point."
    if document["task"] == "binary":
        return f"The probability of {document['classes'][1]}; the line is at {write_number(document['threshold'])}."
    return "The most probable class at each point; the stronger the colour, the more probable."


def _draw_classes(canvas: Canvas, document: Mapping[str, Any], values: np.ndarray) -> None:
    theme, classes = canvas.theme, document["classes"]
    predicted = None if document["predicted"] is None else np.array(document["predicted"])
    places = range(len(classes)) if predicted is None else np.unique(predicted).tolist()
    canvas.legend([*class_keys(theme, classes, list(places)[:MOST_NAMED]), *split_keys(canvas, document)], rows=2)
    write_notes(canvas, document["notes"])
    axes = _axes(canvas, document)
    if predicted is None:
        negative, positive = (class_color(theme, place, 2) for place in range(2))
        chance = np.nan_to_num(values, nan=0.5)
        image = np.where(
            chance[..., None] < 0.5,
            mix(negative, theme.background, STRENGTH * np.clip(1 - 2 * chance, 0, 1)),
            mix(positive, theme.background, STRENGTH * np.clip(2 * chance - 1, 0, 1)),
        )
        _draw_image(axes, document, image)
        _draw_line(axes, document, np.nan_to_num(values, nan=0.0), document["threshold"], theme)
    else:
        least = 1 / len(classes) if document["task"] == "multiclass" else 0.0
        certain = np.clip((np.nan_to_num(values) - least) / max(1e-9, 1 - least), 0.08, 1)
        image = np.empty((*values.shape, 3))
        for place in places:
            here = predicted == place
            image[here] = mix(class_color(theme, place, len(classes)), theme.background, STRENGTH * certain[here])
        _draw_image(axes, document, image)
        for place in places:
            _draw_line(axes, document, _smooth((predicted == place).astype(float)), 0.5, theme)
    _draw_rows(axes, document, theme, lambda rows: row_colors(theme, document["rows"]["targets"], rows, len(classes)))


def _smooth(values: np.ndarray) -> np.ndarray:
    """The values with the mean of each one and its neighbours, twice, so that a line between them has no steps."""
    for axis in (0, 1, 0, 1):
        before, after = (np.concatenate(parts, axis) for parts in _shifted(values, axis))
        values = (before + 2 * values + after) / 4
    return values


def _shifted(values: np.ndarray, axis: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The neighbours of each value along an axis, before and after it; at the ends the value itself."""
    first, last = np.take(values, [0], axis), np.take(values, [-1], axis)
    inner = np.delete(values, -1, axis), np.delete(values, 0, axis)
    return (first, inner[0]), (inner[1], last)


def _draw_regression(canvas: Canvas, document: Mapping[str, Any], values: np.ndarray) -> None:
    targets = numbers(document["rows"]["targets"]) if document["rows"] else np.array([])
    shown = np.concatenate([values.ravel(), targets])
    shown = shown[np.isfinite(shown)]
    low, high = (float(shown.min()), float(shown.max())) if len(shown) else (0.0, 1.0)
    colors, scale = _sequence(canvas.theme), Normalize(low, high if high > low else low + 1)
    canvas.scale(colors, write_number(low, 3), write_number(high, 3))
    canvas.legend(split_keys(canvas, document), rows=1)
    write_notes(canvas, document["notes"])
    axes = _axes(canvas, document)
    _draw_image(axes, document, colors(scale(values))[..., :3])
    _draw_rows(axes, document, canvas.theme, lambda rows: list(colors(scale(targets[rows]))), outlined=True)


def _sequence(theme: Theme) -> Colormap:
    """From yellow over green to dark blue: rows of any number stand out from the plane around a wrong prediction."""
    return LinearSegmentedColormap.from_list("amounts", ["#FFF3B0", "#E69F00", "#B4457A", "#2F2A6B"])


def _axes(canvas: Canvas, document: Mapping[str, Any]) -> Axes:
    axes = canvas.axes()
    (left, right), (bottom, top) = ((axis["minimum"], axis["maximum"]) for axis in document["axes"])
    axes.grid(visible=False)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    ratio = (right - left) / (top - bottom)
    if 1 / SQUARE <= ratio <= SQUARE:
        axes.set_aspect("equal", anchor="W" if not canvas.is_narrow else "C")
    axes.set_xlabel(document["axes"][0]["name"])
    axes.set_ylabel(document["axes"][1]["name"])
    return axes


def _edges(document: Mapping[str, Any], shape: tuple[int, int]) -> tuple[float, float, float, float]:
    """The edges of the image, whose outermost pixels have their centres at the ends of the axes."""
    found: list[float] = []
    for axis, count in zip(document["axes"], reversed(shape), strict=True):
        half = (axis["maximum"] - axis["minimum"]) / (count - 1) / 2
        found += [axis["minimum"] - half, axis["maximum"] + half]
    return found[0], found[1], found[2], found[3]


def _draw_image(axes: Axes, document: Mapping[str, Any], image: np.ndarray) -> None:
    limits, aspect = (axes.get_xlim(), axes.get_ylim()), axes.get_aspect()
    extent = _edges(document, image.shape[:2])
    axes.imshow(image, extent=extent, origin="lower", interpolation="bilinear", aspect=aspect)
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])


def _draw_line(axes: Axes, document: Mapping[str, Any], values: np.ndarray, level: float, theme: Theme) -> None:
    """The line where values pass a level, if they do."""
    if values.min() < level <= values.max():
        across, up = (
            np.linspace(axis["minimum"], axis["maximum"], count)
            for axis, count in zip(document["axes"], reversed(values.shape), strict=True)
        )
        axes.contour(across, up, values, levels=[level], colors=[theme.ink], linewidths=1.4)


def _draw_rows(
    axes: Axes,
    document: Mapping[str, Any],
    theme: Theme,
    colors: Callable[[np.ndarray], list[Any]],
    *,
    outlined: bool = False,
) -> None:
    """The rows in `colors`. Outlined ones keep their colour inside if they are test rows."""
    rows = document["rows"]
    if rows is None or not rows["inputs"]:
        return
    points = np.array(rows["inputs"])
    size = size_of(len(points), axes.figure.bbox.width)
    for is_test, places in by_split(rows):
        across, up = points[places].T
        if is_test and outlined:
            axes.scatter(across, up, s=size * 1.5, c=colors(places), edgecolors=theme.ink, linewidths=1.4, zorder=3)
        elif is_test:
            axes.scatter(
                across, up, s=size * 1.5, c=theme.background, edgecolors=colors(places), linewidths=1.6, zorder=3
            )
        else:
            axes.scatter(across, up, s=size, c=colors(places), edgecolors=theme.background, linewidths=0.6, zorder=2)
