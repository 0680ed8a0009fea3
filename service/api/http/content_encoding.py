"""Decompresses request bodies (RFC 9110, section 8.4)."""

import zlib

from service.api.http.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

GZIP, ZLIB = 31, 15
"""zlib's `wbits` for the two formats."""
CONTENT_ENCODINGS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}


def find_encoding(header: str) -> str | None:
    """The encoding in a `Content-Encoding` header; None if there is none. Raises UnsupportedMediaType."""
    encoding = header.strip().lower()
    if encoding in ("identity", ""):
        return None
    if encoding not in CONTENT_ENCODINGS:
        raise UnsupportedMediaType(f'The Content-Encoding "{encoding[:100]}" is unsupported. Use gzip or deflate.')
    return encoding


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """Decompress a body to at most `most` bytes. Without the limit, kilobytes could become gigabytes.

    Raises MalformedBody, BodyTooLarge.
    """
    decoder = zlib.decompressobj(CONTENT_ENCODINGS[encoding])
    try:
        unpacked = decoder.decompress(body, most + 1)
    except zlib.error:
        raise MalformedBody(f"The body is not {encoding}, although its Content-Encoding says so.") from None
    if len(unpacked) > most:
        raise BodyTooLarge(f"The decompressed body exceeds the limit of {most:,} bytes.")
    if not decoder.eof or decoder.unused_data:
        problem = "has data after its end" if decoder.eof else "is incomplete"
        raise MalformedBody(f"The body is {encoding}, but {problem}.")
    return unpacked
