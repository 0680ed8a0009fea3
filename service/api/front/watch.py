"""Tells coroutines when jobs change: one query for all jobs that the requests of a process wait for or follow."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Executor

import structlog

from service.operations.jobs.events import JobState

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.25
"""Seconds between two queries."""
SHARE = 20
"""How many times longer than a query the pause after it is, so that looking takes at most 5 % of a core."""

log = structlog.get_logger()

ReadStates = Callable[[Collection[str]], Mapping[str, JobState] | None]
"""Reads how jobs are; those that aren't there are left out. None while the database is away."""


class WatchedJob:
    """A job as it was last seen."""

    def __init__(self) -> None:
        self.state: JobState | None = None
        self.is_seen = False
        """Whether it was looked for yet: then no state says that there is no such job."""
        self.watchers = 0
        self.change = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether the job is final, or there is none."""
        return self.is_seen and (self.state is None or self.state.is_final)

    def update(self, state: JobState | None) -> None:
        if self.is_seen and state == self.state:
            return
        self.state, self.is_seen = state, True
        self.wake()

    def wake(self) -> None:
        """Have all that wait for a change look."""
        self.change.set()
        self.change = asyncio.Event()

    async def changed(self, seconds: float) -> None:
        """Wait for a change, `seconds` at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.change.wait(), seconds)


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
        """The job, kept up to date meanwhile."""
        job = self._jobs.setdefault(job_id, WatchedJob())
        job.watchers += 1
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            yield job
        finally:
            job.watchers -= 1
            if not job.watchers:
                del self._jobs[job_id]

    async def until_over(self, job_id: str, seconds: float) -> None:
        """Wait until a job is final or gone, the seconds are over, or the process ends."""
        deadline = time.monotonic() + seconds
        with self.watch(job_id) as job:
            while not (job.is_over or self.is_stopped) and (left := deadline - time.monotonic()) > 0:
                await job.changed(left)

    def stop(self) -> None:
        """End every wait and every stream, because the process ends."""
        self.is_stopped = True
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
