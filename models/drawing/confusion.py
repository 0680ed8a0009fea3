"""Draws confusion matrices: heat maps of the rows, with right predictions in one colour and wrong ones in another."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, to_rgb

from models.drawing.canvas import Box, Canvas, Key, grid_height
from models.drawing.notes import write_notes
from models.drawing.style import PANEL, SMALLEST, TICK, Theme
from models.drawing.texts import measure, shorten
from models.drawing.ticks import write_number

MOST_NUMBERED = 24
"""The most classes whose cells have numbers."""
MOST_BELOW = 5
"""The most pairs of classes that are named below the matrix, where beside it there is no room."""
MOST_USUAL = 560
"""The height of a matrix, unless the picture is narrow."""


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the matrix with the pairs that were confused most, a matrix for each label, or the weakest classes."""
    canvas.heading(document["title"], document["subtitle"])
    if document["form"] == "classes":
        _draw_weakest(canvas, document)
        return
    if not document["rows"] or (document["form"] == "labels" and not document["labels"]):
        canvas.message("No rows were evaluated.")
        return
    theme = canvas.theme
    canvas.legend([Key("right", theme.palette[0], "square"), Key("wrong", theme.bad, "square"),
                   Key("depth: share of the row", "")])  # fmt: skip
    write_notes(canvas, document["notes"])
    if document["form"] == "labels":
        _draw_labels(canvas, document["labels"])
    else:
        _draw_matrix(canvas, document)


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height that shows everything in a document."""
    if document["form"] == "classes":
        return 176 + 18 * len(document["weakest"])
    if document["form"] == "labels":
        return grid_height(max(1, len(document["labels"])), width, 190, 190, 110)
    if width >= MOST_USUAL + 60:
        return min(680, max(MOST_USUAL, round(0.58 * width)))
    return width + 80 + (30 + 26 * len(document["confused"][:MOST_BELOW]) if len(document["classes"]) > 2 else 0)


def _draw_matrix(canvas: Canvas, document: Mapping[str, Any]) -> None:
    room, confused = canvas.room, document["confused"]
    is_listed = len(document["classes"]) > 2 and confused
    beside = is_listed and room.width >= 620
    below = is_listed and not beside and room.height >= 400
    box = room._replace(width=min(room.width, 1.5 * room.height))
    if beside:
        width = min(room.width * 0.64, max(room.height * 1.2, room.width * 0.5))
        box = room._replace(width=width)
        left, height = room.left + width + 28, min(room.height, 30 + 30 * len(confused))
        rest = Box(left, room.top, min(room.width + room.left - left, 400), height)
        _draw_confused(canvas, rest, confused)
    elif below:
        shown = confused[:MOST_BELOW]
        height = 30 + 26 * len(shown)
        box = room._replace(height=room.height - height - 10)
        _draw_confused(canvas, Box(room.left, room.top + room.height - height, room.width, height), shown)
    _draw_cells(canvas, canvas.place(box), box, document["classes"], document["matrix"])


def _draw_confused(canvas: Canvas, box: Box, confused: list[Mapping[str, Any]]) -> None:
    """Bars of the pairs of classes that were confused most often, as many as there is room for."""
    confused = confused[: int((box.height - 30) // 24)]
    if not confused:
        return
    axes = canvas.place(box)
    axes.set_axis_off()
    counts = [pair["count"] for pair in confused]
    places = range(len(counts))
    axes.barh(places, counts, height=0.22, align="edge", color=canvas.theme.bad)
    axes.set_ylim(len(counts) - 0.3, -0.8)
    axes.set_xlim(0, max(counts))
    for place, pair in zip(places, confused, strict=True):
        count = f"{pair['count']:,}"
        room = box.width - measure(count, TICK) - 12
        name = shorten(f"{pair['true']} → {pair['predicted']}", room, TICK)
        style: dict[str, Any] = {"size": TICK, "va": "bottom", "textcoords": "offset points"}
        axes.annotate(name, (0, place), (0, 1), color=canvas.theme.muted, **style)
        axes.annotate(count, (max(counts), place), (0, 1), color=canvas.theme.ink, ha="right", **style)
    axes.set_title("Most confused", loc="left")


def _draw_labels(canvas: Canvas, labels: list[Mapping[str, Any]]) -> None:
    """A matrix of two by two for each label."""
    columns = math.ceil(math.sqrt(len(labels) * canvas.room.width / (1.2 * canvas.room.height)))
    panels = canvas.panels(len(labels), max(150, canvas.room.width / columns - 16), 130, "labels")
    for axes, label in zip(panels, labels, strict=False):
        across, down = (axes.get_position().width * canvas.width, axes.get_position().height * canvas.height)
        _draw_cells(canvas, axes, Box(0, 0, across, down), ["without", "with"], label["confusion_matrix"])
        axes.set_box_aspect(0.75)
        axes.set_anchor("NW")
        axes.set_title(shorten(label["label"], 0.66 * across, PANEL), loc="left")
        axes.set_xlabel("")
        axes.set_ylabel("")


def _draw_weakest(canvas: Canvas, document: Mapping[str, Any]) -> None:
    weakest = document["weakest"]
    write_notes(canvas, document["notes"])
    if not weakest:
        canvas.message("No class has rows.")
        return
    most = max(1, int((canvas.room.height - 60) // 18))
    if len(weakest) > most:
        canvas.footnote(f"The height has room for {most} of them.")
    shown = weakest[:most]
    axes = canvas.axes()
    axes.barh(range(len(shown)), [100 * entry["recall"] for entry in shown], height=0.62, color=canvas.theme.palette[0])
    canvas.categories(axes, "y", [f"{entry['label']} ({entry['support']:,})" for entry in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Recall in % (rows in brackets)")


def _draw_cells(canvas: Canvas, axes: Axes, box: Box, classes: list[Any], rows: list[list[int]]) -> None:
    matrix = np.array(rows, float)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    colors = _color(canvas.theme, shares)
    axes.imshow(colors, aspect="auto")
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    canvas.categories(axes, "x", classes)
    canvas.categories(axes, "y", classes)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("True")
    if len(classes) <= MOST_NUMBERED:
        edges = np.arange(len(classes) + 1) - 0.5
        axes.hlines(edges, -0.5, len(classes) - 0.5, color=canvas.theme.background, linewidth=2)
        axes.vlines(edges, -0.5, len(classes) - 0.5, color=canvas.theme.background, linewidth=2)
        _number_cells(canvas.theme, axes, box, matrix, shares, colors)


def _number_cells(
    theme: Theme, axes: Axes, box: Box, matrix: np.ndarray, shares: np.ndarray, colors: np.ndarray
) -> None:
    """Write counts, and percentages below them, if they fit into the cells."""
    width, height = box.width * 0.68 / len(matrix), (box.height - 70) / len(matrix)
    texts = {place: write_number(count) for place, count in np.ndenumerate(matrix)}
    size = max(SMALLEST, min(TICK + 2, height * 0.4))
    if max(measure(text, size) for text in texts.values()) > width - 4 or height < size + 2:
        size = SMALLEST
        if max(measure(text, size) for text in texts.values()) > width - 2 or height < size + 2:
            return
    both = width >= measure("100.0 %", SMALLEST) + 6 and height >= size + SMALLEST + 10
    above, below = (0.6 * SMALLEST, -0.75 * size) if both else (0, 0)
    for (row, column), text in texts.items():
        if not matrix[row, column] and len(matrix) > 2:
            continue
        color = _readable(theme, colors[row, column])
        style: dict[str, Any] = {"color": color, "ha": "center", "va": "center", "textcoords": "offset points"}
        axes.annotate(text, (column, row), (0, above), size=size, **style)
        if both:
            share = f"{100 * shares[row, column]:.1f} %"
            axes.annotate(share, (column, row), (0, below), size=SMALLEST, **style)


def _color(theme: Theme, shares: np.ndarray) -> np.ndarray:
    """The colour of each cell, RGBA. Shares of wrong predictions are small, so their colours grow faster."""
    colors = np.asarray(_to(theme, theme.bad)(np.sqrt(shares)))
    places = np.arange(len(shares))
    colors[places, places] = _to(theme, theme.palette[0])(0.12 + 0.88 * shares[places, places])
    return colors


def _to(theme: Theme, color: str) -> Colormap:
    return LinearSegmentedColormap.from_list("to", [theme.background, color])


def _readable(theme: Theme, color: np.ndarray) -> str:
    """Ink or background, whichever contrasts more with a colour."""

    def luminance(rgb: Any) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb[:3]]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    own = luminance(color) + 0.05
    contrasts = {name: luminance(to_rgb(name)) + 0.05 for name in (theme.ink, theme.background)}
    return max(contrasts, key=lambda name: max(own, contrasts[name]) / min(own, contrasts[name]))
