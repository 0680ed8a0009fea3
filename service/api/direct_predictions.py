"""Answers plain predictions in front of Flask, whose contexts and routing take longer than a small one of them.

These are POSTs of JSON or of tensors, with a length and without a query, to the paths of the three protocols. Whatever
asks for more is left to the app, and so is every error: the app raises it in its own handling of the request.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Flask, request
from werkzeug.exceptions import ClientDisconnected

from service.api.http.compression import GZIP, SMALLEST, gzip_text, prefers_gzip
from service.api.http.links import MODELS
from service.api.http.media_types import JSON
from service.api.http.replies import Reply
from service.api.inference import native, open_inference, tensorflow_serving
from service.api.inference.plane import Dialect, InferenceRequest, answer
from service.operations.inference.predictions import PredictionService, Wanted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEADER_LENGTH = f"HTTP_{open_inference.HEADER_LENGTH_KEY.upper().replace('-', '_')}"
ERROR = "fitserve.error"
"""The name in the WSGI environment of an error that the app shall answer."""
PLAIN_ACCEPTS = (None, "*/*", JSON)
NAME, NUMBER, DIGITS = r"(?P<name>[A-Za-z0-9._-]+)", r"(?P<version>[1-9][0-9]{0,8})", r"(?P<version>[0-9]{1,9})"
LABEL = r"/labels/(?P<label>[A-Za-z0-9._-]+)"


class Route(NamedTuple):
    """A path, the dialect that answers there, and whether the request's types matter to it."""

    path: re.Pattern[str]
    dialect: Callable[[int], Dialect[Any]]
    minds_types: bool


ROUTES = (
    Route(re.compile(rf"{MODELS}/{NAME}(?:/versions/{NUMBER}|{LABEL})?/predictions"), native.Native, minds_types=True),
    Route(
        re.compile(rf"{MODELS}/{NAME}(?:/versions/{DIGITS}|{LABEL})?:predict"),
        tensorflow_serving.Predict,
        minds_types=False,
    ),
    Route(
        re.compile(rf"/v2/models/{NAME}(?:/versions/{DIGITS})?/infer"),
        open_inference.Infer,
        minds_types=False,
    ),
)


def register(app: Flask, service: PredictionService) -> None:
    """Have the plain predictions of an app answered directly."""
    app.wsgi_app = DirectPredictions(app.wsgi_app, service)  # type: ignore[method-assign]
    app.before_request(_raise_error)


def _raise_error() -> None:
    """Raise what a direct prediction has raised already, where the app's handlers of errors answer it."""
    error: Exception | None = request.environ.get(ERROR)
    if error is not None:
        raise error


class DirectPredictions:
    """A WSGI app around the app."""

    def __init__(self, app: "WSGIApplication", service: PredictionService) -> None:
        self._app = app
        self._service = service

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        length = self._plain_length(environ)
        if length is not None:
            path = environ["PATH_INFO"]
            for route in ROUTES:
                match = route.path.fullmatch(path)
                if match is not None and not (route.minds_types and not _has_plain_types(environ)):
                    return self._answer(route, match, length, environ, start_response)
        return self._app(environ, start_response)

    def _plain_length(self, environ: "WSGIEnvironment") -> int | None:
        """The length of a body that may be read as it is."""
        if environ["REQUEST_METHOD"] != "POST" or environ.get("QUERY_STRING") or "HTTP_CONTENT_ENCODING" in environ:
            return None
        given = environ.get("CONTENT_LENGTH", "")
        length = int(given) if given.isascii() and given.isdigit() and "HTTP_TRANSFER_ENCODING" not in environ else 0
        return length if 0 < length <= self._service.settings.max_body_bytes else None

    def _answer(
        self,
        route: Route,
        match: re.Match[str],
        length: int,
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
    ) -> Iterable[bytes]:
        try:
            asked = InferenceRequest(_find_wanted(match), _read(environ, length), _find_headers(environ))
            with self._service.admit(length):
                reply = answer(self._service, route.dialect(self._service.settings.max_json_depth), asked)
        except Exception as error:
            environ[ERROR] = error
            return self._app(environ, start_response)
        return _send(reply, environ, start_response)


def _read(environ: "WSGIEnvironment", length: int) -> bytes:
    """The whole body. Raises ClientDisconnected."""
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except OSError:
        raise ClientDisconnected from None
    if len(body) < length:
        raise ClientDisconnected
    return body


def _has_plain_types(environ: "WSGIEnvironment") -> bool:
    return environ.get("CONTENT_TYPE") == JSON and environ.get("HTTP_ACCEPT") in PLAIN_ACCEPTS


def _find_wanted(match: re.Match[str]) -> Wanted:
    parts = match.groupdict()
    version = parts["version"]
    return Wanted(parts["name"], None if version is None else int(version), parts.get("label"))


def _find_headers(environ: "WSGIEnvironment") -> dict[str, str]:
    """The headers that matter to a dialect."""
    headers = {"content-type": environ.get("CONTENT_TYPE", "")}
    if HEADER_LENGTH in environ:
        headers[open_inference.HEADER_LENGTH_KEY] = environ[HEADER_LENGTH]
    return headers


def _send(reply: Reply, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Send a reply, compressed as the app would compress it."""
    content = reply.content
    headers = [("Content-Type", reply.media_type), *reply.headers.items()]
    accepted = environ.get("HTTP_ACCEPT_ENCODING")
    if accepted is not None and len(content) > SMALLEST:
        headers.append(("Vary", "Accept-Encoding"))
        if prefers_gzip(accepted):
            content = gzip_text(content)
            headers.append(("Content-Encoding", GZIP))
    start_response("200 OK", [*headers, ("Content-Length", str(len(content)))])
    return [content]
