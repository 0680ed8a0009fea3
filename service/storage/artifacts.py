"""The files of datasets and versions: folders under keys, published whole or not at all."""

import math
import os
import shutil
from pathlib import Path

from service.errors import NotFound


class ArtifactStore:
    """A local folder. A published folder never changes; it disappears by one rename before its files are removed."""

    def __init__(self, root: Path) -> None:
        self.root = root

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
        return self.root / ".staging" / name

    def staged_before(self, moment: float, prefix: str) -> list[str]:
        """The names of staged folders with that prefix to which nothing was written since `moment` (Unix time)."""
        return _names_before(moment, self.root / ".staging", prefix)

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
        return self.root / key

    def existing_folder(self, key: str) -> Path:
        """As `folder`; raises NotFound when it was removed meanwhile."""
        if not self.folder(key).is_dir():
            raise NotFound("Its files were deleted meanwhile.")
        return self.folder(key)

    def remove(self, key: str) -> None:
        """Take a folder away; nothing happens when it isn't there."""
        source, doomed = self.folder(key), self.root / f".removed-{key.replace('/', '-')}"
        try:
            source.rename(doomed)
        except FileNotFoundError:
            return
        shutil.rmtree(doomed, ignore_errors=True)


def _names_before(moment: float, folder: Path, prefix: str = "") -> list[str]:
    return [path.name for path in folder.glob(f"{prefix}*") if _last_written(path) < moment]


def _last_written(folder: Path) -> float:
    """When a file of the folder was last written to; a folder that is just being moved counts as written now."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except FileNotFoundError:
        return math.inf


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
