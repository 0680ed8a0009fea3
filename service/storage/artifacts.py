"""The files of datasets and versions: folders under keys, published whole or not at all."""

import fcntl
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import NotFound
from service.storage.artifact_keys import check_name, parse
from service.storage.identifiers import new_identifier

STAGING = ".staging"
REMOVED = ".removed"
HOLD = ".hold"


class ArtifactStore:
    """A local folder. A published folder never changes; it disappears by one rename before its files are removed.

    Whatever it is asked for lies inside: a key or name that leads elsewhere raises BadKey.

    What the database points to is published before its row is committed, and removed after the row is gone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def free_bytes(self) -> int:
        """Free bytes on the folder's disk; the folder itself may not exist yet. Raises OSError."""
        return shutil.disk_usage(next(path for path in (self.root, *self.root.parents) if path.exists())).free

    def stage(self, name: str) -> Path:
        """A new, empty folder to write into before publishing; one left over under that name is removed."""
        folder = self.staged(name)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def discard(self, name: str) -> None:
        """Remove a staged folder that won't be published."""
        shutil.rmtree(self.staged(name), ignore_errors=True)

    def staged(self, name: str) -> Path:
        """Where a staged folder lies."""
        return self.root / STAGING / check_name(name)

    def staged_before(self, moment: float) -> list[str]:
        """The names of staged folders to which nothing was written since `moment` (Unix time)."""
        return _names_before(moment, self.root / STAGING)

    def names(self, key: str) -> list[str]:
        """The names of the folders below a key."""
        folder = self.folder(key)
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def published_before(self, moment: float, key: str) -> list[str]:
        """The names of the folders below a key to which nothing was written since `moment` (Unix time)."""
        return _names_before(moment, self.folder(key))

    def publish(self, folder: Path, key: str) -> None:
        """Move a staged folder to its key, its files synced first; nothing happens when that was done before."""
        target = self.folder(key)
        if target.exists() and not folder.exists():
            return
        for path in (*folder.rglob("*"), folder):
            _sync(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.rename(target)
        _sync(target.parent)

    def folder(self, key: str) -> Path:
        """Where a published folder's files can be read."""
        return self.root.joinpath(*parse(key))

    def existing_folder(self, key: str) -> Path:
        """As `folder`; raises NotFound when it was removed meanwhile."""
        if not self.folder(key).is_dir():
            raise NotFound("Its files were deleted meanwhile.")
        return self.folder(key)

    def existing_file(self, key: str, name: str) -> Path:
        """A file of a published folder; raises NotFound when it was removed meanwhile."""
        path = self.folder(key) / check_name(name)
        if not path.is_file():
            raise NotFound("Its files were deleted meanwhile.")
        return path

    def read(self, key: str, name: str) -> bytes:
        """What a file of a published folder holds; raises NotFound when it was removed meanwhile."""
        try:
            return (self.folder(key) / check_name(name)).read_bytes()
        except FileNotFoundError:
            raise NotFound("Its files were deleted meanwhile.") from None

    def link(self, key: str, folder: Path) -> bool:
        """Give a published folder's files a second name each, in a new folder; False when there is no such folder."""
        source = self.folder(key)
        if not source.is_dir():
            return False
        shutil.copytree(source, folder, copy_function=_link)
        return True

    def remove(self, key: str) -> None:
        """Take a folder away; nothing happens when it isn't there, or removing is held: then it is left an orphan."""
        source, doomed = self.folder(key), self.root / REMOVED / new_identifier("rm")
        if not source.exists() or self._removing_is_held():
            return
        doomed.parent.mkdir(exist_ok=True)
        try:
            source.rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)

    def remove_leftovers(self) -> None:
        """Remove the files of folders that were taken away by processes that died then."""
        for folder in (self.root / REMOVED).glob("*"):
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def removal_blocked(self) -> Iterator[None]:
        """While it lasts, no process takes a published folder away that a row pointed to when it began."""
        with (self.root / HOLD).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _removing_is_held(self) -> bool:
        try:
            with (self.root / HOLD).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _names_before(moment: float, folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(path.name for path in folder.iterdir() if path.is_dir() and _last_written(path) < moment)


def _last_written(folder: Path) -> float:
    """When a file of the folder was last written to; a folder that is just being moved counts as written now."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return math.inf


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # not every file system has links
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
