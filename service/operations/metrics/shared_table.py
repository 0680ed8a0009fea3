"""A bounded table of counters under labels, which the api processes share."""

import os
import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import structlog

from service.operations.shared_regions import SharedRegions

MOST_PROCESSES = 256
"""The processes that can count concurrently at most."""
LABEL_BYTES = 384
"""The bytes of a row's labels in UTF-8 at most: two names of 128 characters, or the longest route, fit in."""
NUMBER = 8
"""The bytes of a number."""
SEPARATOR = "\0"
OTHER = "other"
"""Each label of the row that counts what has no row of its own."""

Labels = tuple[str, ...]

log = structlog.get_logger()


class SharedTable:
    """Rows of `width` counters of 64 bits, each under its labels: at most `most` rows.

    What comes under further labels is counted together, in a row whose labels are `other`. Rows are never removed, so
    that sums never decrease. Each process counts in a region of its own. The memory is there from the first use, or
    from `share` on: processes forked later share it. Callers of `row` hold `lock`.
    """

    def __init__(self, name: str, labels: Sequence[str], most: int, width: int) -> None:
        self.name = name
        self.labels = tuple(labels)
        self.most = most
        self.width = width
        self.lock = threading.Lock()
        self._process = 0
        self._rows: dict[Labels, memoryview] = {}

    def share(self) -> None:
        """Begin with empty memory, which processes forked from now on share."""
        self._memory = self._allocate()
        self._process = 0

    @cached_property
    def _memory(self) -> "_Memory":
        return self._allocate()

    def _allocate(self) -> "_Memory":
        return _Memory(f"fitserve-{self.name}", self.most + 1, self.width)

    def row(self, labels: Labels) -> memoryview:
        """This process's row of counters, to add to. Hold `lock` meanwhile: adding takes a reading and a writing."""
        if self._process != os.getpid():
            self._begin()
        row = self._rows.get(labels)
        return self._find(labels) if row is None else row

    @property
    def used(self) -> int:
        """The number of rows, without the one for all further labels."""
        return self._memory.used

    def read(self) -> dict[Labels, list[int]]:
        """The counters of each row, summed over all processes that ever counted."""
        found = self._memory.labels()
        other, *sums = self._memory.sum_rows(len(found) + 1)
        split = [tuple(text.split(SEPARATOR)) if self.labels else () for text in found]
        rows = dict(zip(split, sums, strict=True))
        return rows | ({(OTHER,) * len(self.labels): other} if any(other) else {})

    def _begin(self) -> None:
        """Count in a region of this process from now on."""
        self._process = os.getpid()
        self._rows.clear()
        region = self._memory.regions.claim()
        if region is None:
            log.error("too many processes: this one isn't counted in the metrics", table=self.name)
            self._numbers = memoryview(bytearray((self.most + 1) * self.width * NUMBER)).cast("q")
        else:
            self._numbers = self._memory.begin(region)

    def _find(self, labels: Labels) -> memoryview:
        """The row for labels that this process hasn't counted yet."""
        place = self._memory.find(SEPARATOR.join(labels).encode())
        row = self._numbers[place * self.width : (place + 1) * self.width]
        if place:
            self._rows[labels] = row
        elif not any(row):
            log.warning("a metric has too many labels: further ones are counted as `other`", table=self.name)
        return row


class _Memory:
    """The number of rows, the regions that were ever used, the rows' labels, and each region's counters.

    The row 0 has no labels: it counts what has no row of its own.
    """

    def __init__(self, name: str, rows: int, width: int) -> None:
        self._rows = rows
        self._width = width
        labels_at = (1 + MOST_PROCESSES) * NUMBER
        numbers_at = labels_at + rows * LABEL_BYTES
        self.regions = SharedRegions(name, numbers_at + MOST_PROCESSES * rows * width * NUMBER, MOST_PROCESSES)
        memory = self.regions.memory
        self._used = memory[:NUMBER].cast("q")
        self._counting = memory[NUMBER:labels_at].cast("q")
        self._labels = memory[labels_at:numbers_at]
        self._numbers = memory[numbers_at:].cast("q")
        self._known: dict[bytes, int] = {}

    def begin(self, region: int) -> memoryview:
        """The counters of a region, in which this process counts from now on."""
        self._counting[region] = 1
        size = self._rows * self._width
        return self._numbers[region * size : (region + 1) * size]

    @property
    def used(self) -> int:
        """The number of rows from 1 on."""
        used: int = self._used[0]
        return used

    def labels(self) -> list[str]:
        """The labels of all rows from 1 on."""
        return [self._read_label(place).decode() for place in range(1, self.used + 1)]

    def sum_rows(self, rows: int) -> list[list[int]]:
        """The first rows, each summed over all regions."""
        numbers = np.frombuffer(self._numbers, np.int64).reshape(MOST_PROCESSES, self._rows, self._width)
        counted = [numbers[region, :rows] for region in range(MOST_PROCESSES) if self._counting[region]]
        sums: list[list[int]] = sum(counted, np.zeros((rows, self._width), np.int64)).tolist()
        return sums

    def find(self, label: bytes) -> int:
        """The place of a row, which is added if it is missing; 0 if it can't be."""
        if len(label) > LABEL_BYTES:
            return 0
        if len(self._known) < self._rows - 1:
            with self.regions.exclusive():
                self._learn()
                if label not in self._known and len(self._known) < self._rows - 1:
                    self._add(label)
        return self._known.get(label, 0)

    def _learn(self) -> None:
        """Read the rows that other processes have added."""
        for place in range(len(self._known) + 1, self.used + 1):
            self._known[self._read_label(place)] = place

    def _add(self, label: bytes) -> None:
        place = len(self._known) + 1
        self._labels[place * LABEL_BYTES : place * LABEL_BYTES + len(label)] = label
        # Only now: readers look at no row before it is counted.
        self._used[0] = self._known[label] = place

    def _read_label(self, place: int) -> bytes:
        return bytes(self._labels[place * LABEL_BYTES : (place + 1) * LABEL_BYTES]).rstrip(b"\0")
