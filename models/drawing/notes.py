"""What a picture leaves out, in small text below it."""

from collections.abc import Sequence

from models.drawing.canvas import Canvas
from models.drawing.style import TICK
from models.drawing.texts import wrap


def write_notes(canvas: Canvas, notes: Sequence[str]) -> None:
    """Write the notes at the bottom, on at most three lines, and on fewer in a low picture."""
    most = min(3, int(canvas.height // 100))
    for line in reversed(wrap(" ".join(notes), canvas.room.width, most, TICK) if notes and most else ()):
        canvas.footnote(line)
