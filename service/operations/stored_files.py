"""Reading the files of a resource: they are what was saved, and the resource may be deleted meanwhile."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import DamagedFile, DamagedNetwork
from models.files.sums import check_files, find_faults
from models.version_files import ARTIFACTS
from service.context import Context
from service.errors import NotFound, StorageError
from service.storage import models
from service.storage.database import Session
from service.storage.records import Version


@contextmanager
def unless_deleted(context: Context, what: str, exists: Callable[[Session], object]) -> Iterator[None]:
    """Read files in the block. If one is missing because the resource was deleted, raises NotFound, otherwise what the
    block raises. `what` begins a sentence; `exists` tells whether the resource still has its row."""
    try:
        yield
    except (DamagedFile, FileNotFoundError):
        with context.database.read() as session:
            if exists(session):
                raise
        raise NotFound(f"{what} was deleted meanwhile.") from None


def version_folder(context: Context, key: str, *names: str) -> Path:
    """The folder of a version, in which the files of these names are what was saved.

    Versions of older installations have checksums only in their rows. While the database is unavailable, those aren't
    compared. Raises DamagedNetwork; NotFound if the version was deleted.
    """
    folder = context.artifacts.folder(key)
    with unless_deleted(context, "The version", lambda session: models.version_in(session, key)):
        for name in names:
            check_files(folder, name, DamagedNetwork)
        for fault in find_faults(folder, _in_row(context, key, names)):
            raise DamagedNetwork(fault)
    return folder


def _in_row(context: Context, key: str, names: tuple[str, ...]) -> dict[str, str]:
    try:
        with context.database.read() as session:
            version = models.version_in(session, key)
    except StorageError:
        return {}
    sums = {} if version is None else recorded_sums(version)
    return {name: sums[name] for name in names if name in sums}


def recorded_sums(version: Version) -> dict[str, str]:
    """The SHA-256 of a version's downloads as its row has them, by file name."""
    return {ARTIFACTS[file.format]: file.sha256 for file in version.details.artifacts}
