"""Notes the requests that change something, and those that are refused, as audit events.

They are written in batches by a thread, so that no request waits for it. A flood of refused requests becomes a few
events that say how many requests they stand for.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from service.api.front.request import Request
from service.context import Context
from service.errors import StorageError
from service.logs import mask_keys
from service.operations.access import audit
from service.storage.identifiers import new_identifier

REFUSED = frozenset((401, 403, 421, 429))
"""The statuses of refused requests, which are noted whatever they ask for."""
NOBODY = (401, 421)
"""The statuses of requests whose caller isn't known, so that they concern no project."""
FLUSH_SECONDS = 0.5
"""The time between two writes, at least."""
SUMMARY_SECONDS = 5.0
RETRY_SECONDS = 5.0
CLOSE_SECONDS = 3.0
"""How long the end of the process waits for the last write, at most."""
BURST, BURST_PER_SECOND = 500, 5.0
"""The failed requests that get an event of their own: at once, and per second after those."""
MOST_SUMMARIES = 50
"""The events of one summary. More different requests are summarized without saying by whom."""
MOST_WAITING = 20_000
"""The events that wait while the database is unavailable, at most. The oldest are dropped, and the log says it."""
LONGEST_PATH = 1000

log = structlog.get_logger()

Event = dict[str, Any]
"""The columns of an AuditEvent. Its route is found when it is written."""


class Audit:
    """The audit events of one process. It belongs to one event loop, apart from its thread."""

    def __init__(self, context: Context, find_route: Callable[[str, str], str | None]) -> None:
        self._record = partial(audit.record, context)
        self._find_route = find_route
        self._pool = ThreadPoolExecutor(1, "audit")
        self._waiting: deque[Event] = deque()
        self._alike: dict[tuple[Any, ...], Event] = {}
        self._scheduled: asyncio.TimerHandle | None = None
        self._is_writing = False
        self._write_at = self._summary_at = 0.0
        self._left, self._refilled_at = float(BURST), time.monotonic()

    def note(self, request: Request, status: int) -> None:
        """Note a request that was answered with the status."""
        event = _describe(request, status)
        if status < 400 or self._may_stand_alone():
            self._waiting.append(event)
        else:
            self._summarize(event)
        self._schedule()

    def _may_stand_alone(self) -> bool:
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._refilled_at) * BURST_PER_SECOND)
        self._refilled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _summarize(self, event: Event) -> None:
        if not self._alike:
            self._summary_at = time.monotonic() + SUMMARY_SECONDS
        status, method = event["status"], event["method"]
        key: tuple[Any, ...] = (status, method, event["key_id"], event["project"], event["address"])
        if key not in self._alike and len(self._alike) >= MOST_SUMMARIES:
            key = (status,)
            unshared = dict.fromkeys(("address", "method", "resource", "request_id"), "")
            event |= unshared | {"key_id": None, "project": None, "route": None}
        counted = self._alike[key]["count"] if key in self._alike else 0
        self._alike[key] = event | {"count": counted + 1}

    def _schedule(self) -> None:
        """Write soon, unless that is scheduled, or being done."""
        if self._is_writing or not (self._waiting or self._alike):
            return
        due = self._write_at if self._waiting else max(self._write_at, self._summary_at)
        loop, now = asyncio.get_running_loop(), time.monotonic()
        if self._scheduled is not None:
            self._scheduled.cancel()
        self._scheduled = loop.call_later(max(0.0, due - now), self._start)

    def _start(self) -> None:
        self._scheduled = None
        self._is_writing = True
        batch = self._take(with_summary=time.monotonic() >= self._summary_at)
        writing = asyncio.get_running_loop().run_in_executor(self._pool, self._write, batch)
        writing.add_done_callback(lambda _: self._end())

    def _end(self) -> None:
        self._is_writing = False
        self._schedule()

    def _take(self, *, with_summary: bool) -> list[Event]:
        batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if with_summary:
            batch += self._alike.values()
            self._alike = {}
        return batch

    def _write(self, batch: Sequence[Event]) -> None:
        """Write events, in the thread. If that fails, they wait for the next attempt."""
        self._write_at = time.monotonic() + FLUSH_SECONDS
        if not batch:
            return
        for event in batch:
            if "route" not in event:
                event["route"] = self._find_route(event["method"], event["resource"])
        try:
            self._record(batch)
        except StorageError as error:
            log.warning("audit events were not written, and are kept", events=len(batch), detail=error.detail)
            self._write_at = time.monotonic() + RETRY_SECONDS
            self._waiting.extendleft(reversed(batch))
            self._drop_oldest()
        except Exception as error:  # an error of this code must not end the writing
            log.error("audit events were lost", events=len(batch), exc_info=error)

    def _drop_oldest(self) -> None:
        excess = len(self._waiting) - MOST_WAITING
        for _ in range(excess):
            self._waiting.popleft()
        if excess > 0:
            log.error("audit events were lost", events=excess)

    def close(self) -> None:
        """Write everything that is left. Waits at most CLOSE_SECONDS."""
        if self._scheduled is not None:
            self._scheduled.cancel()
        self._is_writing = True
        last = self._pool.submit(lambda: self._write(self._take(with_summary=True)))
        self._pool.shutdown(wait=False)
        try:
            last.result(CLOSE_SECONDS)
        except TimeoutError:
            log.error("audit events may be lost: the last write takes too long")
        if self._waiting:
            log.error("audit events were lost", events=len(self._waiting))


def _describe(request: Request, status: int) -> Event:
    caller = request.caller
    return {
        "id": new_identifier("ae"),
        "at": datetime.now(UTC),
        "key_id": caller.key_id,
        "project": None if status in NOBODY else caller.project,
        "address": request.address,
        "method": request.method[:20],
        # PostgreSQL stores no NUL.
        "resource": mask_keys(request.path[:LONGEST_PATH]).replace("\0", "\ufffd"),
        "status": status,
        "request_id": request.id,
        "count": 1,
    }
