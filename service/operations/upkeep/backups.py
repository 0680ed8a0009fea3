"""Everything that a service keeps, in one file while it runs, and back from it in an empty place.

Why a backup is consistent: the database is copied as it is at one moment, and only then are the files taken that the
copy points to. Each of them was published before the row that points to it was committed, and would be removed after
that row is gone; but no process removes one while removing is held, from before the copy until each file has a second
name (a hard link). After that the archive may be written for as long as it takes: published files never change.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import orjson

from service import __version__
from service.context import Context
from service.errors import BackupError
from service.operations.jobs import lifecycle as execution
from service.operations.upkeep import references
from service.storage import archives, snapshots
from service.storage.artifact_keys import GROUPS
from service.storage.database import Database
from service.storage.identifiers import new_identifier

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "database.db"
ARTIFACTS = "artifacts"
LARGEST_MANIFEST = 64 * 1024

Progress = Callable[[int, int], None]
"""Is told how many bytes more were done, of how many."""


@dataclass(frozen=True)
class BackUp:
    """What a backup became: its size in bytes, and the keys of folders that rows point to but that aren't there."""

    bytes: int
    missing: list[str]


def back_up(context: Context, target: Path, progress: Progress) -> BackUp:
    """Write everything into a new file; the service may run meanwhile. Raises BackupError, OSError.

    The file has its name only once it is complete.
    """
    if target.exists():
        raise BackupError(f"There is a file {target} already.")
    with _scratch_folder(context, "backup") as folder, _file_to_be(target) as partial:
        missing = _collect(context, folder)
        _write_archive(folder, partial, progress)
    return BackUp(target.stat().st_size, missing)


def _collect(context: Context, folder: Path) -> list[str]:
    """Copy the database and link the files into a folder; the keys of those that aren't there."""
    with context.artifacts.removing_held():
        snapshots.take(context.settings.database_url, folder / DATABASE)
        with _opened(folder / DATABASE) as database, database.read() as session:
            keys = sorted(references.needed(session))
        return [key for key in keys if not context.artifacts.link(key, folder / ARTIFACTS / key)]


def _write_archive(folder: Path, target: Path, progress: Progress) -> None:
    manifest = {"format": FORMAT, "fitserve": __version__, "created_at": datetime.now(UTC).isoformat()}
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest))
    artifacts = sorted(path for path in (folder / ARTIFACTS).rglob("*") if path.is_file())
    files = [folder / MANIFEST, folder / DATABASE, *artifacts]
    total = sum(path.stat().st_size for path in files)

    def advance(done: int) -> None:
        os.utime(folder)  # a folder to which nothing is written for long counts as abandoned
        progress(done, total)

    with target.open("wb") as stream:
        archives.pack(stream, folder, files, advance)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def _file_to_be(target: Path) -> Iterator[Path]:
    """A file for the owner's eyes alone, which gets its name when the block ends well, and else is removed."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.touch(mode=0o600)
    try:
        yield partial
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def restore(context: Context, source: Path, progress: Progress) -> None:
    """Bring everything back from a file, into an empty database and an empty store: all of it, or nothing.

    Jobs that were running are put back, to go on from their checkpoints. Raises BackupError, OSError.
    """
    _check_empty(context)
    with _scratch_folder(context, "restore") as folder:
        _unpack(source, folder, progress)
        snapshots.upgrade(folder / DATABASE)
        with _opened(folder / DATABASE) as database:
            execution.put_all_back(database, execution.WORKER_LOST)
        _put_in_place(context, folder)


def _check_empty(context: Context) -> None:
    if not snapshots.is_empty(context.settings.database_url):
        raise BackupError("The database isn't empty; restore into a new one.")
    used = [group for group in GROUPS if context.artifacts.names(group)]
    if used:
        raise BackupError(f"The folder {context.artifacts.root} isn't empty: it has {', '.join(used)}.")


def _unpack(source: Path, folder: Path, progress: Progress) -> None:
    with source.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        archives.unpack(stream, folder, _accepts, lambda done: progress(done, size))
    if not (folder / DATABASE).exists():
        raise BackupError("The archive is no backup of Fitserve: it has no database.")


def _accepts(name: str, folder: Path) -> bool:
    """Whether a backup has such a file, after those that came before it. Raises BackupError for another format."""
    if name == MANIFEST:
        return True
    if name == DATABASE:
        return _has_format(folder / MANIFEST)
    parts = PurePosixPath(name).parts
    below = len(parts) > 3 and parts[0] == ARTIFACTS and parts[1] in GROUPS
    return below and (folder / DATABASE).exists()


def _has_format(path: Path) -> bool:
    if not path.exists() or path.stat().st_size > LARGEST_MANIFEST:
        return False
    try:
        manifest = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        return False
    if not isinstance(manifest, dict) or "fitserve" not in manifest:
        return False
    if manifest.get("format") != FORMAT:
        raise BackupError(f"It was made by Fitserve {manifest['fitserve']}, in a format that this one can't read.")
    return True


def _put_in_place(context: Context, folder: Path) -> None:
    """Files first, then the rows that point to them, in one transaction."""
    groups = [group for group in GROUPS if (folder / ARTIFACTS / group).is_dir()]
    try:
        for group in groups:
            context.artifacts.publish(folder / ARTIFACTS / group, group)
        snapshots.load(folder / DATABASE, context.settings.database_url)
    except BaseException:
        for group in groups:
            context.artifacts.remove(group)
        raise


@contextmanager
def _scratch_folder(context: Context, prefix: str) -> Iterator[Path]:
    name = new_identifier(prefix)
    try:
        yield context.artifacts.stage(name)
    finally:
        context.artifacts.discard(name)


@contextmanager
def _opened(path: Path) -> Iterator[Database]:
    database = Database(snapshots.sqlite_url(path))
    try:
        yield database
    finally:
        database.close()
