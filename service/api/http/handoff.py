"""Hands waits and event streams over to the ASGI app, where they occupy no thread."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from service.api.http.media_types import EVENT_STREAM
from service.operations.idempotency import Claim

HANDOFF = "fitserve.handoff"
"""The WSGI environment's key for what a route hands over: a Wait or a Follow."""
RESUMED = "fitserve.resumed"
"""The WSGI environment's key for the wait that has ended."""
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Proxies must neither store a stream nor buffer it."""


class Wait(Exception):
    """Raised by a route whose client waits for a job. The ASGI app waits, then passes the request to the route again.

    The second time, `show` is called instead of the route and returns what the route would return. `claim` is the
    claim of the request's idempotency key, which lasts during the wait.
    """

    def __init__(self, job_id: str, seconds: float, show: Callable[[], Any]) -> None:
        super().__init__(job_id)
        self.job_id = job_id
        self.seconds = seconds
        self.show = show
        self.claim: Claim | None = None


@dataclass(frozen=True)
class Follow:
    """A job whose events after the number `after` are streamed."""

    job_id: str
    after: int


def leave_wait(wait: Wait) -> Response:
    """Hand a wait over to the ASGI app, which discards this response."""
    request.environ[HANDOFF] = wait
    return Response(status=202)


def leave_stream(job_id: str, after: int) -> Response:
    """Hand the stream of a job's events over to the ASGI app, which sends it with the headers of this response."""
    request.environ[HANDOFF] = Follow(job_id, after)
    response = Response(iter(()), headers=STREAM_HEADERS)
    response.content_type = EVENT_STREAM
    response.vary.add("Accept")
    return response


def resumed() -> Wait | None:
    """The wait of this request if it has ended, else None."""
    wait: Wait | None = request.environ.get(RESUMED)
    return wait
