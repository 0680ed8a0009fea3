"""Waiting for a row to change without holding a connection between looks."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Found = TypeVar("Found")

FIRST_DELAY = 0.02
LONGEST_DELAY = 0.25

_stopping = threading.Event()


def stop_waiting() -> None:
    """Have every wait of this process end now, because it shuts down."""
    _stopping.set()


def stopped_waiting() -> bool:
    """Whether this process shuts down."""
    return _stopping.is_set()


def pause(seconds: float) -> bool:
    """Wait; whether this process shuts down, which ends the wait."""
    return _stopping.wait(seconds)


def wait_until(look: Callable[[], Found | None], seconds: float) -> Found | None:
    """Look until something is found or the seconds are over; at least once."""
    deadline = time.monotonic() + seconds
    for delay in _delays():
        found = look()
        left = deadline - time.monotonic()
        if found is not None or left <= 0 or pause(min(delay, left)):
            return found
    raise AssertionError("the delays never end")


def _delays() -> Iterator[float]:
    delay = FIRST_DELAY
    while True:
        yield delay
        delay = min(delay * 1.3, LONGEST_DELAY)
