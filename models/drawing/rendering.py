"""Turns a document of a kind into the bytes of a picture."""

import io
import re
import warnings
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from matplotlib.backends.backend_svg import FigureCanvasSVG

from models.drawing.canvas import Canvas
from models.drawing.registry import PICTURES
from models.drawing.texts import plain

PROLOG = re.compile(r"^.*?<svg\b[^>]*>", re.DOTALL)
COMMENTS = re.compile(r"\s*<!--.*?-->", re.DOTALL)
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML can't have."""


def render(
    kind: str,
    document: Mapping[str, Any],
    width: int | None = None,
    height: int | None = None,
    theme: str = "light",
    format: str = "svg",
) -> bytes:
    """The picture of a document as `svg` or `png`. Without a width or a height, it has that of its kind."""
    picture = PICTURES[kind]
    document = clean(document)
    with Canvas(width or picture.width, height or picture.height, theme) as canvas, warnings.catch_warnings():
        # A character that the font lacks is drawn as a box; the title and the description have it.
        warnings.simplefilter("ignore", UserWarning)
        picture.draw(canvas, document)
        canvas.finish()
        about = document["title"], document["description"]
        return write_png(canvas, *about) if format == "png" else write_svg(canvas, *about)


def clean(value: Any) -> Any:
    """The value with all its texts on one line, without control characters."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(name): clean(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item) for item in value]
    return value


def write_svg(canvas: Canvas, title: str, description: str) -> bytes:
    """SVG 1.1 with a title and a description for screen readers; the same picture gives the same bytes."""
    file = io.StringIO()
    metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    FigureCanvasSVG(canvas.figure).print_svg(file, metadata=metadata)
    size = f'width="{canvas.width}" height="{canvas.height}" viewBox="0 0 {canvas.width} {canvas.height}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" version="1.1" {size} '
        f'role="img" aria-labelledby="picture-title picture-description" lang="en">\n'
        f'<title id="picture-title">{escape(title)}</title>\n'
        f'<desc id="picture-description">{escape(description)}</desc>'
    )
    drawn = PROLOG.sub(lambda _: head, file.getvalue(), count=1)
    return FORBIDDEN.sub(" ", COMMENTS.sub("", drawn)).encode()


def write_png(canvas: Canvas, title: str, description: str) -> bytes:
    """PNG with the title and the description as its metadata."""
    file = io.BytesIO()
    canvas.figure.savefig(file, format="png", metadata={"Title": title, "Description": description, "Software": None})
    return file.getvalue()
