"""Timers for repeated work, grace periods, and the delays between retries."""

import time
from collections.abc import Iterator


class Timer:
    """Tells when repeated work is due. The first time is immediately."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic()

    def due(self) -> bool:
        """Whether the work is due. If so, it is due again `seconds` from now."""
        if time.monotonic() < self._next:
            return False
        self.restart()
        return True

    def restart(self) -> None:
        """Make the work due `seconds` from now."""
        self._next = time.monotonic() + self._seconds


class Grace:
    """A grace period that begins when `over` is first read."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    @property
    def over(self) -> bool:
        if self._end is None:
            self._end = time.monotonic() + self._seconds
        return time.monotonic() >= self._end


def growing_delays(first: float = 0.2, longest: float = 5.0) -> Iterator[float]:
    """Seconds to wait before each retry of something that may be unavailable for a while."""
    delay = first
    while True:
        yield delay
        delay = min(2 * delay, longest)
