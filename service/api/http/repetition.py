"""Requests whose change the database aborted because of concurrent ones, as in a deadlock, are handled again."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import request

from service.api.http.media_types import FORM
from service.api.http.state import service_context


def repeated_if_aborted(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Call the handler again if its first write was aborted. The files of a form can't be read again."""

    @wraps(handler)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if request.mimetype == FORM:
            return handler(*args, **kwargs)

        def handle() -> Any:
            _rewind()
            return handler(*args, **kwargs)

        return service_context().database.repeat_if_aborted(handle)

    return wrapper


def _rewind() -> None:
    """Let the body be read from its beginning. At the end of a wait there is none any more, and nobody reads it."""
    body = request.environ["wsgi.input"]
    if not body.closed:
        body.seek(0)
    vars(request).pop("stream", None)  # Flask's view of the body, which may be at its end
