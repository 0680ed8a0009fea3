"""Spreads connections evenly over the api's processes: the kernel lets whichever wakes first take them, often most."""

import mmap
import time

MUCH = 2
"""By how many connections a process must exceed another before it lets that one go first."""
PATIENCE_SECONDS = 0.005
"""What a process takes that has nothing better to do than to accept a connection."""
PLACES = 256
"""More than processes that run at once: each has the place of its number, and numbers go on with every start."""

_shares = memoryview(mmap.mmap(-1, 8 * PLACES)).cast("q")
"""The connections of each process, plus one; 0 where there is none. Shared by all that are forked from one."""


def note(process: int, connections: int) -> None:
    """Tell the other processes how many connections this one has."""
    _shares[process % PLACES] = connections + 1


def forget(process: int) -> None:
    """The process has ended."""
    _shares[process % PLACES] = 0


def let_others_go_first(connections: int) -> None:
    """Wait a moment before taking one more, where another process has much fewer."""
    fewest = min((share - 1 for share in _shares if share), default=connections)
    if connections >= fewest + MUCH:
        time.sleep(PATIENCE_SECONDS)
