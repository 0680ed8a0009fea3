"""Reading the files of a resource: they are what was saved, and the resource may be deleted meanwhile."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from models.errors import DamagedFile, DamagedNetwork
from models.files.sums import check_files, find_faults
from models.version_files import ARTIFACTS
from service.context import Context
from service.errors import NotFound, StorageError
from service.storage import models, variants
from service.storage.artifact_keys import VARIANTS, parse
from service.storage.database import Session
from service.storage.records import Version


@dataclass(frozen=True)
class StoredFile:
    """A file of a published folder, for a client. It is copied to this host only if the service sends it itself."""

    name: str
    open: Callable[[], Path]
    """Its path on this host, once it is known to be what was saved. Raises what reading it raises."""
    url: Callable[[Mapping[str, str]], str | None]
    """A URL from which the client can download it, with these headers in the response; None if there is none."""

    @classmethod
    def of(cls, context: Context, key: str, name: str, open_: Callable[[], Path]) -> Self:
        return cls(name, open_, partial(context.artifacts.url, key, name))


class Removed(NotFound):
    """The files were removed after their resource was found: it was deleted, or something else took its place."""


@contextmanager
def unless_deleted(context: Context, what: str, exists: Callable[[Session], object]) -> Iterator[None]:
    """Read files in the block. If one is missing because the resource was deleted, raises Removed, otherwise what the
    block raises. `what` begins a sentence; `exists` tells whether the resource still has its row."""
    try:
        yield
    except (DamagedFile, FileNotFoundError):
        with context.database.read() as session:
            if exists(session):
                raise
        raise Removed(f"{what} was deleted meanwhile.") from None


def version_folder(context: Context, key: str, *names: str) -> Path:
    """The folder of a version or a variant, in which the files of these names are what was saved.

    Versions of older installations have checksums only in their rows. While the database is unavailable, those aren't
    compared. Raises DamagedNetwork; Removed if the version was deleted, or another variant took the variant's place.
    """
    folder = context.artifacts.folder(key)

    def exists(session: Session) -> object:
        return (variants.found_in if parse(key)[0] == VARIANTS else models.version_in)(session, key)

    with unless_deleted(context, "The version", exists):
        for name in names:
            check_files(folder, name, DamagedNetwork)
        for fault in find_faults(folder, _in_row(context, key, names)):
            raise DamagedNetwork(fault)
    return folder


def _in_row(context: Context, key: str, names: tuple[str, ...]) -> dict[str, str]:
    if parse(key)[0] == VARIANTS:
        return {}
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
