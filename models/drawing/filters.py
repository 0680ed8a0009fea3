"""Draws the weights of a layer: as tiles, as bars by input, or as a matrix."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from models.drawing.canvas import Box, Canvas
from models.drawing.notes import write_notes
from models.drawing.style import SMALLEST
from models.drawing.texts import shorten
from models.drawing.ticks import LARGEST, numbers, write_number

GAP = 6.0
NARROWEST_PANEL = 220.0
SMALLEST_TILE, LARGEST_TILE = 22.0, 110.0
"""The longer side of a tile, in pixels."""
NAMED, BELOW = 64.0, SMALLEST + 4
"""The width of a tile from which on its name is below it, and the height of that."""


AROUND, USUAL_TILE = 130.0, 70.0
"""Pixels of the heading, the scale and the notes, and of a tile."""


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height that shows all weights."""
    if document["kind"] == "none":
        return 200
    if document["kind"] == "tiles":
        rows = math.ceil(len(document["tiles"]) / max(1, int((width - 30) // (USUAL_TILE + GAP))))
        high, wide, *_ = np.shape(document["tiles"][0]["values"])
        return round(AROUND + max(90.0, rows * (USUAL_TILE * min(1, high / wide) + GAP + BELOW)))
    names, units = len(document["matrix"]["rows"]), len(document["matrix"]["columns"])
    if document["kind"] == "matrix":
        return round(AROUND + 60 + 20 * max(6, names))
    rows = math.ceil(units / max(1, int(width // NARROWEST_PANEL)))
    return round(AROUND + rows * (90 + 20 * names))


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the weights, or say that there are none."""
    kind = document["kind"]
    if kind == "none":
        canvas.heading(document["title"])
        canvas.message(" ".join(document["notes"]))
        return
    canvas.heading(document["title"], _summarize(document))
    if not document["colours"] and kind != "bars":
        end = write_number(document["largest"] or 0.0, 3)
        canvas.scale(canvas.theme.diverging, "0" if end == "0" else f"−{end}", end, "weight")
    {"tiles": _draw_tiles, "bars": _draw_bars, "matrix": _draw_matrix}[kind](canvas, document)


def _summarize(document: Mapping[str, Any]) -> str:
    shape = " × ".join(f"{length:,}" for length in document["shape"])
    grey = " Grey is a weight of 0." if document["colours"] else ""
    return f"The weights of {document['layer']}, {shape}.{grey}"


def _largest(document: Mapping[str, Any]) -> float:
    """The end of the scale."""
    return min(document["largest"] or 1.0, LARGEST)


def _scale(document: Mapping[str, Any]) -> Normalize:
    return Normalize(-_largest(document), _largest(document))


def _within_scale(values: Any, document: Mapping[str, Any]) -> np.ndarray:
    """Weights; those beyond an end of the scale are at the end, because scaling them could overflow."""
    return numbers(values).clip(-_largest(document), _largest(document))


def _draw_tiles(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """As many tiles as fit, all with the same colours."""
    tiles = document["tiles"]
    arrays = [_within_scale(tile["values"], document) for tile in tiles]
    height, width = arrays[0].shape[:2]
    longer = max(height, width)
    columns, side, most = _choose_grid(canvas.room, len(tiles), width / longer, height / longer)
    write_notes(canvas, document["notes"], left_out=len(tiles) - most)
    room, scale = canvas.room, _scale(document)
    axes = canvas.axes()
    axes.set_axis_off()
    axes.set_xlim(0, room.width)
    axes.set_ylim(room.height, 0)
    wide, high = side * width / longer, side * height / longer
    below = BELOW if wide >= NAMED else 0.0
    for place, (tile, array) in enumerate(zip(tiles[:most], arrays, strict=False)):
        row, column = divmod(place, columns)
        left, top = column * (wide + GAP), row * (high + GAP + below)
        image = np.nan_to_num(scale(array)).clip(0, 1) if document["colours"] else array
        axes.imshow(
            image, extent=(left, left + wide, top + high, top), aspect="auto", interpolation="nearest",
            cmap=canvas.theme.diverging, norm=None if document["colours"] else scale,
        )  # fmt: skip
        if below:
            name = shorten(tile["name"], wide, SMALLEST)
            axes.text(left, top + high + below / 2, name, size=SMALLEST, color=canvas.theme.muted, va="center")
    axes.set_xlim(0, room.width)
    axes.set_ylim(room.height, 0)


def _choose_grid(room: Box, count: int, width: float, height: float) -> tuple[int, float, int]:
    """The columns, the longer side of a tile, and how many fit. `width` and `height` are of a tile, the longer is 1."""
    side = LARGEST_TILE
    while True:
        below = BELOW if side * width >= NAMED else 0.0
        columns = max(1, int((room.width + GAP) // (side * width + GAP)))
        rows = max(1, int((room.height - 40 + GAP) // (side * height + GAP + below)))
        fits = rows * columns >= count and side * height + below <= room.height - 40
        if fits or side <= SMALLEST_TILE:
            return columns, side, rows * columns
        side -= 2


def _draw_bars(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """A panel of bars for each unit, with one bar for each input."""
    matrix, theme = document["matrix"], canvas.theme
    values = numbers(matrix["values"])
    write_notes(canvas, document["notes"])
    largest = _largest(document)
    lowest = min(60 + 16.0 * len(values), canvas.room.height / 2)
    panels = canvas.panels(len(matrix["columns"]), NARROWEST_PANEL - 30, lowest, "units")
    for axes, name, weights in zip(panels, matrix["columns"], values.T, strict=False):
        colors = [theme.color(0) if weight >= 0 else theme.color(1) for weight in np.nan_to_num(weights)]
        axes.barh(
            np.arange(len(weights)), np.nan_to_num(weights), color=colors, height=min(0.7, 0.1 * len(weights) + 0.2)
        )
        axes.axvline(0, color=theme.muted, linewidth=1)
        axes.set_xlim(-1.08 * largest, 1.08 * largest)
        axes.set_ylim(len(weights) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
        if len(matrix["columns"]) > 1:
            axes.set_title(name, loc="left")
        axes.set_xlabel("weight")
        canvas.categories(axes, "y", matrix["rows"])


def _draw_matrix(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """A cell for each weight: inputs down, units across."""
    matrix = document["matrix"]
    write_notes(canvas, document["notes"])
    axes: Axes = canvas.axes()
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    values = _within_scale(matrix["values"], document)
    axes.imshow(values, aspect="auto", cmap=canvas.theme.diverging, norm=_scale(document))
    names = matrix["columns"]
    word, _, number = names[0].rpartition(" ")
    is_numbered = number == "1" and names[-1] == f"{word} {len(names)}"
    canvas.categories(axes, "x", [name.rpartition(" ")[2] for name in names] if is_numbered else names)
    canvas.categories(axes, "y", matrix["rows"])
    axes.set_xlabel(word if is_numbered else "unit")
    axes.set_ylabel("input")
