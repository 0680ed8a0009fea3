"""The timestamp of the last database write, in memory shared by all processes forked from one, and what it says about
the age of remembered rows."""

import mmap
import time

FRESH_NANOSECONDS = 750_000_000
"""How long what was read counts as current if no api process of this machine writes. Others may write."""
UNAVAILABLE_NANOSECONDS = 5_000_000_000
"""How long what was read is used without a query after the database was unavailable."""

_moment = memoryview(mmap.mmap(-1, 8)).cast("q")
"""In nanoseconds of the monotonic clock, which all processes share."""


def note() -> None:
    """Record a write."""
    _moment[0] = time.monotonic_ns()


def moment() -> int:
    """The time of the last write, in nanoseconds of the monotonic clock; 0 if there was none."""
    return _moment[0]


def is_fresh(read_at: int) -> bool:
    """Whether what was read at `read_at` (nanoseconds of the monotonic clock) counts as current."""
    # Every prediction asks this several times: two comparisons are faster than `max`.
    return read_at > _moment[0] and read_at > time.monotonic_ns() - FRESH_NANOSECONDS
