"""Counts requests per window in memory that the api processes share. Each process writes numbers of its own.

A window begins with the first request that finds
none and has a row: the hash of its key, its end, and a cell for each process. A cell is the window's end together with
the count of its process, so that a count from an earlier window never counts, and nobody resets the cells of others.
Only beginning a window takes a lock.
"""

import time

import structlog
from limits.storage import Storage

from service.operations.shared_regions import SharedRegions

ROWS = 2**15
"""The windows that are counted concurrently at most."""
PROBES = 8
"""The rows that may contain the window of a key. If all have others, the one that ends first is replaced."""
NUMBER = 8
"""The bytes of a number."""
COUNT_BITS = 24
MOST = 2**COUNT_BITS - 1
"""A cell: the window's end in the upper bits, the count in the lower ones."""

log = structlog.get_logger()


class SharedWindows(Storage):
    """A storage of `limits` for the processes of one host. Ends of windows are milliseconds of the monotonic clock."""

    STORAGE_SCHEME = None

    def __init__(self, processes: int) -> None:
        """Count for at most so many processes. A further one counts alone."""
        super().__init__()
        self._allocate(processes)

    def _allocate(self, processes: int) -> None:
        self._width, self._mine = processes, 0
        self._regions = SharedRegions("fitserve-rate-limits", ROWS * (2 + processes) * NUMBER, processes)
        memory = self._regions.memory
        self._keys = memory[: ROWS * NUMBER].cast("q")
        self._ends = memory[ROWS * NUMBER : 2 * ROWS * NUMBER].cast("q")
        self._cells = memory[2 * ROWS * NUMBER :].cast("q")

    def join(self) -> None:
        """Count in cells of this process from now on. Every process calls it after the fork."""
        cell = self._regions.claim()
        if cell is not None:
            self._mine = cell
            return
        log.warning("this process counts rate limits alone", processes=self._width)
        self._allocate(1)

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def count(self, key: str, seconds: int, amount: int = 1) -> tuple[int, float]:
        """Count requests. Returns those of all processes in the key's window, which takes `seconds`, and the seconds
        until its end."""
        now = time.monotonic_ns() // 1_000_000
        row = self._find(key, now)
        if row is None:
            row = self._begin(key, now, now + 1000 * seconds)
        end, start = self._ends[row], row * self._width
        base, mine = end << COUNT_BITS, start + self._mine
        count = self._cells[mine] - base
        self._cells[mine] = base + (min(count + amount, MOST) if 0 <= count <= MOST else amount)
        return self._sum(start, base), (end - now) / 1000

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count requests. Returns those of all processes in the key's window, which takes `expiry` seconds."""
        return self.count(key, expiry, amount)[0]

    def get(self, key: str) -> int:
        """The requests in the key's window."""
        row = self._find(key, time.monotonic_ns() // 1_000_000)
        return 0 if row is None else self._sum(row * self._width, self._ends[row] << COUNT_BITS)

    def get_expiry(self, key: str) -> float:
        """When the key's window ends, in seconds since the epoch; now if it has none."""
        now = time.monotonic_ns() // 1_000_000
        row = self._find(key, now)
        return time.time() + (0 if row is None else (self._ends[row] - now) / 1000)

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        """End all windows. Returns how many there were."""
        now = time.monotonic_ns() // 1_000_000
        with self._regions.exclusive():
            running = [row for row in range(ROWS) if self._ends[row] > now]
            for row in running:
                self._ends[row] = 0
        return len(running)

    def clear(self, key: str) -> None:
        """End the key's window."""
        with self._regions.exclusive():
            row = self._find(key, time.monotonic_ns() // 1_000_000)
            if row is not None:
                self._ends[row] = 0

    def _find(self, key: str, now: int) -> int | None:
        """The row of the key's window; None if there is none, or it has ended."""
        # Forked processes share the secret of `hash`, which clients don't know.
        digest = hash(key)
        for row in _rows(digest):
            if self._keys[row] == digest and self._ends[row] > now:
                return row
        return None

    def _begin(self, key: str, now: int, end: int) -> int:
        """The row of a new window, or of the one that another process has just begun."""
        with self._regions.exclusive():
            row = self._find(key, now)
            if row is None:
                digest = hash(key)
                row = min(_rows(digest), key=lambda row: self._ends[row])
                start = row * self._width
                earlier = {cell >> COUNT_BITS for cell in self._cells[start : start + self._width].tolist()}
                while end in earlier:  # of a window that is replaced; its counts must not count
                    end += 1
                self._keys[row], self._ends[row] = digest, end
            return row

    def _sum(self, start: int, base: int) -> int:
        cells = self._cells[start : start + self._width].tolist()
        return sum([cell - base for cell in cells if 0 <= cell - base <= MOST])


def _rows(digest: int) -> range:
    """The rows that may contain a key's window."""
    first = digest % (ROWS - PROBES)
    return range(first, first + PROBES)
