"""Draws ROC curves."""

from collections.abc import Mapping
from typing import Any

from models.drawing.canvas import Canvas, Key
from models.drawing.notes import write_notes
from models.drawing.plots import measure_plot
from models.drawing.style import TICK
from models.drawing.texts import measure, shorten
from models.drawing.ticks import numbers, write_number

MOST_COLORED = 6
"""The most curves with a colour of their own: those with the smallest areas. The others are grey."""


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the curves, the diagonal of a guess, and the chosen thresholds."""
    curves = sorted(document["curves"], key=lambda curve: curve["area"])
    canvas.heading(document["title"], document["subtitle"])
    if not curves:
        canvas.message(" ".join(document["notes"]) or "There is no ROC curve.")
        return
    colored, others = curves[:MOST_COLORED], curves[MOST_COLORED:]
    keys = [Key(_name(curve, canvas.room.width), canvas.theme.color(i)) for i, curve in enumerate(colored)]
    if others:
        keys.append(Key(f"{len(others)} others, from {others[0]['area']:.3f}", canvas.theme.muted))
    canvas.legend([*keys, Key("a guess (AUC 0.5)", canvas.theme.muted, "dots")])
    write_notes(canvas, document["notes"])
    axes = canvas.axes()
    axes.plot([0, 1], [0, 1], color=canvas.theme.muted, linewidth=1.5, linestyle=(0, (1, 1.5)))
    for curve in others:
        axes.plot(*_points(curve), color=canvas.theme.muted, linewidth=1, alpha=0.5)
    for i, curve in reversed(list(enumerate(colored))):
        axes.plot(*_points(curve), color=canvas.theme.color(i), clip_on=False)
        chosen = curve["chosen"]
        if chosen is None:
            continue
        x, y = chosen["false_positive_rate"], chosen["true_positive_rate"]
        axes.plot([x], [y], "o", markersize=9, color=canvas.theme.color(i), markeredgecolor=canvas.theme.background,
                  markeredgewidth=2, clip_on=False, zorder=5)  # fmt: skip
        if len(colored) == 1:
            canvas.mark(axes, x, y, f"threshold {write_number(chosen['threshold'])}")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    axes.set_xlabel("False positive rate")
    axes.set_ylabel("True positive rate")


def measure_height(_: Mapping[str, Any], width: int) -> int:
    """The height of any document."""
    return measure_plot(width)


def _name(curve: Mapping[str, Any], width: float) -> str:
    """The class and the area, which stays readable however long the name is."""
    area = f" (AUC {curve['area']:.3f})"
    return shorten(curve["label"], min(200.0, width - 40) - measure(area, TICK), TICK) + area


def _points(curve: Mapping[str, Any]) -> tuple[Any, Any]:
    return numbers(curve["false_positive_rates"]), numbers(curve["true_positive_rates"])
