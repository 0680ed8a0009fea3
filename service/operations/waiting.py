"""Waiting for a row to change without holding a connection between looks."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

Found = TypeVar("Found")

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.25

_stopping = threading.Event()


def stop_waiting() -> None:
    """Have every wait of this process end now, because it shuts down."""
    _stopping.set()


def stopped_waiting() -> bool:
    """Whether this process shuts down."""
    return _stopping.is_set()


def wait_until(look: Callable[[], Found | None], seconds: float) -> Found | None:
    """Look until something is found or the seconds are over; at least once."""
    deadline = time.monotonic() + seconds
    for pause in _pauses():
        found = look()
        left = deadline - time.monotonic()
        if found is not None or left <= 0 or _stopping.wait(min(pause, left)):
            return found
    raise AssertionError("the pauses never end")


def _pauses() -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 1.3, LONGEST_PAUSE)
