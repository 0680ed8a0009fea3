"""Backs up the database and the artifacts into one file while the service runs, and restores them into an empty place.

A backup is consistent because it first takes a snapshot of the database, then the files that the snapshot points to.
A file is published before the row that points to it is committed, and is removed only after that row is deleted. From
before the snapshot until each file has a second name (a hard link), no process can remove files. After that, writing
the archive may take any time: published files never change.
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
from service.errors import BackupError, OutcomeUnknown
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
"""Called with the bytes processed since the last call, and the total bytes."""


@dataclass(frozen=True)
class BackUp:
    """A finished backup: its size in bytes, and the keys of folders that rows point to but that don't exist."""

    bytes: int
    missing: list[str]


def back_up(context: Context, target: Path, progress: Progress) -> BackUp:
    """Write a backup into a new file. The service may run meanwhile. Raises BackupError, OSError.

    The file gets its name once it is complete.
    """
    if target.exists():
        raise BackupError(f"The file {target} already exists.")
    with _scratch_folder(context, "backup") as folder, _partial_file(target) as partial:
        missing = _collect(context, folder)
        _write_archive(folder, partial, progress)
    return BackUp(target.stat().st_size, missing)


def _collect(context: Context, folder: Path) -> list[str]:
    """Copy the database and link the files into a folder; returns the keys of missing files."""
    with context.artifacts.removing_held():
        snapshots.take(context.settings.database_url, folder / DATABASE)
        with _opened(folder / DATABASE) as database, database.read() as session:
            keys = sorted(references.needed(session))
        return [key for key in keys if not context.artifacts.link(key, folder / ARTIFACTS / key)]


def _write_archive(folder: Path, target: Path, progress: Progress) -> None:
    manifest = {"format": FORMAT, "fitserve": __version__, "created_at": datetime.now(UTC).isoformat()}
    (folder / MANIFEST).write_bytes(orjson.dumps(manifest))
    artifacts = sorted(path for path in (folder / ARTIFACTS).rglob("*") if path.is_file() and not path.is_symlink())
    files = [folder / MANIFEST, folder / DATABASE, *artifacts]
    total = sum(path.stat().st_size for path in files)

    def advance(done: int) -> None:
        os.utime(folder)  # otherwise the cleanup would take the folder for an abandoned one
        progress(done, total)

    with target.open("wb") as stream:
        archives.pack(stream, folder, files, advance)
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def _partial_file(target: Path) -> Iterator[Path]:
    """A file that only its owner can read. It is renamed to `target` if the block succeeds, and removed otherwise."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.touch(mode=0o600)
    try:
        yield partial
        partial.rename(target)
    finally:
        partial.unlink(missing_ok=True)


def restore(context: Context, source: Path, progress: Progress) -> None:
    """Restore a backup into an empty database and an empty artifact store, completely or not at all.

    Jobs that were running return to the queue and resume from their checkpoints. Raises BackupError, OSError, and
    OutcomeUnknown, after which it may be restored or not.
    """
    _check_empty(context)
    with _scratch_folder(context, "restore") as folder:
        _unpack(source, folder, progress)
        snapshots.upgrade(folder / DATABASE)
        with _opened(folder / DATABASE) as database, snapshots.explaining_refusal():
            with database.read() as session:
                references.needed(session)  # refuses rows that point to files of others
            execution.put_all_back(database, execution.WORKER_LOST)
        _put_in_place(context, folder)


def _check_empty(context: Context) -> None:
    if not snapshots.is_empty(context.settings.database_url):
        raise BackupError("The database isn't empty. Restore into a new one.")
    used = [group for group in GROUPS if context.artifacts.names(group)]
    if used:
        raise BackupError(f"{context.settings.artifact_url} isn't empty: it has {', '.join(used)}.")


def _unpack(source: Path, folder: Path, progress: Progress) -> None:
    with source.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        archives.unpack(stream, folder, _accepts, lambda done: progress(done, size))
    if not (folder / DATABASE).exists():
        raise BackupError("The archive isn't a backup of Fitserve: it has no database.")


def _accepts(name: str, folder: Path) -> bool:
    """Whether a backup may contain this file after the ones unpacked so far. Raises BackupError for an unsupported
    format."""
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
        raise BackupError(f"Fitserve {manifest['fitserve']} made the backup, in a format that this version can't read.")
    return True


def _put_in_place(context: Context, folder: Path) -> None:
    """Publish the files, then insert the rows that point to them, in one transaction."""
    groups = [group for group in GROUPS if (folder / ARTIFACTS / group).is_dir()]
    try:
        for group in groups:
            context.artifacts.move(folder / ARTIFACTS / group, group)
        snapshots.load(folder / DATABASE, context.settings.database_url)
    except OutcomeUnknown:
        raise  # the rows may have been inserted, and then they need the files
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
