"""What a picture leaves out, below it."""

from collections.abc import Mapping
from typing import Any

from models.drawing.canvas import Canvas
from models.drawing.style import TICK
from models.drawing.texts import wrap

MOST_LINES = 3


def write_notes(canvas: Canvas, document: Mapping[str, Any], left_out: int = 0) -> None:
    """Write the `notes` of a document on lines of small text at the bottom, and how many items find no room."""
    notes = list(document["notes"])
    if left_out > 0:
        notes.append(f"{left_out} more {'does' if left_out == 1 else 'do'}n't fit into this size.")
    text = " ".join(notes)
    for line in reversed(wrap(text, canvas.room.width, MOST_LINES, TICK) if text else []):
        canvas.footnote(line)
