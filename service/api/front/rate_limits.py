"""Rate limits: how many requests of a class a caller may send per window.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11, whose policies have the names of the classes.
"""

import asyncio
import math
import time
from typing import TYPE_CHECKING, Any, Protocol

from service.api.front.outages import Outages
from service.api.front.request import Request
from service.api.http.errors import RateLimited
from service.api.http.rate_classes import find_class
from service.config import Settings
from service.rates import DATABASE, MEMORY

if TYPE_CHECKING:
    from limits import RateLimitItem

    from service.api.front.rate_windows import SharedWindows

MORE_PROCESSES = 2
"""Processes that may count besides the usual ones, such as those that replace others."""
MOST_KEYS = 1000
MOST_QUERIES = 32
"""The requests that a process counts in Redis concurrently at most; others wait for a moment."""
QUERY_SECONDS = 0.25
"""How long a request waits for Redis at most."""

_shared: "SharedWindows | None" = None
"""The memory in which the processes count that are forked from this one; None if they don't."""


def share(settings: Settings) -> None:
    """Create the memory in which processes that are forked later count, if they need it."""
    global _shared
    if settings.rate_limits and settings.rate_limit_storage == MEMORY:
        from service.api.front.rate_windows import SharedWindows

        _shared = SharedWindows(settings.api_processes + MORE_PROCESSES)


class Counter(Protocol):
    """Counts requests."""

    async def count(self, key: str, seconds: int, amount: int) -> tuple[int, float] | None:
        """Count a request. Returns the requests of the key's window, which takes `seconds` and allows `amount` of them,
        and the seconds until its end; None if they can't be counted now."""

    async def close(self) -> None:
        """Close all connections."""


class MemoryCounter:
    """Counts in the memory that the api processes share."""

    def __init__(self, windows: "SharedWindows") -> None:
        self._windows = windows
        windows.join()

    async def count(self, key: str, seconds: int, amount: int) -> tuple[int, float]:
        """Count a request. See Counter."""
        return self._windows.count(key, seconds)

    async def close(self) -> None:
        """See Counter."""


class RedisCounter:
    """Counts in Redis, for the processes of several hosts. While it doesn't answer, requests aren't counted."""

    def __init__(self, url: str) -> None:
        from limits.aio.storage import RedisStorage
        from redis.asyncio import ConnectionPool

        # limits can't close the connections that it opens.
        pool: Any = ConnectionPool.from_url(url, max_connections=MOST_QUERIES)
        self._storage = RedisStorage(url, implementation="redispy", key_prefix="fitserve", connection_pool=pool)
        self._close_connections = pool.aclose
        errors = self._storage.base_exceptions
        self._errors: tuple[type[Exception], ...] = (*(errors if isinstance(errors, tuple) else (errors,)), OSError)
        self._permits = asyncio.Semaphore(MOST_QUERIES)
        self._outages = Outages("Redis")

    async def count(self, key: str, seconds: int, amount: int) -> tuple[int, float] | None:
        """Count a request. See Counter."""
        async with self._permits:
            if self._outages.is_pausing:
                return None
            try:
                async with asyncio.timeout(QUERY_SECONDS):
                    count = await self._storage.incr(key, seconds)
                    left = await self._storage.get_expiry(key) - time.time()
            except self._errors as error:
                self._outages.begin(error)
                return None
        self._outages.end()
        return count, left

    async def close(self) -> None:
        """See Counter."""
        await self._close_connections()


class Policy:
    """The limit of a class, and its header."""

    def __init__(self, name: str, rate: "RateLimitItem") -> None:
        self.name, self.rate = name, rate
        self.seconds = rate.get_expiry()
        self.header = (b"ratelimit-policy", f'"{name}";q={rate.amount};w={self.seconds}'.encode())
        self._keys: dict[str, str] = {}

    def describe(self, remaining: int, reset: int) -> tuple[bytes, bytes]:
        """The header with the requests that remain, and the seconds until the window ends."""
        return b"ratelimit", f'"{self.name}";r={remaining};t={reset}'.encode()

    def key_of(self, caller: str) -> str:
        """The key of a caller's window."""
        key = self._keys.get(caller)
        if key is None:
            if len(self._keys) >= MOST_KEYS:
                self._keys.clear()
            key = self._keys[caller] = self.rate.key_for(caller)
        return key


class RateLimits:
    """The limits of one process. It belongs to one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._policies = {name: Policy(name, rate) for name, rate in settings.rates.items()}
        self._counter = _make_counter(settings) if self._policies else None

    @property
    def has_any(self) -> bool:
        """Whether any class has a limit."""
        return self._counter is not None

    async def close(self) -> None:
        """Close the connections to what counts."""
        if self._counter is not None:
            await self._counter.close()

    async def count(self, request: Request, *, is_prediction: bool) -> None:
        """Count a request, and give its response the headers. Raises RateLimited if the limit is exceeded."""
        assert self._counter is not None
        name = find_class(request.method, request.path, is_prediction=is_prediction)
        policy = None if name is None else self._policies.get(name)
        if policy is None:
            return
        counted = await self._counter.count(policy.key_of(request.caller_id), policy.seconds, policy.rate.amount)
        if counted is None:
            return
        count, left = counted
        remaining, reset = max(0, policy.rate.amount - count), max(1, math.ceil(left))
        request.answer_headers = (policy.header, policy.describe(remaining, reset))
        if count > policy.rate.amount:
            # Otherwise a client that is still sending wouldn't receive the response.
            await request.discard()
            raise RateLimited(policy.name, policy.rate.amount, policy.seconds, reset)


def _make_counter(settings: Settings) -> Counter:
    if settings.rate_limit_storage == DATABASE:
        from service.api.front.database_counter import DatabaseCounter

        return DatabaseCounter(settings.database_url)
    if settings.rate_limit_storage != MEMORY:
        return RedisCounter(settings.rate_limit_storage)
    from service.api.front.rate_windows import SharedWindows

    return MemoryCounter(SharedWindows(1) if _shared is None else _shared)
