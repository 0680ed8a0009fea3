"""Fits axes into rectangles of a picture, with their titles, labels and numbers."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.drawing import ticks
from models.drawing.style import LABEL, PANEL
from models.drawing.texts import shorten

LEAST_WIDTH, LEAST_HEIGHT = 40.0, 24.0
"""Axes that would become smaller lose their labels, then their numbers, then their title."""
BETWEEN_COLUMNS, BETWEEN_ROWS = 24.0, 16.0
"""Pixels between panels."""
ROUNDS = 2
"""How often axes are measured and placed anew: how many numbers they have depends on their size."""


class Box(NamedTuple):
    """A rectangle in pixels, from the left and from the top."""

    left: float
    top: float
    width: float
    height: float


@dataclass
class Labels:
    """What is written around axes, in full."""

    title: str = ""
    x: str = ""
    y: str = ""
    x_categories: ticks.Categories | None = None
    y_categories: ticks.Categories | None = None


@dataclass
class Placed:
    """Axes that are fitted into a box once they are drawn."""

    axes: Axes
    box: Box
    labels: Labels = field(default_factory=Labels)


class Layout:
    """All axes of a figure."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._width, self._height = figure.bbox.width, figure.bbox.height
        self._placed: list[Placed] = []
        self._grids: list[tuple[list[Placed], int]] = []

    def add(self, box: Box) -> Axes:
        """New axes for a box."""
        axes = self._figure.add_axes(self.fraction(box))
        self._placed.append(Placed(axes, box))
        return axes

    def add_grid(self, boxes: list[Box], columns: int) -> list[Axes]:
        """New axes for boxes in rows, which will be aligned."""
        axes = [self.add(box) for box in boxes]
        self._grids.append((self._placed[-len(boxes) :], columns))
        return axes

    def categorize(self, axes: Axes, axis: Literal["x", "y"], labels: Iterable[object]) -> None:
        """Label the positions 0, 1, … of an axis of axes that were added."""
        placed = next(placed for placed in self._placed if placed.axes is axes)
        setattr(placed.labels, f"{axis}_categories", ticks.Categories(labels))

    def fit(self) -> None:
        """Fit all axes into their boxes."""
        for placed in self._placed:
            self._fit(placed)
        for panels, columns in self._grids:
            self._align(panels, columns)
        self._placed, self._grids = [], []

    def fraction(self, box: Box) -> tuple[float, float, float, float]:
        """The box as matplotlib wants it: left, bottom, width and height as parts of the figure."""
        bottom = self._height - box.top - box.height
        return box.left / self._width, bottom / self._height, box.width / self._width, box.height / self._height

    def _fit(self, placed: Placed) -> None:
        """Place axes with what is around them. In little room labels go first, then numbers, then the title."""
        axes, labels = placed.axes, placed.labels
        labels.title, labels.x, labels.y = axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()
        for remove in (_remove_nothing, _remove_labels, _remove_numbers, _remove_title):
            remove(placed)
            inner = self._shrink(placed)
            if inner.width >= LEAST_WIDTH and inner.height >= LEAST_HEIGHT:
                return
        axes.set_position(self.fraction(placed.box))

    def _shrink(self, placed: Placed) -> Box:
        """Set the axes' position so that what is around them fits into the box. Returns the box that the axes fill."""
        axes, box = placed.axes, placed.box
        inner = Box(box.left + 30, box.top + 16, max(1.0, box.width - 34), max(1.0, box.height - 40))
        for _ in range(ROUNDS):
            self._move(placed, inner)
            _number(placed)
            around, own = axes.get_tightbbox(for_layout_only=True), axes.bbox
            if around is None:
                return box
            left, right = max(0.0, own.x0 - around.x0), max(0.0, around.x1 - own.x1)
            below, above = max(0.0, own.y0 - around.y0), max(0.0, around.y1 - own.y1)
            width, height = box.width - left - right, box.height - above - below
            inner = Box(box.left + left, box.top + above, max(1.0, width), max(1.0, height))
        self._move(placed, inner)
        return inner

    def _move(self, placed: Placed, inner: Box) -> None:
        """Let the axes fill a box, and shorten the texts around them to what fits then."""
        axes, box, labels = placed.axes, placed.box, placed.labels
        axes.set_position(self.fraction(inner))
        axes.apply_aspect()
        own = axes.bbox
        right, bottom = box.left + box.width, self._height - box.top - box.height
        across = 2 * min((own.x0 + own.x1) / 2 - box.left, right - (own.x0 + own.x1) / 2)
        down = 2 * min((own.y0 + own.y1) / 2 - bottom, bottom + box.height - (own.y0 + own.y1) / 2)
        axes.set_title(shorten(labels.title, right - own.x0, PANEL), loc="left")
        axes.set_xlabel(shorten(labels.x, across, LABEL))
        axes.set_ylabel(shorten(labels.y, down, LABEL))

    def _align(self, panels: list[Placed], columns: int) -> None:
        """Let the panels of a column begin and end at the same place, and those of a row. Pictures keep their shape."""
        if len(panels) == 1 or any(placed.axes.get_aspect() != "auto" for placed in panels):
            return
        insets = [self._find_insets(placed) for placed in panels]
        for index, placed in enumerate(panels):
            column, row = insets[index % columns :: columns], insets[index - index % columns :][:columns]
            left, right = max(inset.left for inset in column), max(inset.right for inset in column)
            above, below = max(inset.above for inset in row), max(inset.below for inset in row)
            box = placed.box
            inner = Box(box.left + left, box.top + above, box.width - left - right, box.height - above - below)
            if inner.width >= LEAST_WIDTH and inner.height >= LEAST_HEIGHT:
                self._move(placed, inner)

    def _find_insets(self, placed: Placed) -> "_Insets":
        box, own = placed.box, placed.axes.bbox
        top, bottom = self._height - box.top, self._height - box.top - box.height
        return _Insets(own.x0 - box.left, box.left + box.width - own.x1, top - own.y1, own.y0 - bottom)


class _Insets(NamedTuple):
    """The pixels around axes within their box."""

    left: float
    right: float
    above: float
    below: float


def count_columns(count: int, width: float, narrowest: float) -> int:
    """How many of `count` panels fit side by side; at least one."""
    return max(1, min(count, int((width + BETWEEN_COLUMNS) // (narrowest + BETWEEN_COLUMNS))))


def count_rows(height: float, lowest: float) -> int:
    """How many panels fit below each other; at least one."""
    return max(1, int((height + BETWEEN_ROWS) // (lowest + BETWEEN_ROWS)))


def divide(room: Box, count: int, columns: int) -> tuple[list[Box], int]:
    """Equal boxes for `count` panels in as many rows as `columns` columns need, and the columns that they fill."""
    rows = math.ceil(count / columns)
    columns = math.ceil(count / rows)
    width = (room.width - BETWEEN_COLUMNS * (columns - 1)) / columns
    height = (room.height - BETWEEN_ROWS * (rows - 1)) / rows
    lefts = [room.left + column * (width + BETWEEN_COLUMNS) for column in range(columns)]
    tops = [room.top + row * (height + BETWEEN_ROWS) for row in range(rows)]
    return [Box(left, top, width, height) for top in tops for left in lefts][:count], columns


def _number(placed: Placed) -> None:
    """Give the axes as many numbers or categories as they have room for."""
    axes, box, labels = placed.axes, placed.box, placed.labels
    ticks.adapt(axes, axes.bbox.width, axes.bbox.height)
    if labels.y_categories is not None:
        labels.y_categories.apply_to_y(axes, box.width * 0.3)
    if labels.x_categories is not None:
        labels.x_categories.apply_to_x(axes, box.height * 0.3)
    else:
        ticks.drop_overlapping(axes)


def _remove_nothing(_: Placed) -> None: ...


def _remove_labels(placed: Placed) -> None:
    placed.labels.x = placed.labels.y = ""


def _remove_numbers(placed: Placed) -> None:
    placed.axes.set_xticks([])
    placed.axes.set_yticks([])
    placed.labels.x_categories = placed.labels.y_categories = None


def _remove_title(placed: Placed) -> None:
    placed.labels.title = ""
