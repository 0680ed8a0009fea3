"""The database: engine, units of work, migrations. On SQLite a writing transaction takes its lock when it begins."""

import fcntl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from service.errors import DatabaseUnavailable
from service.storage import last_write

__all__ = ["Database", "Session", "make_engine", "migrate"]

BUSY_TIMEOUT_SECONDS = 30
CONNECT_SECONDS = 5
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK, CONDITION_LOCK = 0x666974, 0x666975
"""Arbitrary numbers for PostgreSQL's advisory locks."""


class Database:
    """Opens units of work: `read()` and `write()`. A unit is never held across other input or output.

    Both raise DatabaseUnavailable when the database doesn't answer.
    """

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._thread = threading.local()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """For reading alone; records stay usable after it."""
        with _noticing_absence(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        writing = self.engine.execution_options(writes=True)
        try:
            with _noticing_absence(), Session(writing, expire_on_commit=False) as session, session.begin():
                self._meet_condition(session)
                yield session
        finally:
            # Also when it failed: whether a lost connection committed nobody knows.
            last_write.note()

    @contextmanager
    def only_if(self, condition: Callable[[], None]) -> Iterator[None]:
        """Within it this thread's first write begins with the condition, which raises to refuse it.

        Others write nothing between the two. What the condition is about must be what is written first.
        """
        self._thread.condition = condition
        try:
            yield
        finally:
            self._thread.condition = None

    def _meet_condition(self, session: Session) -> None:
        condition, self._thread.condition = getattr(self._thread, "condition", None), None
        connection = session.connection()  # begins the transaction: from here on nobody else writes to SQLite
        _lock(connection, CONDITION_LOCK, shared=condition is None)
        if condition is not None:
            condition()

    def ping(self) -> None:
        """Raise when the database doesn't answer."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _noticing_absence() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable("The database doesn't answer.", retry_after=5) from error


def make_engine(url: str) -> Engine:
    """An engine with this project's rules for SQLite applied."""
    engine = create_engine(
        url,
        connect_args={"connect_timeout": CONNECT_SECONDS} if make_url(url).get_backend_name() == "postgresql" else {},
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        pool_size=20,
        max_overflow=-1,  # threads bound it: each holds two at most, one that writes and one that a condition reads by
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transaction control begins late and deferred: turned off, _begin_sqlite begins.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that turns to writing fails at once with "database is locked" when another has written.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock(connection: Connection, key: int, *, shared: bool = False) -> None:
    """Hold this lock until the writing transaction ends, alone, or with all who share it.

    On SQLite, where one transaction writes at a time, its beginning has seen to that.
    """
    if connection.dialect.name == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        connection.execute(text(f"SELECT {function}(:key)"), {"key": key})


def migrate(url: str) -> None:
    """Bring the database to the newest schema; processes that start at once wait for one another."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with _migration_lock(url):
        engine = make_engine(url)
        try:
            with engine.execution_options(writes=True).begin() as connection:
                _lock(connection, MIGRATION_LOCK)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        finally:
            engine.dispose()


@contextmanager
def _migration_lock(url: str) -> Iterator[None]:
    """For SQLite a lock file beside the database, whose folder is made if need be."""
    path = make_url(url).database
    if not url.startswith("sqlite") or not path or path == ":memory:":
        yield
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.migration-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
