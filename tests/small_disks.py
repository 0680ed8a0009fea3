"""Disks without room: real ones where mounting is allowed, and databases that may not grow, which work everywhere."""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

PIECE = 4096
FILLING = "filling"


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A folder on a disk of its own; skips the test where mounting is not allowed."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk can't be mounted here: {getattr(error, 'stderr', None) or error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte free on the folder's disk."""
    with (folder / FILLING).open("ab", buffering=0) as file:
        try:
            while file.write(bytes(PIECE)):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """While it lasts, the disk that is mounted at the folder can't be written."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True, capture_output=True)


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
