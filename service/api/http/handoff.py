"""What passes between the front and Flask: ids of requests, and what routes leave to the front to hold no thread."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from service.operations.idempotency import Claim

REQUEST_ID = "fitserve.request_id"
"""The name in the WSGI environment of the request's id."""
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
