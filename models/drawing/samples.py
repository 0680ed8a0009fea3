"""Draws rows of a dataset as a grid, with the true and the predicted class under each."""

import base64
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image

from models.drawing.canvas import Box, Canvas, Key
from models.drawing.notes import write_notes
from models.drawing.style import TICK, Theme
from models.drawing.texts import measure, shorten, wrap
from models.drawing.ticks import numbers, write_number

RIGHT, WRONG = "✓", "✗"
GAP = 14.0
LINE = 15.0
"""The height of a line of text."""
PAD = 8.0
SHAPES = {"picture": (84.0, 150.0), "series": (150.0, 230.0), "text": (180.0, 300.0), "values": (150.0, 230.0)}
"""The width of a card, at least and at most, by what it shows."""
CAPTION_LINES = 2


@dataclass(frozen=True)
class Card:
    """A row in the grid: the sheet, and its corner and size in pixels from the left and the top."""

    axes: Axes
    box: Box
    theme: Theme

    def write(self, line: float, text: str, color: str, weight: str = "normal", side: str = "left") -> None:
        """A text on a line, from 0, as far as it fits."""
        left, top, width, height = self.box
        if (line + 1) * LINE > height:
            return
        x = {"left": left, "right": left + width, "center": left + width / 2}[side]
        shown = shorten(text, width, TICK, weight)
        self.axes.text(x, top + (line + 0.5) * LINE, shown, size=TICK, color=color, weight=weight, ha=side, va="center")


MARGIN = 10.0
"""On the left and on the right, about."""
AROUND = 165.0
"""Pixels of the heading, the legend and the notes."""


def measure_height(document: Mapping[str, Any], width: int) -> int:
    """The height that shows all rows."""
    count = len(document["items"])
    if not count:
        return 200
    room = width - 2 * MARGIN
    _, most = _count_columns(room, document)
    rows = math.ceil(count / most)
    card = min(SHAPES[document["kind"]][1], (room + GAP) / math.ceil(count / rows) - GAP)
    return round(AROUND + rows * (_height(card, document) + GAP))


def draw(canvas: Canvas, document: Mapping[str, Any]) -> None:
    """Draw a card for each row; as many as fit."""
    items = document["items"]
    canvas.heading(document["title"], _summarize(document))
    if not items:
        canvas.message(document["notes"][-1] if document["notes"] else "There are no rows.")
        return
    canvas.legend(_list_keys(canvas.theme, document), rows=2)
    columns, width, height, most = _choose_grid(canvas, document)
    write_notes(canvas, document["notes"], left_out=len(items) - most)
    room = canvas.room
    axes = canvas.axes()
    axes.set_axis_off()
    axes.set_xlim(0, room.width)
    axes.set_ylim(room.height, 0)
    for place, item in enumerate(items[:most]):
        row, column = divmod(place, columns)
        box = Box(column * (width + GAP), row * (height + GAP), width, height)
        _draw_card(axes, box, item, document, canvas.theme)


def _list_keys(theme: Theme, document: Mapping[str, Any]) -> list[Key]:
    """The signs, if there are both, and the lines of series, if there are several."""
    items = document["items"]
    lines = items[0]["series"] if document["kind"] == "series" else []
    keys = [Key(line["name"], theme.color(place)) for place, line in enumerate(lines)] if len(lines) > 1 else []
    if any(item["correct"] is False for item in items):
        keys += [Key(f"{RIGHT} right", theme.good, "square"), Key(f"{WRONG} wrong", theme.bad, "square")]
    return keys


def _summarize(document: Mapping[str, Any]) -> str:
    judged = [item["correct"] for item in document["items"] if item["correct"] is not None]
    right = f": {sum(judged)} of {len(judged)} predictions are right" if judged else ""
    return f"{document['dataset']}, {document['split']} rows{right}"


