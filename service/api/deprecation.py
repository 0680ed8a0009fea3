"""Says in every answer of a route that it is going away: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594)."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from functools import wraps
from typing import Any

from flask import Response, after_this_request
from werkzeug.http import http_date

Handler = Callable[..., Any]

HEADERS = {
    "Deprecation": {
        "description": "Since when the route is deprecated: `@` and the seconds since 1970 (RFC 9745).",
        "schema": {"type": "string", "pattern": "^@-?[0-9]{1,15}$"},
    },
    "Sunset": {
        "description": "From when on the route may be gone (RFC 8594).",
        "schema": {"type": "string", "maxLength": 64},
    },
}
"""For the OpenAPI document."""


def deprecated(
    since: datetime, *, sunset: datetime | None = None, successor: str | None = None, notes: str | None = None
) -> Callable[[Handler], Handler]:
    """Mark a handler as deprecated since a moment, in all that it answers and in the OpenAPI document.

    `sunset` is when it may go, `successor` the URL of what to use instead, `notes` that of a page that tells more.
    It stands right below the route:

        @blueprint.get("/v1/old")
        @deprecated(datetime(2027, 1, 1, tzinfo=UTC), sunset=datetime(2027, 7, 1, tzinfo=UTC), successor="/v1/new")
        @blueprint.resource(OldSchema)

    Raises ValueError for a moment without a time zone, and a sunset before the deprecation.
    """
    moments = [since] if sunset is None else [since, sunset]
    if any(moment.tzinfo is None for moment in moments) or moments != sorted(moments):
        raise ValueError("a deprecation needs times with a zone, and its sunset comes after it")
    headers = {"Deprecation": f"@{int(since.timestamp())}"}
    if sunset is not None:
        headers["Sunset"] = http_date(sunset)
    links = [f'<{url}>; rel="{rel}"' for url, rel in ((successor, "successor-version"), (notes, "deprecation")) if url]

    def announce(response: Response) -> Response:
        response.headers.update(headers)
        for link in links:
            response.headers.add("Link", link)
        return response

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            after_this_request(announce)
            return handler(*args, **kwargs)

        wrapper._apidoc = _document(handler, headers)  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _document(handler: Handler, headers: dict[str, str]) -> dict[str, Any]:
    documentation: dict[str, Any] = deepcopy(getattr(handler, "_apidoc", {}))
    documentation.setdefault("manual_doc", {})["deprecated"] = True
    described = {name: HEADERS[name] for name in headers}
    for responses in documentation.get("response", {}).get("responses", {}).values():
        for response in responses:
            response["headers"] = response.get("headers", {}) | described
    return documentation
