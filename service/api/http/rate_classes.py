"""Which rate limit applies to a request."""

import re

from service.rates import PREDICT, READ, WRITE

UNLIMITED = re.compile(
    r"/|/docs(?:/.*)?|/openapi\.(?:json|yaml)|/problems/.*|/ui(?:/.*)?|/healthz|/readyz|/metrics|/v2/health/.*",
    re.DOTALL,
)
"""The paths of pages, probes and metrics, which have no limit."""
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def find_class(method: str, path: str, *, is_prediction: bool) -> str | None:
    """The class of a request; None if no limit applies to its path."""
    if is_prediction:
        return PREDICT
    if UNLIMITED.fullmatch(path):
        return None
    return READ if method in SAFE_METHODS else WRITE
