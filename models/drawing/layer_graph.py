"""Draws the layers of a network as boxes, from top to bottom, in as many columns as it takes."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from models.drawing.canvas import Canvas, Key
from models.drawing.layered import Layout, Spot, lay_out
from models.drawing.style import DASHES, LABEL, SMALLEST, TICK, Theme
from models.drawing.texts import measure, shorten

GROUPS = (
    ("convolution", ("Conv", "Pool", "UpSampling", "ZeroPadding", "Cropping")),
    ("recurrent", ("LSTM", "GRU", "RNN", "Bidirectional", "TimeDistributed", "ConvLSTM")),
    ("attention", ("Attention",)),
    ("dense", ("Dense", "Embedding", "EinsumDense", "Pretrained", "Gemm", "MatMul")),
    ("normalization", ("Normalization", "Rescaling")),
    ("merge", ("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract")),
)
"""What layers are, by parts of their types; the first group that matches counts."""
INPUT, OTHER = "input", "other"
ORDER = ("dense", "convolution", "recurrent", "attention", "normalization", "merge", OTHER)
TALLEST, COMFORTABLE = 44.0, 46.0
"""The height of a box at most, and the distance of two boxes at which both have two lines."""
TWO_LINES = 33.0
"""The height of a box from which on it has two lines."""
WIDEST, NARROWEST = 380.0, 118.0
"""The width of a box at most, and the least in which its type can be read."""
NARROWEST_COLUMN = 220.0
"""The width of a picture for each of its columns, at least, if its height isn't given."""
AROUND, STEP, SHORT = 130.0, 56.0, 12
"""Then, the pixels around the graph and for each rank, and the ranks that are no reason for another column."""
GUTTER = 26.0
"""Between columns, where edges go up."""


@dataclass(frozen=True)
class Grid:
    """How the ranks of a layout are cut into columns, in pixels."""

    columns: int
    ranks: int
    """The ranks of a column."""
    step: float
    """From one rank to the next."""
    across: float
    """From one column to the next, without the gutter."""
    unit: float
    """The width of a node with the gap beside it."""
    left: float

    @property
    def box_height(self) -> float:
        return min(TALLEST, self.step * 0.74)

    @property
    def box_width(self) -> float:
        return min(WIDEST, self.unit - (14 if self.unit > 100 else 4))

    def at(self, spot: Spot) -> tuple[float, float]:
        """The centre of a place, from the left and the top."""
        column, rank = divmod(spot.rank, self.ranks)
        middle = self.left + column * (self.across + GUTTER) + self.across / 2
        return middle + spot.centre * self.unit, (rank + 0.5) * self.step

    def column_of(self, spot: Spot) -> int:
        return spot.rank // self.ranks


def group_of(type_: str) -> str:
    """What a layer of a type is."""
    return next((name for name, parts in GROUPS if any(part in type_ for part in parts)), OTHER)


def color_of(theme: Theme, group: str) -> str:
    return theme.muted if group in (OTHER, INPUT) else theme.color(ORDER.index(group))


def write_legend(canvas: Canvas, layers: Sequence[Mapping[str, Any]]) -> None:
    """Name the colours of the layers, if there are several."""
    present = {group_of(layer["type"]) for layer in layers}
    keys = [Key(group, color_of(canvas.theme, group), "square") for group in ORDER if group in present]
    if any(layer["parameters"] and not layer["trainable"] for layer in layers):
        keys.append(Key("not trainable", canvas.theme.muted, "dashes"))
    if len(keys) > 1:
        canvas.legend(keys, rows=2)


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height for boxes with two lines, in as many columns as the width has room for."""
    layout = _lay_out(document)
    columns = max(1, min(math.ceil(layout.ranks / SHORT), int(width // (NARROWEST_COLUMN * max(layout.width, 1)))))
    return round(max(200.0, AROUND + math.ceil(layout.ranks / columns) * STEP))


def _lay_out(document: Mapping[str, Any]) -> Layout:
    names = [node["name"] for node in (*document["inputs"], *document["layers"])]
    parents = {layer["name"]: layer["inputs"] for layer in document["layers"]}
    known = set(names)
    return lay_out({name: [each for each in parents.get(name, ()) if each in known] for name in names})


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw the inputs and layers with their edges."""
    inputs = [
        {**input_, "type": INPUT, "parameters": 0, "output_shape": input_["shape"]} for input_ in document["inputs"]
    ]
    nodes = {node["name"]: node for node in (*inputs, *document["layers"])}
    layout = _lay_out(document)
    room = canvas.room
    grid = _choose_grid(layout, room.width, room.height)
    axes = canvas.axes()
    axes.set_axis_off()
    axes.set_xlim(0, room.width)
    axes.set_ylim(room.height, 0)
    for _, _, spots in layout.edges:
        _draw_edge(axes, grid, spots, canvas.theme)
    for name, node in nodes.items():
        _draw_box(axes, grid, layout.nodes[name], node, canvas.theme)
    _mark_blocks(axes, grid, layout, document["blocks"], canvas.theme)


