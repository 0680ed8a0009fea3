"""How many predictions a process works on at once: what is over the bounds is refused, small ones take turns."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.config import Settings
from service.errors import Overloaded
from service.processes import usable_cores

LARGE = 2**20
"""Bytes of a body from which on it is a large one."""
LONGEST_TURN_SECONDS = 0.1
"""How long a turn may be before others go on without one."""
MOST_PATIENCE = 5
"""So many times as long one waits in a queue whose turns go round."""


class Admission:
    """Admits requests whose bodies are in memory, before they are parsed. Thread-safe.

    Small ones have permits of their own, and large ones half as many besides, so that neither take the others' place.
    """

    def __init__(self, settings: Settings) -> None:
        most = settings.max_concurrent_predictions
        self._permits = threading.BoundedSemaphore(most)
        self._large_permits = threading.BoundedSemaphore(max(1, most // 2))
        self._turns = Turns(usable_cores() // settings.api_processes)

    @contextmanager
    def admit(self, size: int) -> Iterator[None]:
        """Work on a body of so many bytes. Raises Overloaded."""
        permits = self._permits if size < LARGE else self._large_permits
        if not permits.acquire(blocking=False):
            raise Overloaded("Too many predictions at once.", retry_after=1)
        try:
            if size < LARGE:
                with self._turns.take():
                    yield
            else:
                yield
        finally:
            permits.release()


class Turns:
    """Has no more small predictions computed at once than there are cores: more only take the caches and the
    interpreter from each other. Behind a slow one the others wait briefly, and those after them not at all."""

    def __init__(self, cores: int) -> None:
        self._free = threading.Semaphore(max(1, cores))
        self._last_taken = time.monotonic()
        self._held_up = False

    @contextmanager
    def take(self) -> Iterator[bool]:
        """A turn, or what goes on without one; says which."""
        taken = self._wait()
        try:
            yield taken
        finally:
            if taken:
                self._held_up = False
                self._free.release()

    def _wait(self) -> bool:
        for _ in range(MOST_PATIENCE):
            if self._free.acquire(timeout=0 if self._held_up else LONGEST_TURN_SECONDS):
                self._last_taken = time.monotonic()
                return True
            if self._held_up or time.monotonic() > self._last_taken + LONGEST_TURN_SECONDS:
                self._held_up = True
                return False
        return False
