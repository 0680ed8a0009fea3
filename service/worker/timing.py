"""When something is due again."""

import time
from collections.abc import Iterator


class Timer:
    """Says when something that is done every so often is due; the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = time.monotonic()

    def due(self) -> bool:
        """Whether it is time; if so, the next time is `seconds` from now."""
        if time.monotonic() < self._next:
            return False
        self.restart()
        return True

    def restart(self) -> None:
        """Count from now."""
        self._next = time.monotonic() + self._seconds


class Grace:
    """A stretch of time that begins when somebody first asks whether it is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    @property
    def over(self) -> bool:
        if self._end is None:
            self._end = time.monotonic() + self._seconds
        return time.monotonic() >= self._end


def growing_delays(first: float = 0.2, longest: float = 5.0) -> Iterator[float]:
    """Seconds to wait before each try of something that may be away for a while."""
    delay = first
    while True:
        yield delay
        delay = min(2 * delay, longest)
