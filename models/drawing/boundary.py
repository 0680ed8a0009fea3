"""Draws what a network of one or two numbers predicts: a coloured plane, or curves, with the rows of its dataset."""

from collections.abc import Mapping
from typing import Any

from models.drawing import fitted_curves, plane
from models.drawing.canvas import Canvas
from models.drawing.notes import write_notes

AROUND_PLANE, AROUND_CURVES = 150.0, 170.0
"""Pixels of the heading, the legend, the notes, and what is around axes."""


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """A plane is about a square, a curve half as high as it is wide; neither is much higher than a screen."""
    if document["values"] is None or len(document["axes"]) == 1:
        return round(min(480.0, 0.45 * width + AROUND_CURVES))
    return round(0.86 * min(width, 720) + AROUND_PLANE)


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw a plane for two numbers, curves for one, or say that there is nothing to draw yet."""
    if document["values"] is None:
        canvas.heading(document["title"])
        write_notes(canvas, document["notes"])
        canvas.message(document["description"])
    elif len(document["axes"]) > 1:
        plane.draw(canvas, document)
    else:
        fitted_curves.draw(canvas, document)
