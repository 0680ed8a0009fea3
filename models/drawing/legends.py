"""Legends: what the colours and symbols of a picture mean, on lines of text."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from matplotlib.artist import Artist
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import IdentityTransform

from models.drawing.style import TICK
from models.drawing.texts import measure, plain, shorten

KEY_WIDTH, BETWEEN_KEYS, WIDEST = 26.0, 18.0, 220.0
"""Pixels of a symbol with the gap after it, between entries, and of a label at most."""
STYLES: dict[str, Any] = {"line": "-", "dashes": (0, (3, 2)), "dots": (0, (1, 1.5))}
MARKERS = {"dot": "o", "ring": "o", "cross": "x", "square": "s", "triangle": "^"}
Shape = Literal["line", "dashes", "dots", "line-dot", "line-square", "line-triangle", "dot", "ring", "cross", "square"]


class Key(NamedTuple):
    """An entry of a legend: a label, with a short line, a dot or a square in a colour; no symbol without a colour."""

    label: str
    color: str
    shape: Shape = "line"

    @property
    def text_left(self) -> float:
        """Where the label begins, from the left edge of the entry."""
        return KEY_WIDTH if self.color else 0.0


def break_lines(keys: Sequence[Key], left: float, right: float, most: int) -> list[list[tuple[float, Key]]]:
    """The entries on at most `most` lines, with their left edges; the last one counts those that find no room."""
    lines: list[list[tuple[float, Key]]] = [[]]
    counting = measure(f"and {len(keys)} more", TICK) + BETWEEN_KEYS
    widest = min(WIDEST, right - left - KEY_WIDTH - counting)
    at = left
    for index, key in enumerate(keys):
        key = key._replace(label=shorten(plain(key.label), widest, TICK))
        needed = key.text_left + measure(key.label, TICK)
        is_last = len(lines) == most
        reserved = counting if is_last and index < len(keys) - 1 else 0
        if lines[-1] and at + needed + reserved > right:
            if is_last:
                lines[-1].append((at, Key(f"and {len(keys) - index} more", "")))
                break
            lines.append([])
            at = left
        lines[-1].append((at, key))
        at += needed + BETWEEN_KEYS
    return lines if keys else []


def make_symbol(key: Key, left: float, middle: float) -> Artist:
    """The symbol of an entry, at pixels from the left and from the bottom."""
    if key.shape == "square":
        return Rectangle((left + 4, middle - 5), 10, 10, color=key.color, transform=IdentityTransform())
    kind, _, end = key.shape.partition("-")
    is_line = kind in STYLES
    return Line2D(
        [left, left + 18] if is_line else [left + 9],
        [middle, middle] if is_line else [middle],
        color=key.color,
        linestyle=STYLES.get(kind, "none"),
        marker=MARKERS.get(end or kind, "none"),
        markevery=[1] if is_line else None,
        markerfacecolor="none" if key.shape == "ring" else key.color,
        transform=IdentityTransform(),
    )
