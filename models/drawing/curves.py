"""Draws training curves: a panel for each metric, train against validation, or several jobs against each other."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes

from models.drawing.canvas import Canvas, Key, Shape, grid_height
from models.drawing.texts import ELLIPSIS
from models.drawing.ticks import numbers

NARROWEST, LOWEST, ROW = 270.0, 170.0, 210.0
"""Pixels of a panel at least, and the usual height of one."""
KEY_WIDTH, KEY_HEIGHT = 170.0, 18.0
"""Pixels that a job's entry of the legend takes, about."""
DASHES, DOTS = (0, (3, 2)), (0, (1, 2))
CHANGED = "learning rate changed"
END_MARKERS = ("", "o", "s", "^")
"""At the ends of the lines of the first eight jobs, of the next eight, and so on: colours repeat."""
SHAPES: tuple[Shape, ...] = ("line", "line-dot", "line-square", "line-triangle")


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the panels of curves. One job: the colour is the split. Several: it is the job, validation is dashed."""
    canvas.heading(document["title"], document["description"])
    panels = [panel for panel in document["panels"] if any(line["epochs"] for line in panel["series"])]
    if not panels:
        canvas.message("No epochs yet." if not document["panels"] else "Nothing to show.")
        return
    canvas.legend(_list_keys(canvas, document, panels), rows=8)
    jobs = {job["id"]: (index, job) for index, job in enumerate(document["jobs"])}
    for panel, axes in zip(panels, canvas.panels(len(panels), NARROWEST, LOWEST, "metrics"), strict=False):
        for line in panel["series"]:
            _draw_line(canvas, axes, line, jobs[line["job"]][0], alone=len(jobs) == 1)
        if panel["scale"] == "logarithmic":
            axes.set_yscale("log")
            axes.set_ylabel("logarithmic scale")
        axes.set_title(panel["metric"].replace("_", " "))
        axes.set_xlabel("epoch")
        canvas.whole_numbers(axes, "x")
        _fit_one_epoch(axes, panel)
        for index, job in jobs.values():
            _mark_best(canvas, axes, panel, job, index, alone=len(jobs) == 1)
        if len(jobs) == 1:
            for change in document["jobs"][0]["learning_rate_changes"]:
                axes.axvline(change["epoch"], color=canvas.theme.muted, linestyle=DOTS, linewidth=1.2, zorder=1)


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height that shows all panels of a document."""
    named = len(document["jobs"]) if len(document["jobs"]) > 1 else 0
    head = 130.0 + KEY_HEIGHT * (named * KEY_WIDTH // width)
    return grid_height(max(1, len(document["panels"])), width, NARROWEST, ROW, head)


def _list_keys(canvas: Canvas, document: Mapping[str, Any], panels: list[Mapping[str, Any]]) -> list[Key]:
    theme, jobs = canvas.theme, document["jobs"]
    splits = {line["split"] for panel in panels for line in panel["series"]}
    if len(jobs) == 1:
        keys = [Key("train", theme.color(0))] if "train" in splits else []
        keys += [Key("validation", theme.color(1))] if "validation" in splits else []
        keys += [Key("best epoch", theme.ink, "ring")] if jobs[0]["best"] else []
        return keys + ([Key(CHANGED, theme.muted, "dots")] if jobs[0]["learning_rate_changes"] else [])
    named = [
        Key(
            f"{job['model']} {ELLIPSIS}{job['id'][-6:]}",
            theme.color(index),
            SHAPES[index // len(theme.palette) % len(SHAPES)],
        )
        for index, job in enumerate(jobs)
    ]
    both = [Key("train", theme.muted), Key("validation", theme.muted, "dashes")] if len(splits) == 2 else []
    return both + ([Key("best epoch", theme.ink, "ring")] if any(job["best"] for job in jobs) else []) + named


def _draw_line(canvas: Canvas, axes: Axes, line: Mapping[str, Any], index: int, *, alone: bool) -> None:
    x, y = numbers(line["epochs"]), numbers(line["values"])
    is_train = line["split"] == "train"
    color = canvas.theme.color((0 if is_train else 1) if alone else index)
    style = "-" if alone or is_train else DASHES
    marker = "" if alone else END_MARKERS[index // len(canvas.theme.palette) % len(END_MARKERS)]
    is_single = len(x) == 1
    axes.plot(
        x,
        y,
        color=color,
        linestyle=style,
        linewidth=2 if len(x) < 500 else 1.4,
        marker="o" if is_single else marker or "none",
        markevery=None if is_single else [len(x) - 1],
        zorder=3,
    )


def _fit_one_epoch(axes: Axes, panel: Mapping[str, Any]) -> None:
    epochs = [epoch for line in panel["series"] for epoch in line["epochs"]]
    if len(set(epochs)) == 1:
        axes.set_xlim(epochs[0] - 1, epochs[0] + 1)
        axes.set_xticks([epochs[0]])


def _mark_best(
    canvas: Canvas, axes: Axes, panel: Mapping[str, Any], job: Mapping[str, Any], index: int, *, alone: bool
) -> None:
    """Circle the best epoch on the line of the metric that decides, and on the others that have it."""
    best = job["best"]
    lines = [line for line in panel["series"] if line["job"] == job["id"] and best and best["epoch"] in line["epochs"]]
    if not lines:
        return
    line = lines[-1]  # validation, if there is any
    value = line["values"][line["epochs"].index(best["epoch"])]
    if value is None or not math.isfinite(value):
        return
    color = canvas.theme.ink if alone else canvas.theme.color(index)
    axes.plot(
        best["epoch"],
        numbers([value]),
        marker="o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=color,
        markeredgewidth=1.8,
        zorder=4,
    )
    if alone:
        canvas.mark(axes, best["epoch"], value, f"{best['epoch']:,}: {value:.4g}")
