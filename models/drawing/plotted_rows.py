"""The rows of a dataset on a boundary, with marks by split and colours by class."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from models.drawing.canvas import Canvas, Key
from models.drawing.style import Theme

TEST = "test"
MOST_NAMED = 10
"""The classes that a legend names at most."""
DIVERGING = 2


def class_color(theme: Theme, place: int, count: int) -> str:
    """The colour of a class. The first of two is on the other side of the diverging colours."""
    return theme.color(1 - place) if count == DIVERGING else theme.color(place)


def mix(color: str, background: str, shares: np.ndarray) -> np.ndarray:
    """A colour on a background as red, green and blue (…, 3), with these shares of the colour (…,)."""
    foreground, behind = np.array(to_rgb(color)), np.array(to_rgb(background))
    return behind + shares[..., None] * (foreground - behind)


def by_split(rows: Mapping[str, Any]) -> Iterator[tuple[bool, np.ndarray]]:
    """Whether rows are test rows, and their places: first the others."""
    is_test = np.array([split == TEST for split in rows["splits"]], bool)
    for wanted in (False, True):
        places = np.flatnonzero(is_test == wanted)
        if len(places):
            yield wanted, places


def size_of(count: int, width: float) -> float:
    """The area of the mark of a row: smaller ones for many rows, or in a small picture."""
    usual = 34.0 if count <= 60 else 20.0 if count <= 500 else 11.0
    return usual * min(1.0, max(0.5, width / 640))


def row_colors(theme: Theme, targets: Sequence[Any], places: np.ndarray, count: int) -> list[str]:
    """The colours of rows by their class; grey for a class that the network doesn't know."""
    found = (targets[place] for place in places.tolist())
    return [theme.muted if target is None else class_color(theme, target, count) for target in found]


def class_keys(theme: Theme, classes: Sequence[Any], places: Sequence[int]) -> list[Key]:
    """The entries of a legend for classes."""
    return [Key(str(classes[place]), class_color(theme, place, len(classes)), "square") for place in places]


def split_keys(canvas: Canvas, document: Mapping[str, Any]) -> list[Key]:
    """The entries of a legend for rows and test rows, if there are both."""
    rows = document["rows"]
    if rows is None or not rows["splits"]:
        return []
    splits = set(rows["splits"])
    others = [Key("training rows" if splits <= {"train", TEST} else "rows", canvas.theme.muted, "dot")]
    return [
        *(others if splits != {TEST} else []),
        *([Key("test rows", canvas.theme.muted, "ring")] if TEST in splits else []),
    ]