def _choose_grid(layout: Layout, width: float, height: float) -> Grid:
    """As few columns as give the boxes a height that can be read, unless they become too narrow then."""
    found = []
    for columns in range(1, max(2, min(layout.ranks, 8) + 1)):
        ranks = math.ceil(layout.ranks / columns)
        across = (width - GUTTER * (columns - 1)) / columns
        unit = min(across / max(layout.width, 1), WIDEST + 14)
        step = min(height / ranks, 64.0)
        used = math.ceil(layout.ranks / ranks)
        left = (width - used * across - GUTTER * (used - 1)) / 2
        grid = Grid(used, ranks, step, across, unit, left)
        if step >= COMFORTABLE and unit >= NARROWEST:
            return grid
        found.append((min(step / COMFORTABLE, 1) * min(unit / NARROWEST, 1), -columns, grid))
    return max(found)[2]


def _draw_edge(axes: Axes, grid: Grid, spots: Sequence[Spot], theme: Theme) -> None:
    """An arrow from the box of a parent to that of a child; through the gutter if the child is in a later column."""
    half = grid.box_height / 2
    points = [grid.at(spot) for spot in spots]
    path: list[tuple[float, float]] = [(points[0][0], points[0][1] + half)]
    for before, after, (x, y) in zip(spots, spots[1:], points[1:], strict=False):
        end = (x, y - half)
        if grid.column_of(after) > grid.column_of(before):
            bottom = path[-1][1] + (grid.step - grid.box_height) * 0.3
            gutter = grid.left + grid.column_of(after) * (grid.across + GUTTER) - GUTTER / 2
            top = end[1] - (grid.step - grid.box_height) * 0.3
            path += [(path[-1][0], bottom), (gutter, bottom), (gutter, top), (x, top)]
        path.append(end)
        if after is not spots[-1]:
            path.append((x, y + half))
    axes.add_patch(PathPatch(Path(path), facecolor="none", edgecolor=theme.muted, linewidth=1.0, alpha=0.8))
    x, y = path[-1]
    size = min(4.0, max(1.5, (grid.step - grid.box_height) * 0.3))
    head = Path([(x - size * 0.8, y - size), (x + size * 0.8, y - size), (x, y), (x, y)], closed=True)
    axes.add_patch(PathPatch(head, facecolor=theme.muted, edgecolor="none"))


def _draw_box(axes: Axes, grid: Grid, spot: Spot, node: Mapping[str, Any], theme: Theme) -> None:
    x, y = grid.at(spot)
    width, height = grid.box_width, grid.box_height
    is_input = node["type"] == INPUT
    color = color_of(theme, INPUT if is_input else group_of(node["type"]))
    is_frozen = bool(node["parameters"]) and not node.get("trainable", True)
    left, top = x - width / 2, y - height / 2
    rounding = min(5.0, height / 4)
    shape: dict[str, Any] = {
        "xy": (left + rounding, top + rounding),
        "width": width - 2 * rounding,
        "height": height - 2 * rounding,
        "boxstyle": f"round,pad={rounding},rounding_size={rounding}",
    }
    edge, line = theme.muted if is_input else color, DASHES if is_frozen else "-"
    axes.add_patch(FancyBboxPatch(**shape, facecolor=theme.background, edgecolor=edge, linewidth=1.2, linestyle=line))
    tint = 0.1 if theme.name == "light" else 0.18
    axes.add_patch(FancyBboxPatch(**shape, facecolor=color, edgecolor="none", alpha=tint))
    _write_box(axes, (left + 8, top, width - 16, height), node, theme)


