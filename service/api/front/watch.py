"""Notifies coroutines when jobs change. One query polls all jobs that requests of a process wait for or follow."""

import asyncio
import contextlib
import contextvars
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor

import structlog

from service.operations.jobs.events import JobState

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""The limits of the pause between two queries, in seconds."""
GONE_SECONDS = 2.0
"""How often a wait checks whether its client has left."""
SHARE = 20
"""The pause after a query is SHARE times the query's duration, so that polling takes at most 5 % of a core."""

log = structlog.get_logger()

ReadStates = Callable[[Collection[str]], Mapping[str, JobState] | None]
"""Reads the states of those jobs that exist; None if the database is unavailable."""


class WatchedJob:
    """The last known state of a job."""

    def __init__(self) -> None:
        self.state: JobState | None = None
        self.is_seen = False
        """Whether the job has been polled. If so and `state` is None, the job doesn't exist."""
        self.watchers = 0
        self.change = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the job is final or doesn't exist."""
        return self.is_seen and (self.state is None or self.state.is_final)

    def update(self, state: JobState | None) -> None:
        if self.is_seen and state == self.state:
            return
        self.state, self.is_seen = state, True
        self.wake()

    def wake(self) -> None:
        """Wake all coroutines that wait for a change."""
        self.change.set()
        self.change = asyncio.Event()

    async def changed(self, seconds: float) -> None:
        """Wait for a change, at most `seconds`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.change.wait()


class JobWatch:
    """The jobs that a process watches. It belongs to one event loop; `pool` runs the queries."""

    def __init__(self, read: ReadStates, pool: Executor) -> None:
        self._read = read
        self._pool = pool
        self._jobs: dict[str, WatchedJob] = {}
        self._polling: asyncio.Task[None] | None = None
        self.is_stopped = False

    @contextlib.contextmanager
    def watch(self, job_id: str) -> Iterator[WatchedJob]:
        """The job, whose state is kept up to date during the block."""
        job = self._jobs.setdefault(job_id, WatchedJob())
        job.watchers += 1
        if self._polling is None:
            # It serves many requests, so it must not log with the id of the first.
            self._polling = asyncio.create_task(self._poll(), context=contextvars.Context())
        try:
            yield job
        finally:
            job.watchers -= 1
            if not job.watchers:
                del self._jobs[job_id]

    async def until_over(self, job_id: str, seconds: float, is_gone: Callable[[], bool]) -> None:
        """Wait until a job is final or deleted, `seconds` have passed, the client has left or the process ends."""
        deadline = time.monotonic() + seconds
        with self.watch(job_id) as job:
            while not (job.is_over or self.is_stopped or is_gone()) and (left := deadline - time.monotonic()) > 0:
                await job.changed(min(left, GONE_SECONDS))

    def stop(self) -> None:
        """End all waits and streams, because the process shuts down."""
        self.is_stopped = True
        self.wake()

    def wake(self) -> None:
        """Wake everything that waits for a job or follows one, so that it looks whether it may go on."""
        for job in self._jobs.values():
            job.wake()

    async def _poll(self) -> None:
        while self._jobs and not self.is_stopped:
            started = time.monotonic()
            try:
                await self._look(list(self._jobs))
            except Exception as error:
                log.error("watched jobs can't be read", exc_info=error)
            pause = SHARE * (time.monotonic() - started)
            await asyncio.sleep(min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE))
        self._polling = None

    async def _look(self, job_ids: list[str]) -> None:
        states = await asyncio.get_running_loop().run_in_executor(self._pool, self._read, job_ids)
        if states is None:
            return
        for job_id in job_ids:
            job = self._jobs.get(job_id)
            if job is not None:
                job.update(states.get(job_id))
