"""CORS: lets web pages of the origins that the operator allows use the service."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from service.api.front.answers import Answer
from service.api.front.request import Application, Request

if TYPE_CHECKING:
    from starlette.middleware.cors import CORSMiddleware

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
EXPOSED_HEADERS = (
    "ETag", "Link", "Location", "Preference-Applied", "Retry-After", "X-Request-ID", "Idempotency-Replayed",
    "Content-Disposition", "Content-Range", "Inference-Header-Content-Length", "RateLimit", "RateLimit-Policy",
    "WWW-Authenticate", "Fitserve-Variant",
)  # fmt: skip
"""The response headers that scripts may read."""


class Cors:
    """The CORS rules of one process. Without allowed origins it costs nothing."""

    def __init__(self, app: Application, origins: Sequence[str]) -> None:
        self.app: Application = app
        """The app, which adds CORS headers to its responses if any origins are allowed."""
        self._middleware: CORSMiddleware | None = None
        if origins:
            from starlette.middleware import cors

            self.app = self._middleware = cors.CORSMiddleware(
                app, allow_origins=origins, allow_methods=METHODS, allow_headers=["*"], expose_headers=EXPOSED_HEADERS
            )

    def is_preflight(self, request: Request) -> bool:
        """Whether a browser asks what a page of another origin may do."""
        is_asked = request.method == "OPTIONS" and "access-control-request-method" in request.headers
        # Without an Origin header, CORSMiddleware passes the request on to the app instead of answering it.
        return is_asked and "origin" in request.headers and self._middleware is not None

    async def answer_preflight(self, request: Request) -> Answer:
        """The response to such a request."""
        assert self._middleware is not None
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await self._middleware(request.scope, request.receive, send)
        start, content = sent
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
        return Answer(start["status"], headers, content["body"])
