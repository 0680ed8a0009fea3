"""Which rate limit applies to a request."""

from service.api.http.links import METRICS
from service.api.http.scopes import SAFE, Special, find_needed
from service.rates import PREDICT, READ, WRITE


def find_class(method: str, path: str, *, is_prediction: bool) -> str | None:
    """The class of a request; None for pages, probes and metrics, which have no limit."""
    if is_prediction:
        return PREDICT
    if path == METRICS or find_needed("GET", path) is Special.NOTHING:
        return None
    return READ if method in SAFE else WRITE
