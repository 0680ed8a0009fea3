"""Gives each request an id and a line in the log, and each response the headers that all of them have."""

import logging
import random
import re
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

from service.config import Settings
from service.logs import RequestLog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REQUEST_ID = "fitserve.request_id"
"""The id's name in the WSGI environment."""
POSSIBLE_ID = re.compile(r"[\x21-\x7e]{1,128}")
QUIET_PATHS = ("/healthz", "/readyz")
"""What machines ask every few seconds; logged as debugging."""


class Tracing:
    """A WSGI app around the app. Flask's hooks do the same in several times the time."""

    def __init__(self, app: "WSGIApplication", settings: Settings) -> None:
        self._app = app
        self._log = RequestLog(settings, "api")

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        started = time.monotonic()
        given = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = given if POSSIBLE_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        environ[REQUEST_ID] = request_id
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

        def start(status: str, headers: list[tuple[str, str]], *exception: Any) -> Any:
            code, path = int(status[:3]), quote(environ["PATH_INFO"].encode("latin-1"), safe="/:")
            headers.append(("X-Request-ID", request_id))
            headers.append(("X-Content-Type-Options", "nosniff"))
            if not any(name == "Cache-Control" for name, _ in headers):
                headers.append(("Cache-Control", "no-store" if code >= 400 else "no-cache"))
            level = logging.DEBUG if path in QUIET_PATHS else logging.INFO
            milliseconds = round((time.monotonic() - started) * 1000, 1)
            self._log.write(level, environ["REQUEST_METHOD"], path, code, milliseconds, request_id)
            return start_response(status, headers, *exception)

        return self._app(environ, start)
