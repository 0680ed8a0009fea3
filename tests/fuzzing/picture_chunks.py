"""Takes image files apart into their chunks, and puts them together again with right lengths and checksums."""

import struct
import zlib
from collections.abc import Callable

Chunks = list[tuple[bytes, bytes]]
"""The chunks of a file: type and content."""
PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START, START_OF_SCAN = b"\xff\xd8", 0xDA
WITHOUT_LENGTH = (*range(0xD0, 0xD8), 0xD9, 0x01)
"""Markers of JPEG (ITU-T T.81, table B.1) that no content follows."""
GIF_START, GIF_SCREEN, GIF_EXTENSION, GIF_PICTURE = b"GIF", 13, 0x21, 0x2C
BMP_START, BMP_HEAD = b"BM", 14
TIFF_START, TIFF_ENTRY, STRIP_OFFSETS = b"II*\0", 12, 273
TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
"""Bytes of a value of each type that Pillow writes (TIFF 6.0, page 15)."""
STRIP = b"strip"


def read_chunks(file: bytes) -> Chunks:
    """The chunks of a valid file."""
    return next(read for start, (read, _) in FORMATS.items() if file.startswith(start))(file)


def write_chunks(like: bytes, chunks: Chunks) -> bytes:
    """A file of the format of `like`."""
    return next(write for start, (_, write) in FORMATS.items() if like.startswith(start))(chunks)


def _read_png(file: bytes) -> Chunks:
    chunks: Chunks = []
    place = len(PNG_START)
    while place < len(file):
        (length,) = struct.unpack_from(">I", file, place)
        chunks.append((file[place + 4 : place + 8], file[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def _write_png(chunks: Chunks) -> bytes:
    return PNG_START + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def _read_jpeg(file: bytes) -> Chunks:
    """Each marker with its content, a scan with its entropy-coded data."""
    chunks: Chunks = []
    place = len(JPEG_START)
    while place < len(file):
        marker, end = file[place + 1], place + 2
        if marker not in WITHOUT_LENGTH:
            end += int.from_bytes(file[place + 2 : place + 4], "big")
        while marker == START_OF_SCAN and not (file[end] == 0xFF and file[end + 1] not in (0, *range(0xD0, 0xD8))):
            end += 1
        chunks.append((file[place : place + 2], file[place + 2 : end]))
        place = end
    return chunks


def _write_jpeg(chunks: Chunks) -> bytes:
    return JPEG_START + _write_plain(chunks)


def _read_webp(file: bytes) -> Chunks:
    chunks: Chunks = []
    place = 12
    while place < len(file):
        (length,) = struct.unpack_from("<I", file, place + 4)
        chunks.append((file[place : place + 4], file[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return chunks


def _write_webp(chunks: Chunks) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _read_gif(file: bytes) -> Chunks:
    """The logical screen with its colours, then each block with its first byte as the type (GIF89a, appendix A)."""
    place = GIF_SCREEN + _colours(file[10])
    chunks: Chunks = [(b"", file[:place])]
    while place < len(file):
        end = place + 1
        if file[place] == GIF_EXTENSION:
            end = _end_of_blocks(file, place + 2)
        elif file[place] == GIF_PICTURE:
            end = _end_of_blocks(file, place + 11 + _colours(file[place + 9]))
        chunks.append((file[place : place + 1], file[place + 1 : end]))
        place = end
    return chunks


def _colours(flags: int) -> int:
    """The bytes of the table of colours that these flags announce."""
    return 3 * 2 ** (flags % 8 + 1) if flags & 0x80 else 0


def _end_of_blocks(file: bytes, place: int) -> int:
    """Where a series of blocks ends, each of which begins with its length."""
    while file[place]:
        place += 1 + file[place]
    return place + 1


def _read_bmp(file: bytes) -> Chunks:
    """The head, the description of the picture, its colours, and its pixels."""
    (pixels,) = struct.unpack_from("<I", file, 10)
    (described,) = struct.unpack_from("<I", file, BMP_HEAD)
    ends = (BMP_HEAD, BMP_HEAD + described, pixels, len(file))
    return [(b"", file[start:end]) for start, end in zip((0, *ends), ends, strict=False)]


def _write_plain(chunks: Chunks) -> bytes:
    return b"".join(kind + data for kind, data in chunks)


def _read_tiff(file: bytes) -> Chunks:
    """The only strip of the first page, and the page's entries: tag and type, and all of the values."""
    (place,) = struct.unpack_from("<I", file, len(TIFF_START))
    (count,) = struct.unpack_from("<H", file, place)
    values: dict[bytes, bytes] = {}
    for start in range(place + 2, place + 2 + count * TIFF_ENTRY, TIFF_ENTRY):
        kind, (type_, number, at) = file[start : start + 4], struct.unpack_from("<HII", file, start + 2)
        size = TIFF_SIZES[type_] * number
        at = at if size > 4 else start + 8
        values[kind] = file[at : at + size]
    (offset,) = (values[kind] for kind in values if kind.startswith(struct.pack("<H", STRIP_OFFSETS)))
    return [(STRIP, file[int.from_bytes(offset, "little") :]), *values.items()]


def _write_tiff(chunks: Chunks) -> bytes:
    """Strips lie where the head ends, then the entries, and at last those of their values that are long."""
    strips = b"".join(data for kind, data in chunks if kind == STRIP)
    entries = [(kind, data) for kind, data in chunks if kind != STRIP]
    start = len(TIFF_START) + 4
    place = start + len(strips)
    end = place + 2 + TIFF_ENTRY * len(entries) + 4
    listed, rest = b"", b""
    for kind, data in entries:
        data = struct.pack("<I", start) if kind.startswith(struct.pack("<H", STRIP_OFFSETS)) else data
        number = len(data) // TIFF_SIZES.get(int.from_bytes(kind[2:], "little"), 1)
        listed += kind + struct.pack("<I", number)
        listed += data.ljust(4, b"\0") if len(data) <= 4 else struct.pack("<I", end + len(rest))
        rest += data if len(data) > 4 else b""
    head = TIFF_START + struct.pack("<I", place) + strips + struct.pack("<H", len(entries) % 2**16)
    return head + listed + bytes(4) + rest


Format = tuple[Callable[[bytes], Chunks], Callable[[Chunks], bytes]]
FORMATS: dict[bytes, Format] = {
    PNG_START: (_read_png, _write_png),
    JPEG_START: (_read_jpeg, _write_jpeg),
    b"RIFF": (_read_webp, _write_webp),
    GIF_START: (_read_gif, _write_plain),
    BMP_START: (_read_bmp, _write_plain),
    TIFF_START: (_read_tiff, _write_tiff),
}
"""How files of each format begin, and how they are read and written."""
