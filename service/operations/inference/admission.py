"""Limits how many predictions a process computes or keeps waiting. Callers share the permits.

If none is free, a caller with fewer permits takes one from the caller with the most: its newest prediction that waits
is refused (longest queue drop; Suter et al., "Design considerations for supporting TCP with per-flow queueing", 1998).
"""

import asyncio
from types import TracebackType

from service.config import Settings
from service.errors import Overloaded
from service.operations.memory import LARGE, LARGE_SHARE


class Permit:
    """The right of a caller to have a prediction wait and be computed, as a context manager. For one event loop."""

    __slots__ = ("_permits", "caller", "waiting")

    def __init__(self, permits: "Permits", caller: str) -> None:
        self._permits = permits
        self.caller = caller
        self.waiting: asyncio.Future[None] | None = None
        """What the prediction waits for; None if it is being computed."""

    def __enter__(self) -> "Permit":
        self._permits.take(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._permits.give_back(self)


class Permits:
    """A number of permits."""

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._held: dict[str, dict[Permit, None]] = {}
        """The permits that each caller has, the oldest first."""

    @property
    def in_use(self) -> int:
        """The permits that are taken."""
        return self._most - self._free

    def take(self, permit: Permit) -> None:
        """Give a permit to its caller. Raises Overloaded if none is free and no other caller has more."""
        if self._free <= 0:
            self._withdraw(permit.caller)
        self._free -= 1
        self._held.setdefault(permit.caller, {})[permit] = None

    def give_back(self, permit: Permit) -> None:
        """Take a permit back, unless it was withdrawn."""
        held = self._held.get(permit.caller, {})
        if permit in held:
            self._free += 1
            del held[permit]
            if not held:
                del self._held[permit.caller]

    def _withdraw(self, caller: str) -> None:
        """Refuse the newest waiting prediction of the caller with the most permits. Raises Overloaded."""
        heaviest = max(self._held.values(), key=len)
        if len(heaviest) > len(self._held.get(caller, ())) + 1:
            for permit in reversed(heaviest):
                if permit.waiting is not None and not permit.waiting.done():
                    permit.waiting.set_exception(_overloaded())
                    self.give_back(permit)
                    return
        raise _overloaded()


class Admission:
    """Admits requests whose bodies are in memory, before they are parsed. It belongs to one event loop.

    Small and large requests have permits of their own, so that neither take the others' place.
    """

    def __init__(self, settings: Settings) -> None:
        most = settings.max_concurrent_predictions
        self._small = Permits(most)
        self._large = Permits(max(1, most // LARGE_SHARE))

    @property
    def in_use(self) -> tuple[int, int]:
        """The permits of small and of large requests that are taken."""
        return self._small.in_use, self._large.in_use

    def admit(self, size: int, caller: str) -> Permit:
        """The permit for a caller's body of `size` bytes; entering it raises Overloaded if there is none."""
        return Permit(self._small if size < LARGE else self._large, caller)


def _overloaded() -> Overloaded:
    return Overloaded("Too many predictions at once.", retry_after=1)
