"""Draws a dataset at a glance: pictures, points, sequences, or distributions."""

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from PIL import Image

from models.drawing.canvas import Box, Canvas, Key, grid_height
from models.drawing.notes import write_notes
from models.drawing.plots import measure_plot
from models.drawing.style import TICK
from models.drawing.texts import shorten
from models.drawing.ticks import numbers, write_number

CAPTION = 18
"""Pixels below a picture for its class."""
GAP = 8
LARGEST_PICTURE = 140
COUNTS_HEIGHT = 130.0
"""Pixels of the rows of each class, below pictures."""
NARROWEST_SEQUENCE = 170.0


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw what the document's `form` names."""
    canvas.heading(document["title"], document["subtitle"])
    if not document["rows"]:
        canvas.message("There are no rows.")
        return
    DRAWN[document["form"]](canvas, document)


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height that shows everything in a document."""
    if document["form"] == "pictures":
        pictures = document["pictures"]
        columns = max(1, min(len(pictures["items"]), max(4, width // 90)))
        across = min(LARGEST_PICTURE, width / columns - GAP)
        down = across * pictures["height"] / max(1, pictures["width"]) + CAPTION + GAP
        return round(76 + COUNTS_HEIGHT + -(-len(pictures["items"]) // columns) * down)
    if document["form"] == "histograms":
        return grid_height(len(document["histograms"]) + 1, width, _narrowest(width), 145, 90)
    if document["form"] == "sequences":
        return grid_height(len(document["sequences"]["items"]), width, NARROWEST_SEQUENCE, 145, 120)
    return measure_plot(width)


def _narrowest(width: float) -> float:
    """Of a histogram: at most four are side by side."""
    return max(130.0, width / 4 - 32)


def _draw_pictures(canvas: Canvas, document: Mapping[str, Any]) -> None:
    write_notes(canvas, document["notes"])
    items, room = document["pictures"]["items"], _draw_counts(canvas, document["target"])
    ratio = document["pictures"]["width"] / max(1, document["pictures"]["height"])
    columns, height = _arrange(len(items), room.width, room.height, ratio)
    width = height * ratio
    step = min((room.width - width) / max(1, columns - 1), width + 40) if columns > 1 else 0
    axes = canvas.place(room)
    axes.set_axis_off()
    for place, item in enumerate(items):
        left, top = (place % columns) * step, (place // columns) * (height + CAPTION + GAP)
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(item["png"]))).convert("RGB"))
        axes.imshow(picture, extent=(left, left + width, top + height, top), aspect="auto")
        label = shorten(_write(item["target"]), max(width, step - 4), TICK)
        axes.text(left, top + height + 3, label, size=TICK, color=canvas.theme.muted, va="top")
    axes.set_xlim(0, room.width)
    axes.set_ylim(room.height, 0)


def _draw_counts(canvas: Canvas, target: Mapping[str, Any]) -> Box:
    """Draw the rows of each class at the bottom, if there is room. Returns what is left."""
    room, classes = canvas.room, target["classes"]
    height = min(COUNTS_HEIGHT, 0.3 * room.height)
    if not classes or room.height < 330:
        return room
    axes = canvas.place(room._replace(top=room.top + room.height - height, height=height))
    counts = [entry["count"] for entry in classes]
    axes.bar(range(len(counts)), counts, 0.7, color=canvas.theme.palette[0])
    axes.grid(visible=False, axis="x")
    shown = f" (most frequent {len(classes)} of {target['found']:,})" if target["found"] > len(classes) else ""
    axes.set_title(f"Rows by {target['name']}{shown}", loc="left")
    canvas.categories(axes, "x", [_write(entry["label"]) for entry in classes])
    canvas.whole_numbers(axes, "y")
    return room._replace(height=room.height - height - 12)


def _arrange(count: int, width: float, height: float, ratio: float) -> tuple[int, float]:
    """The number of columns, and the height of a picture, with which pictures are as large as possible."""
    best = 1, 1.0
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        across = (width - GAP * (columns - 1)) / columns / ratio
        down = (height - GAP * (rows - 1)) / rows - CAPTION
        size = min(across, down, LARGEST_PICTURE)
        if size > best[1]:
            best = columns, size
    return best


def _draw_points(canvas: Canvas, document: Mapping[str, Any]) -> None:
    points = document["points"]
    x, target = numbers(points["x"]), numbers(points["target"])
    titles = [f"{name} ({unit})" if unit else name for name, unit in zip(points["names"], points["units"], strict=True)]
    has_color = points["y"] is not None
    if has_color and points["classes"] is None:
        finite = target[np.isfinite(target)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        colors = _shades(canvas)
        canvas.scale(colors, write_number(low, 3), write_number(high, 3), titles[2])
    else:
        canvas.legend(_name_classes(canvas, points))
    write_notes(canvas, document["notes"])
    axes = canvas.axes()
    axes.set_xlabel(titles[0])
    axes.set_ylabel(titles[1] if has_color else titles[2])
    size = (26 if len(x) <= 300 else 14) * max(1.0, canvas.width / 800)
    if has_color and document["kind"] == "vector" and _is_square(x, numbers(points["y"])):
        axes.set_aspect("equal", adjustable="datalim")
    if points["classes"] is None:
        y = numbers(points["y"]) if has_color else target
        shade = {"c": target, "cmap": _shades(canvas)} if has_color else {"color": canvas.theme.palette[0]}
        axes.scatter(
            x, y, s=size + 6, alpha=0.8, linewidths=0.5 if has_color else 0, edgecolors=canvas.theme.muted, **shade
        )
        return
    y = numbers(points["y"]) if has_color else target
    for place, color in enumerate(_class_colors(canvas, points)):
        chosen = target == (place if place < len(points["classes"]) else -1)
        axes.scatter(x[chosen], y[chosen], s=size, color=color, alpha=0.7, linewidths=0)
    if not has_color:
        canvas.categories(axes, "y", points["classes"])
        axes.set_ylim(-0.6 - bool(points["left_out"]), len(points["classes"]) - 0.4)


def _shades(canvas: Canvas) -> Colormap:
    """The colours of numbers, of which the palest can be told from the background."""
    return LinearSegmentedColormap.from_list("shades", canvas.theme.sequential(np.linspace(0.25, 1, 64)))


def _is_square(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether both inputs have about the same range, so that distances between rows mean something."""
    ranges = [float(np.ptp(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0 for values in (x, y)]
    return 0 < max(ranges) <= 2 * min(ranges)


def _class_colors(canvas: Canvas, points: Mapping[str, Any]) -> list[str]:
    colors = [canvas.theme.color(place) for place in range(len(points["classes"]))]
    return [*colors, canvas.theme.muted] if points["left_out"] else colors


def _name_classes(canvas: Canvas, points: Mapping[str, Any]) -> list[Key]:
    if points["classes"] is None:
        return []
    labels = [_write(class_) for class_ in points["classes"]]
    if points["left_out"]:
        labels.append(f"{points['left_out']:,} others")
    return [Key(label, color, "dot") for label, color in zip(labels, _class_colors(canvas, points), strict=True)]


def _draw_histograms(canvas: Canvas, document: Mapping[str, Any]) -> None:
    write_notes(canvas, document["notes"])
    target = document["target"]
    shown = [_target_as_column(target), *document["histograms"]]
    panels = canvas.panels(len(shown), _narrowest(canvas.width), 115, "columns")
    for place, (axes, column) in enumerate(zip(panels, shown, strict=False)):
        _draw_column(canvas, axes, column, canvas.theme.color(1 if place == 0 else 0))


def _target_as_column(target: Mapping[str, Any]) -> dict[str, Any]:
    classes = target["classes"]
    column = {"name": f"{target['name']} (target)", "unit": target["unit"], "missing": 0, "type": target["type"]}
    if classes is None:
        return column | {"edges": target["edges"], "counts": target["counts"], "categories": None}
    names, counts = [entry["label"] for entry in classes], [entry["count"] for entry in classes]
    return column | {"edges": None, "categories": names, "counts": counts, "found": target["found"]}


def _draw_column(canvas: Canvas, axes: Axes, column: Mapping[str, Any], color: str) -> None:
    unit = f" ({column['unit']})" if column["unit"] else ""
    missing = f" · {column['missing']:,} missing" if column["missing"] else ""
    axes.set_title(f"{column['name']}{unit}{missing}", loc="left")
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
    if column["categories"] is not None:
        _draw_categories(canvas, axes, column, color)
    elif column["edges"]:
        _draw_bins(canvas, axes, column, color)
    else:
        axes.set_xticks([])
        text = f"{write_number(column['mean'], 3)} words on average" if column["type"] == "text" else "no values"
        axes.text(0, 0.5, text, transform=axes.transAxes, size=TICK, color=canvas.theme.muted)


def _draw_bins(canvas: Canvas, axes: Axes, column: Mapping[str, Any], color: str) -> None:
    edges, counts = column["edges"], column["counts"]
    style: dict[str, Any] = {"align": "edge", "color": color, "edgecolor": canvas.theme.background, "linewidth": 1}
    if isinstance(edges[0], str):
        axes.bar(range(len(counts)), counts, 1, **style)
        axes.set_xticks([0, len(counts)], [edges[0][:10], edges[-1][:10]])
        first, last = axes.get_xticklabels()
        first.set_horizontalalignment("left")
        last.set_horizontalalignment("right")
        return
    places = numbers(edges)
    widths = np.diff(places)
    axes.bar(places[:-1], counts, np.where(widths > 0, widths, 1), **style)
    if places[-1] > places[0]:
        axes.set_xlim(places[0], places[-1])


def _draw_categories(canvas: Canvas, axes: Axes, column: Mapping[str, Any], color: str) -> None:
    names, counts = list(column["categories"]), list(column["counts"])
    if column["found"] > len(names):
        names[-1] = f"{names[-1]} … and {column['found'] - len(names):,} more"
    axes.barh(range(len(names)), counts, height=0.7, color=color)
    axes.set_ylim(len(names) - 0.4, -0.6)
    canvas.categories(axes, "y", [_write(name) for name in names])
    canvas.whole_numbers(axes, "x")


def _draw_sequences(canvas: Canvas, document: Mapping[str, Any]) -> None:
    sequences = document["sequences"]
    features = sequences["features"]
    if len(features) > 1:
        canvas.legend([Key(name, canvas.theme.color(place)) for place, name in enumerate(features)])
    write_notes(canvas, document["notes"])
    for axes, item in zip(
        canvas.panels(len(sequences["items"]), NARROWEST_SEQUENCE, 110, "sequences"), sequences["items"], strict=False
    ):
        for place, values in enumerate(item["values"]):
            axes.plot(sequences["steps"], numbers(values), color=canvas.theme.color(place), linewidth=1.5)
        name = f"{document['target']['name']}: " if document["target"]["type"] == "number" else ""
        title = f"row {item['row']}" if item["target"] is None else f"{name}{_write(item['target'])}"
        axes.set_title(title, loc="left")
        axes.margins(x=0)
        canvas.whole_numbers(axes, "x")


def _write(target: Any) -> str:
    """A class, labels, or a number."""
    if target is None:
        return ""
    return write_number(target, 4) if isinstance(target, float) else str(target)


DRAWN = {
    "pictures": _draw_pictures,
    "points": _draw_points,
    "histograms": _draw_histograms,
    "sequences": _draw_sequences,
}
