"""Draws a small dense network neuron by neuron."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle

from models.drawing.canvas import Canvas
from models.drawing.style import LABEL, TICK
from models.drawing.texts import shorten

LARGEST, SMALLEST = 13.0, 2.0
"""The radius of a neuron."""
CAPTION = 52.0
"""The height of what is written below a column."""


def measure_height(columns: Sequence[Mapping[str, Any]]) -> int:
    """The height for large neurons, as far as a screen has it."""
    return round(min(560.0, 130 + CAPTION + 2.6 * LARGEST * max(_places(column) for column in columns)))


def draw(canvas: Canvas, columns: Sequence[Mapping[str, Any]]) -> None:
    """Draw columns of neurons from left to right, each connected with all of the next."""
    room, theme = canvas.room, canvas.theme
    axes = canvas.axes()
    axes.set_axis_off()
    axes.set_xlim(0, room.width)
    axes.set_ylim(room.height, 0)
    has_captions = room.height > 3 * CAPTION
    height = room.height - (CAPTION if has_captions else 0)
    step = room.width / len(columns)
    most = max(_places(column) for column in columns)
    radius = max(SMALLEST, min(LARGEST, 0.34 * height / most, step * 0.16))
    spacing = min(3.4 * radius, height / most)
    centers = [
        [((place + 0.5) * step, y) for y in _heights(column, height, spacing)] for place, column in enumerate(columns)
    ]
    for before, after in itertools.pairwise(centers):
        lines = [(left, right) for left in before for right in after]
        alpha = float(np.clip(14 / len(lines), 0.16, 0.7))
        axes.add_collection(LineCollection(lines, colors=theme.muted, linewidths=0.9, alpha=alpha, zorder=1))
    for place, (column, points) in enumerate(zip(columns, centers, strict=True)):
        color = theme.muted if place == 0 else theme.color(1 if place == len(columns) - 1 else 0)
        for point in points:
            axes.add_patch(Circle(point, radius, facecolor=color, edgecolor=theme.background, linewidth=1.5, zorder=2))
        if column["drawn"] < column["neurons"]:
            middle = (points[len(points) // 2 - 1][1] + points[len(points) // 2][1]) / 2
            axes.text(points[0][0], middle, "⋮", size=LABEL, color=theme.ink, ha="center", va="center", weight="bold")
        if has_captions:
            _write_caption(canvas, axes, points[0][0], height, step, column)


def _places(column: Mapping[str, Any]) -> int:
    """The places of a column: those of its neurons, and one for what isn't drawn."""
    return int(column["drawn"]) + (column["drawn"] < column["neurons"])


def _heights(column: Mapping[str, Any], height: float, spacing: float) -> list[float]:
    """The centres of the drawn neurons, around the middle. The place in the middle is free if some aren't drawn."""
    places = _places(column)
    top = (height - (places - 1) * spacing) / 2
    free = places // 2 if places > column["drawn"] else -1
    return [top + place * spacing for place in range(places) if place != free]


def _write_caption(canvas: Canvas, axes: Any, x: float, top: float, step: float, column: Mapping[str, Any]) -> None:
    theme, width = canvas.theme, step - 6
    neurons = f"{column['neurons']:,}"
    lines = ((column["name"], TICK, theme.ink), (neurons, TICK, theme.muted), (column["detail"], TICK, theme.muted))
    for place, (text, size, color) in enumerate(lines):
        y = top + 8 + (place + 0.5) * 14
        axes.text(x, y, shorten(text, width, size), size=size, color=color, ha="center", va="center")
