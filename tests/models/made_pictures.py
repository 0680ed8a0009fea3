"""Images and ZIPs of images for tests."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

RED, GREEN, GREY = (250, 0, 0), (0, 250, 0), 128


def picture(colour: Any = RED, height: int = 4, width: int = 6, format_: str = "PNG", **options: Any) -> bytes:
    """A file with a picture of one colour; a number makes it grey."""
    mode = "L" if isinstance(colour, int) else {3: "RGB", 4: "RGBA"}[len(colour)]
    return encode(Image.new(mode, (width, height), colour), format_, **options)


def pattern(height: int, width: int, format_: str = "PNG", **options: Any) -> bytes:
    """A file with a picture of colours that all differ."""
    values = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return encode(Image.fromarray(values), format_, **options)


def encode(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def write_zip(path: Path, files: dict[str, bytes], **options: Any) -> Path:
    """A ZIP of these files, in this order."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path
