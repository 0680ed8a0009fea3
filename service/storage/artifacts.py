"""The artifact store: the files of datasets, versions and jobs, in folders that are published atomically."""

import math
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from models.files.sums import check_files, write_sums
from service.errors import storing
from service.storage.artifact_keys import SEPARATOR, BadKey, check_name

STAGING = ".staging"


class ArtifactStore(ABC):
    """Folders with files, by key. The subclasses say where they are stored; what they have in common is here.

    A folder is written on this host, in a staged folder, and then published as a whole; from then on it never changes.
    It is published before the row that points to it is committed, and removed after the row is deleted. Only the
    folders of snapshots grow while their job runs (`grow`); the same then applies to each of their files.

    All methods raise BadKey for a key or name that would lead out of the store, also through a symbolic link, and
    ArtifactsUnavailable if the store doesn't answer.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        """The folder on this host. It contains the staged folders, and all that this host reads."""

    def free_bytes(self) -> int:
        """Free bytes on the disk of the folder on this host, which may not exist yet. Raises OSError."""
        return shutil.disk_usage(self._existing_root()).free

    def _existing_root(self) -> Path:
        return next(path for path in (self.root, *self.root.parents) if path.exists())

    def check(self) -> None:  # noqa: B027
        """Check at the start that the store can be used. Raises ArtifactsUnavailable, ArtifactsUnwritable."""

    @abstractmethod
    def is_writable(self) -> bool:
        """Whether something can be stored."""

    def stage(self, name: str) -> Path:
        """Create an empty folder to write into before publishing it. Removes an older folder of the same name.

        Raises ArtifactsUnwritable, OSError.
        """
        folder = self.staged(name)
        with storing():
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        return folder

    def discard(self, name: str) -> None:
        """Remove a staged folder without publishing it."""
        shutil.rmtree(self.staged(name), ignore_errors=True)

    def staged(self, name: str) -> Path:
        """The path of a staged folder."""
        return self._inside(STAGING, check_name(name))

    def staged_before(self, moment: float) -> list[str]:
        """The names of this host's staged folders whose last write was before `moment` (Unix time)."""
        return names_before(moment, self.root / STAGING)

    def _inside(self, *names: str) -> Path:
        """The path of these names below the root. Raises BadKey if symbolic links make it lead elsewhere."""
        path = self.root.joinpath(*names)
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise BadKey(f'"{SEPARATOR.join(names)[:200]}" leads out of the artifact store.')
        return path

    @abstractmethod
    def names(self, key: str) -> list[str]:
        """The names of the folders below a key."""

    @abstractmethod
    def published_before(self, moment: float, group: str) -> list[str]:
        """The keys of a group's published folders whose last write was before `moment` (Unix time)."""

    @abstractmethod
    def empty_before(self, moment: float, key: str) -> list[str]:
        """The names of the empty folders below a key whose last write was before `moment` (Unix time)."""

    def publish(self, folder: Path, key: str, sums: Mapping[str, str] | None = None) -> None:
        """Write the checksums of a staged folder's files and move it to its key. Does nothing if it has already been
        published. `sums` has the SHA-256 of those files whose checksum is known, by name. Raises what `move` raises."""
        if folder.exists():
            write_sums(folder, sums)
        self.move(folder, key)

    @abstractmethod
    def move(self, folder: Path, key: str) -> None:
        """Sync a folder's files and move it to its key. Does nothing if it has already been moved.

        The key may also be a group, of which the folder has everything. Raises ArtifactsUnwritable, OSError.
        """

    @abstractmethod
    def folder(self, key: str, *names: str) -> Path:
        """The path on this host of a published folder; it doesn't exist if there is none. The files of `names` are in
        it too if they were added while it grew. Use it inside `holding`."""

    @abstractmethod
    def holding(self) -> AbstractContextManager[Self]:
        """This store in a view whose folders stay on this host until the block ends, unless they are removed."""

    def existing_file(self, key: str, name: str) -> Path:
        """The path of a file in a published folder, whose checksum is checked if this process hasn't done so before.

        Raises DamagedFile if it is missing, unreadable or changed.
        """
        path = self._file(key, name)
        check_files(path.parent, path.name)
        return path

    def _file(self, key: str, name: str) -> Path:
        return self.folder(key) / check_name(name)

    @abstractmethod
    def url(self, key: str, name: str, headers: Mapping[str, str]) -> str | None:
        """A URL from which clients can download a file of a published folder for a while, with these headers in the
        response; None if they can only download it from the service."""

    @abstractmethod
    def grow(self, key: str) -> Path:
        """The path on this host in which a job writes the files of a folder that grows. The folder may not exist."""

    @abstractmethod
    def add_files(self, key: str, names: Collection[str]) -> None:
        """Publish these files of a folder that grows, together with those that its checksums name.

        Raises ArtifactsUnwritable.
        """

    @abstractmethod
    def file_names(self, key: str) -> list[str]:
        """The names of all files of a folder, which may be growing. Raises OSError."""

    @abstractmethod
    def remove_files(self, key: str, names: Collection[str]) -> None:
        """Remove these files of a folder that grows, if they exist. Raises OSError."""

    @abstractmethod
    def stored(self, key: str) -> AbstractContextManager[Path]:
        """A published folder as it is stored, to verify it. The path doesn't exist if there is none."""

    @abstractmethod
    def link(self, key: str, folder: Path) -> bool:
        """Copy a published folder's files into a new folder, as hard links if possible. Returns False if there is no
        published folder."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove a folder if it exists. While removal is locked or impossible, the folder stays, for a later cleanup to
        remove: its row is already gone."""

    @abstractmethod
    def remove_leftovers(self, moment: float) -> None:
        """Remove what interrupted removals left, and interrupted uploads before `moment` (Unix time)."""

    def copies_before(self, moment: float) -> list[str]:
        """The keys of the folders of which this host has copies that were last used before `moment` (Unix time)."""
        return []

    def drop_copy(self, key: str) -> None:  # noqa: B027
        """Remove this host's copy of a folder, unless it is in use."""

    def tidy(self, moment: float) -> None:  # noqa: B027
        """Remove what processes of this host that crashed left before `moment` (Unix time) of copies."""

    @abstractmethod
    def removing_held(self) -> AbstractContextManager[None]:
        """Lock removal: until it ends, no process removes a published folder that a row pointed to at its start."""

    @abstractmethod
    def removal_is_held(self) -> bool:
        """Whether nothing may be removed now."""


def sync_files(folder: Path) -> None:
    """Sync a folder and all that is in it to the disk. Raises OSError."""
    for path in (*folder.rglob("*"), folder):
        sync(path)


def sync(path: Path) -> None:
    """Sync a file, or the names in a folder, to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def names_before(moment: float, folder: Path) -> list[str]:
    """The names of the folders in a folder whose last write was before `moment`."""
    return sorted(path.name for path in folders_in(folder) if _last_written(path) < moment)


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, without symbolic links. Empty if it doesn't exist."""
    found = folder.iterdir() if folder.is_dir() else ()
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _last_written(folder: Path) -> float:
    """The time of the folder's last write; infinite if it is being moved."""
    try:
        return max(path.lstat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return math.inf
