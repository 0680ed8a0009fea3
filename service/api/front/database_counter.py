"""Counts requests in the database, for the processes of several hosts.

A statement per request would make every request wait, and write a row each time. So a process counts in its memory,
and adds that to the database ten times a second, in one statement for all callers: it merges. Until a request is
merged, other processes don't know of it. A process admits at most amount // SHARE requests of a caller that aren't
merged; beyond those, a request waits until it is merged, and so does the first one of a window. Therefore N processes
admit at most `amount + (N - 1) * (amount // SHARE)` requests in a window.

The reason: consider the merge that was the last one after which the database had less than the limit. Its process
admits no more than the limit leaves of the count that it learned, and a request that waits is admitted by its place in
the database. Each other process has admitted at most amount // SHARE requests that this count doesn't include, because
its next merge tells it that the limit is reached.

`limits` has storages too, but their interface adds to one key and returns its count.
"""

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

from service.api.front.outages import Outages
from service.storage.rate_counts import Added, Counted, RateCounts

SHARE = 100
"""The part of a limit that a process may admit before it is merged is one of so many."""
MERGE_SECONDS = 0.1
"""The pause between two merges, unless a request waits for the next one."""
WAIT_SECONDS = 0.25
"""How long a request waits for the database at most."""
MOST_WINDOWS = 2**15
"""The windows that a process remembers at most."""
UNKNOWN = Counted(0, 0)


class _Window:
    """A caller's window, as this process knows it."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.ends_at = 0.0
        """On the monotonic clock; in the past while that isn't known."""
        self.total = 0
        """The requests of all processes in the database, after the latest merge."""
        self.added = self.merged = 0
        """The requests of this process so far, and how many of them the latest merge included."""

    @property
    def unmerged(self) -> int:
        """The requests that other processes don't know."""
        return self.added - self.merged

    @property
    def count(self) -> int:
        """The requests of all processes, as far as this one knows."""
        return self.total + self.unmerged


class _Batch:
    """The windows of a merge, and for the requests that wait for it, whether the database answered."""

    def __init__(self) -> None:
        self.windows: dict[str, _Window] = {}
        self.is_urgent = asyncio.Event()
        self.outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()


class DatabaseCounter:
    """Counts in the database. While it doesn't answer, requests aren't counted."""

    def __init__(self, url: str) -> None:
        self._counts = RateCounts(url)
        self._thread = ThreadPoolExecutor(1, "rate-limits")
        self._outages = Outages("The database")
        self._windows: dict[str, _Window] = {}
        self._next: _Batch | None = None
        self._merging: asyncio.Task[None] | None = None

    async def count(self, key: str, seconds: int, amount: int) -> tuple[int, float] | None:
        """Count a request. See Counter."""
        if self._outages.is_pausing:
            return None
        now = time.monotonic()
        window = self._windows.get(key) or self._remember(key, seconds)
        is_known = window.ends_at > now
        if is_known and window.count >= amount:
            return amount + 1, window.ends_at - now  # every process refuses it without the database
        window.added += 1
        batch = self._plan(key, window)
        if is_known and window.unmerged <= amount // SHARE:
            return window.count, window.ends_at - now
        batch.is_urgent.set()
        return await self._wait(window, batch)

    async def close(self) -> None:
        """Merge what was counted, and close the connection."""
        if self._next is not None:
            self._next.is_urgent.set()
        if (merging := self._merging) is not None:
            await asyncio.wait([merging], timeout=WAIT_SECONDS)
            merging.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._counts.close()

    def _remember(self, key: str, seconds: int) -> _Window:
        if len(self._windows) >= MOST_WINDOWS:
            # The database has the others: their next request waits for it.
            self._windows = {key: window for key, window in self._windows.items() if window.unmerged}
        window = self._windows[key] = _Window(seconds)
        return window

    def _plan(self, key: str, window: _Window) -> _Batch:
        """The next batch, with this window."""
        if self._next is None:
            self._next = _Batch()
        self._next.windows[key] = window
        if self._merging is None:
            self._merging = asyncio.create_task(self._merge_all())
        return self._next

    async def _wait(self, window: _Window, batch: _Batch) -> tuple[int, float] | None:
        place = window.added
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                is_merged = await asyncio.shield(batch.outcome)
        except TimeoutError as error:
            self._outages.begin(error)
            return None
        if not is_merged:
            return None
        return window.total - (window.merged - place), window.ends_at - time.monotonic()

    async def _merge_all(self) -> None:
        """Merge batches until nothing is left to merge."""
        while (batch := self._next) is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MERGE_SECONDS):
                    await batch.is_urgent.wait()
            self._next = None
            batch.outcome.set_result(await self._merge(batch))
        self._merging = None

    async def _merge(self, batch: _Batch) -> bool:
        """Whether the database answered. Without an answer the requests of the batch aren't counted."""
        began, windows = time.monotonic(), batch.windows
        merged = {key: window.added for key, window in windows.items()}
        added = {key: Added(window.unmerged, window.seconds) for key, window in windows.items()}
        counted: dict[str, Counted] = {}
        try:
            counted = await asyncio.get_running_loop().run_in_executor(self._thread, self._counts.add, added)
        except Exception as error:  # whatever it is: a limit must not stop the service
            self._outages.begin(error)
        else:
            self._outages.end()
        for key, window in windows.items():
            window.merged = merged[key]
            window.total, milliseconds = counted.get(key, UNKNOWN)
            window.ends_at = began + milliseconds / 1000
        return bool(counted)
