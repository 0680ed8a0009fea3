"""Copies whole databases: into an SQLite file during other writes, and from such a file into an empty database.

All functions raise BackupError, and a StorageError if the database itself fails.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Engine, MetaData, Select, Table, delete, insert, inspect, make_url, select
from sqlalchemy.exc import SQLAlchemyError

from service.callers import DEFAULT_PROJECT
from service.errors import BackupError, StorageError
from service.storage.database import Database, make_engine, migrate
from service.storage.failures import classify_sqlite, first_line, translating_errors
from service.storage.records import Project, RateWindow, Record, Worker

ROWS_AT_ONCE = 500
OF_THE_MOMENT = (Worker.__tablename__, RateWindow.__tablename__)
"""The tables that aren't copied: their rows tell what is happening now."""


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def take(url: str, path: Path) -> None:
    """Copy a consistent snapshot of the database into a new file with the newest schema."""
    if make_url(url).get_backend_name() == "sqlite":
        _copy_sqlite(Path(make_url(url).database or ""), path)
        migrate(sqlite_url(path))
        return
    migrate(sqlite_url(path))
    with _engine(url) as source, _engine(sqlite_url(path)) as target:
        reader = source.execution_options(isolation_level="REPEATABLE READ")
        with reader.connect() as reading, target.execution_options(writes=True).begin() as writing:
            _check_same_schema(reading)
            _copy_rows(reading, writing)


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.is_file():
        raise BackupError(f"There is no database {source}.")
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            # All pages in one step: with several steps, each write of another process would restart the copy.
            reading.backup(writing)
    except sqlite3.Error as error:
        failed = BackupError(f"The database {source} can't be read: {error}.")
        raise classify_sqlite(error) or failed from error


def upgrade(path: Path) -> None:
    """Migrate an archive's database to the newest schema, and read every row. Raises BackupError for a damaged one, one
    with a newer schema, and one that could run statements of its own."""
    fault = find_damage(path, own_statements=False)
    if fault is not None:
        raise BackupError(f"The archive can't be restored: {fault}")
    with explaining_refusal():
        migrate(sqlite_url(path))
        read_all(sqlite_url(path))


@contextmanager
def explaining_refusal() -> Iterator[None]:
    """Turn the faults of an archive's database into BackupErrors."""
    try:
        yield
    except StorageError as error:
        raise BackupError(f"The archive can't be restored: {error.detail}") from error
    except (LookupError, TypeError, ValueError) as error:
        raise BackupError("The archive can't be restored: its database has a malformed row.") from error


def find_damage(path: Path, *, own_statements: bool = True) -> str | None:
    """The first fault that SQLite finds in a database, as a sentence; None if there is none.

    Without `own_statements`, triggers and views are faults: statements of the file would run with Fitserve's.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall()
            if names and not own_statements:
                return f'The database has statements of its own: "{names[0][0]}".'
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        return f"The database is damaged: {error}."
    return None if found == "ok" else f"The database is damaged: {found.splitlines()[-1]}."


def verify(url: str) -> None:
    """Check a whole database. Raises BackupError, DatabaseUnusable, and DatabaseUnavailable."""
    if make_url(url).get_backend_name() == "sqlite":
        path = Path(make_url(url).database or "")
        if not path.is_file():
            raise BackupError(f"There is no database {path}.")
        if (fault := find_damage(path)) is not None:
            raise BackupError(fault)
    read_all(url)


def read_all(url: str) -> None:
    """Read every row, which checks all ids and keys. Raises DatabaseUnusable."""
    with _engine(url) as engine, engine.connect() as connection:
        _check_same_schema(connection)
        for table in _tables():
            rows = connection.execute(select(table), execution_options={"yield_per": ROWS_AT_ONCE})
            for _ in rows.partitions():
                pass


def is_empty(url: str) -> bool:
    """Whether the database doesn't exist or has no rows, not counting the tables that aren't copied."""
    path = make_url(url).database
    if make_url(url).get_backend_name() == "sqlite" and not Path(path or "").exists():
        return True
    with _engine(url) as engine, engine.connect() as connection:
        return _has_no_rows(connection)


def load(path: Path, url: str) -> None:
    """Copy a snapshot's rows into an empty database in one transaction. Raises OutcomeUnknown too."""
    with closing(Database(url)) as target, _engine(sqlite_url(path)) as source, _explaining_failure(url):
        migrate(url)
        with source.connect() as reading, target.write() as session:
            writing = session.connection()
            if not _has_no_rows(writing):
                raise BackupError("The database isn't empty.")
            _copy_rows(reading, writing)


@contextmanager
def _engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    try:
        with _explaining_failure(url):
            yield engine
    finally:
        engine.dispose()


@contextmanager
def _explaining_failure(url: str) -> Iterator[None]:
    try:
        with translating_errors():
            yield
    except SQLAlchemyError as error:
        raise BackupError(f"The database {make_url(url).render_as_string()} failed: {first_line(error)}.") from error


def _check_same_schema(connection: Connection) -> None:
    inspector = inspect(connection)
    there = inspector.get_table_names()
    for table in _tables():
        found = {column["name"] for column in inspector.get_columns(table.name)} if table.name in there else set()
        if found != {column.name for column in table.columns}:
            raise BackupError("Another version of Fitserve made the database's schema.")


def _has_no_rows(connection: Connection) -> bool:
    there = inspect(connection).get_table_names()
    tables = [table for table in _tables() if table.name in there]
    return all(connection.execute(_made_by_clients(table).limit(1)).first() is None for table in tables)


def _made_by_clients(table: Table) -> Select[Any]:
    """The rows of a table. The project `default` is in every database."""
    rows = select(table)
    return rows.where(table.c.name != DEFAULT_PROJECT) if table.name == Project.__tablename__ else rows


def _tables() -> list[Table]:
    """The tables to copy, each after those that it refers to. They store an absent JSON value as NULL, not `null`."""
    copies = MetaData()
    for table in Record.metadata.sorted_tables:
        for column in table.to_metadata(copies).columns:
            if isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return [table for table in copies.sorted_tables if table.name not in OF_THE_MOMENT]


def _copy_rows(source: Connection, target: Connection) -> None:
    """Copy all rows into a migrated database that has no others."""
    target.execute(delete(Project))  # the source has its own `default`
    for table in _tables():
        rows = source.execute(select(table), execution_options={"yield_per": ROWS_AT_ONCE})
        for some in rows.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in some])
