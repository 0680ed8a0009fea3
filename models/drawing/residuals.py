"""Draws what a regression predicted against what is true."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from models.drawing.canvas import Canvas, Key, grid_height
from models.drawing.notes import write_notes
from models.drawing.ticks import numbers, write_number

NARROWEST = 205.0
"""Pixels of a panel's width at least."""


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw a panel for each output with its rows and the diagonal; for a single one, also how residuals are spread."""
    outputs, theme = document["outputs"], canvas.theme
    figures = [f"{label} {write_number(document[name], 4)}" for name, label in
               (("mae", "MAE"), ("rmse", "RMSE"), ("r2", "R²")) if document[name] is not None]  # fmt: skip
    canvas.heading(document["title"], " · ".join([document["subtitle"], *figures]))
    if not document["rows"]:
        canvas.message(" ".join(document["notes"]) or "No rows were evaluated.")
        return
    canvas.legend([Key("row", theme.palette[0], "dot"), Key("predicted = true", theme.muted, "dashes")])
    write_notes(canvas, document["notes"])
    unit = f" ({document['unit']})" if document["unit"] else ""
    has_distribution = len(outputs) == 1 and (canvas.room.width >= 460 or canvas.room.height >= 380)
    if len(outputs) == 1 and not has_distribution:
        canvas.footnote("A larger picture shows the residuals' distribution.")
    panels = canvas.panels(2 if has_distribution else len(outputs), NARROWEST, 150, "outputs")
    for axes, output in zip(panels, outputs, strict=False):
        _draw_rows(canvas, axes, output)
        axes.set_xlabel(f"True{unit}")
        axes.set_ylabel(f"Predicted{unit}")
        axes.set_title(output["name"], loc="left")
    if has_distribution:
        _draw_distribution(canvas, panels[1], outputs[0])
        panels[1].set_xlabel(f"True − predicted{unit}")


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height that shows all panels of a document."""
    if len(document["outputs"]) < 2:
        return grid_height(2, width, NARROWEST, 320, 110)
    return grid_height(len(document["outputs"]), width, NARROWEST, 230, 130)


def _draw_rows(canvas: Canvas, axes: Axes, output: Mapping[str, Any]) -> None:
    true, predicted = numbers(output["true"]), numbers(output["predicted"])
    size = 22 if len(true) <= 200 else 12
    axes.scatter(true, predicted, s=size, color=canvas.theme.palette[0], alpha=0.55, linewidths=0)
    both = np.concatenate([true, predicted])
    both = both[np.isfinite(both)]
    if not len(both):
        return
    low, high = float(both.min()), float(both.max())
    margin = 0.05 * (high - low) or max(1.0, abs(low) * 0.05)
    ends = low - margin, high + margin
    axes.plot(ends, ends, color=canvas.theme.muted, linewidth=1.5, linestyle=(0, (3, 2)), zorder=1)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)


def _draw_distribution(canvas: Canvas, axes: Axes, output: Mapping[str, Any]) -> None:
    edges = numbers(output["edges"])
    if not len(edges):
        return
    axes.bar(edges[:-1], output["counts"], np.diff(edges), align="edge", color=canvas.theme.palette[0],
             edgecolor=canvas.theme.background, linewidth=1)  # fmt: skip
    axes.axvline(0, color=canvas.theme.muted, linewidth=1.5, linestyle=(0, (3, 2)))
    axes.grid(visible=False, axis="x")
    axes.set_ylabel("Rows")
    axes.set_title("Residuals", loc="left")
    canvas.whole_numbers(axes, "y")
