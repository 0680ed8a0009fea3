"""Unpacks bodies that were compressed by their clients (RFC 9110, section 8.4)."""

import zlib

from service.api.http.errors import BodyTooLarge, MalformedBody, UnsupportedMediaType

GZIP, ZLIB = 31, 15
"""What zlib calls the two formats."""
CONTENT_ENCODINGS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}


def find_encoding(header: str) -> str | None:
    """The encoding that a Content-Encoding names; None for none. Raises UnsupportedMediaType."""
    encoding = header.strip().lower()
    if encoding in ("identity", ""):
        return None
    if encoding not in CONTENT_ENCODINGS:
        raise UnsupportedMediaType(f'The Content-Encoding "{encoding[:100]}" is unsupported. gzip and deflate are.')
    return encoding


def unpack(body: bytes, encoding: str, most: int) -> bytes:
    """The body before it was compressed, if that was at most so many bytes: a few kilobytes can become gigabytes.

    Raises MalformedBody, BodyTooLarge.
    """
    decoder = zlib.decompressobj(CONTENT_ENCODINGS[encoding])
    try:
        unpacked = decoder.decompress(body, most + 1)
    except zlib.error:
        raise MalformedBody(f"The body is no {encoding}, as its Content-Encoding says it is.") from None
    if len(unpacked) > most:
        raise BodyTooLarge(f"The unpacked body has more than the {most:,} bytes that are accepted.")
    if not decoder.eof or decoder.unused_data:
        problem = "goes on behind its end" if decoder.eof else "was cut off"
        raise MalformedBody(f"The body is {encoding}, but {problem}.")
    return unpacked
