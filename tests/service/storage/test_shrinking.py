"""SQLite files return the space of deleted rows to the disk."""

import shutil
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from service.storage.database import Database, migrate


def mode(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("PRAGMA auto_vacuum").fetchone()[0]
        return found


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file whose unused pages were never returned, as earlier releases made it."""
    path = tmp_path / "fitserve.db"
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("VACUUM")
    assert mode(path) == 0
    return path


def test_a_new_file_can_shrink(tmp_path: Path) -> None:
    path = tmp_path / "fitserve.db"
    database = Database(f"sqlite:///{path}")
    migrate(f"sqlite:///{path}")
    assert mode(path) == 2
    with database.write() as session:
        connection = session.connection()
        connection.exec_driver_sql("CREATE TABLE filling (text TEXT)")
        connection.exec_driver_sql("INSERT INTO filling VALUES (zeroblob(1000000))")
    with database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM filling")
    returned = 0
    while database.shrink(100):
        returned += 1
    assert returned == 2
    database.close()
    assert path.stat().st_size < 600_000


def test_a_file_of_an_earlier_release_is_rewritten_at_the_start(old: Path) -> None:
    database = Database(f"sqlite:///{old}")
    assert not database.shrink(100)
    migrate(f"sqlite:///{old}")
    assert mode(old) == 2
    assert not database.shrink(100)
    database.close()


def test_a_file_stays_as_it_is_while_others_read_it_or_the_disk_has_too_little_room(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "free")
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: usage(1000))
        migrate(f"sqlite:///{old}")
    assert "the database's file doesn't shrink" in capsys.readouterr().out
    assert mode(old) == 0
