"""Pictures as they lie in files (PNG, JPEG, WebP) become arrays of 8-bit numbers: one way for training and serving."""

import io
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP")
CHANNELS = {1: "grey", 3: "colour"}
GREY_MODES = ("1", "L", "La", "LA", "I", "I;16", "I;16B", "I;16L")
EXIF_ORIENTATION = 0x0112
TURNS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
"""What puts a picture upright, for the orientations 2 to 8 of Exif 2.32, tag 274."""

DAMAGE = (
    OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, struct.error,
    zlib.error,
)  # fmt: skip
"""What Pillow raises on bytes that aren't the picture that they should be."""


class BadPicture(Exception):
    """Bytes that can't become a picture; the text is a sentence."""


@dataclass(frozen=True)
class Picture:
    """A picture's numbers, uint8 (height, width, channels), and the height, width and channels that its file had."""

    pixels: np.ndarray
    original: tuple[int, int, int]

    def describe_change(self) -> str | None:
        """What was done to it, as the end of a sentence, if anything."""
        height, width, channels = self.pixels.shape
        if (height, width, channels) == self.original:
            return None
        was, is_ = (
            f"{columns} × {rows} pixels in {CHANNELS[depth]}"
            for rows, columns, depth in (self.original, (height, width, channels))
        )
        return f"was {was}, and was made {is_}"


def read_picture(
    data: bytes, max_pixels: int, size: tuple[int, int] | None = None, channels: int | None = None
) -> Picture:
    """The picture in a file's bytes, stretched to `size` (height, width) and turned to 1 or 3 `channels` if given.

    It is turned upright as its EXIF data say, and laid on white where it is transparent. Raises BadPicture, for too
    many pixels before any of them is decoded.
    """
    try:
        with _pillow().open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                detail = f"It has {width:,} × {height:,} pixels; a picture may have {max_pixels:,}"
                raise BadPicture(f"{detail} in all.")
            return _convert(image, size, channels)
    except DAMAGE as problem:
        raise BadPicture(_explain(data, problem)) from problem


@cache
def _pillow() -> ModuleType:
    """Pillow with the three formats that are taken; its own limit on pixels is off, for read_picture has one."""
    from PIL import Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

    Image.MAX_IMAGE_PIXELS = None
    return Image


def _convert(image: "Image", size: tuple[int, int] | None, channels: int | None) -> Picture:
    own = 1 if image.mode in GREY_MODES else 3
    width, height = image.size
    if size is not None:
        # A JPEG is decoded at a half, a quarter or an eighth where that is still larger; the side may yet be turned.
        image.draft("L" if channels == 1 else "RGB", (max(size), max(size)))
    orientation = _orientation(image)
    image = _to_channels(image, channels or own)
    if orientation != 1:
        image = image.transpose(_pillow().Transpose[TURNS[orientation - 2]])
        if orientation >= 5:
            height, width = width, height
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], _pillow().Resampling.BILINEAR)
    pixels = np.asarray(image)
    return Picture(pixels.reshape(*pixels.shape[:2], -1), (height, width, own))


def _orientation(image: "Image") -> int:
    """How the picture lies, from 1 (upright) to 8."""
    if "exif" not in image.info:
        return 1
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if value in range(1, 9) else 1


def _to_channels(image: "Image", channels: int) -> "Image":
    if image.mode.startswith("I"):
        # Pillow would cut 16-bit values off at 255
        image = _pillow().fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.has_transparency_data:
        image = _lay_on_white(image)
    mode = {1: "L", 3: "RGB"}[channels]
    return image if image.mode == mode else image.convert(mode)


def _lay_on_white(image: "Image") -> "Image":
    image = image.convert("RGBA")
    white = _pillow().new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")


def _explain(data: bytes, problem: Exception) -> str:
    if not data:
        return "It is empty."
    starts = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
    if not (data.startswith(starts) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")):
        return "It is no PNG, JPEG or WebP picture."
    return f"The picture is damaged or cut off ({str(problem)[:200] or type(problem).__name__})."
