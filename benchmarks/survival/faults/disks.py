"""The disk of the artifacts, and of the SQLite file, takes nothing for a while: no bytes, no inodes, or read-only."""

import errno
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from benchmarks.survival.scenario import Fault, Tools
from benchmarks.survival.site import Disk, Site
from tests.small_disks import fill, make_room, read_only

HELD_SECONDS = 1.0, 4.0
"""How long the disk takes nothing: less than the disk_full_seconds after which jobs give up."""
BETWEEN_SECONDS = 2.0, 4.0

Hold = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def without_bytes(folder: Path) -> Iterator[None]:
    fill(folder)
    try:
        yield
    finally:
        make_room(folder)


@contextmanager
def without_inodes(folder: Path) -> Iterator[None]:
    used = folder / "inodes"
    used.mkdir()
    made: list[Path] = []
    try:
        while True:
            made.append(used / str(len(made)))
            made[-1].touch()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
    try:
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)
        used.rmdir()


def _holding(what: str, hold: Hold, find: Callable[[Site], Path]) -> Callable[[Tools], None]:
    def disturb(tools: Tools) -> None:
        while not tools.wait(tools.random.uniform(*BETWEEN_SECONDS)):
            with hold(find(tools.site)):
                tools.count(what)
                tools.wait(tools.random.uniform(*HELD_SECONDS))

    return disturb


full = Fault(_holding("no byte left", without_bytes, lambda site: site.service.data_dir), disk=Disk(64))
inodes = Fault(
    _holding("no inode left", without_inodes, lambda site: site.service.data_dir), disk=Disk(64, inodes=4000)
)
unwritable = Fault(_holding("read-only", read_only, lambda site: site.artifacts), disk=Disk(64))
