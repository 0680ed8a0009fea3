"""When the processes that were forked from one last wrote to the database: a moment in memory that they share."""

import mmap
import time

_moment = memoryview(mmap.mmap(-1, 8)).cast("q")
"""Nanoseconds of the monotonic clock, which is the same for all processes."""


def note() -> None:
    """Something was written just now."""
    _moment[0] = time.monotonic_ns()


def moment() -> int:
    """When something was last written, in nanoseconds of the monotonic clock; 0: never."""
    return _moment[0]
