"""Base64 as other servers take it: white space in it doesn't count, and the padding may be left out."""

import base64

PADDED = 4
"""A padded text has a multiple of so many characters."""


def decode_base64(text: str) -> bytes:
    """Raises ValueError for what is no Base64 (RFC 4648, section 4)."""
    packed = "".join(text.split())
    if "=" not in packed:
        packed += "=" * (-len(packed) % PADDED)
    return base64.b64decode(packed, validate=True)
