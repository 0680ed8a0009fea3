"""A circuit breaker: while a server is away, requests fail at once, and don't wait for its timeouts one by one."""

import threading
import time


class CircuitBreaker:
    """Says whether a request may be sent to a server. Thread-safe.

    After a failure none may for `rest_seconds`. Then one may, which shows whether the server works again; the next one
    may `rest_seconds` later. A success lets all requests pass.
    """

    def __init__(self, rest_seconds: float) -> None:
        self._rest_seconds = rest_seconds
        self._lock = threading.Lock()
        self._failure: str | None = None
        """Why the latest request failed; None after a success."""
        self._rests_until = 0.0
        self._answered_at = float("-inf")

    def find_failure(self) -> str | None:
        """Why no request may be sent now; None if the caller's may."""
        with self._lock:
            now = time.monotonic()
            if self._failure is None or now < self._rests_until:
                return self._failure
            self._rests_until = now + self._rest_seconds
            return None

    def note_failure(self, failure: str) -> None:
        with self._lock:
            self._failure, self._rests_until = failure, time.monotonic() + self._rest_seconds

    def note_success(self) -> None:
        with self._lock:
            self._failure, self._answered_at = None, time.monotonic()

    @property
    def silent_seconds(self) -> float:
        """The seconds since the latest success; infinite before the first one."""
        return time.monotonic() - self._answered_at
