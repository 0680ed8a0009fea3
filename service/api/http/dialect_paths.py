"""Which paths belong to a dialect, and what of them ignores case."""

import re

from werkzeug.routing import BaseConverter, ValidationError

TENSORFLOW = re.compile(
    r"(?P<root>/v1/models)(?P<model>/[^/:]+)?"
    r"(?:(?P<versions>/versions/)(?P<version>\d+)|(?P<labels>/labels/)(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:classify|:regress|:predict)?",
    re.IGNORECASE,
)
"""The paths of TensorFlow Serving's REST API."""
MOST_DIGITS = 4000
"""Of a number in a path, which no version need have: Python reads no longer ones."""
FIXED = ("root", "versions", "labels", "verb")
OWN_ERRORS = re.compile(
    r"/v2(?:/.*)?|/v1/models/(?:.*:[A-Za-z]*|[^/]+(?:/(?:versions|labels)/[^/]+)?/metadata)", re.DOTALL
)
"""Paths on which errors have the dialects' form; on the others they are problems."""


class AnyNumberConverter(BaseConverter):
    """A version as TensorFlow Serving's paths have it: any digits, though no version may have that number."""

    regex = r"[0-9]+"

    def to_python(self, value: str) -> int:
        if len(value) > MOST_DIGITS:
            raise ValidationError
        return int(value)


def lower_fixed_parts(path: str) -> str:
    """The path with the fixed parts of TensorFlow Serving's in lower case, as that server takes them in any."""
    if path == path.lower():
        return path
    match = TENSORFLOW.fullmatch(path)
    if match is None:
        return path
    parts = match.groupdict(default="")
    return "".join(part.lower() if name in FIXED else part for name, part in parts.items())
