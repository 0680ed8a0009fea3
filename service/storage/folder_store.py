"""The artifact store in a local folder."""

import fcntl
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import structlog

from service.errors import storing
from service.storage.artifact_keys import check_name, count_parts, key_below, parse
from service.storage.artifacts import ArtifactStore, folders_in, names_before, sync, sync_files
from service.storage.identifiers import new_identifier

log = structlog.get_logger()

REMOVED = ".removed"
REMOVAL_LOCK = ".hold"


class FolderStore(ArtifactStore):
    """A local folder, in which each key is a path. A folder is published and removed by one rename."""

    def is_writable(self) -> bool:
        """Whether the folder, or the one in which it will be created, can be written."""
        return os.access(self._existing_root(), os.W_OK)

    def names(self, key: str) -> list[str]:
        return sorted(path.name for path in folders_in(self.folder(key)))

    def published_before(self, moment: float, group: str) -> list[str]:
        has_owners = count_parts(group) > 2
        parents = [key_below(group, name) for name in self.names(group)] if has_owners else [group]
        return [key_below(parent, name) for parent in parents for name in names_before(moment, self.folder(parent))]

    def empty_before(self, moment: float, key: str) -> list[str]:
        folder = self.folder(key)
        return [name for name in names_before(moment, folder) if not folders_in(folder / name)]

    def move(self, folder: Path, key: str) -> None:
        target = self.folder(key)
        if target.exists() and not folder.exists():
            return
        sync_files(folder)
        with storing():
            target.parent.mkdir(parents=True, exist_ok=True)
            folder.rename(target)
        sync(target.parent)

    def folder(self, key: str, *names: str) -> Path:
        return self._inside(*parse(key))

    @contextmanager
    def holding(self) -> Iterator[Self]:
        yield self

    def _file(self, key: str, name: str) -> Path:
        return self._inside(*parse(key), check_name(name))

    def url(self, key: str, name: str, headers: Mapping[str, str]) -> str | None:
        return None

    def grow(self, key: str) -> Path:
        return self.folder(key)

    def add_files(self, key: str, names: Collection[str]) -> None:
        """Do nothing: the files are where they are read."""

    def file_names(self, key: str) -> list[str]:
        return [path.name for path in self.folder(key).iterdir()]

    def remove_files(self, key: str, names: Collection[str]) -> None:
        folder = self.folder(key)
        for name in names:
            (folder / check_name(name)).unlink(missing_ok=True)

    @contextmanager
    def stored(self, key: str) -> Iterator[Path]:
        yield self.folder(key)

    def link(self, key: str, folder: Path) -> bool:
        """The store has no symbolic links. Others' links are copied as links, which no backup contains."""
        source = self.folder(key)
        if not source.is_dir():
            return False
        shutil.copytree(source, folder, copy_function=_link, symlinks=True)
        return True

    def remove(self, key: str) -> None:
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

    def remove_leftovers(self, moment: float) -> None:
        for folder in (self.root / REMOVED).glob("*"):
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def removing_held(self) -> Iterator[None]:
        with (self.root / REMOVAL_LOCK).open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def removal_is_held(self) -> bool:
        try:
            with (self.root / REMOVAL_LOCK).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:  # a snapshot that no row points to has been removed
        return
    except OSError:  # not every file system supports hard links
        shutil.copyfile(source, target)
