"""What a route leaves to the front, so that it holds no thread: waiting for a job, and following one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from service.api.http.media_types import EVENT_STREAM
from service.operations.idempotency import Claim

HANDOFF = "fitserve.handoff"
"""The name in the WSGI environment of what a route leaves to the front."""
RESUMED = "fitserve.resumed"
"""The name in the WSGI environment of the wait that is over."""
STREAM_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""No proxy may keep a stream, nor hold it back."""


class Wait(Exception):
    """Raised by a route whose client waits for a job: the front waits, then sends the request through again.

    `show` is called then, in place of the route, and returns what the route would return. `claim` is the request's
    idempotency key, which stays claimed meanwhile.
    """

    def __init__(self, job_id: str, seconds: float, show: Callable[[], Any]) -> None:
        super().__init__(job_id)
        self.job_id = job_id
        self.seconds = seconds
        self.show = show
        self.claim: Claim | None = None


@dataclass(frozen=True)
class Follow:
    """A job whose events after number `after` are streamed."""

    job_id: str
    after: int


def leave_wait(wait: Wait) -> Response:
    """Leave a wait to the front; what is answered here goes nowhere."""
    request.environ[HANDOFF] = wait
    return Response(status=202)


def leave_stream(job_id: str, after: int) -> Response:
    """Leave the stream of a job's events to the front, which sends it with the headers of this response."""
    request.environ[HANDOFF] = Follow(job_id, after)
    response = Response(iter(()), headers=STREAM_HEADERS)
    response.content_type = EVENT_STREAM
    response.vary.add("Accept")
    return response


def resumed() -> Wait | None:
    """The wait of this request, if it is over."""
    wait: Wait | None = request.environ.get(RESUMED)
    return wait
