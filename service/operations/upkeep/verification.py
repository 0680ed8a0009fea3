"""Verifies everything that the service stores: each row of the database, and each file against its checksum."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from models.files.sums import find_faults, read_sums
from models.snapshots import file_of
from service.context import Context
from service.errors import BackupError, StorageError
from service.operations.stored_files import recorded_sums
from service.operations.upkeep import references
from service.storage import datasets, models, snapshots, training_snapshots
from service.storage.artifact_keys import SNAPSHOTS, BadKey, parse

Progress = Callable[[int, int], None]
"""Called with the folders verified since the last call, and their total."""


@dataclass
class Verification:
    """What was verified, and a line for each damage: where it is, and what it is."""

    files: int = 0
    bytes: int = 0
    without_checksums: list[str] = field(default_factory=list)
    """The keys of folders that an older Fitserve saved, of which only the files that rows describe were verified."""
    damages: list[str] = field(default_factory=list)


def verify(context: Context, progress: Progress) -> Verification:
    """Verify the database and the files of all folders that its rows point to. The service may run meanwhile."""
    found = Verification()
    try:
        snapshots.verify(context.settings.database_url)
        with context.database.read() as session:
            keys = sorted(references.needed(session))
            in_rows = {version.folder: recorded_sums(version) for version in models.every_version(session)}
    except (StorageError, BackupError) as error:
        found.damages.append(f"database: {error}")
        return found
    for key in keys:
        damages = list(_verify_folder(context, key, in_rows.get(key) or _sums_of_snapshots(context, key), found))
        if damages and parse(key)[0] == SNAPSHOTS:  # some may have been removed meanwhile
            damages = list(_verify_folder(context, key, _sums_of_snapshots(context, key), Verification()))
        if damages and _is_needed(context, key):
            found.damages += [f"{key}: {damage}" for damage in damages]
        progress(1, len(keys))
    return found


def find_missing_dataset(context: Context) -> str | None:
    """The artifact key of the newest dataset if its files aren't there. On a host whose folder of artifacts isn't that
    of the others, they aren't."""
    with context.database.read() as session:
        key = datasets.newest_folder(session)
    with context.holding_files() as holding:
        return None if key is None or holding.artifacts.folder(key).is_dir() else key


def _sums_of_snapshots(context: Context, key: str) -> dict[str, str]:
    """The SHA-256 of the snapshots in a folder, by file name."""
    with context.database.read() as session:
        return {file_of(epoch): sum_ for epoch, sum_ in training_snapshots.sums(session, key).items()}


def _verify_folder(context: Context, key: str, in_row: Mapping[str, str], found: Verification) -> Iterator[str]:
    """The damages of a folder's files, which are counted."""
    try:
        with context.artifacts.stored(key) as folder:
            yield from _verify_files(folder, key, in_row, found)
    except BadKey as error:
        yield str(error)


def _verify_files(folder: Path, key: str, in_row: Mapping[str, str], found: Verification) -> Iterator[str]:
    if not folder.is_dir():
        yield "The folder is missing."
        return
    try:
        sums = read_sums(folder)
    except OSError as error:
        yield f"The checksums can't be read: {error.strerror}."
        return
    if not sums:
        found.without_checksums.append(key)
    for name, sum_ in [*sums.items(), *(in_row.items() - sums.items())]:
        path = folder / name
        found.files += 1
        found.bytes += path.stat().st_size if path.is_file() else 0
        yield from find_faults(folder, {name: sum_})


def _is_needed(context: Context, key: str) -> bool:
    """Whether a row still points to the key: its resource may have been deleted meanwhile."""
    with context.database.read() as session:
        return key in references.needed(session)
