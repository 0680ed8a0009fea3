"""What was read from the database lately, for requests that shouldn't ask it each time."""

import contextvars
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from service.errors import ServiceError, StorageError
from service.storage.last_write import UNAVAILABLE_NANOSECONDS, is_fresh

PATIENCE_SECONDS = 1.0
"""How long a request waits for the database if the value of before would do."""
READS_AT_ONCE = 8

Key = TypeVar("Key")
Value = TypeVar("Value")

_pool = ThreadPoolExecutor(READS_AT_ONCE, "recently-read")


class RecentlyRead(Generic[Key, Value]):
    """Values by key, at most `most`: those read longest ago are forgotten. Thread-safe.

    A value is fresh until an api process of this machine writes, and for 0.75 seconds at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, tuple[int, Value]] = OrderedDict()
        self._late: dict[Key, Future[Value]] = {}
        """The reads that take longer than PATIENCE_SECONDS. A host that was cut off notices only after many seconds."""
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
        """What `read` returns. While the database is unavailable or doesn't answer within a second, what it last
        returned, if that `may_be_old`.

        Raises what `read` raises. After an error that isn't the database's, the value is forgotten.
        """
        known = self._values.get(key)
        if known is None or not may_be_old(known[1]):
            return self._read(key, read)
        if (late := self._late.get(key)) is not None and not late.done():
            return known[1]
        reading = _pool.submit(contextvars.copy_context().run, self._read, key, read)
        try:
            return reading.result(PATIENCE_SECONDS)
        except TimeoutError:
            self._late[key] = reading
        except StorageError:
            # Don't query again for a while: each query of a server that doesn't respond takes seconds.
            self._put(key, time.monotonic_ns() + UNAVAILABLE_NANOSECONDS, known[1])
        return known[1]

    def _read(self, key: Key, read: Callable[[], Value]) -> Value:
        read_at = time.monotonic_ns()
        try:
            value = read()
        except StorageError:
            raise
        except ServiceError:
            self.forget(key)
            raise
        finally:
            self._late.pop(key, None)
        self._put(key, read_at, value)
        return value

    def _put(self, key: Key, read_at: int, value: Value) -> None:
        with self._lock:
            self._values[key] = read_at, value
            self._values.move_to_end(key)
            if len(self._values) > self._most:
                self._values.popitem(last=False)

    def forget(self, key: Key) -> None:
        with self._lock:
            self._values.pop(key, None)
