"""Limits how many predictions a process computes or keeps waiting; further ones are refused immediately."""

from types import TracebackType

from service.config import Settings
from service.errors import Overloaded
from service.operations.memory import LARGE, LARGE_SHARE


class Permits:
    """Permits for predictions, as a context manager: entering takes one, leaving returns it. For one thread."""

    def __init__(self, most: int) -> None:
        self._most = self._free = most

    @property
    def in_use(self) -> int:
        """The permits that are taken."""
        return self._most - self._free

    def __enter__(self) -> None:
        if self._free <= 0:
            raise Overloaded("Too many predictions at once.", retry_after=1)
        self._free -= 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._free += 1


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

    def admit(self, size: int) -> Permits:
        """The permits for a body of `size` bytes; entering them raises Overloaded if none is free."""
        return self._small if size < LARGE else self._large
