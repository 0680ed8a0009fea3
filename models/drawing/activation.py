"""Draws an activation function and its derivative."""

from collections.abc import Mapping
from typing import Any

from models.drawing.canvas import Canvas, Key
from models.drawing.style import DASHES
from models.drawing.ticks import numbers


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the function as a line and its derivative dashed, over the same inputs."""
    colors = canvas.theme.color(0), canvas.theme.color(1)
    canvas.heading(document["title"], document["description"])
    canvas.legend([Key(document["type"], colors[0]), Key("derivative", colors[1], "dashes")])
    axes = canvas.axes()
    x = numbers(document["x"])
    axes.axhline(0, color=canvas.theme.muted, linewidth=1)
    axes.axvline(0, color=canvas.theme.muted, linewidth=1)
    axes.plot(x, numbers(document["y"]), color=colors[0])
    axes.plot(x, numbers(document["derivative"]), color=colors[1], linestyle=DASHES)
    axes.set_xlabel("input")
    axes.margins(x=0)
