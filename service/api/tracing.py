"""Gives each request an id and a line in the log, and each response the headers that all of them have."""

import re
import secrets
import time
from urllib.parse import quote

import structlog
from flask import Flask, Response, g, request

REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")
QUIET_PATHS = ("/healthz", "/readyz")
"""What machines ask every few seconds; logged as debugging."""

log = structlog.get_logger()


def register(app: Flask) -> None:
    """Trace every request of the app."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
    g.started = time.monotonic()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store" if response.status_code >= 400 else "no-cache")
    if "preference_applied" in g and response.status_code < 400:
        response.headers["Preference-Applied"] = g.preference_applied
    log.log(
        10 if request.path in QUIET_PATHS else 20,
        "request",
        method=request.method,
        path=quote(request.path),
        status=response.status_code,
        milliseconds=round((time.monotonic() - g.started) * 1000, 1),
    )
    return response
