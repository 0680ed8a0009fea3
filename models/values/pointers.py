"""JSON pointers into a posted body."""

from urllib.parse import quote


def pointer_to(*tokens: str | int) -> str:
    """The JSON pointer to a field, as a URI fragment (RFC 6901, section 6): `#/rows/2/width`."""
    escaped = (str(token).replace("~", "~0").replace("/", "~1") for token in tokens)
    return "#" + "".join("/" + quote(token, safe="~") for token in escaped)
