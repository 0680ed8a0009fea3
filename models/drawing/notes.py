"""What a picture leaves out, in small text below it."""

from collections.abc import Sequence

from models.drawing.canvas import Canvas
from models.drawing.style import TICK
from models.drawing.texts import wrap


def write_notes(canvas: Canvas, notes: Sequence[str], left_out: int = 0) -> None:
    """Write notes at the bottom, on at most three lines, fewer in a low picture, and how many items find no room."""
    told = list(notes)
    if left_out > 0:
        told.append(f"{left_out} more {'does' if left_out == 1 else 'do'}n't fit into this size.")
    most = min(3, int(canvas.height // 100))
    for line in reversed(wrap(" ".join(told), canvas.room.width, most, TICK) if told and most else ()):
        canvas.footnote(line)
