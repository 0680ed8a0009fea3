"""How many predictions a process computes or has waiting: what is over the bounds is refused at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.config import Settings
from service.errors import Overloaded

LARGE = 2**20
"""Bytes of a body from which on it is a large one."""
LARGE_SHARE = 8
"""How many small predictions are admitted for each large one."""


class Admission:
    """Admits requests whose bodies are in memory, before they are parsed. Thread-safe.

    Small and large ones have permits of their own, so that neither take the others' place.
    """

    def __init__(self, settings: Settings) -> None:
        most = settings.max_concurrent_predictions
        self._permits = threading.BoundedSemaphore(most)
        self._large_permits = threading.BoundedSemaphore(max(1, most // LARGE_SHARE))

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Work on a body of so many bytes. Raises Overloaded."""
        permits = self._permits if size < LARGE else self._large_permits
        if not permits.acquire(blocking=False):
            raise Overloaded("Too many predictions at once.", retry_after=1)
        try:
            yield
        finally:
            permits.release()