def _write_box(axes: Axes, box: tuple[float, float, float, float], node: Mapping[str, Any], theme: Theme) -> None:
    """The type and what is special at the left, the shape and the parameters at the right, as far as they fit."""
    left, top, width, height = box
    if height < SMALLEST:
        return
    name = node["name"] if node["type"] == INPUT else node["type"]
    shape = " × ".join("?" if length is None else f"{length:,}" for length in node["output_shape"]) or "1"
    below = _write_below(node, shape, name, width) if height >= TWO_LINES else ("", "")
    has_shape = shape not in below and measure(shape, TICK) + 8 + measure(name, LABEL, "bold") <= width
    size = LABEL if height >= TWO_LINES else min(LABEL, max(SMALLEST, height * 0.62))
    first, second = (top + height * 0.32, top + height * 0.71) if any(below) else (top + height / 2, 0.0)
    kept = measure(shape, min(size, TICK)) + 8 if has_shape else 0.0
    options: dict[str, Any] = {"va": "center_baseline", "clip_on": True}
    title = shorten(name, width - kept, size, "bold")
    axes.text(left, first, title, size=size, color=theme.ink, weight="bold", **options)
    if has_shape:
        axes.text(left + width, first, shape, size=min(size, TICK), color=theme.ink, ha="right", **options)
    for text, x, side in zip(below, (left, left + width), ("left", "right"), strict=True):
        if text:
            axes.text(x, second, text, size=TICK, color=theme.muted, ha=side, **options)


def _write_below(node: Mapping[str, Any], shape: str, name: str, width: float) -> tuple[str, str]:
    """The second line of a box, at the left and at the right: in a narrow one only the shape."""
    if measure(shape, TICK) + 8 + measure(name, LABEL, "bold") > width:
        return shorten(shape, width, TICK), ""
    counted = f"{node['parameters']:,} parameters" if node["parameters"] else ""
    detail = node.get("detail") or ("input" if node["type"] == INPUT else "")
    for right in (counted, counted.partition(" ")[0]):
        if measure(right, TICK) + 8 + measure(detail, TICK) <= width:
            return detail, right
    return shorten(detail, width, TICK), ""


def _bends_beside(layout: Layout, ranks: Collection[int]) -> list[Spot]:
    """Where edges pass these ranks."""
    return [spot for _, _, spots in layout.edges for spot in spots[1:-1] if spot.rank in ranks]


def _mark_blocks(axes: Axes, grid: Grid, layout: Layout, blocks: Sequence[Mapping[str, Any]], theme: Theme) -> None:
    """A bracket beside the boxes of each block that is repeated, with the number of times."""
    for block in blocks:
        columns: dict[int, list[tuple[float, float]]] = {}
        spots = [layout.nodes[name] for name in block["layers"]]
        for spot in spots:
            columns.setdefault(grid.column_of(spot), []).append(grid.at(spot))
        bends = _bends_beside(layout, {spot.rank for spot in spots})
        for place, (column, points) in enumerate(columns.items()):
            passing = (grid.at(bend)[0] + 4 for bend in bends if grid.column_of(bend) == column)
            right = max([max(x for x, _ in points) + grid.box_width / 2, *passing]) + 3
            top = min(y for _, y in points) - grid.box_height / 2
            bottom = max(y for _, y in points) + grid.box_height / 2
            axes.plot([right, right + 4, right + 4, right], [top, top, bottom, bottom], color=theme.ink, linewidth=1.2)
            if place == 0:
                axes.text(
                    right + 8, (top + bottom) / 2, f"× {block['times']}", size=TICK, weight="bold", color=theme.ink,
                    va="center", rotation=90 if bottom - top > 40 else 0,
                )  # fmt: skip
