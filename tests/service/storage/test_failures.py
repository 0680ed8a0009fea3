"""A driver's errors are translated: unavailable, disk full, unusable. A bug in a statement is not."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from service.errors import DatabaseUnavailable, DatabaseUnusable, DiskFull, TransactionAborted
from service.storage.database import Database, migrate
from service.storage.failures import classify
from tests.small_disks import fill, make_room, small_disk, unable_to_grow

LARGE = 100_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", megabytes=4) as folder:
        yield folder


def filled(path: Path) -> Database:
    """A database with a table of numbered contents."""
    database = Database(f"sqlite:///{path}")
    with database.write() as session:
        session.execute(text("CREATE TABLE things (content BLOB)"))
    add(database, LARGE)
    return database


def add(database: Database, size: int) -> None:
    with database.write() as session:
        session.execute(text("INSERT INTO things VALUES (randomblob(:size))"), {"size": size})


def count(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(text("SELECT count(*) FROM things WHERE length(content) > 0")).scalar_one())


def test_a_full_disk_is_told_and_writing_goes_on_once_there_is_room(disk: Path) -> None:
    database = filled(disk / "a.db")
    fill(disk)
    for _ in range(2):
        with pytest.raises(DiskFull):
            add(database, LARGE)
    assert count(database) == 1
    make_room(disk)
    add(database, LARGE)
    assert count(database) == 2
    database.close()


def test_a_new_database_on_a_full_disk_is_told_as_that(disk: Path) -> None:
    fill(disk)
    with pytest.raises((DiskFull, OSError), match=r"full|No space left"):
        migrate(f"sqlite:///{disk / 'new.db'}")


def test_a_database_that_may_not_grow_is_full(tmp_path: Path) -> None:
    database = filled(tmp_path / "a.db")
    with unable_to_grow(database.engine), pytest.raises(DiskFull):
        add(database, LARGE)
    add(database, LARGE)
    assert count(database) == 2
    database.close()


def overwrite_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (overwrite_pages, "The database is damaged (database disk image is malformed)."),
        (lambda path: path.write_text("hello " * 5000), "The database is not an SQLite file or is damaged"),
    ],
)
def test_a_damaged_file_is_told_in_a_line(tmp_path: Path, damage: Callable[[Path], object], says: str) -> None:
    filled(tmp_path / "a.db").close()
    damage(tmp_path / "a.db")
    database = Database(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(DatabaseUnusable) as told:
        count(database)
    assert told.value.detail.startswith(says)
    database.close()


def test_a_read_only_database_is_read_and_not_written(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    database = Database(f"sqlite:///file:{tmp_path / 'a.db'}?immutable=1&uri=true")
    assert count(database) == 1
    with pytest.raises(DatabaseUnusable, match="is read-only"):
        add(database, 1)
    database.close()


def test_a_database_that_is_held_by_another_is_away(tmp_path: Path) -> None:
    database = filled(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        with pytest.raises(DatabaseUnavailable, match="database is locked"):
            add(database, 1)
    database.close()


@pytest.mark.parametrize("statement", ["SELECT * FROM nothing", "SELECT nothing FROM things", "SELEC 1"])
def test_a_fault_of_a_statement_is_no_failure_of_the_database(tmp_path: Path, statement: str) -> None:
    database = filled(tmp_path / "a.db")
    with pytest.raises(OperationalError), database.read() as session:
        session.execute(text(statement))
    database.close()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("53100", DiskFull),
        ("08006", DatabaseUnavailable),
        ("40001", TransactionAborted),
        ("40P01", TransactionAborted),
        ("25P03", DatabaseUnavailable),
        ("53300", DatabaseUnavailable),
        ("55P03", DatabaseUnavailable),
        ("57P01", DatabaseUnavailable),
        ("57P02", DatabaseUnavailable),
        ("57P03", DatabaseUnavailable),
        ("25006", DatabaseUnusable),
        ("58030", DatabaseUnusable),
        ("XX001", DatabaseUnusable),
        ("42P01", type(None)),
        ("42703", type(None)),
        ("23505", type(None)),
    ],
)
def test_postgresql_s_states_are_told_apart(state: str, told: type) -> None:
    error = psycopg.errors.lookup(state)("what the server says")
    assert type(classify(DBAPIError("SELECT 1", {}, error))) is told


def test_a_server_that_does_not_listen_is_away() -> None:
    database = Database("postgresql+psycopg://nobody:secret@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseUnavailable):
        database.ping()
    database.close()
