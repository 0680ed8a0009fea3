"""`fitserve verify` names everything that is damaged."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from models.files.sums import SUMS_FILE
from service.context import Context
from service.operations.upkeep import verification
from service.operations.upkeep.verification import Verification
from tests.service.operations import stocked


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """With a version, and a training that has a checkpoint."""
    context = stocked.make_context(tmp_path)
    stocked.train(context)
    stocked.submit(context)
    stocked.checkpoint(context, stocked.claim(context)[0])
    yield context
    context.database.close()


def verify(context: Context) -> Verification:
    return verification.verify(context, lambda done, total: None)


def test_what_is_whole_has_no_damage(context: Context) -> None:
    found = verify(context)
    assert (found.damages, found.without_checksums) == ([], [])
    stored = {name: content for name, content in stocked.files_of(context).items() if not name.endswith(SUMS_FILE)}
    assert (found.files, found.bytes) == (len(stored), sum(map(len, stored.values())))


def test_every_damaged_and_missing_file_is_named(context: Context) -> None:
    names = [name for name in stocked.files_of(context) if not name.endswith(SUMS_FILE)]
    assert {name.split("/")[0] for name in names} == {"checkpoints", "datasets", "models"}
    for number, name in enumerate(names):
        path = context.artifacts.root / name
        if number % 2:
            path.unlink()
        else:
            path.write_bytes(path.read_bytes() + b"!")
    damages = verify(context).damages
    assert len(damages) == len(names)
    for name in names:
        folder, file = "/".join(name.split("/")[:3]), "/".join(name.split("/")[3:])
        assert any(damage.startswith(f"{folder}: The stored file {file} is ") for damage in damages)


def test_a_lost_folder_is_named(context: Context) -> None:
    key = stocked.versions(context)[0].folder
    context.artifacts.remove(key)
    assert verify(context).damages == [f"{key}: The folder is missing."]


def test_a_folder_outside_the_store_is_named_and_the_rest_is_verified(context: Context, tmp_path: Path) -> None:
    key = stocked.versions(context)[0].folder
    whole = verify(context).files
    folder = context.artifacts.folder(key)
    moved = folder.rename(tmp_path / "moved")
    folder.symlink_to(moved)
    found = verify(context)
    assert found.damages == [f'{key}: "{key}" leads out of the artifact store.']
    assert found.files == whole - sum(path.name != SUMS_FILE for path in moved.iterdir())


def test_a_folder_without_checksums_is_compared_with_its_row(context: Context) -> None:
    version = stocked.versions(context)[0]
    folder = context.artifacts.folder(version.folder)
    (folder / SUMS_FILE).unlink()
    found = verify(context)
    assert (found.damages, found.without_checksums) == ([], [version.folder])
    (folder / "network.onnx").write_bytes(b"no network")
    assert len(verify(context).damages) == 1


def test_a_damaged_database_is_named(context: Context) -> None:
    context.database.close()
    path = context.settings.data_dir / "fitserve.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    (damage,) = verify(context).damages
    assert damage.startswith("database: The database is damaged")


def test_a_row_that_points_elsewhere_is_named(context: Context) -> None:
    with context.database.write() as session:
        session.execute(text("UPDATE versions SET folder = '../../victim'"))
    (damage,) = verify(context).damages
    assert damage.startswith("database: The database is damaged: ")
    assert "victim" in damage
