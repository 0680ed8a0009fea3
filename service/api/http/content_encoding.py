"""Decompresses request bodies (RFC 9110, section 8.4)."""

import io
import zlib
from collections.abc import Callable

from service.api.http.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

GZIP, ZLIB = 31, 15
"""zlib's `wbits` for the two formats."""
CONTENT_ENCODINGS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}

STEP = 2**20
"""Bytes that are decompressed in one step."""
FED = 2**16
"""Compressed bytes that the decoder has at a time, at most."""
GROWTH = 8
"""A BytesIO allocates up to one part in as many more than it has, so that it need not grow at each write."""


def find_encoding(header: str) -> str | None:
    """The encoding in a `Content-Encoding` header; None if there is none. Raises UnsupportedMediaType."""
    encoding = header.strip().lower()
    if encoding in ("identity", ""):
        return None
    if encoding not in CONTENT_ENCODINGS:
        raise UnsupportedMediaType(f'The Content-Encoding "{encoding[:100]}" is unsupported. Use gzip or deflate.')
    return encoding


def unpack(body: bytes, encoding: str, most: int, reserve: Callable[[int], None]) -> bytes:
    """Decompress a body to at most `most` bytes, for which `reserve` is called step by step and may raise.

    Without the limit, kilobytes could become gigabytes. Raises MalformedBody, BodyTooLarge.
    """
    decoder = zlib.decompressobj(CONTENT_ENCODINGS[encoding])
    # Unlike a list of pieces that are joined, it never has everything twice.
    unpacked = io.BytesIO()
    # The decoder copies what it doesn't consume in a step, so that it's given little at a time.
    left = memoryview(body)
    rest: bytes | memoryview = b""
    piece, step = b"", 0
    try:
        while not decoder.eof and (rest or left or len(piece) == step):
            if not rest:
                rest, left = left[:FED], left[FED:]
            step = min(STEP, most + 1 - unpacked.tell())
            piece, rest = decoder.decompress(rest, step), decoder.unconsumed_tail
            if unpacked.tell() + len(piece) > most:
                raise BodyTooLarge(f"The decompressed body exceeds the limit of {most:,} bytes.")
            reserve(len(piece) + len(piece) // GROWTH)
            unpacked.write(piece)
    except zlib.error:
        raise MalformedBody(f"The body is not {encoding}, although its Content-Encoding says so.") from None
    if not decoder.eof or decoder.unused_data or left:
        problem = "has data after its end" if decoder.eof else "is incomplete"
        raise MalformedBody(f"The body is {encoding}, but {problem}.")
    return unpacked.getvalue()
