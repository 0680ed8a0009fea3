"""Memory that the api processes share, in regions: each process writes a region of its own, readers read all of them.

Every process that is forked after the memory was created shares it. A process owns its region through a lock, which
the kernel releases when the process ends. The next process continues the region, so that sums never decrease. Memory
that nobody has written takes no space, and no file grows.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager


class SharedRegions:
    """`size` bytes of memory, and the locks of its `regions`. `name` is shown in `/proc/PID/fd`."""

    def __init__(self, name: str, size: int, regions: int) -> None:
        self._file = os.memfd_create(name)
        os.ftruncate(self._file, size)
        self._regions = regions
        self.memory = memoryview(mmap.mmap(self._file, 0))

    def claim(self) -> int | None:
        """Claim a region that no running process owns; None if all are owned."""
        for region in range(self._regions):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, region)
            except OSError:
                continue
            return region
        return None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Let no other process into such a block. Threads of this process must exclude each other themselves."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._regions)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._regions)
