"""Base64 as other servers accept it: white space is ignored, and the padding may be omitted."""

import base64

PADDED = 4
"""The length of a padded text is a multiple of this."""


def decode_base64(text: str) -> bytes:
    """Raises ValueError if the text isn't Base64 (RFC 4648, section 4)."""
    packed = "".join(text.split())
    if "=" not in packed:
        packed += "=" * (-len(packed) % PADDED)
    return base64.b64decode(packed, validate=True)