def _choose_grid(canvas: Canvas, document: Mapping[str, Any]) -> tuple[int, float, float, int]:
    """The columns, the size of a card, and how many cards fit: cards as large as shows all, if that is possible."""
    widest = SHAPES[document["kind"]][1]
    room, count = canvas.room, len(document["items"])
    height_left = room.height - 2 * LINE
    fewest, most = _count_columns(room.width, document)
    for columns in range(fewest, most + 1):
        width = (room.width - GAP * (columns - 1)) / columns
        height = _height(width, document)
        rows = max(1, int((height_left + GAP) // (height + GAP)))
        if rows * columns >= count:
            break
    balanced = math.ceil(count / rows) if rows * columns >= count else columns
    wider = min(widest, (room.width - GAP * (balanced - 1)) / balanced)
    if rows * (_height(wider, document) + GAP) <= height_left + GAP:
        columns, width, height = balanced, wider, _height(wider, document)
    return columns, width, min(height, height_left), rows * columns


def _count_columns(width: float, document: Mapping[str, Any]) -> tuple[int, int]:
    """The columns of the largest and of the smallest cards."""
    narrowest, widest = SHAPES[document["kind"]]
    fewest = max(1, math.ceil((width + GAP) / (widest + GAP)))
    return fewest, max(fewest, int((width + GAP) // (narrowest + GAP)))


def _height(width: float, document: Mapping[str, Any]) -> float:
    """The height of a card."""
    captions = CAPTION_LINES * LINE + 4
    if document["kind"] == "picture":
        return width + captions
    if document["kind"] == "series":
        return width * 0.5 + captions
    if document["kind"] == "text":
        return 4 * LINE + 2 * PAD + captions
    lines = max(len(item["values"]) for item in document["items"])
    return lines * LINE + 2 * PAD + captions


def _draw_card(axes: Axes, box: Box, item: Mapping[str, Any], document: Mapping[str, Any], theme: Theme) -> None:
    captions = CAPTION_LINES * LINE + 4
    body = Box(box.left, box.top, box.width, max(0.0, box.height - captions))
    if body.height >= 2 * PAD:
        _DRAW[document["kind"]](axes, body, item, theme)
    if item["correct"] is False:
        frame = Rectangle(
            (body.left, body.top), body.width, body.height, fill=False, edgecolor=theme.bad, linewidth=2.5
        )
        axes.add_patch(frame)
    below = min(captions, box.height) - 4
    card = Card(axes, Box(box.left, body.top + body.height + 4, box.width, below), theme)
    _write_caption(card, item)


def _write_caption(card: Card, item: Mapping[str, Any]) -> None:
    """The prediction, marked by a sign and a colour, and below it the target."""
    theme = card.theme
    predicted, target = _name(item["predicted"]), _name(item["target"])
    if item["correct"] is None:
        card.write(0, f"predicted {predicted}", theme.ink, "bold")
        card.write(1, f"true {target}", theme.muted)
        return
    sign, color = (RIGHT, theme.good) if item["correct"] else (WRONG, theme.bad)
    score = "" if item["score"] is None else f"{100 * item['score']:.0f} %"
    room = card.box.width - (measure(score, TICK) + 6 if score else 0)
    card.write(0, shorten(f"{sign} {predicted}", room, TICK, "bold"), color, "bold")
    if score:
        card.write(0, score, theme.muted, side="right")
    card.write(1, f"true: {target}", theme.muted if item["correct"] else theme.ink)


def _name(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_name, value)) or "none"
    if isinstance(value, float):
        return write_number(value, 4)
    return "?" if value is None else str(value)


def _draw_picture(axes: Axes, box: Box, item: Mapping[str, Any], theme: Theme) -> None:
    """The image, as large as fits, in the middle of the box."""
    with Image.open(io.BytesIO(base64.b64decode(item["picture"]["b64"])), formats=["PNG"]) as image:
        pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    scale = min(box.width / width, box.height / height)
    shown_width, shown_height = width * scale, height * scale
    left, top = box.left + (box.width - shown_width) / 2, box.top + (box.height - shown_height) / 2
    extent = left, left + shown_width, top + shown_height, top
    smooth = "nearest" if scale >= 1 else "antialiased"
    axes.imshow(pixels, extent=extent, cmap="gray", vmin=0, vmax=255, aspect="auto", interpolation=smooth, zorder=1)


def _draw_series(axes: Axes, box: Box, item: Mapping[str, Any], theme: Theme) -> None:
    _draw_background(axes, box, theme)
    lines = [numbers(line["values"]) for line in item["series"]]
    for place, line in enumerate(lines):
        finite = line[np.isfinite(line)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        spread = (high - low) or 1.0
        up = box.top + box.height - PAD - (line - low) / spread * (box.height - 2 * PAD)
        across = np.linspace(box.left + PAD, box.left + box.width - PAD, len(line))
        axes.plot(across, up, color=theme.color(place), linewidth=1.4, marker="." if len(line) == 1 else "")


def _draw_text(axes: Axes, box: Box, item: Mapping[str, Any], theme: Theme) -> None:
    _draw_background(axes, box, theme)
    for place, line in enumerate(wrap(item["text"] or "(empty)", box.width - 2 * PAD, _count_lines(box), TICK)):
        y = box.top + PAD + (place + 0.5) * LINE
        axes.text(box.left + PAD, y, line, size=TICK, color=theme.ink, va="center")


def _draw_values(axes: Axes, box: Box, item: Mapping[str, Any], theme: Theme) -> None:
    """Names at the left, values at the right."""
    _draw_background(axes, box, theme)
    width = box.width - 2 * PAD
    for place, cell in enumerate(item["values"][: _count_lines(box)]):
        y = box.top + PAD + (place + 0.5) * LINE
        value = shorten(_name(cell["value"]), width * 0.55, TICK)
        name = shorten(cell["name"], width - measure(value, TICK) - 8, TICK)
        axes.text(box.left + PAD, y, name, size=TICK, color=theme.muted, va="center")
        axes.text(box.left + PAD + width, y, value, size=TICK, color=theme.ink, ha="right", va="center")


def _count_lines(box: Box) -> int:
    """The lines of text that fit into a box."""
    return int((box.height - 2 * PAD) // LINE)


def _draw_background(axes: Axes, box: Box, theme: Theme) -> None:
    axes.add_patch(Rectangle((box.left, box.top), box.width, box.height, facecolor=theme.line, alpha=0.45, zorder=0))


_DRAW: Mapping[str, Callable[[Axes, Box, Mapping[str, Any], Theme], None]] = {
    "picture": _draw_picture,
    "series": _draw_series,
    "text": _draw_text,
    "values": _draw_values,
}
