"""Numbers on axes: as many as there is room for, written in full and never twice the same."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import AutoLocator, FixedLocator, Formatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import Bbox

from models.drawing.style import TICK
from models.drawing.texts import measure, plain, shorten

BETWEEN_X, BETWEEN_Y = 64, 34
"""Pixels from one number to the next on an axis, at least."""
GAP = 6
"""Pixels between two labels, at least."""
LARGEST = 1e30
"""Numbers beyond it are drawn there: computing with larger ones would overflow."""
IN_FULL = 10_000_000
"""The whole parts of numbers below it are written in full."""
DIGITS = (6, 9, 12, 15)


def numbers(values: Sequence[Any]) -> np.ndarray:
    """A list, or nested lists of equal lengths, to draw: nulls are NaN, which leave gaps, and enormous numbers are
    ±1e30."""
    return np.clip(np.array(values, float), -LARGEST, LARGEST)


def write_number(value: float, digits: int = 6) -> str:
    """A number with at most `digits` digits, or with its whole part below `IN_FULL`: `1,234.5`, `−0.25`, `3e−7`."""
    text = f"{value:,.0f}" if 10**digits <= abs(value) < IN_FULL else f"{value:,.{digits}g}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}e{int(exponent)}"
    return "0" if text in ("-0", "0") else text.replace("-", "−")


class PlainNumbers(Formatter):
    """Writes numbers in full, with as many digits as distinguish them."""

    def format_ticks(self, values: Iterable[float]) -> list[str]:
        ticks = list(values)
        written = [write_number(value) for value in ticks]
        for digits in DIGITS:
            written = [write_number(value, digits) for value in ticks]
            if len(set(written)) == len(set(ticks)):
                break
        return written

    def __call__(self, x: float, pos: int | None = None) -> str:
        return write_number(x)


class Categories:
    """The labels of the positions 0, 1, … on an axis, of which as many are shown as there is room for."""

    def __init__(self, labels: Iterable[object]) -> None:
        self.labels = [plain(label) for label in labels]

    def _limits(self, *, inverted: bool) -> tuple[float, float]:
        low, high = -0.5, max(0.5, len(self.labels) - 0.5)
        return (high, low) if inverted else (low, high)

    def apply_to_y(self, axes: Axes, width: float) -> None:
        """Show the labels beside the axis, in at most `width` pixels."""
        axes.set_ylim(*self._limits(inverted=axes.yaxis_inverted()))
        step = _step(len(self.labels), axes.bbox.height, TICK + GAP)
        shown = range(0, len(self.labels), step)
        axes.set_yticks(list(shown), [shorten(self.labels[i], width, TICK) for i in shown])

    def apply_to_x(self, axes: Axes, height: float) -> None:
        """Show the labels below the axis: side by side if all fit, else upright in at most `height` pixels."""
        axes.set_xlim(*self._limits(inverted=axes.xaxis_inverted()))
        room = axes.bbox.width / max(1, len(self.labels)) - GAP
        upright = max((measure(label, TICK) for label in self.labels[:1000]), default=0) > room
        if upright and max(measure(label, TICK) for label in self.labels[:1000]) <= 3 * TICK:
            upright = False  # short ones, of which some are left out
        if upright:
            step = _step(len(self.labels), axes.bbox.width, TICK + GAP)
        else:
            widest = max((measure(label, TICK) for label in self.labels), default=0)
            step = _step(len(self.labels), axes.bbox.width, widest + GAP)
        shown = range(0, len(self.labels), step)
        names = [shorten(self.labels[i], height, TICK) if upright else self.labels[i] for i in shown]
        axes.set_xticks(list(shown), names, rotation=90 if upright else 0)


def adapt(axes: Axes, width: float, height: float) -> None:
    """Give axes of a size in pixels as many numbers as it has room for."""
    _adapt_axis(axes.xaxis, axes.get_xscale(), max(1, int(width // BETWEEN_X)), axes.viewLim.intervalx)
    _adapt_axis(axes.yaxis, axes.get_yscale(), max(1, int(height // BETWEEN_Y)), axes.viewLim.intervaly)


def drop_overlapping(axes: Axes) -> None:
    """Leave out numbers below the x axis until those that are left don't touch. Call it once the axes are placed."""
    while True:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
        shown = [box for box in boxes if axes.bbox.x0 - 1 <= (box.x0 + box.x1) / 2 <= axes.bbox.x1 + 1]
        locations = axes.get_xticks()
        if len(locations) < 2 or not _touch(shown):
            return
        labels = [label.get_text() for label in axes.get_xticklabels()]
        axes.set_xticks(locations[::2], labels[::2])


def _adapt_axis(axis: Axis, scale: str, most: int, limits: np.ndarray) -> None:
    locator = axis.get_major_locator()
    if isinstance(locator, FixedLocator | NullLocator):
        return
    if scale == "log":
        low, high = np.log10(limits) if min(limits) > 0 else (0.0, 1.0)
        decades = abs(float(high - low))
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2 and most > 3 else (1.0,), numticks=most))
    elif isinstance(locator, AutoLocator | MaxNLocator):
        integer = bool(getattr(locator, "_integer", False))
        axis.set_major_locator(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10], integer=integer, min_n_ticks=1))
    axis.set_major_formatter(PlainNumbers())
    axis.set_minor_formatter(NullFormatter())


def _touch(boxes: list[Bbox]) -> bool:
    ordered = sorted(boxes, key=lambda box: float(box.x0))
    return any(right.x0 - left.x1 < GAP for left, right in itertools.pairwise(ordered))


def _step(count: int, room: float, needed: float) -> int:
    """Every how manieth label is shown."""
    most = max(1, int(room // max(needed, 1)))
    return max(1, -(-count // most))
