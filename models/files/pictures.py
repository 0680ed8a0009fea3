"""Decodes image files (PNG, JPEG, WebP, GIF, BMP, TIFF) into arrays of bytes, for training and serving alike."""

import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from models.errors import describe_problem
from models.limits import Limits

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SIGNATURES = (
    b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\0", b"MM\0*",
)  # fmt: skip
"""How files of these formats begin, except WebP."""
TIFF_COMPRESSIONS = (
    "raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "group3", "group4", "tiff_ccitt",
)  # fmt: skip
"""Pillow's names of the compressions that unpack in memory that is proportional to the pixels."""
TILE_WIDTH, TILE_LENGTH = 322, 323
"""Tags of TIFF 6.0: a tile is unpacked as a whole, even if it is larger than the image."""
WIDE_MODES = ("I", "F")
"""Modes of 32-bit integers and of floating-point numbers."""
CHANNELS = {1: "grey", 3: "colour"}
GREY_MODES = ("1", "L", "La", "LA", "I", "I;16", "I;16B", "I;16L")
EXIF_ORIENTATION = 0x0112
TURNS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
"""The operations that turn an image upright, for the orientations 2 to 8 of Exif 2.32, tag 274."""

START_OF_SCAN = b"\xff\xda"
"""Begins each scan of a JPEG (ITU-T T.81, section B.2.3); compressed data never contains it."""

COEFFICIENTS = 4
"""Pixels of a progressive JPEG whose coefficients take as much memory as one decoded pixel."""

DAMAGE = (
    OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError, AssertionError, EOFError, OverflowError,
    struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for bytes that aren't a valid image."""


class BadPicture(Exception):
    """Bytes that can't be decoded as an image; the text is a sentence."""


@dataclass(frozen=True)
class Picture:
    """An image's pixels, uint8 (height, width, channels), and the height, width and channels of its file."""

    pixels: np.ndarray
    original: tuple[int, int, int]
    frames: bool = False
    """Whether the file has more frames or pages than the first, which this is."""

    def describe_change(self) -> str | None:
        """How the image was changed, as the end of a sentence; None if it wasn't."""
        height, width, channels = self.pixels.shape
        if (height, width, channels) == self.original:
            return None
        was, is_ = (
            f"{columns} × {rows} pixels in {CHANNELS[depth]}"
            for rows, columns, depth in (self.original, (height, width, channels))
        )
        return f"was {was} and was converted to {is_}"


def read_picture(
    data: bytes,
    max_pixels: int,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    max_scans: int = Limits.jpeg_scans,
    admit: Callable[[int], None] = lambda pixels: None,
) -> Picture:
    """Decode an image file, resized to `size` (height, width) and converted to 1 or 3 `channels`, if given.

    Of several frames or pages the first is read. The image is turned upright according to its EXIF data; transparent
    pixels are put on a white background. Raises BadPicture; an image with too many pixels or scans is refused before it
    is decoded. `admit` is called with the number of pixels that will be decoded, which for a JPEG may be fewer than it
    has. It may raise BadPicture.
    """
    try:
        with _pillow().open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise BadPicture(f"It has {width:,} × {height:,} pixels; the limit is {max_pixels:,} in total.")
            if image.format == "JPEG" and (scans := data.count(START_OF_SCAN)) > max_scans:
                raise BadPicture(f"The JPEG has {scans:,} scans; the limit is {max_scans}.")
            if image.format == "TIFF":
                _check_tiff(image, max_pixels)
            return _convert(image, size, channels, admit)
    except DAMAGE as problem:
        raise BadPicture(_explain(data, problem)) from problem


@cache
def _pillow() -> ModuleType:
    """Pillow with the supported formats. Its own limit on pixels is off because read_picture has one."""
    from PIL import (  # noqa: F401
        BmpImagePlugin,
        GifImagePlugin,
        Image,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    Image.MAX_IMAGE_PIXELS = None
    return Image


def write_png(pixels: np.ndarray, most: int) -> bytes:
    """A PNG of bytes (height, width, channels), with 1 or 3 channels, shrunk to at most `most` pixels on each side."""
    grey = pixels.shape[-1] == 1
    image = _pillow().fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels))
    if max(image.size) > most:
        # an axis that is very short beside the other one keeps a pixel
        image = image.resize(
            tuple(max(1, round(side * most / max(image.size))) for side in image.size), _pillow().Resampling.BOX
        )
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def _check_tiff(image: Any, max_pixels: int) -> None:
    """Raise BadPicture for a TIFF whose numbers aren't bytes or 16-bit, or that takes more memory than its pixels."""
    if image.mode in WIDE_MODES:
        raise BadPicture("The TIFF has 32-bit numbers: save it with 8 or 16 bits per channel.")
    compression = image.info.get("compression", "raw")
    if compression not in TIFF_COMPRESSIONS:
        raise BadPicture(f"The TIFF has the unsupported compression {compression}: save it with LZW or Deflate.")
    tile = [image.tag_v2.get(tag, 1) for tag in (TILE_WIDTH, TILE_LENGTH)]
    if not all(isinstance(side, int) for side in tile) or math.prod(tile) > max_pixels:
        raise BadPicture(f"The TIFF has tiles of more pixels than the limit of {max_pixels:,}.")


def _convert(
    image: "Image", size: tuple[int, int] | None, channels: int | None, admit: Callable[[int], None]
) -> Picture:
    own = 1 if image.mode in GREY_MODES else 3
    frames = bool(getattr(image, "is_animated", False))
    width, height = image.size
    if size is not None:
        # A JPEG is decoded at 1/2, 1/4 or 1/8 of its size if that is still large enough, even after a rotation.
        image.draft("L" if channels == 1 else "RGB", (max(size), max(size)))
    admit(max(math.prod(image.size), width * height // COEFFICIENTS if image.info.get("progressive") else 0))
    orientation = _orientation(image)
    image = _to_channels(image, channels or own)
    if orientation != 1:
        image = image.transpose(_pillow().Transpose[TURNS[orientation - 2]])
        if orientation >= 5:
            height, width = width, height
    if size is not None and image.size != size[::-1]:
        image = image.resize(size[::-1], _pillow().Resampling.BILINEAR)
    pixels = np.asarray(image)
    return Picture(pixels.reshape(*pixels.shape[:2], -1), (height, width, own), frames)


def _orientation(image: "Image") -> int:
    """The image's EXIF orientation, from 1 (upright) to 8."""
    if "exif" not in image.info:
        return 1
    try:
        value = image.getexif().get(EXIF_ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if value in range(1, 9) else 1


def _to_channels(image: "Image", channels: int) -> "Image":
    if image.mode.startswith("I"):
        # Pillow would clip 16-bit values at 255
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
    if not (data.startswith(SIGNATURES) or (data.startswith(b"RIFF") and data[8:12] == b"WEBP")):
        return "It isn't a PNG, JPEG, WebP, GIF, BMP or TIFF image."
    return f"The image is damaged or truncated ({describe_problem(problem)})."
