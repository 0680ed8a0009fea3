"""What was read from the database lately, for requests that shouldn't ask it each time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from service.errors import ServiceError, StorageError
from service.storage.last_write import UNAVAILABLE_NANOSECONDS, is_fresh

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentlyRead(Generic[Key, Value]):
    """Values by key, at most `most`: those read longest ago are forgotten. Thread-safe.

    A value is fresh until an api process of this machine writes, and for 0.75 seconds at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, tuple[int, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, key: Key) -> bool:
        return key in self._values

    def fresh(self, key: Key) -> Value | None:
        """The value, if it is fresh. Reads nothing."""
        known = self._values.get(key)
        return known[1] if known is not None and is_fresh(known[0]) else None

    def read(
        self, key: Key, read: Callable[[], Value], *, may_be_old: Callable[[Value], bool] = lambda _: True
    ) -> Value:
        """What `read` returns. While the database is unavailable, what it last returned, if that `may_be_old`.

        Raises what `read` raises. After an error that isn't the database's, the value is forgotten.
        """
        read_at = time.monotonic_ns()
        try:
            value = read()
        except StorageError:
            known = self._values.get(key)
            if known is None or not may_be_old(known[1]):
                raise
            # Don't query again for a while: each query of a server that doesn't respond takes seconds.
            read_at, value = time.monotonic_ns() + UNAVAILABLE_NANOSECONDS, known[1]
        except ServiceError:
            self.forget(key)
            raise
        with self._lock:
            self._values[key] = read_at, value
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        return value

    def forget(self, key: Key) -> None:
        with self._lock:
            self._values.pop(key, None)
