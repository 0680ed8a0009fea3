"""Answers browsers whose pages come from another origin, for the origins that the operator allows."""

from collections.abc import Sequence

from service.api.front.request import Application

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
EXPOSED_HEADERS = (
    "ETag", "Link", "Location", "Preference-Applied", "Retry-After", "X-Request-ID", "Idempotency-Replayed",
    "Content-Disposition", "Content-Range", "Inference-Header-Content-Length",
)  # fmt: skip
"""The headers of answers that scripts may read."""


def allow_origins(app: Application, origins: Sequence[str]) -> Application:
    """The app with CORS for these origins; as it is without any, which costs nothing."""
    if not origins:
        return app
    from starlette.middleware.cors import CORSMiddleware

    return CORSMiddleware(
        app, allow_origins=origins, allow_methods=METHODS, allow_headers=["*"], expose_headers=EXPOSED_HEADERS
    )
