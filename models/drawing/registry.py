"""The kinds of pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.drawing import activation
from models.drawing.canvas import Canvas


@dataclass(frozen=True)
class Picture:
    """How a kind is drawn, and its size in pixels unless a client asks for another."""

    draw: Callable[[Canvas, Mapping[str, Any]], None]
    width: int = 640
    height: int = 400


PICTURES = {
    "activation": Picture(activation.draw),
}
