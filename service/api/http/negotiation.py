"""Content negotiation: chooses among the media types that a route can send."""

from flask import request

from service.api.http.errors import NotAcceptable
from service.api.http.media_types import JSON


def choose(*offers: str, hint: str = "") -> str:
    """The offer that the request's `Accept` prefers; the first one by default. Raises NotAcceptable."""
    best = request.accept_mimetypes.best_match(offers) if request.accept_mimetypes else offers[0]
    if best is None:
        raise NotAcceptable(f"The response is only available as {' or '.join(offers)}.{hint}")
    return best


def require_json() -> None:
    """Raise NotAcceptable if the client doesn't accept JSON."""
    if request.headers.get("Accept") not in (None, "*/*", JSON):
        choose(JSON)
