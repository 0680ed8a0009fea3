"""The memory of an api process that requests may take together: their bodies, and what the bodies become."""

import threading

from models.errors import Excessive
from service.errors import Overloaded

LARGE = 2**20
"""Bytes from which on a request counts as large."""
LARGE_SHARE = 8
"""How many small requests are admitted for each large one. One part in as many of the memory is for small ones only."""

FREE = 2**16
"""Bytes of each request that aren't counted: there are few requests at a time."""


class Memory:
    """A budget of bytes, from which requests reserve. Thread-safe."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._for_small = most // LARGE_SHARE
        self._free = most
        self._lock = threading.Lock()

    def take(self, size: int, taken: int) -> None:
        """Reserve `size` bytes for a request that has `taken`. Raises Overloaded; Excessive if it can never fit."""
        is_large = taken + size >= LARGE
        if taken + size > self._most - self._for_small:
            raise Excessive(
                f"The request takes more than {self._most - self._for_small:,} bytes of memory, which is all that the "
                "service has for large requests. FITSERVE_MAX_BUFFERED_BYTES sets it."
            )
        with self._lock:
            if size > self._free - (self._for_small if is_large else 0):
                raise Overloaded("Too many large requests are in progress.", retry_after=1)
            self._free -= size

    def give(self, size: int) -> None:
        """Return `size` reserved bytes."""
        with self._lock:
            self._free += size


class RequestMemory:
    """What one request has reserved. Its first FREE bytes aren't counted, so that small predictions cost no lock."""

    __slots__ = ("_counted", "_memory", "_taken")

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._taken = self._counted = 0

    def reserve(self, size: int) -> None:
        """Reserve `size` bytes more. Raises Overloaded; Excessive if the request could never have as many."""
        taken = self._taken + size
        if taken > FREE:
            self._memory.take(taken - self._counted, self._counted)
            self._counted = taken
        self._taken = taken

    def resize(self, size: int) -> None:
        """Reserve `size` bytes instead. Raises what `reserve` raises."""
        self.keep(size)
        self.reserve(size - self._taken)

    def keep(self, size: int) -> None:
        """Return everything but `size` bytes."""
        self._taken = min(self._taken, size)
        if self._counted > size:
            self._memory.give(self._counted - size)
            self._counted = size

    def release(self) -> None:
        """Return everything."""
        self.keep(0)
