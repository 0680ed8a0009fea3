"""Finds texts of a picture that overlap or leave it; for tests."""

import itertools
import math
from typing import Any, NamedTuple

from matplotlib.backends.backend_agg import RendererAgg

from models.drawing.canvas import Canvas
from models.drawing.style import DOTS_PER_INCH

TOLERANCE = 1.0
"""Pixels by which texts may touch: measuring rounds."""


class DrawnText(NamedTuple):
    """A text as it is drawn, and the rectangle around it in pixels from the left and the top."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "DrawnText") -> bool:
        """Whether the rectangles share more than their edges."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across > TOLERANCE and down > TOLERANCE


def find_faults(canvas: Canvas) -> list[str]:
    """What is wrong with the texts of a finished canvas: each overlap, and each text that leaves the canvas."""
    texts = list_texts(canvas)
    overlaps = [
        f"{one.text!r} overlaps {other.text!r}"
        for one, other in itertools.combinations(texts, 2)
        if one.overlaps(other)
    ]
    right, bottom = canvas.width + TOLERANCE, canvas.height + TOLERANCE
    outside = [
        f"{text.text!r} leaves the picture: {text}"
        for text in texts
        if min(text.left, text.top) < -TOLERANCE or text.right > right or text.bottom > bottom
    ]
    return overlaps + outside


def list_texts(canvas: Canvas) -> list[DrawnText]:
    """Every text that a finished canvas draws."""
    recorder = _Recorder(canvas.width, canvas.height, DOTS_PER_INCH)
    canvas.figure.draw(recorder)
    return recorder.texts


class _Recorder(RendererAgg):
    """Draws, and notes where each text is."""

    def __init__(self, width: float, height: float, dpi: float) -> None:
        super().__init__(width, height, dpi)
        self.texts: list[DrawnText] = []

    def draw_text(
        self, gc: Any, x: float, y: float, s: str, prop: Any, angle: float, *args: Any, **kwargs: Any
    ) -> None:
        width, height, descent = self.get_text_width_height_descent(s, prop, False)
        cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        corners = [(across, up) for across in (0, width) for up in (-descent, height - descent)]
        across = [x + right * cosine - up * sine for right, up in corners]
        down = [y - right * sine - up * cosine for right, up in corners]
        if s.strip():
            self.texts.append(DrawnText(s, min(across), min(down), max(across), max(down)))
        super().draw_text(gc, x, y, s, prop, angle, *args, **kwargs)
