"""A job's events as server-sent events (HTML standard, section 9.2). Each stream is a coroutine and holds no thread."""

import asyncio
import contextvars
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager

import orjson

from service.api.front.caller_watch import WatchedCaller
from service.api.front.watch import JobWatch
from service.config import Settings
from service.errors import Overloaded
from service.operations.metrics.counted import EVENT_LAGS, NANOSECONDS
from service.storage.records import Event

HEARTBEAT = b": heartbeat\n\n"
HEARTBEAT_SECONDS = 15.0
RETRY_SECONDS = 1.0
"""How long to wait before reading events again after the database was unavailable."""
REMEMBERED_SECONDS = 0.5
"""How long a batch is cached for other streams of the same job, which need it at almost the same time."""

ReadEvents = Callable[[str, int], Sequence[Event] | None]
"""Reads a batch of a job's events after a number; None if the database is unavailable."""
Batch = tuple[int, bytes, float]
"""The number of the last event, the encoded events, and the time of the first one in seconds since 1970."""


class StreamPermits:
    """Limits the streams of one process: all together, and those of each client address and of each key.

    It belongs to one event loop.
    """

    def __init__(self, most: int, most_per_client: int) -> None:
        self._most = most
        self._most_per_client = most_per_client
        self._open: Counter[str] = Counter()
        self._total = 0

    def __len__(self) -> int:
        """The number of open streams."""
        return self._total

    def take(self, clients: Collection[str]) -> None:
        """Count a stream until `give`: to its address, and to its key if it has one. Raises Overloaded."""
        for client in clients:
            if self._open[client] >= self._most_per_client:
                raise _too_many(f"{client or 'The client'} has {self._most_per_client:,} event streams")
        if self._total >= self._most:
            raise _too_many(f"There are {self._most:,} event streams")
        self._open.update(clients)
        self._total += 1

    def give(self, clients: Collection[str]) -> None:
        """A stream to them has ended."""
        self._open.subtract(clients)
        self._total -= 1
        for client in clients:
            if not self._open[client]:
                del self._open[client]


class EventStreams:
    """The streams of one process. It belongs to one event loop; `pool` reads the events."""

    def __init__(self, settings: Settings, watch: JobWatch, read: ReadEvents, pool: Executor) -> None:
        self.permits = StreamPermits(settings.max_streams, settings.max_streams_per_address)
        self._seconds = settings.stream_seconds
        self._watch = watch
        self._read = read
        self._pool = pool
        self._batches: dict[tuple[str, int], asyncio.Task[Batch | None]] = {}

    async def follow(
        self, job_id: str, after: int, watched: AbstractContextManager[WatchedCaller]
    ) -> AsyncGenerator[bytes, None]:
        """The events of a job after number `after`, with a heartbeat if there are none for HEARTBEAT_SECONDS.

        Ends after the job's final status, if the job is deleted, if the `watched` caller is refused, if the process
        shuts down, and after `stream_seconds`: the client then reconnects.
        """
        wrote_at, opened_at = -HEARTBEAT_SECONDS, time.time()
        ends_at = time.monotonic() + self._seconds
        with watched as caller, self._watch.watch(job_id) as job:
            while not (self._watch.is_stopped or caller.is_refused) and time.monotonic() < ends_at:
                if not job.is_seen:
                    await job.changed(min(HEARTBEAT_SECONDS, ends_at - time.monotonic()))
                is_behind = job.state is not None and job.state.last_seq > after
                batch = await self._next_batch(job_id, after) if is_behind else None
                if batch is not None:
                    after, text, happened_at = batch
                    yield text
                    wrote_at = time.monotonic()
                    if happened_at >= opened_at:  # otherwise the client asked for it later
                        EVENT_LAGS.count((), max(0, int((time.time() - happened_at) * NANOSECONDS)))
                elif job.is_over and not is_behind:
                    return
                else:
                    if time.monotonic() >= wrote_at + HEARTBEAT_SECONDS:
                        yield HEARTBEAT
                        wrote_at = time.monotonic()
                    left = min(wrote_at + HEARTBEAT_SECONDS, ends_at) - time.monotonic()
                    await job.changed(min(left, RETRY_SECONDS) if is_behind else left)

    async def _next_batch(self, job_id: str, after: int) -> Batch | None:
        """The next events, read once for all streams at the same position."""
        key = (job_id, after)
        reading = self._batches.get(key)
        if reading is None:
            reading = self._batches[key] = asyncio.create_task(
                self._read_batch(job_id, after), context=contextvars.Context()
            )
            reading.add_done_callback(lambda _: self._forget_soon(key))
        return await asyncio.shield(reading)

    def _forget_soon(self, key: tuple[str, int]) -> None:
        asyncio.get_running_loop().call_later(REMEMBERED_SECONDS, self._batches.pop, key, None)

    async def _read_batch(self, job_id: str, after: int) -> Batch | None:
        events = await asyncio.get_running_loop().run_in_executor(self._pool, self._read, job_id, after)
        return (events[-1].seq, b"".join(map(_encode, events)), events[0].at.timestamp()) if events else None


def _too_many(count: str) -> Overloaded:
    return Overloaded(f"{count}, which is the limit. Close one, or retry later.", retry_after=5)


def _encode(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.type.encode(), orjson.dumps(event.data))
