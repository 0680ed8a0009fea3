"""Fair turns: predictions that wait are computed in an order in which callers share the time.

The order is that of start-time fair queueing (Goyal, Vin and Cheng, "Start-time fair queueing", 1996). A prediction
starts, in virtual time, when the caller's previous one ends, but not before the one that was computed last. It ends
after the seconds that it is expected to take. The prediction that starts first is next. A caller that has sent little
therefore waits for the one prediction that is being computed, however many others wait.
"""

import asyncio
import heapq
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from itertools import count
from typing import Any, Generic, NamedTuple, TypeVar

from service.operations.inference.admission import Permit

Result = TypeVar("Result")

ACTIVE_SECONDS = 10.0
"""How long after a change of callers a process counts as shared."""
MOST_CALLERS = 1000
"""The callers whose ends are remembered at most while predictions wait."""


class Sharing:
    """Whether several callers use this process. While there is only one, turns would only cost time."""

    def __init__(self) -> None:
        self._last: str | None = None
        self._until = 0.0

    def note(self, caller: str) -> bool:
        """Record a prediction of a caller. Returns whether there were several callers lately."""
        if caller != self._last:
            if self._last is not None:
                self._until = time.monotonic() + ACTIVE_SECONDS
            self._last = caller
        return self._until > 0 and time.monotonic() < self._until


class Waiting(NamedTuple):
    """A prediction that waits. The first two order it among others."""

    start: float
    """In virtual time."""
    number: int
    """Of arrival."""
    permit: Permit
    future: "asyncio.Future[Any]"
    work: Callable[[], Any]


class FairQueue:
    """The predictions that wait, of all callers. It belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._numbers = count()
        self._now = 0.0
        """The virtual start of the prediction that was computed last."""
        self._ends: dict[str, float] = {}
        """When the last prediction of each caller ends, in virtual time."""

    def push(self, permit: Permit, seconds: float, work: Callable[[], Any]) -> "asyncio.Future[Any]":
        """Add a prediction that `work` computes, expectedly in `seconds`. Returns the future of its result."""
        start = self._schedule(permit.caller, seconds)
        future = permit.waiting = asyncio.get_running_loop().create_future()
        in_context = partial(copy_context().run, work)
        heapq.heappush(self._waiting, Waiting(start, next(self._numbers), permit, future, in_context))
        return future

    def skip(self, permit: Permit, seconds: float) -> None:
        """Record a prediction that is computed at once, since none waits."""
        self._now = self._schedule(permit.caller, seconds)

    def _schedule(self, caller: str, seconds: float) -> float:
        """The virtual start of a new prediction."""
        if len(self._ends) >= MOST_CALLERS:
            self._ends = {other: end for other, end in self._ends.items() if end > self._now}
        start = max(self._now, self._ends.get(caller, 0.0))
        self._ends[caller] = start + seconds
        return start

    def pop(self) -> Waiting | None:
        """The prediction that is next; None if none waits."""
        while self._waiting:
            found = heapq.heappop(self._waiting)
            if not found.future.done():  # else it was refused, or its client has left
                self._now, found.permit.waiting = found.start, None
                return found
        return None


class LoopTurns(Generic[Result]):
    """Computes one prediction per iteration of the event loop, which reads what has arrived between two of them."""

    def __init__(self) -> None:
        self._queue = FairQueue()
        self._is_running = False

    async def run(self, permit: Permit, seconds: float, work: Callable[[], Result]) -> Result:
        """What `work` returns, computed when it is the caller's turn. Raises what it raises; Overloaded."""
        if not self._is_running:
            self._is_running = True
            asyncio.get_running_loop().call_soon(self._compute_next)
            self._queue.skip(permit, seconds)
            return work()
        result: Result = await self._queue.push(permit, seconds, work)
        return result

    def _compute_next(self) -> None:
        found = self._queue.pop()
        if found is None:
            self._is_running = False
            return
        try:
            found.future.set_result(found.work())
        except Exception as error:
            found.future.set_exception(error)
        asyncio.get_running_loop().call_soon(self._compute_next)


class PoolTurns(Generic[Result]):
    """Computes predictions in a pool of threads. It belongs to one event loop."""

    def __init__(self, pool: Executor, threads: int) -> None:
        self._pool = pool
        self._free = threads
        self._queue = FairQueue()

    async def run(self, permit: Permit, seconds: float, work: Callable[[], Result]) -> Result:
        """What `work` returns, computed when it is the caller's turn. Raises what it raises; Overloaded."""
        future = self._queue.push(permit, seconds, work)
        self._start()
        result: Result = await future
        return result

    def _start(self) -> None:
        while self._free and (found := self._queue.pop()) is not None:
            self._free -= 1
            computing = asyncio.get_running_loop().run_in_executor(self._pool, found.work)
            computing.add_done_callback(partial(self._finish, found.future))

    def _finish(self, future: "asyncio.Future[Any]", computed: "asyncio.Future[Any]") -> None:
        self._free += 1
        self._start()
        error = computed.exception()
        if future.done():
            return  # its client has left
        if error is None:
            future.set_result(computed.result())
        else:
            future.set_exception(error)
