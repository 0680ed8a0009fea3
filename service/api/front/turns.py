"""Fair turns: predictions that wait are computed in an order in which callers share the time.

The order is that of start-time fair queueing (Goyal, Vin and Cheng, "Start-time fair queueing", 1996). A prediction
starts, in virtual time, when the caller's previous one ends, but not before the one that was computed last. It ends
after the seconds that it is expected to take. The prediction that starts first is next. A caller that has sent little
therefore waits for the one prediction that is being computed, however many others wait.
"""

import asyncio
import heapq
import time
from itertools import count

from service.operations.inference.admission import Permit

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


class Turns:
    """Lets at most `places` predictions be computed concurrently. It belongs to one event loop.

    With one place, for what is computed in the event loop, the loop reads what has arrived between two predictions.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        """A heap: the virtual start, the number of arrival, and what tells the prediction to begin."""
        self._numbers = count()
        self._now = 0.0
        """The virtual start of the prediction that began last."""
        self._ends: dict[str, float] = {}
        """When the last prediction of each caller ends, in virtual time."""

    async def take(self, permit: Permit, seconds: float) -> None:
        """Wait for a place, for a prediction that is expected to take `seconds`. Raises Overloaded if it is withdrawn.

        Whoever has a place calls `give_back` in the end.
        """
        start = self._enter(permit.caller, seconds)
        if self._free:
            self._free -= 1
            self._now = start
            return
        future = permit.waiting = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (start, next(self._numbers), future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.give_back()
            raise
        finally:
            permit.waiting = None

    def give_back(self) -> None:
        """Pass the place on to the prediction that is next."""
        if not self._pass_on():
            # Not at once: predictions that have arrived together would follow each other without a pause.
            asyncio.get_running_loop().call_soon(self._free_place)

    def _free_place(self) -> None:
        if not self._pass_on():
            self._free += 1

    def _pass_on(self) -> bool:
        """Tell the next prediction to begin. False if none waits."""
        while self._waiting:
            start, _, future = heapq.heappop(self._waiting)
            if not future.done():  # else it was withdrawn, or its client has left
                self._now = start
                future.set_result(None)
                return True
        return False

    def _enter(self, caller: str, seconds: float) -> float:
        """The virtual start of a new prediction."""
        if len(self._ends) >= MOST_CALLERS:
            self._ends = {caller: end for caller, end in self._ends.items() if end > self._now}
        start = max(self._now, self._ends.get(caller, 0.0))
        self._ends[caller] = start + seconds
        return start
