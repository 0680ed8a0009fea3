"""What the client accepts, against what a route can send."""

from flask import request

from service.api.http.errors import NotAcceptable
from service.api.http.media_types import JSON


def choose(*offers: str, hint: str = "") -> str:
    """The offer that the client's Accept prefers, the first where it doesn't care. Raises NotAcceptable."""
    best = request.accept_mimetypes.best_match(offers) if request.accept_mimetypes else offers[0]
    if best is None:
        raise NotAcceptable(f"This can be sent as {' or '.join(offers)} only.{hint}")
    return best


def require_json() -> None:
    """Raises NotAcceptable for a client that takes no JSON."""
    if request.headers.get("Accept") not in (None, "*/*", JSON):
        choose(JSON)
