"""The kinds of pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.drawing import (
    activation,
    architecture,
    boundary,
    confusion,
    curves,
    filters,
    preview,
    residuals,
    roc,
    samples,
)
from models.drawing.canvas import Canvas

TALLEST = 2400
"""Pixels of a picture's height at most."""


@dataclass(frozen=True)
class Picture:
    """How a kind is drawn, and its size unless a client asks for another."""

    draw: Callable[[Canvas, Mapping[str, Any]], None]
    width: int = 640
    height: int | Callable[[Mapping[str, Any], int], int] = 400
    """In pixels, or a function of the document and the width."""

    def size(self, document: Mapping[str, Any], width: int | None, height: int | None) -> tuple[int, int]:
        """The size of the picture of a document. None stands for the usual one."""
        wide = width or self.width
        usual = self.height if isinstance(self.height, int) else min(TALLEST, self.height(document, wide))
        return wide, height or usual


PICTURES = {
    "activation": Picture(activation.draw),
    "architecture": Picture(architecture.draw, 720, architecture.measure_height),
    "boundary": Picture(boundary.draw, 560, boundary.measure_height),
    "confusion": Picture(confusion.draw, 720, confusion.measure_height),
    "curves": Picture(curves.draw, 720, curves.measure_height),
    "filters": Picture(filters.draw, 640, filters.measure_height),
    "preview": Picture(preview.draw, 720, preview.measure_height),
    "residuals": Picture(residuals.draw, 720, residuals.measure_height),
    "roc": Picture(roc.draw, 640, roc.measure_height),
    "samples": Picture(samples.draw, 720, samples.measure_height),
}
