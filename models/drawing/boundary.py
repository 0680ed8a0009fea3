"""Draws what a network of one or two numbers predicts: a coloured plane, or curves, with the rows of its dataset."""

from collections.abc import Mapping
from typing import Any

from models.drawing import curves, plane
from models.drawing.canvas import Canvas
from models.drawing.notes import write_notes


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw a plane for two numbers, curves for one, or say that there is nothing to draw yet."""
    if document["values"] is None:
        canvas.heading(document["title"])
        write_notes(canvas, document)
        canvas.message(document["description"])
    elif len(document["axes"]) > 1:
        plane.draw(canvas, document)
    else:
        curves.draw(canvas, document)
