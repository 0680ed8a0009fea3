"""Notices when the caller of an open stream is no longer allowed to read it: its key was revoked, or has expired."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Iterator

import structlog

from service.api.front.access import find_credentials
from service.api.front.request import Request
from service.api.http.errors import InvalidHeader
from service.errors import ScopeMissing, StorageError, Unauthenticated
from service.operations.access.key_ring import Credentials

CHECK_SECONDS = 0.5
"""The pause between two checks. Like any request, most of them find a remembered caller and read nothing."""
REFUSALS = (Unauthenticated, ScopeMissing, InvalidHeader)

log = structlog.get_logger()


class WatchedCaller:
    """The caller of open streams, and one of the requests for them."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.streams = 0
        self.is_refused = False


class CallerWatch:
    """The callers of a process's open streams. It belongs to one event loop.

    `check` checks the caller of a request, as it did when the request came. `wake` wakes the streams after a refusal.
    """

    def __init__(self, check: Callable[[Request], Awaitable[None]], wake: Callable[[], None]) -> None:
        self.check = check
        self._wake = wake
        self._callers: dict[Credentials, WatchedCaller] = {}
        self._checking: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watch(self, request: Request) -> Iterator[WatchedCaller]:
        """The caller of a request, who is checked again and again during the block."""
        key = find_credentials(request)
        caller = self._callers.setdefault(key, WatchedCaller(request))
        caller.streams += 1
        if self._checking is None:
            # It serves many requests, so it must not log with the id of the first.
            self._checking = asyncio.create_task(self._check_repeatedly(), context=contextvars.Context())
        try:
            yield caller
        finally:
            caller.streams -= 1
            if not caller.streams:
                del self._callers[key]

    async def _check_repeatedly(self) -> None:
        while self._callers:
            for caller in list(self._callers.values()):
                await self._check_again(caller)
            await asyncio.sleep(CHECK_SECONDS)
        self._checking = None

    async def _check_again(self, caller: WatchedCaller) -> None:
        try:
            await self.check(caller.request)
        except REFUSALS:
            caller.is_refused = True
            self._wake()
        except StorageError:
            pass  # nobody knows whether the caller is still allowed; the next check may tell
        except Exception as error:
            log.error("the caller of a stream can't be checked", exc_info=error)
