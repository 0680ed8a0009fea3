"""The sheet that a picture is drawn on: it places headings, legends and axes so that no texts overlap, at any size.

A `draw` function calls the canvas in this order: `heading`, then `legend` or `scale`, then `footnote`, each of which
takes its room, and then `axes`, `panels` or `message`, which get what is left. Everything else is matplotlib's:
`axes.plot(…)`, `axes.set_title(…)`, `axes.set_xlabel(…)`. Titles and labels of axes may have any length. Use only
`matplotlib.figure` and what it contains, never pyplot. All sizes are pixels.
"""

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import IdentityTransform

from models.drawing import ticks
from models.drawing.style import DOTS_PER_INCH, LABEL, PANEL, SMALLEST, THEMES, TICK, TITLE, look
from models.drawing.texts import measure, plain, shorten, wrap

LINE_HEIGHT = 1.35
"""Of a text, in multiples of its size."""
LEAST_WIDTH, LEAST_HEIGHT = 40.0, 24.0
"""Axes that would become smaller lose their labels, then their numbers."""


LEAST_ROOM = 56.0
"""If less is left, legends, scales and footnotes are omitted: the picture itself comes first."""
KEY_WIDTH, BETWEEN_KEYS = 26.0, 18.0
"""Pixels of a legend's symbol with the gap after it, and between entries."""


class Box(NamedTuple):
    """A rectangle in pixels, from the left and from the top."""

    left: float
    top: float
    width: float
    height: float


class Key(NamedTuple):
    """An entry of a legend: a label, with a short line, a dot or a square in a colour."""

    label: str
    color: str
    shape: Literal["line", "dashes", "dots", "dot", "ring", "cross", "square"] = "line"


@dataclass
class _Placed:
    """Axes that the canvas fits into a box once they are drawn."""

    axes: Axes
    box: Box
    x_categories: ticks.Categories | None = None
    y_categories: ticks.Categories | None = None
    title: str = ""
    x_label: str = ""
    y_label: str = ""


class _Mark(NamedTuple):
    """A text beside a point in axes."""

    axes: Axes
    x: float
    y: float
    text: str
    color: str


