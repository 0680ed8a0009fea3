"""The sheet that a picture is drawn on: it places headings, legends and axes so that no texts overlap, at any size.

A `draw` function calls the canvas in this order: `heading`, then `legend` or `scale`, then `footnote`, each of which
takes its room, and then `axes`, `panels` or `message`, which get what is left. Everything else is matplotlib's:
`axes.plot(…)`, `axes.set_title(…)`, `axes.set_xlabel(…)`. Titles and labels of axes may have any length. Use only
`matplotlib.figure` and what it contains, never pyplot. All sizes are pixels.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Bbox, BboxBase

from models.drawing.layout import BETWEEN_ROWS, Box, Layout, count_columns, count_rows, divide
from models.drawing.legends import Key, Shape, break_lines, make_symbol
from models.drawing.style import DOTS_PER_INCH, LABEL, PANEL, SMALLEST, THEMES, TICK, TITLE, look
from models.drawing.texts import measure, shorten, wrap

__all__ = ["Box", "Canvas", "Key", "Shape", "grid_height"]

LINE_HEIGHT = 1.35
"""Of a text, in multiples of its size."""
LEGEND_LINE = TICK * 1.6
FOOTNOTE = TICK * LINE_HEIGHT + 6
LEAST_ROOM = 56.0
"""If less is left, legends, scales and footnotes are omitted: the picture itself comes first."""


class _Mark(NamedTuple):
    """A text beside a point in axes."""

    axes: Axes
    x: float
    y: float
    text: str
    color: str


def grid_height(count: int, width: int, narrowest: float, row: float, head: float) -> int:
    """The height of a picture with `count` panels in rows of `row` pixels, below a heading of `head` pixels."""
    columns = count_columns(count, width - 2 * _margin(width), narrowest)
    return round(head + math.ceil(count / columns) * (row + BETWEEN_ROWS))


class Canvas:
    """A sheet of `width` × `height` pixels in a theme, `light` or `dark`. Use it as a context manager."""

    def __init__(self, width: int, height: int, theme: str = "light") -> None:
        self.width, self.height = width, height
        self.theme = THEMES[theme]
        self._stack = ExitStack()
        self._marks: list[_Mark] = []
        self.margin = _margin(width)
        self._top, self._bottom = self.margin, height - self.margin

    def __enter__(self) -> Self:
        self._stack.enter_context(look(self.theme))
        size = (self.width / DOTS_PER_INCH, self.height / DOTS_PER_INCH)
        self.figure = Figure(figsize=size, dpi=DOTS_PER_INCH)
        FigureCanvasAgg(self.figure)
        self._layout = Layout(self.figure)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def room(self) -> Box:
        """What is left for axes."""
        top = min(self._top, self._bottom - 1)
        return Box(self.margin, top, self.width - 2 * self.margin, max(1.0, self._bottom - top))

    @property
    def is_narrow(self) -> bool:
        """Whether the picture is for a phone or a column of a page."""
        return self.width < 480

    def heading(self, title: str, subtitle: str = "") -> None:
        """Write the title, on up to two lines, and a subtitle below it, on up to three. Little room: fewer lines."""
        size = TITLE if self.width >= 480 else 14.0 if self.width >= 240 else 12.0
        room = self.height * 0.36
        most = 2 if room >= 3 * size * LINE_HEIGHT else 1
        for line in wrap(title, self.room.width, most, size, "bold"):
            self._write_line(line, size, self.theme.ink, "bold")
        small = LABEL if self.width >= 240 else 10.0
        left = int((room - (self._top - self.margin)) // (small * LINE_HEIGHT))
        for line in wrap(subtitle, self.room.width, min(3, left), small) if subtitle and left > 0 else ():
            self._write_line(line, small, self.theme.muted)
        self._top += 8 if self.height >= 200 else 2

    def legend(self, keys: Sequence[Key], rows: int = 3) -> None:
        """Name the colours below the heading, on at most `rows` lines. What finds no room there is counted."""
        if self.room.height < LEAST_ROOM:
            return
        most = max(1, min(rows, int(self.height * (0.3 if self.height >= 300 else 0.2) // LEGEND_LINE)))
        lines = break_lines(keys, self.margin, self.width - self.margin, most)
        for line in lines:
            middle = self.height - self._top - TICK * 0.75
            for left, key in line:
                if key.color:
                    self.figure.add_artist(make_symbol(key, left, middle))
                self._text(left + key.text_left, middle, key.label, TICK, self.theme.muted, va="center")
            self._top += LEGEND_LINE
        self._top += 8 if lines else 0

    def scale(self, colors: Colormap, low: str, high: str, label: str = "") -> None:
        """Show below the heading what the colours mean: a strip from `low` to `high`, with a label."""
        if self.room.height < LEAST_ROOM:
            return
        middle = self.height - self._top - TICK * 0.75
        left, width = self.margin, min(140.0, self.room.width * 0.35)
        quarter = self.room.width * 0.2
        before, after = shorten(low, quarter, TICK), shorten(high, quarter, TICK)
        self._text(left, middle, before, TICK, self.theme.muted, va="center")
        left += measure(before, TICK) + 8
        strip = self.figure.add_axes(self._layout.fraction(Box(left, self.height - middle - 5, width, 10)))
        strip.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colors)
        strip.set_axis_off()
        left += width + 8
        self._text(left, middle, after, TICK, self.theme.muted, va="center")
        left += measure(after, TICK) + 14
        rest = shorten(label, self.width - self.margin - left, TICK)
        self._text(left, middle, rest, TICK, self.theme.muted, va="center")
        self._top += LEGEND_LINE + 6

    def footnote(self, text: str) -> None:
        """Write a line of small text at the bottom."""
        if self.room.height < LEAST_ROOM - FOOTNOTE:
            return
        line = shorten(text, self.room.width, TICK)
        self._text(self.margin, self.height - self._bottom + 2, line, TICK, self.theme.muted, va="bottom")
        self._bottom -= FOOTNOTE

    def message(self, text: str) -> None:
        """Say in the middle that there is nothing to show, and why."""
        room = self.room
        size = max(SMALLEST, min(PANEL, room.height / 2))
        most = max(1, int(room.height // (size * LINE_HEIGHT)))
        lines = wrap(text, room.width * 0.9, min(4, most), size)
        middle = self.height - room.top - room.height / 2
        for index, line in enumerate(lines):
            y = middle - (index - (len(lines) - 1) / 2) * size * LINE_HEIGHT
            self._text(self.width / 2, y, line, size, self.theme.muted, ha="center", va="center")

    def axes(self) -> Axes:
        """Axes that fill what is left, with their labels."""
        return self.place(self.room)

    def panels(self, count: int, narrowest: float = 260, lowest: float = 150, what: str = "panels") -> list[Axes]:
        """Axes side by side and below each other, each at least `narrowest` × `lowest` pixels with its labels.

        Returns fewer than `count` if no more fit, and then says below them how many are missing; at least one.
        """
        if not count:
            return []
        room = self.room
        columns = count_columns(count, room.width, narrowest)
        shown = min(count, count_rows(room.height, lowest) * columns)
        if shown < count:
            shown = min(shown, count_rows(room.height - FOOTNOTE, lowest) * columns)
            self.footnote(f"For lack of height not shown: {count - shown} of {count} {what}.")
        return self._layout.add_grid(*divide(self.room, shown, columns))

    def place(self, box: Box) -> Axes:
        """Axes that fit into a box with their title, labels and numbers."""
        return self._layout.add(box)

    def whole_numbers(self, axes: Axes, axis: Literal["x", "y"]) -> None:
        """Number an axis with integers only, such as epochs or counts."""
        (axes.xaxis if axis == "x" else axes.yaxis).set_major_locator(MaxNLocator(integer=True))

    def categories(self, axes: Axes, axis: Literal["x", "y"], labels: Iterable[object]) -> None:
        """Label the positions 0, 1, … of an axis, which begins and ends there.

        Too many are thinned, too long ones shortened.
        """
        self._layout.categorize(axes, axis, labels)

    def mark(self, axes: Axes, x: float, y: float, text: str, color: str = "") -> None:
        """Write a text beside a point of axes. One that would cover another's is left out."""
        self._marks.append(_Mark(axes, x, y, text, color or self.theme.ink))

    def finish(self) -> None:
        """Fit the axes into their boxes and write the marks. Nothing may be drawn after it."""
        self._layout.fit()
        written: list[Bbox] = []
        for mark in self._marks:
            self._write_mark(mark, written)
        self._marks = []

    def _write_mark(self, mark: _Mark, written: list[Bbox]) -> None:
        inside = mark.axes.bbox
        x, y = mark.axes.transData.transform((mark.x, mark.y))
        text = shorten(mark.text, inside.width - 8, TICK)
        if not (text and math.isfinite(x) and math.isfinite(y)) or inside.height < 2 * TICK:
            return
        places = [box for box in _places_around(x, y, measure(text, TICK), inside) if not box.count_overlaps(written)]
        if not places:
            return
        lines = [line.get_transform().transform_path(line.get_path()) for line in mark.axes.lines]
        box = min(places, key=lambda place: sum(line.intersects_bbox(place, filled=False) for line in lines))
        written.append(box)
        behind = {"facecolor": self.theme.background, "alpha": 0.75, "pad": 1, "linewidth": 0}
        self._text(box.x0, (box.y0 + box.y1) / 2, text, TICK, mark.color, va="center", bbox=behind)

    def _write_line(self, text: str, size: float, color: str, weight: str = "normal") -> None:
        self._text(self.margin, self.height - self._top, text, size, color, weight=weight, va="top")
        self._top += size * LINE_HEIGHT

    def _text(self, x: float, y: float, text: str, size: float, color: str, **options: Any) -> None:
        """Write a text at pixels from the left and from the bottom."""
        self.figure.text(x / self.width, y / self.height, text, size=size, color=color, **options)


def _places_around(x: float, y: float, width: float, inside: BboxBase) -> list[Bbox]:
    """Where a text of a width can stand beside a point: in pixels from the left and the bottom, all within a box."""
    height = TICK * 1.3
    corners = [(left, bottom) for bottom in (y + 6, y - 6 - height) for left in (x + 8, x - 8 - width)]
    moved = [
        (min(max(left, inside.x0 + 2), inside.x1 - width - 2), min(max(bottom, inside.y0 + 2), inside.y1 - height))
        for left, bottom in corners
    ]
    return [Bbox.from_bounds(left, bottom, width, height) for left, bottom in moved]


def _margin(width: int) -> float:
    return min(20.0, max(8.0, 0.03 * width))
