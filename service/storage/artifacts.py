"""The artifact store: the files of datasets and versions, in folders that are published atomically."""

import fcntl
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import structlog

from models.files.sums import check_files, write_sums
from service.errors import storing
from service.storage.artifact_keys import SEPARATOR, BadKey, check_name, parse
from service.storage.identifiers import new_identifier

log = structlog.get_logger()

STAGING = ".staging"
REMOVED = ".removed"
REMOVAL_LOCK = ".hold"


class ArtifactStore:
    """A local folder with artifacts by key.

    A published folder never changes. Its removal starts with one rename, so that it disappears atomically. A folder is
    published before the row that points to it is committed, and removed after the row is deleted. The folders of
    snapshots grow while their job runs; the same applies to each of their files.

    All methods raise BadKey for a key or name that would lead out of the store, also through a symbolic link.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def free_bytes(self) -> int:
        """Free bytes on the folder's disk; the folder itself may not exist yet. Raises OSError."""
        return shutil.disk_usage(next(path for path in (self.root, *self.root.parents) if path.exists())).free

    def is_writable(self) -> bool:
        """Whether the folder, or the one in which it will be created, can be written."""
        return os.access(next(path for path in (self.root, *self.root.parents) if path.exists()), os.W_OK)

    def stage(self, name: str) -> Path:
        """Create an empty folder to write into before publishing it. Removes an older folder of the same name.

        Raises ArtifactsUnwritable, OSError.
        """
        folder = self.staged(name)
        shutil.rmtree(folder, ignore_errors=True)
        with storing():
            folder.mkdir(parents=True)
        return folder

    def discard(self, name: str) -> None:
        """Remove a staged folder without publishing it."""
        shutil.rmtree(self.staged(name), ignore_errors=True)

    def staged(self, name: str) -> Path:
        """The path of a staged folder."""
        return self._inside(STAGING, check_name(name))

    def staged_before(self, moment: float) -> list[str]:
        """The names of staged folders whose last write was before `moment` (Unix time)."""
        return _names_before(moment, self.root / STAGING)

    def names(self, key: str) -> list[str]:
        """The names of the folders below a key."""
        return sorted(path.name for path in _folders_in(self.folder(key)))

    def published_before(self, moment: float, key: str) -> list[str]:
        """The names of the folders below a key whose last write was before `moment` (Unix time)."""
        return _names_before(moment, self.folder(key))

    def publish(self, folder: Path, key: str, sums: Mapping[str, str] | None = None) -> None:
        """Write the checksums of a staged folder's files and move it to its key. Does nothing if it has already been
        published. `sums` has the SHA-256 of those files whose checksum is known, by name. Raises what `move` raises."""
        if folder.exists():
            write_sums(folder, sums)
        self.move(folder, key)

    def move(self, folder: Path, key: str) -> None:
        """Sync a folder's files and move it to its key. Does nothing if it has already been moved.

        Raises ArtifactsUnwritable, OSError.
        """
        target = self.folder(key)
        if target.exists() and not folder.exists():
            return
        for path in (*folder.rglob("*"), folder):
            _sync(path)
        with storing():
            target.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(target)
        _sync(target.parent)

    def folder(self, key: str) -> Path:
        """The path of a published folder."""
        return self._inside(*parse(key))

    def _inside(self, *names: str) -> Path:
        """The path of these names below the root. Raises BadKey if symbolic links make it lead elsewhere."""
        path = self.root.joinpath(*names)
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise BadKey(f'"{SEPARATOR.join(names)[:200]}" leads out of the artifact store.')
        return path

    def existing_file(self, key: str, name: str) -> Path:
        """The path of a file in a published folder, whose checksum is checked if this process hasn't done so before.

        Raises DamagedFile if it is missing, unreadable or changed.
        """
        path = self._inside(*parse(key), check_name(name))
        check_files(path.parent, path.name)
        return path

    def link(self, key: str, folder: Path) -> bool:
        """Hard-link a published folder's files into a new folder. Returns False if there is no published folder.

        The store has no symbolic links. Others' links are copied as links, which no backup contains.
        """
        source = self.folder(key)
        if not source.is_dir():
            return False
        shutil.copytree(source, folder, copy_function=_link, symlinks=True)
        return True

    def remove(self, key: str) -> None:
        """Remove a folder if it exists. While removal is locked or the disk can't be written, the folder stays, for a
        later cleanup to remove: its row is already gone."""
        source, doomed = self.folder(key), self.root / REMOVED / new_identifier("rm")
        if not source.exists() or self.removal_is_held():
            return
        try:
            doomed.parent.mkdir(exist_ok=True)
            source.rename(doomed)
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("a folder can't be removed now", key=key, reason=error.strerror)
            return
        shutil.rmtree(doomed, ignore_errors=True)

    def remove_leftovers(self) -> None:
        """Remove the files of folders whose removal was interrupted by a crash."""
        for folder in (self.root / REMOVED).glob("*"):
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def removing_held(self) -> Iterator[None]:
        """Lock removal: until it ends, no process removes a published folder that a row pointed to at its start."""
        with (self.root / REMOVAL_LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def removal_is_held(self) -> bool:
        """Whether nothing may be removed now."""
        try:
            with (self.root / REMOVAL_LOCK).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _names_before(moment: float, folder: Path) -> list[str]:
    return sorted(path.name for path in _folders_in(folder) if _last_written(path) < moment)


def _folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, without symbolic links. Empty if it doesn't exist."""
    found = folder.iterdir() if folder.is_dir() else ()
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _last_written(folder: Path) -> float:
    """The time of the folder's last write; infinite if it is being moved."""
    try:
        return max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return math.inf


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:  # a snapshot that no row points to has been removed
        return
    except OSError:  # not every file system supports hard links
        shutil.copyfile(source, target)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
