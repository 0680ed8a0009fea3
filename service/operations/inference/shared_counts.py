"""Counts in memory that the api's processes share: each writes a region of its own, and readers add all of them up.

The memory reaches every process that is forked after it was made. A process owns its region by a lock that the kernel
releases when the process ends; the next one to start goes on where it ended, so that sums never fall. A region has a
row for each version, which is found by a digest of the version's name. What nobody has counted in takes no memory.
"""

import fcntl
import hashlib
import mmap
import os
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from typing import Self

REGIONS = 64
"""More than processes that count at once."""
ROWS = 1024
"""Versions that a process counts; the one that was longest not predicted with is forgotten."""
MOST_SIZES = 100
"""Batch sizes of a version that are counted apart; rarer ones that come later are counted in the whole alone."""
WHOLE = ("last_inference", "rows", "success", "success_ns", "fail", "fail_ns", "input_ns", "infer_ns", "output_ns")
OF_SIZE = ("size", "count", "input_ns", "infer_ns", "output_ns")
WIDTH = len(WHOLE) + 1 + MOST_SIZES * len(OF_SIZE)
"""Numbers of a row: those of the whole, how many batch sizes there are, and those of each."""
SIZES = len(WHOLE)
"""The place in a row of the number of batch sizes."""
DIGEST = 16
NUMBER = 8
"""Bytes of a digest, and of a number."""


class SharedCounts:
    """The memory: for each region how many rows it has and whose they are, then all rows."""

    def __init__(self) -> None:
        header = REGIONS * NUMBER
        digests = REGIONS * ROWS * DIGEST
        self._file = os.memfd_create("fitserve-statistics")
        os.ftruncate(self._file, header + digests + REGIONS * ROWS * WIDTH * NUMBER)
        memory = memoryview(mmap.mmap(self._file, 0))
        self.used = memory[:header].cast("q")
        self.digests = memory[header : header + digests]
        self.numbers = memory[header + digests :].cast("q")

    def claim(self) -> int | None:
        """A region that no living process writes, which is this process's from now on; None if all are taken."""
        for region in range(REGIONS):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, region)
            except OSError:
                continue
            return region
        return None

    def find(self, region: int, digest: bytes) -> int | None:
        """The place of a version's row among the region's."""
        start = region * ROWS * DIGEST
        known = bytes(self.digests[start : start + self.used[region] * DIGEST])
        found = known.find(digest)
        while found > 0 and found % DIGEST:
            found = known.find(digest, found + 1)
        return None if found < 0 else found // DIGEST

    def read(self, name: str) -> Iterator[list[int]]:
        """The rows of a version in all regions, as they are now."""
        digest = digest_of(name)
        for region in range(REGIONS):
            place = self.find(region, digest) if self.used[region] else None
            if place is not None:
                start = (region * ROWS + place) * WIDTH
                yield self.numbers[start : start + WIDTH].tolist()


class Region:
    """The rows that this process counts in, of which there is one for a process. Not thread-safe."""

    def __init__(self, counts: SharedCounts, region: int) -> None:
        self._counts = counts
        self._region = region
        start = region * ROWS * DIGEST
        digests = bytes(counts.digests[start : start + counts.used[region] * DIGEST])
        self._places = OrderedDict(
            (digests[place * DIGEST : (place + 1) * DIGEST], place) for place in range(counts.used[region])
        )

    @classmethod
    def claimed(cls, counts: SharedCounts) -> Self:
        """The process's own. Where all are taken it has memory of its own instead, which no other process reads."""
        region = counts.claim()
        return cls(counts, region) if region is not None else cls(SharedCounts(), 0)

    def row(self, name: str) -> memoryview:
        """The row of a version, to be counted in."""
        digest = digest_of(name)
        place = self._places.get(digest)
        if place is None:
            place = self._add(digest)
        self._places.move_to_end(digest)
        start = (self._region * ROWS + place) * WIDTH
        return self._counts.numbers[start : start + WIDTH]

    def _add(self, digest: bytes) -> int:
        counts, region = self._counts, self._region
        place: int = counts.used[region]
        if place == ROWS:
            _, place = self._places.popitem(last=False)
        start = (region * ROWS + place) * WIDTH
        counts.numbers[start : start + WIDTH] = memoryview(bytes(WIDTH * NUMBER)).cast("q")
        where = (region * ROWS + place) * DIGEST
        counts.digests[where : where + DIGEST] = digest
        counts.used[region] = max(counts.used[region], place + 1)
        self._places[digest] = place
        return place


@lru_cache(maxsize=ROWS)
def digest_of(name: str) -> bytes:
    """What a version is found by."""
    return hashlib.blake2b(name.encode(), digest_size=DIGEST).digest()
