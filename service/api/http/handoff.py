"""What passes between the front and Flask: request ids, and what routes hand over so that it occupies no thread."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from service.operations.idempotency import Claim

REQUEST_ID = "fitserve.request_id"
"""The name in the WSGI environment of the request's id."""
CALLER = "fitserve.caller"
"""The name in the WSGI environment of the request's caller."""
MEMORY = "fitserve.memory"
"""The name in the WSGI environment of the request's memory."""
HANDOFF = "fitserve.handoff"
"""The WSGI environment's key for what a route hands over: a Wait, a Follow or a Drawing."""
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


@dataclass(frozen=True)
class Drawing:
    """A picture that is the body of the response once it is drawn. The future may raise a ServiceError."""

    picture: Future[bytes]
