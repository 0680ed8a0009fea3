"""The database: engine, units of work and migrations. On SQLite, writing transactions lock the file at their start."""

import fcntl
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from service.errors import DatabaseUnavailable, DatabaseUnusable
from service.storage import last_write
from service.storage.failures import first_line, translating_errors

__all__ = ["Database", "Session", "make_engine", "migrate", "wait_for_server"]

BUSY_TIMEOUT_SECONDS = 30
CONNECT_SECONDS = 5
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK, CONDITION_LOCK = 0x666974, 0x666975
"""Arbitrary numbers for PostgreSQL's advisory locks."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
"""Between two attempts to reach a server at startup. The pause doubles after each attempt."""

log = structlog.get_logger()


class Database:
    """Opens units of work: `read()` and `write()`. Don't do other input or output within a unit of work.

    Both raise DatabaseUnavailable if the database doesn't answer, DiskFull if its disk has no space, and
    DatabaseUnusable if it is damaged or read-only.
    """

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        self._thread = threading.local()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a unit of work that only reads. Its records stay usable after it ends."""
        with translating_errors(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction. It is committed at the end of the block, or rolled back if the block raises."""
        writing = self.engine.execution_options(writes=True)
        try:
            with translating_errors(), Session(writing, expire_on_commit=False) as session, session.begin():
                self._check_condition(session)
                yield session
        finally:
            # Also after a failure: if the connection was lost, the commit may have succeeded.
            last_write.note()

    @contextmanager
    def only_if(self, condition: Callable[[], None]) -> Iterator[None]:
        """Check a condition at the start of this thread's next write; the condition raises to refuse the write.

        Nobody else writes between the check and the write. The condition must concern what the write changes first.
        """
        self._thread.condition = condition
        try:
            yield
        finally:
            self._thread.condition = None

    def _check_condition(self, session: Session) -> None:
        condition, self._thread.condition = getattr(self._thread, "condition", None), None
        connection = session.connection()  # starts the transaction: from here on, nobody else writes to SQLite
        _lock(connection, CONDITION_LOCK, shared=condition is None)
        if condition is not None:
            condition()

    def ping(self) -> None:
        """Raise if the database doesn't answer."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def free_bytes(self) -> int | None:
        """The free bytes on the disk of an SQLite file; None for a server. Raises OSError."""
        path = _sqlite_file(self.engine.url)
        return None if path is None else shutil.disk_usage(path.parent).free

    def close(self) -> None:
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """Create an engine, with the required settings for SQLite. Raises DatabaseUnusable for an invalid URL."""
    try:
        parsed = make_url(url)
        engine = create_engine(
            parsed,
            connect_args={"connect_timeout": CONNECT_SECONDS} if parsed.get_backend_name() == "postgresql" else {},
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            pool_size=20,
            # Bounded by the threads: each uses at most two connections, one to write and one for a condition to read.
            max_overflow=-1,
        )
    except (ArgumentError, ValueError):
        raise DatabaseUnusable(
            "FITSERVE_DATABASE_URL is invalid: it must be a database URL as SQLAlchemy defines it."
        ) from None
    except ModuleNotFoundError as error:
        raise DatabaseUnusable(f"The database's driver is not installed: {error}.") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Turn off the driver's own transactions, which begin late and deferred: _begin_sqlite begins them.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that starts to write fails immediately with "database is locked" after another's write.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock(connection: Connection, key: int, *, shared: bool = False) -> None:
    """Hold an advisory lock, exclusive or shared, until the writing transaction ends.

    SQLite needs no lock, because only one transaction writes at a time.
    """
    if connection.dialect.name == "postgresql":
        function = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        connection.execute(text(f"SELECT {function}(:key)"), {"key": key})


def wait_for_server(url: str, seconds: float) -> None:
    """Wait at most `seconds` for a PostgreSQL server to accept connections; each failed attempt is logged.

    Returns immediately for SQLite. Raises DatabaseUnavailable, DatabaseUnusable.
    """
    engine = make_engine(url)
    if _sqlite_file(engine.url) is not None:
        return
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while (reason := _connection_error(engine)) is not None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise DatabaseUnavailable(f"The database doesn't answer: {reason}.")
        log.warning("waiting for the database", reason=reason, seconds_left=round(left, 1))
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _connection_error(engine: Engine) -> str | None:
    """Why the server can't be reached; None if it can. Raises DatabaseUnusable."""
    try:
        with translating_errors(), engine.connect():
            return None
    except DatabaseUnavailable as error:
        return first_line(error.__cause__ or error)
    finally:
        engine.dispose()


def migrate(url: str) -> None:
    """Migrate the database to the newest schema. Processes that start concurrently wait for each other.

    Raises DatabaseUnavailable, DiskFull, OSError, and DatabaseUnusable, also if a newer Fitserve made the schema.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = make_engine(url)
    try:
        with (
            _migration_lock(engine),
            translating_errors(),
            engine.execution_options(writes=True).begin() as connection,
        ):
            _lock(connection, MIGRATION_LOCK)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError:
        raise DatabaseUnusable(
            "A newer Fitserve made the database. Install the newer version, or restore a backup from this version."
        ) from None
    finally:
        engine.dispose()


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    """Lock the migration of an SQLite database with a file next to it. Creates the folder if needed."""
    path = _sqlite_file(engine.url)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.migration-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server or an in-memory database."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)
