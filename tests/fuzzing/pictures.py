"""Image files (PNG, JPEG, WebP, GIF, BMP, TIFF) whose chunks are edited, with correct checksums and lengths."""

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from tests.fuzzing.edits import COUNTS, EDIT_COUNTS, edited
from tests.fuzzing.picture_chunks import Chunks, read_chunks, write_chunks
from tests.models.made_pictures import encode

REPEATED = (2, 10, 300)


@cache
def files() -> tuple[bytes, ...]:
    """Small pictures of each format and colour mode."""
    values = np.random.default_rng(1).integers(0, 256, (9, 7, 4), dtype=np.uint8)
    colour = Image.fromarray(values[..., :3])
    exif = Image.Exif()
    exif[0x0112] = 6
    modes = ("L", "LA", "P", "1", "RGBA")
    frames = [Image.fromarray(values[..., channel]) for channel in range(3)]
    return (
        *(encode(colour.convert(mode)) for mode in modes),
        encode(colour),
        encode(Image.fromarray(values[..., 0].astype(np.uint16) * 257)),
        encode(frames[0], save_all=True, append_images=frames[1:]),
        encode(colour.convert("P"), transparency=3),
        encode(colour, "JPEG", exif=exif),
        encode(colour, "JPEG", progressive=True),
        encode(colour.convert("L"), "JPEG"),
        encode(colour.convert("CMYK"), "JPEG"),
        encode(colour, "WEBP", exif=exif),
        encode(colour, "WEBP", lossless=True),
        encode(Image.fromarray(values), "WEBP"),
        encode(frames[0].convert("RGB"), "WEBP", save_all=True, append_images=frames[1:]),
        encode(colour.convert("P"), "GIF", transparency=3),
        encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=5),
        *(encode(colour.convert(mode), "BMP") for mode in ("1", "L", "P", "RGB")),
        encode(Image.fromarray(values), "BMP"),
        *(encode(colour, "TIFF", compression=name) for name in ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate")),
        encode(colour.convert("1"), "TIFF", compression="group4"),
        encode(Image.fromarray(values[..., 0].astype(np.uint16) * 257), "TIFF"),
        encode(colour.convert("P"), "TIFF", exif=exif),
    )


@cache
def compressed_zeros(size: int) -> bytes:
    """That many zeros as a zlib stream."""
    return zlib.compress(bytes(size), 9)


@st.composite
def edited_pictures(draw: st.DrawFn) -> bytes:
    """A picture with a few of its chunks edited."""
    file = draw(st.sampled_from(files()))
    chunks = read_chunks(file)
    for _ in range(draw(st.sampled_from(EDIT_COUNTS))):
        if chunks:
            number = draw(st.integers(0, len(chunks) - 1))
            chunks[number : number + 1] = draw(st.sampled_from(EDITS))(draw, chunks, number)
    data = write_chunks(file, chunks)
    return draw(edited([data])) if draw(st.integers(0, 3)) == 3 else data


def _remove(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    return []


def _repeat(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    return [chunks[number]] * draw(st.sampled_from(REPEATED))


def _copy_other(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    return [draw(st.sampled_from(chunks)), chunks[number]]


def _take_from_other_file(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    return [draw(st.sampled_from(read_chunks(draw(st.sampled_from(files()))))), chunks[number]]


def _edit(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    kind, data = chunks[number]
    return [(kind, draw(edited([data])))]


def _set_number(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    """Set one of the numbers at the beginning of a chunk, such as the width."""
    kind, data = chunks[number]
    place, size = draw(st.integers(0, 16)), draw(st.sampled_from((1, 2, 3, 4)))
    count = draw(st.sampled_from(COUNTS)) % 256**size
    return [
        (kind, data[:place] + count.to_bytes(size, draw(st.sampled_from(("big", "little")))) + data[place + size :])
    ]


def _replace_by_zeros(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    """Replace compressed data by the same amount, or much more, of zeros."""
    kind, _ = chunks[number]
    return [(kind, compressed_zeros(draw(st.sampled_from((0, 200, 2**16, 2**24)))))]


def _make_text(draw: st.DrawFn, chunks: Chunks, number: int) -> Chunks:
    """Compressed metadata, which many readers unpack."""
    bomb = compressed_zeros(draw(st.sampled_from((10, 2**20, 2**24))))
    kind = draw(
        st.sampled_from(
            (b"zTXt", b"iCCP", b"iTXt", b"eXIf", b"tRNS", b"PLTE", b"acTL", b"ICCP", b"EXIF", b"ANIM", b"!\xff")
        )
    )
    return [chunks[number], (kind, b"name\0\0" + bomb)]


EDITS: tuple[Callable[[Any, Chunks, int], Chunks], ...] = (
    _remove, _repeat, _copy_other, _take_from_other_file, _edit, _edit, _set_number, _set_number, _replace_by_zeros,
    _make_text,
)  # fmt: skip
