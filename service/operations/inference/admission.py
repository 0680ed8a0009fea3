"""Limits how many predictions a process has in progress. Further requests are refused immediately."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.config import Settings
from service.errors import Overloaded

LARGE = 2**20
"""The bytes from which on a body is large."""
LARGE_SHARE = 8
"""How many small predictions are admitted for each large one."""


class Admission:
    """Admits requests whose bodies are in memory, before the bodies are parsed. Thread-safe.

    Small and large bodies have separate permits, so that neither can use up those of the other.
    """

    def __init__(self, settings: Settings) -> None:
        most = settings.max_concurrent_predictions
        self._permits = threading.BoundedSemaphore(most)
        self._large_permits = threading.BoundedSemaphore(max(1, most // LARGE_SHARE))

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Hold a permit for a body of `size` bytes during the block. Raises Overloaded."""
        permits = self._permits if size < LARGE else self._large_permits
        if not permits.acquire(blocking=False):
            raise Overloaded("Too many predictions at once.", retry_after=1)
        try:
            yield
        finally:
            permits.release()
