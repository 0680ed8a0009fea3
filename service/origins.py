"""Where a job comes from: the request that queued it, which the log and the traces of the job name."""

import re
import time
from contextvars import ContextVar
from dataclasses import dataclass

from models.documents import Document

TRACEPARENT = re.compile(
    r"(?!ff|00-.{53})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?"
)
"""W3C Trace Context, section 3.2: version, trace id, parent id, flags. Versions after 00 may append fields."""


@dataclass(frozen=True)
class Origin(Document):
    """The request that queued a job, as stored in the job's row."""

    request_id: str | None = None
    traceparent: str | None = None
    """The trace to which the job belongs and the request's place in it, in the form of W3C Trace Context."""
    tracestate: str | None = None
    """What other systems add to the trace, in the form of W3C Trace Context."""
    key_id: str | None = None
    project: str | None = None
    """The project's name when the job was queued; None for a caller without a key."""

    def describe(self) -> dict[str, str]:
        """What lines of the log say about the request; without what isn't known."""
        return describe(self.request_id, self.traceparent, self.key_id, self.project)


class Queueing:
    """What a request queues."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.began_at: int | None = None
        """When its whole body had been received, in nanoseconds since 1970."""
        self.job_id: str | None = None
        """The id of the last job that the request queued."""
        self.queued_at: int | None = None
        """When that was, in nanoseconds since 1970."""

    def note(self, job_id: str) -> None:
        """Record that the request queued a job."""
        self.job_id, self.queued_at = job_id, time.time_ns()


QUEUEING: ContextVar[Queueing | None] = ContextVar("queueing", default=None)
"""The request in whose context jobs are queued; None outside of requests."""


def find_trace_id(traceparent: str | None) -> str | None:
    """The id of the trace that a valid `traceparent` names; None for any other text."""
    found = None if traceparent is None else TRACEPARENT.fullmatch(traceparent)
    return None if found is None else found[1]


def describe(
    request_id: str | None, traceparent: str | None, key_id: str | None, project: str | None
) -> dict[str, str]:
    """What lines of the log say about a request; without what is None."""
    named = {} if request_id is None else {"request_id": request_id}
    if traceparent is not None and (trace_id := find_trace_id(traceparent)) is not None:
        named["trace_id"] = trace_id
    if key_id is not None:
        named["key_id"] = key_id
    if project is not None:
        named["project"] = project
    return named
