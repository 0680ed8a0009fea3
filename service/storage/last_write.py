"""The timestamp of the last database write, in memory shared by all processes forked from one."""

import mmap
import time

_moment = memoryview(mmap.mmap(-1, 8)).cast("q")
"""In nanoseconds of the monotonic clock, which all processes share."""


def note() -> None:
    """Record a write."""
    _moment[0] = time.monotonic_ns()


def moment() -> int:
    """The time of the last write, in nanoseconds of the monotonic clock; 0 if there was none."""
    return _moment[0]