class Canvas:
    """A sheet of `width` × `height` pixels in a theme, `light` or `dark`. Use it as a context manager."""

    def __init__(self, width: int, height: int, theme: str = "light") -> None:
        self.width, self.height = width, height
        self.theme = THEMES[theme]
        self._stack = ExitStack()
        self._placed: list[_Placed] = []
        self._marks: list[_Mark] = []
        self.margin = min(20.0, max(8.0, 0.03 * width))
        self._top, self._bottom = self.margin, height - self.margin

    def __enter__(self) -> Self:
        self._stack.enter_context(look(self.theme))
        size = (self.width / DOTS_PER_INCH, self.height / DOTS_PER_INCH)
        self.figure = Figure(figsize=size, dpi=DOTS_PER_INCH)
        FigureCanvasAgg(self.figure)
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
        most = max(1, min(rows, int(self.height * 0.2 // (TICK * 1.6))))
        lines = self._break_legend([key._replace(label=plain(key.label)) for key in keys], most)
        for line in lines:
            middle = self.height - self._top - TICK * 0.75
            for left, key in line:
                if key.color:
                    self._draw_key(key, left, middle)
                x = left + (KEY_WIDTH if key.color else 0)
                self._text(x, middle, key.label, TICK, self.theme.muted, va="center")
            self._top += TICK * 1.6
        self._top += 6 if lines else 0

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
        strip = self.figure.add_axes(
            (left / self.width, (middle - 5) / self.height, width / self.width, 10 / self.height)
        )
        strip.imshow(np.linspace(0, 1, 256)[None], aspect="auto", cmap=colors)
        strip.set_axis_off()
        left += width + 8
        self._text(left, middle, after, TICK, self.theme.muted, va="center")
        left += measure(after, TICK) + 14
        rest = shorten(label, self.width - self.margin - left, TICK)
        self._text(left, middle, rest, TICK, self.theme.muted, va="center")
        self._top += TICK * 1.6 + 6

    def footnote(self, text: str) -> None:
        """Write a line of small text at the bottom."""
        if self.room.height < LEAST_ROOM:
            return
        line = shorten(text, self.room.width, TICK)
        self._text(self.margin, self.height - self._bottom + 2, line, TICK, self.theme.muted, va="bottom")
        self._bottom -= TICK * LINE_HEIGHT + 6

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
        room = self.room
        columns = max(1, min(count, int((room.width + 16) // (narrowest + 16))))
        most = max(1, int((room.height + 14) // (lowest + 14))) * columns
        if count > most:
            self.footnote(f"{count - most} more {what} don't fit into this height.")
            room = self.room
            most = max(1, int((room.height + 14) // (lowest + 14))) * columns
        shown = min(count, most)
        rows = math.ceil(shown / columns)
        columns = math.ceil(shown / rows)
        width = (room.width - 16 * (columns - 1)) / columns
        height = (room.height - 14 * (rows - 1)) / rows
        return [
            self.place(
                Box(
                    room.left + (index % columns) * (width + 16),
                    room.top + (index // columns) * (height + 14),
                    width,
                    height,
                )
            )
            for index in range(shown)
        ]

    def place(self, box: Box) -> Axes:
        """Axes that fit into a box with their title, labels and numbers."""
        axes = self.figure.add_axes(self._fraction(box))
        self._placed.append(_Placed(axes, box))
        return axes

    def whole_numbers(self, axes: Axes, axis: Literal["x", "y"]) -> None:
        """Number an axis with integers only, such as epochs or counts."""
        (axes.xaxis if axis == "x" else axes.yaxis).set_major_locator(MaxNLocator(integer=True))

    def categories(self, axes: Axes, axis: Literal["x", "y"], labels: Iterable[object]) -> None:
        """Label the positions 0, 1, … of an axis, which begins and ends there.

        Too many are thinned, too long ones shortened.
        """
        placed = next(placed for placed in self._placed if placed.axes is axes)
        setattr(placed, f"{axis}_categories", ticks.Categories(labels))

    def mark(self, axes: Axes, x: float, y: float, text: str, color: str = "") -> None:
        """Write a text beside a point of axes. One that would cover another's is left out."""
        self._marks.append(_Mark(axes, x, y, text, color or self.theme.ink))

    def finish(self) -> None:
        """Fit the axes into their boxes and write the marks. Nothing may be drawn after it."""
        for placed in self._placed:
            self._fit(placed)
        written: list[Box] = []
        for mark in self._marks:
            self._write_mark(mark, written)
        self._placed, self._marks = [], []

    def _fit(self, placed: _Placed) -> None:
        """Place axes with what is around them. In little room labels go first, then numbers, then the title."""
        axes = placed.axes
        placed.title, placed.x_label, placed.y_label = axes.get_title(loc="left"), axes.get_xlabel(), axes.get_ylabel()
        for remove in (None, self._remove_labels, self._remove_numbers, self._remove_title):
            if remove is not None:
                remove(placed)
            inner = self._shrink(placed)
            if inner.width >= LEAST_WIDTH and inner.height >= LEAST_HEIGHT:
                return
        axes.set_position(self._fraction(placed.box))

    def _shrink(self, placed: _Placed) -> Box:
        """Set the axes' position so that what is around them fits into the box. Returns the box that the axes fill."""
        axes, box = placed.axes, placed.box
        inner = Box(box.left + 30, box.top + 16, max(1.0, box.width - 34), max(1.0, box.height - 40))
        for _ in range(3):
            axes.set_position(self._fraction(inner))
            axes.apply_aspect()
            ticks.adapt(axes, axes.bbox.width, axes.bbox.height)
            if placed.y_categories is not None:
                placed.y_categories.apply_to_y(axes, box.width * 0.3)
            if placed.x_categories is not None:
                placed.x_categories.apply_to_x(axes, box.height * 0.3)
            else:
                ticks.drop_overlapping(axes)
            self._shorten_labels(placed)
            around, own = axes.get_tightbbox(for_layout_only=True), axes.bbox
            if around is None:
                return box
            left, right = max(0.0, own.x0 - around.x0), max(0.0, around.x1 - own.x1)
            below, above = max(0.0, own.y0 - around.y0), max(0.0, around.y1 - own.y1)
            width, height = box.width - left - right, box.height - above - below
            inner = Box(box.left + left, box.top + above, max(1.0, width), max(1.0, height))
        axes.set_position(self._fraction(inner))
        axes.apply_aspect()
        self._shorten_labels(placed)
        return inner

    def _shorten_labels(self, placed: _Placed) -> None:
        axes, box, own = placed.axes, placed.box, placed.axes.bbox
        right, bottom = box.left + box.width, self.height - box.top - box.height
        across = 2 * min((own.x0 + own.x1) / 2 - box.left, right - (own.x0 + own.x1) / 2)
        down = 2 * min((own.y0 + own.y1) / 2 - bottom, bottom + box.height - (own.y0 + own.y1) / 2)
        axes.set_title(shorten(placed.title, right - own.x0, PANEL), loc="left")
        axes.set_xlabel(shorten(placed.x_label, across, LABEL))
        axes.set_ylabel(shorten(placed.y_label, down, LABEL))

    def _remove_labels(self, placed: _Placed) -> None:
        placed.x_label = placed.y_label = ""

    def _remove_numbers(self, placed: _Placed) -> None:
        placed.axes.set_xticks([])
        placed.axes.set_yticks([])
        placed.x_categories = placed.y_categories = None

    def _remove_title(self, placed: _Placed) -> None:
        placed.title = ""

    def _write_mark(self, mark: _Mark, written: list[Box]) -> None:
        inside = mark.axes.bbox
        x, y = mark.axes.transData.transform((mark.x, mark.y))
        text = shorten(mark.text, inside.width - 8, TICK)
        if not (text and math.isfinite(x) and math.isfinite(y)) or inside.height < 2 * TICK:
            return
        width, height = measure(text, TICK), TICK * 1.2
        left = x + 8 if x + 8 + width <= inside.x1 else x - 8 - width
        left = min(max(left, inside.x0 + 2), inside.x1 - width - 2)
        bottom = y + 5 if y + 5 + height <= inside.y1 else y - 5 - height
        bottom = min(max(bottom, inside.y0 + 2), inside.y1 - height)
        box = Box(left, bottom, width, height)
        if any(_overlap(box, other) for other in written):
            return
        written.append(box)
        self._text(left, bottom + height / 2, text, TICK, mark.color, va="center")

    def _break_legend(self, keys: list[Key], most: int) -> list[list[tuple[float, Key]]]:
        """The entries on lines with their left edges; the last one counts those that find no room."""
        lines: list[list[tuple[float, Key]]] = [[]]
        left, right = self.margin, self.width - self.margin
        counting = measure(f"and {len(keys)} more", TICK) + BETWEEN_KEYS
        for index, key in enumerate(keys):
            widest = min(220.0, self.room.width - KEY_WIDTH - counting)
            key = key._replace(label=shorten(key.label, widest, TICK))
            needed = KEY_WIDTH + measure(key.label, TICK)
            is_last = len(lines) == most
            reserved = counting if is_last and index < len(keys) - 1 else 0
            if lines[-1] and left + needed + reserved > right:
                if is_last:
                    lines[-1].append((left, Key(f"and {len(keys) - index} more", "")))
                    break
                lines.append([])
                left = self.margin
            lines[-1].append((left, key))
            left += needed + BETWEEN_KEYS
        return lines if keys else []

    def _draw_key(self, key: Key, left: float, middle: float) -> None:
        if key.shape == "square":
            square = Rectangle((left + 4, middle - 5), 10, 10, color=key.color, transform=IdentityTransform())
            self.figure.add_artist(square)
            return
        styles: dict[str, Any] = {"line": "-", "dashes": (0, (3, 2)), "dots": (0, (1, 1.5))}
        markers = {"dot": "o", "ring": "o", "cross": "x"}
        is_line = key.shape in styles
        line = Line2D(
            [left, left + 18] if is_line else [left + 9],
            [middle, middle] if is_line else [middle],
            color=key.color,
            linestyle=styles.get(key.shape, "none"),
            marker=markers.get(key.shape, "none"),
            markerfacecolor="none" if key.shape == "ring" else key.color,
            transform=IdentityTransform(),
        )
        self.figure.add_artist(line)

    def _write_line(self, text: str, size: float, color: str, weight: str = "normal") -> None:
        self._text(self.margin, self.height - self._top, text, size, color, weight=weight, va="top")
        self._top += size * LINE_HEIGHT

    def _text(self, x: float, y: float, text: str, size: float, color: str, **options: Any) -> None:
        """Write a text at pixels from the left and from the bottom."""
        self.figure.text(x / self.width, y / self.height, text, size=size, color=color, **options)

    def _fraction(self, box: Box) -> tuple[float, float, float, float]:
        bottom = self.height - box.top - box.height
        return box.left / self.width, bottom / self.height, box.width / self.width, box.height / self.height


def _overlap(one: Box, other: Box) -> bool:
    return (
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )
