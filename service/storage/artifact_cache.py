"""Copies of published folders on this host, for a store that is elsewhere. All processes of the host share them."""

import errno
import fcntl
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from models.files.sums import SUMS_FILE
from service.storage.artifact_keys import GROUPS, SEPARATOR, count_parts, parse
from service.storage.artifacts import names_before, sync_files
from service.storage.identifiers import new_identifier

PARTIAL = ".partial"
REMOVED = ".removed"


class HeldFolder:
    """A folder that nobody evicts, because this process has locked it: shared with others, or alone."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def lock(cls, path: Path, how: int) -> Self | None:
        """Lock the folder as `flock` does. Returns None if it doesn't exist, or was moved meanwhile.

        Raises BlockingIOError.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return None
        held = cls(path, descriptor)
        try:
            fcntl.flock(descriptor, how)
        except BaseException:
            held.release()
            raise
        if held._is_at(path):
            return held
        held.release()
        return None

    def _is_at(self, path: Path) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), path.stat())
        except FileNotFoundError:
            return False

    def share(self, path: Path) -> bool:
        """Change the lock of the folder, which was moved to `path`, to a shared one. Returns False if it was evicted
        in between."""
        self.path = path
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)
        return self._is_at(path)

    def touch(self) -> None:
        """Note that the folder is used."""
        os.utime(self._descriptor)

    def release(self) -> None:
        """Unlock the folder."""
        os.close(self._descriptor)


class ArtifactCache:
    """Copies of at most `most_bytes`, and less if the disk would otherwise have fewer than `least_free` bytes free.

    Those in use stay; of the others, the least recently used are removed first.

    A copy is complete if it has its checksums. It is written aside and gets its place by a rename, so that it is
    complete from the start. Its mtime says when it was last used. The lock on its folder says whether it is in use:
    readers share it, and what removes the copy needs it alone.
    """

    def __init__(self, root: Path, most_bytes: int, least_free: int = 0) -> None:
        self.root = root
        self._most_bytes = most_bytes
        self._least_free = least_free

    def path(self, key: str) -> Path:
        """The place of a key's copy."""
        return self.root.joinpath(*parse(key))

    def find(self, key: str) -> HeldFolder | None:
        """The complete copy of a key; None if there is none."""
        held = HeldFolder.lock(self.path(key), fcntl.LOCK_SH)
        if held is None:
            return None
        if not (held.path / SUMS_FILE).exists():
            held.release()
            return None
        held.touch()
        return held

    def grow(self, key: str) -> HeldFolder:
        """The folder of a key in which a job of this host writes."""
        path = self.path(key)
        while True:
            _make_folder(path)
            if (held := HeldFolder.lock(path, fcntl.LOCK_SH)) is not None:
                return held

    def fill(self, key: str, size: int, write: Callable[[Path], None]) -> HeldFolder:
        """The copy of a key, which `write` writes into an empty folder if no other process has written it.

        `size` is its size in bytes. Raises what `write` raises, and OSError.
        """
        partial, path = self.root / PARTIAL / key.replace(SEPARATOR, "+"), self.path(key)
        while True:
            if (found := self.find(key)) is not None:
                return found
            _make_folder(partial)
            held = HeldFolder.lock(partial, fcntl.LOCK_EX)  # waits while another process writes the copy
            if held is None:
                continue
            try:
                self._write(partial, path, size, write)
                if _place(partial, path):
                    if held.share(path):
                        return held
                else:
                    shutil.rmtree(partial, ignore_errors=True)
            except BaseException:
                # Before the lock is released: afterwards the folder may be that of another process.
                shutil.rmtree(partial, ignore_errors=True)
                held.release()
                raise
            held.release()

    def _write(self, partial: Path, path: Path, size: int, write: Callable[[Path], None]) -> None:
        """Write a copy into the locked folder `partial`, and remove what a process that crashed left at its `path`."""
        _empty(partial)
        if not (path / SUMS_FILE).exists():
            self._remove(path)
        self._make_room(size)
        write(partial)
        sync_files(partial)

    def adopt(self, folder: Path, key: str) -> None:
        """Make a folder of this host the copy of a key."""
        self._make_room(_size(folder))
        if not _place(folder, self.path(key)):
            shutil.rmtree(folder, ignore_errors=True)

    def drop(self, key: str) -> None:
        """Remove the copies of a key, or of all keys below it, also if they are in use: who has opened a file can still
        read it."""
        self._remove(self.path(key))

    def used_before(self, moment: float) -> list[str]:
        """The keys of the copies that were last used before `moment` (Unix time)."""
        return sorted(path.relative_to(self.root).as_posix() for path in self._paths() if _used_at(path) < moment)

    def evict(self, key: str) -> None:
        """Remove the copy of a key, unless it is in use."""
        self._evict(self.path(key))

    def tidy(self, moment: float) -> None:
        """Remove what processes that crashed left before `moment` (Unix time)."""
        for path in (self.root / REMOVED).glob("*"):
            shutil.rmtree(path, ignore_errors=True)
        for name in names_before(moment, self.root / PARTIAL):
            self._evict(self.root / PARTIAL / name)

    def _make_room(self, size: int) -> None:
        """Evict copies until `size` more bytes fit, as far as they aren't in use."""
        copies = []
        for path in self._paths():
            with suppress(OSError):
                copies.append((_used_at(path), path, _size(path)))
        lacking = self._least_free - shutil.disk_usage(self.root).free
        excess = size + max(lacking, sum(bytes_ for *_, bytes_ in copies) - self._most_bytes)
        for _, path, bytes_ in sorted(copies):
            if excess <= 0:
                return
            if self._evict(path):
                excess -= bytes_

    def _paths(self) -> Iterator[Path]:
        """The places of all copies."""
        for group in GROUPS:
            yield from self.root.glob(SEPARATOR.join([group, *["*"] * (count_parts(group) - 1)]))

    def _evict(self, path: Path) -> bool:
        try:
            held = HeldFolder.lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        if held is not None:
            self._remove(path)
            held.release()
        return True

    def _remove(self, path: Path) -> None:
        doomed = self.root / REMOVED / new_identifier("rm")
        doomed.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
        with suppress(OSError):
            path.parent.rmdir()


def _place(folder: Path, path: Path) -> bool:
    """Move a folder to its place. Returns False if there is something already."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(path)
            return True
        except FileNotFoundError:
            if not folder.exists():
                raise
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False


def _make_folder(path: Path) -> None:
    """Make a folder; again if its parent, which was empty, was removed meanwhile."""
    while not path.is_dir():
        with suppress(FileNotFoundError):
            path.mkdir(parents=True, exist_ok=True)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _used_at(copy: Path) -> float:
    """When a copy was last used; infinite if it is being removed."""
    try:
        return copy.stat().st_mtime
    except FileNotFoundError:
        return math.inf


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))
