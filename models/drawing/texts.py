"""Measures, shortens and wraps texts in pixels."""

import re
from functools import lru_cache

from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties

from models.drawing.style import DOTS_PER_INCH, LABEL

ELLIPSIS = "…"
UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ufffe\uffff]+")
"""Control characters and white space; XML can't have most of them."""
LONGEST = 2000
"""Characters of a text that are looked at: at the narrowest, a picture shows far fewer."""


def plain(text: object) -> str:
    """The text on one line, without control characters."""
    return UNPRINTABLE.sub(" ", str(text)[:LONGEST]).strip()


@lru_cache(maxsize=4096)
def measure(text: str, size: float = LABEL, weight: str = "normal") -> float:
    """The width of a text in pixels."""
    width, _, _ = _renderer().get_text_width_height_descent(text, FontProperties(size=size, weight=weight), False)
    return float(width)


def shorten(text: object, width: float, size: float = LABEL, weight: str = "normal") -> str:
    """The text, or its beginning with an ellipsis, so that it is at most `width` pixels wide; empty if nothing fits."""
    line = plain(text)[: max(1, int(width))]
    if line == plain(text) and measure(line, size, weight) <= width:
        return line
    fits, fails = 0, len(line) + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if measure(line[:middle].rstrip() + ELLIPSIS, size, weight) <= width:
            fits = middle
        else:
            fails = middle
    return line[:fits].rstrip() + ELLIPSIS if fits else ""


def wrap(text: object, width: float, lines: int, size: float = LABEL, weight: str = "normal") -> list[str]:
    """The text on at most `lines` lines of at most `width` pixels; the last one is shortened if need be."""
    words, found = plain(text).split(" "), list[str]()
    while words and words != [""] and len(found) < lines - 1:
        count = 1
        while count < len(words) and measure(" ".join(words[: count + 1]), size, weight) <= width:
            count += 1
        found.append(shorten(" ".join(words[:count]), width, size, weight))
        words = words[count:]
    rest = shorten(" ".join(words), width, size, weight) if lines > 0 else ""
    return [*found, rest] if rest else found


@lru_cache(maxsize=1)
def _renderer() -> RendererAgg:
    return RendererAgg(1, 1, DOTS_PER_INCH)
