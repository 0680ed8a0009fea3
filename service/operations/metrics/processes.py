"""What each api process holds at the moment, in memory that the processes share."""

import mmap
import os
import time
from typing import NamedTuple

PLACES = 256
"""One more than the processes that run concurrently: each has the place of its number, which increases with every
start. The place 0 is for a process that no server started."""


class Held(NamedTuple):
    """What a process holds."""

    connections: int = 0
    event_streams: int = 0
    small_permits: int = 0
    """The permits of predictions with bodies below 1 MiB that are in use."""
    large_permits: int = 0
    loaded_versions: int = 0
    loaded_bytes: int = 0


WIDTH = 1 + len(Held._fields)


class Processes:
    """The api's processes with what they hold, as they last published it."""

    def __init__(self) -> None:
        self._numbers = memoryview(mmap.mmap(-1, PLACES * WIDTH * 8)).cast("q")
        """For each place the process's id, which is 0 if there is none, and what it holds."""
        self._place = 0
        self.started_at = time.time()
        """When the api started, in seconds since 1970: the processes are forked from the one that has noted it."""
        self.master: int | None = None
        """The process that started this one and the others; None if no server did."""

    def join(self, number: int) -> None:
        """This process, which was just forked, has the number from now on."""
        self._place, self.master = _find_place(number), os.getppid()
        self.publish(Held())

    def publish(self, held: Held) -> None:
        """Tell the other processes what this one holds."""
        for index, number in enumerate((os.getpid(), *held), self._place * WIDTH):
            self._numbers[index] = number

    def forget(self, number: int) -> None:
        """The process with the number has ended."""
        self._numbers[_find_place(number) * WIDTH] = 0

    def read(self) -> dict[int, Held]:
        """What each process holds, by its id."""
        rows = (self._numbers[start : start + WIDTH].tolist() for start in range(0, PLACES * WIDTH, WIDTH))
        return {pid: Held(*held) for pid, *held in rows if pid}


def _find_place(number: int) -> int:
    return 1 + number % (PLACES - 1)


PROCESSES = Processes()
"""The processes of this service's api."""
