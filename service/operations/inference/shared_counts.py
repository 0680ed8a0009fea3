"""Counters in memory that the api processes share. Each process writes its own region; readers sum all regions.

A region has a row for each version, found by a digest of the version's name. Unused rows take no memory.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from functools import lru_cache
from typing import Self

from service.operations.shared_regions import SharedRegions

REGIONS = 64
"""The processes that can count concurrently at most."""
ROWS = 1024
"""The versions that a process counts at most; the least recently used one is replaced."""
MAX_SIZES = 100
"""The batch sizes of a version that are counted separately at most. Further ones count only in the totals."""
TOTALS = ("last_inference", "rows", "success", "success_ns", "fail", "fail_ns", "input_ns", "infer_ns", "output_ns")
OF_SIZE = ("size", "count", "input_ns", "infer_ns", "output_ns")
WIDTH = len(TOTALS) + 1 + MAX_SIZES * len(OF_SIZE)
"""The numbers of a row: the totals, the number of batch sizes, and the numbers of each batch size."""
SIZES = len(TOTALS)
"""The index of the number of batch sizes in a row."""
DIGEST = 16
NUMBER = 8
"""The bytes of a digest, and of a number."""


class SharedCounts:
    """The memory: the number of rows of each region, the digests of the rows, then all rows."""

    def __init__(self) -> None:
        header = REGIONS * NUMBER
        digests = REGIONS * ROWS * DIGEST
        size = header + digests + REGIONS * ROWS * WIDTH * NUMBER
        self._regions = SharedRegions("fitserve-statistics", size, REGIONS)
        memory = self._regions.memory
        self.used = memory[:header].cast("q")
        self.digests = memory[header : header + digests]
        self.numbers = memory[header + digests :].cast("q")

    def claim(self) -> int | None:
        """Claim a region that no running process owns; None if all are owned."""
        return self._regions.claim()

    def find(self, region: int, digest: bytes) -> int | None:
        """The index of a version's row in the region; None if it has none."""
        start = region * ROWS * DIGEST
        known = bytes(self.digests[start : start + self.used[region] * DIGEST])
        found = known.find(digest)
        while found > 0 and found % DIGEST:
            found = known.find(digest, found + 1)
        return None if found < 0 else found // DIGEST

    def read(self, name: str) -> Iterator[list[int]]:
        """The current rows of a version in all regions."""
        digest = digest_of(name)
        for region in range(REGIONS):
            place = self.find(region, digest) if self.used[region] else None
            if place is not None:
                start = (region * ROWS + place) * WIDTH
                yield self.numbers[start : start + WIDTH].tolist()


class Region:
    """The rows in which this process counts. A process has one region. Not thread-safe."""

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
        """This process's region. If all are owned, it gets private memory instead, which no other process reads."""
        region = counts.claim()
        return cls(counts, region) if region is not None else cls(SharedCounts(), 0)

    def row(self, name: str) -> memoryview:
        """The row of a version, for counting. Adds it if it's missing."""
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
    """The digest that identifies a version's row."""
    return hashlib.blake2b(name.encode(), digest_size=DIGEST).digest()
