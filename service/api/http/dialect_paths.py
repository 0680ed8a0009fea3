"""Recognizes the paths of other servers' protocols, parts of which are case-insensitive."""

import re

from werkzeug.routing import BaseConverter, ValidationError

from service.api.http.links import METRICS

TENSORFLOW = re.compile(
    r"(?P<root>/v1/models)(?P<model>/[^/:]+)?"
    r"(?:(?P<versions>/versions/)(?P<version>\d+)|(?P<labels>/labels/)(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:classify|:regress|:predict)?",
    re.IGNORECASE,
)
"""The paths of TensorFlow Serving's REST API."""
METRICS_OF_TENSORFLOW = "/monitoring/prometheus/metrics"
"""The path of TensorFlow Serving's metrics."""
MOST_DIGITS = 4000
"""The most digits of a number in a path, even if no version has it. Python doesn't parse longer ones."""
FIXED = ("root", "versions", "labels", "verb")
OWN_ERRORS = re.compile(
    r"/v2(?:/.*)?|/v1/models/(?:.*:[A-Za-z]*|[^/]+(?:/(?:versions|labels)/[^/]+)?/metadata)", re.DOTALL
)
"""Paths whose errors have the form of their protocol; all others return problem documents."""


class AnyNumberConverter(BaseConverter):
    """A version number in TensorFlow Serving's paths: any digits, even if no version can have the number."""

    regex = r"[0-9]+"

    def to_python(self, value: str) -> int:
        if len(value) > MOST_DIGITS:
            raise ValidationError
        return int(value)


def as_routed(path: str) -> str:
    """The path by which Flask finds the route: all rules about paths must see this one.

    Flask ignores how many slashes a path begins with. The fixed parts of a TensorFlow Serving path are lower-cased,
    because they are case-insensitive there. Its path of the metrics is another name for ours.
    """
    if path == METRICS_OF_TENSORFLOW:
        return METRICS
    if path[:1] != "/" or path[:2] == "//":
        path = f"/{path.lstrip('/')}"
    if path == path.lower():
        return path
    match = TENSORFLOW.fullmatch(path)
    if match is None:
        return path
    parts = match.groupdict(default="")
    return "".join(part.lower() if name in FIXED else part for name, part in parts.items())
