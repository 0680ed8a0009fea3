"""Turns a document of a kind into the bytes of a picture."""

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import escape

from matplotlib.backends.backend_svg import FigureCanvasSVG

from models.drawing.canvas import Canvas
from models.drawing.registry import PICTURES
from models.drawing.texts import UNPRINTABLE, plain

IMAGE = "b64"
"""The member of a document with an image in Base64, which is no text."""
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
    with drawn(kind, document, width, height, theme) as canvas:
        about = plain(document["title"]), plain(document["description"])
        return write_png(canvas, *about) if format == "png" else write_svg(canvas, *about)


@contextmanager
def drawn(
    kind: str, document: Mapping[str, Any], width: int | None, height: int | None, theme: str
) -> Iterator[Canvas]:
    """The finished canvas with the picture of a document, within the block."""
    picture, document = PICTURES[kind], clean(document)
    with Canvas(*picture.size(document, width, height), theme) as canvas, warnings.catch_warnings():
        # A character that the font lacks is drawn as a box; the title and the description have it.
        warnings.simplefilter("ignore", UserWarning)
        picture.draw(canvas, document)
        canvas.finish()
        yield canvas


def clean(value: Any) -> Any:
    """The value with all its texts on one line, without control characters."""
    if isinstance(value, str):
        return UNPRINTABLE.sub(" ", value).strip()  # also of a picture in Base64, which may be long
    if isinstance(value, Mapping):
        return {plain(name): member if name == IMAGE else clean(member) for name, member in value.items()}
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
    _, _, after = file.getvalue().partition("<svg")
    _, _, content = after.partition(">")
    first, *others = content.split("<!--")
    without_comments = [first, *(other.partition("-->")[2] for other in others)]
    return FORBIDDEN.sub(" ", head + "".join(without_comments)).encode()


def write_png(canvas: Canvas, title: str, description: str) -> bytes:
    """PNG with the title and the description as its metadata."""
    file = io.BytesIO()
    canvas.figure.savefig(file, format="png", metadata={"Title": title, "Description": description, "Software": None})
    return file.getvalue()
