"""Disks without room: real ones where mounting is allowed, and databases that may not grow, which work everywhere."""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.running_service import wait_for

PIECE = 4096
FILLING = "filling"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A folder on a disk of its own; skips the test where mounting is not allowed."""
    with ExitStack() as stack:
        try:
            stack.enter_context(mounted_disk(folder, megabytes))
        except OSError as error:
            pytest.skip(f"a small disk can't be mounted here: {error}")
        yield folder


@contextmanager
def mounted_disk(folder: Path, megabytes: int, inodes: int = 0) -> Iterator[None]:
    """Create the folder on a disk of its own; 0 inodes are as many as one likes. Raises OSError if it can't."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes={inodes}", "tmpfs", str(folder))
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only during the block, for root too. Files that are open already can still be written.

    Raises OSError if mounting is not allowed.
    """
    _mount("--bind", str(folder), str(folder))
    try:
        wait_for(lambda: _protect(folder), what="the files that are being written")
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _protect(folder: Path) -> bool:
    """Make a mount read-only; False if a file of it is open for writing."""
    try:
        _mount("-o", "remount,bind,ro", str(folder))
    except OSError as error:
        if "busy" not in str(error):
            raise
        return False
    return True


def _mount(*arguments: str) -> None:
    """Raises OSError with mount's reason."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())


def fill(folder: Path) -> None:
    """Leave no byte free on the folder's disk."""
    with (folder / FILLING).open("ab", buffering=0) as file:
        try:
            while file.write(bytes(PIECE)):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def make_room(folder: Path) -> None:
    (folder / FILLING).unlink()


@contextmanager
def unable_to_grow(engine: Engine) -> Iterator[None]:
    """While it lasts an SQLite database takes no page more than it has; what fits into those is written."""
    pages = 1  # SQLite takes the number that the file has, where that is more

    def bound(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    event.listen(engine, "checkout", bound)
    try:
        yield
    finally:
        pages = 2**30
