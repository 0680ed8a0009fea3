"""Finds a folder for the worker's temporary files: multiprocessing creates the socket of its fork server there.

In a container with a read-only root, /tmp isn't writable unless something is mounted there.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import structlog

from service.config import Settings
from service.worker.inability import CannotWork

VARIABLES = ("TMPDIR", "TEMP", "TMP")
USUAL = ("/tmp", "/var/tmp", "/usr/tmp")
"""What Python's tempfile tries after the variables, but for the working directory."""
LONGEST_PATH = 75
"""The path of a Unix socket has at most 107 bytes (unix(7)); multiprocessing adds 32 to the folder's."""

log = structlog.get_logger()


def settle(settings: Settings) -> None:
    """Make this process and its children use a folder that is writable: a usual one, or one in `data_dir`.

    Raises CannotWork if there is none.
    """
    wanted = [value for name in VARIABLES if (value := os.environ.get(name))]
    fallback = settings.data_dir / "tmp"
    found = find_usable((*wanted, *USUAL)) or _make(fallback)
    if found is None:
        raise CannotWork(
            f"No folder for temporary files is writable: neither {', '.join((*wanted, *USUAL))} nor {fallback}. Mount "
            f"one, or set TMPDIR to a writable folder whose path has at most {LONGEST_PATH} characters."
        )
    if found != (wanted or USUAL)[0]:
        log.warning("temporary files go to another folder", wanted=(wanted or USUAL)[0], used=found)
    os.environ["TMPDIR"] = tempfile.tempdir = found


def find_usable(folders: Iterable[str]) -> str | None:
    """The first of these folders in which files and sockets can be created."""
    return next((folder for folder in folders if _is_usable(folder)), None)


def _make(folder: Path) -> str | None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return find_usable([str(folder)])


def _is_usable(folder: str) -> bool:
    if len(os.fsencode(folder)) > LONGEST_PATH:
        return False
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return file.write(b"x") == 1
    except OSError:
        return False
