"""The spans of a job: its wait in the queue, what its supervisor does, and the phases that its child process reports.

The supervisor makes all of them: those of a child process that crashes are exported too, and no job waits for a
collector.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from service.origins import find_trace_id
from service.storage.records import Job
from service.tracing import Attributes, Span, Tracing

NANOSECONDS = 10**9


class JobSpans:
    """The spans of one execution of a job, in the trace of the request that queued it; none without `tracing`."""

    def __init__(self, tracing: Tracing | None, job: Job) -> None:
        self._tracing = tracing
        self._job = job
        self._supervising: Span | None = None
        self._process: Span | None = None
        self._phase: Span | None = None

    @contextlib.contextmanager
    def supervising(self, find_queued: Callable[[], datetime]) -> Iterator[dict[str, str]]:
        """Trace the block, which supervises the job, and the wait before it. `find_queued` says when that began.

        Yields what lines of the log say about the trace.
        """
        if self._tracing is None:
            yield {}
            return
        job, origin = self._job, self._job.origin
        named: Attributes = {
            "fitserve.job.id": job.id,
            "fitserve.job.kind": job.kind,
            "fitserve.job.attempt": job.attempt,
        }
        claimed_at, queued_at = time.time_ns(), int(find_queued().timestamp() * NANOSECONDS)
        self._tracing.begin("queue wait", origin, named, at=min(queued_at, claimed_at)).end(claimed_at)
        self._supervising = self._tracing.begin("supervise", origin, named, at=claimed_at)
        try:
            yield {"trace_id": find_trace_id(self._supervising.traceparent) or ""}
        finally:
            self.end_process()
            self._supervising.end()

    def begin_process(self, pid: int) -> None:
        """The child process was started."""
        if self._supervising is not None:
            self._process = self._supervising.begin("child process", {"process.pid": pid})

    def begin_phase(self, name: str, at: int) -> None:
        """The child process began a phase `at` nanoseconds since 1970."""
        if self._process is not None:
            self._end_phase(at)
            self._phase = self._process.begin(name, {}, at=at)

    def end_process(self) -> None:
        """The child process has sent its last message, or it crashed or was killed."""
        self._end_phase(None)
        if self._process is not None:
            self._process.end()
        self._process = None

    def _end_phase(self, at: int | None) -> None:
        if self._phase is not None:
            self._phase.end(at)
        self._phase = None

    @contextlib.contextmanager
    def concluding(self, name: str) -> Iterator[None]:
        """Trace the block, which records how the job ended."""
        if self._supervising is None:
            yield
            return
        span = self._supervising.begin(name, {})
        try:
            yield
        except Exception as error:
            span.fail(type(error).__name__)
            raise
        finally:
            span.end()

    def note_outcome(self, how: str, failure: dict[str, Any] | None = None) -> None:
        """Record how the job ended, and the `code` and `detail` of its failure."""
        if self._supervising is not None:
            self._supervising.describe({"fitserve.job.outcome": how})
            if failure is not None:
                self._supervising.fail(failure["code"], failure["detail"])
