"""The database: units of work and migrations. On SQLite, writing transactions lock the file at their start."""

import contextlib
import fcntl
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Self, TypeVar

import structlog
from sqlalchemy import Connection, Engine, make_url, text
from sqlalchemy.orm import Session

from service.broker.sender import HintSender
from service.errors import DatabaseUnavailable, DatabaseUnusable, ServiceError, TransactionAborted
from service.storage import commits, last_write, notifications
from service.storage.engines import BUSY_TIMEOUT_SECONDS, POOL_SIZE, TIMEOUTS, make_engine, sqlite_file
from service.storage.failures import first_line, translating_errors
from service.storage.unit_of_work import HINTS, UnitOfWork

__all__ = ["Database", "Session", "make_engine", "migrate", "retry_while_away", "wait_for_server"]

SHRINKING, ABOUT_FILES = ("auto_vacuum", "freelist_count"), ("auto_vacuum", "page_count", "page_size")
"""Values of SQLite's PRAGMA."""
INCREMENTAL = 2
"""The value of SQLite's `auto_vacuum` for files that can return unused pages to the disk."""
LARGEST_REWRITTEN = 256 * 1024**2
"""The size in bytes up to which a file of an earlier release is rewritten at the start, which takes a few seconds."""
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x666974
"""An arbitrary number for an advisory lock of PostgreSQL."""
ATTEMPTS = 4
"""How often a write is attempted that the server aborts because of other transactions."""
MADE_BY_NEWER = "A newer Fitserve made the database. Install the newer version, or restore a backup from this version."
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
"""Between two attempts to reach a server at startup. The pause doubles after each attempt."""

Result = TypeVar("Result")

log = structlog.get_logger()


class Database:
    """Opens units of work: `read()` and `write()`. Don't do other input or output within a unit of work.

    They see the rows of all projects, except those of `in_project`.

    Both raise DatabaseUnavailable if the database doesn't answer, DiskFull if its disk has no space, and
    DatabaseUnusable if it is damaged or read-only. After these errors nothing was written, except after
    OutcomeUnknown, a DatabaseUnavailable that only `write()` raises.
    """

    def __init__(self, url: str, pool_size: int = POOL_SIZE, broker: HintSender | None = None) -> None:
        """With a broker, that tells workers of jobs instead of PostgreSQL."""
        self.engine = make_engine(url, pool_size)
        self._broker = broker
        # SQLite's transactions see one state of the database anyway.
        is_server = self.engine.dialect.name == "postgresql"
        self._reading = self.engine.execution_options(**({"isolation_level": "REPEATABLE READ"} if is_server else {}))
        self._project: str | None = None
        self._thread = threading.local()

    def in_project(self, project: str) -> Self:
        """The same database, whose units of work see and make only the rows of a project."""
        view = copy(self)
        view._project = project
        return view

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a unit of work that only reads, all of it as it is at the first query. Its records stay usable after it
        ends."""
        with translating_errors(), UnitOfWork(self._reading, self._project) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a transaction. It is committed at the end of the block, or rolled back if the block raises.

        If the answer to the COMMIT is lost, the outcome is looked up. Raises OutcomeUnknown if that fails too.
        """
        try:
            with self.write_aside() as session:
                yield session
        finally:
            # Also after a failure, because its outcome may be unknown.
            last_write.note()

    @contextmanager
    def write_aside(self) -> Iterator[Session]:
        """Like `write`, for rows that no process remembers: what the processes remember stays fresh."""
        with translating_errors(), self.engine.execution_options(writes=True).connect() as connection:
            transaction = connection.begin()  # from here on, nobody else writes to SQLite
            begun = commits.identify(connection)
            with self._under_condition(), UnitOfWork(connection, self._project) as session, session.begin():
                yield session
            commits.commit(self.engine, transaction, begun)
            self._thread.has_committed = True
            hints = session.info.get(HINTS)
            if hints is not None and self._broker is not None:
                self._broker.send(hints)
            elif hints is not None:
                notifications.notify(connection)

    @contextmanager
    def only_if(self, condition: Callable[[], None]) -> Iterator[None]:
        """Check a condition before this thread's next write is committed; the condition raises to refuse the write.

        The condition reads what was committed before, through another connection. Nobody changes a row between the
        check and the commit that the write has changed or locked.
        """
        self._thread.condition = condition
        try:
            yield
        finally:
            self._thread.condition = None

    @contextmanager
    def _under_condition(self) -> Iterator[None]:
        """Check the thread's condition at the end of the block, or before an error of the block is raised, which may be
        the consequence of what the condition refuses."""
        condition, self._thread.condition = getattr(self._thread, "condition", None), None
        try:
            yield
        except ServiceError:
            if condition is not None:
                condition()
            raise
        if condition is not None:
            condition()

    def repeat_if_aborted(self, work: Callable[[], Result]) -> Result:
        """Do some work, again if the server aborts its first write because of other transactions, as in a deadlock."""
        for attempt in range(1, ATTEMPTS + 1):
            self._thread.has_committed = False
            try:
                return work()
            except TransactionAborted:
                if self._thread.has_committed or attempt == ATTEMPTS:
                    raise
        raise AssertionError("not reached")

    def ping(self) -> None:
        """Raise if the database doesn't answer."""
        with self.read() as session:
            session.execute(text("SELECT 1"))

    def free_bytes(self) -> int | None:
        """The free bytes on the disk of an SQLite file; None for a server. Raises OSError."""
        path = sqlite_file(self.engine.url)
        return None if path is None else shutil.disk_usage(path.parent).free

    def shrink(self, pages: int) -> bool:
        """Return at most `pages` unused pages of an SQLite file to the disk. False if nothing is left to return.

        A server manages its files itself. A file of an earlier release first must be rewritten.
        """
        if sqlite_file(self.engine.url) is None:
            return False
        with self.write() as session:
            connection = session.connection()
            mode, unused = (connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in SHRINKING)
            if mode != INCREMENTAL:
                return False
            for _ in range(min(pages, unused)):
                # With a larger number, Python's driver would still return one page.
                connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
        return bool(unused > pages)

    def close(self) -> None:
        """Close the connections, that to the broker as well."""
        self.engine.dispose()
        if self._broker is not None:
            self._broker.close()


def wait_for_server(url: str, seconds: float) -> None:
    """Wait at most `seconds` for a PostgreSQL server to accept connections, as `retry_while_away` does.

    Raises DatabaseUnavailable, DatabaseUnusable.
    """
    engine = make_engine(url)

    def connect() -> None:
        try:
            with translating_errors(), engine.connect():
                pass
        finally:
            engine.dispose()

    if sqlite_file(engine.url) is None:
        retry_while_away(url, seconds, connect)


def retry_while_away(url: str, seconds: float, step: Callable[[], None]) -> None:
    """Do a step of the start, again while a PostgreSQL server doesn't answer. Each failed attempt is logged in a line.

    Raises DatabaseUnavailable if the server stays away for `seconds`, and at once for an SQLite file.
    """
    is_file = sqlite_file(make_url(url)) is not None
    deadline, pause = time.monotonic() + seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            step()
            return
        except DatabaseUnavailable as error:
            if is_file:
                raise
            reason, left = first_line(error.__cause__ or error), deadline - time.monotonic()
        if left <= 0:
            raise DatabaseUnavailable(f"The database doesn't answer: {reason}.")
        log.warning("waiting for the database", reason=reason, seconds_left=round(left, 1))
        time.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def migrate(url: str, seconds: float = 0) -> None:
    """Migrate the database to the newest schema. Processes that start concurrently wait for each other.

    Waits at most `seconds` for a PostgreSQL server that goes away meanwhile. Raises DatabaseUnavailable, DiskFull,
    OSError, and DatabaseUnusable, also if a newer Fitserve made the schema.
    """
    retry_while_away(url, seconds, lambda: _migrate(url))


def check_migrated(url: str) -> None:
    """Raises DatabaseUnusable unless the database has the newest schema. Changes nothing, unlike `migrate`."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script, path = ScriptDirectory(str(MIGRATIONS)), sqlite_file(make_url(url))
    found = None
    if path is None or path.exists():  # opening an SQLite file would create it
        engine = make_engine(url)
        try:
            with translating_errors(), engine.connect() as connection:
                found = MigrationContext.configure(connection).get_current_revision()
        finally:
            engine.dispose()
    if found is None:
        raise DatabaseUnusable("The database is empty: `fitserve serve` or `fitserve keys create` makes its tables.")
    if found not in {revision.revision for revision in script.walk_revisions()}:
        raise DatabaseUnusable(MADE_BY_NEWER)
    if found != script.get_current_head():
        raise DatabaseUnusable(
            "An earlier Fitserve made the database. Start this version's service, which migrates it."
        )


def _migrate(url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = make_engine(url)
    try:
        with _migration_lock(engine), translating_errors(), migrating(engine) as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError:
        raise DatabaseUnusable(MADE_BY_NEWER) from None
    finally:
        engine.dispose()


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction that may change tables, and may take long."""
    with engine.execution_options(writes=True, migrates=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            for timeout in TIMEOUTS:
                connection.execute(text(f"SET LOCAL {timeout} = 0"))
        yield connection
    engine.dispose()  # the connection checks no foreign keys


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    """Lock the migration of an SQLite database with a file next to it. Creates the folder if needed.

    Afterwards the database's file can shrink.
    """
    path = sqlite_file(engine.url)
    if path is None:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.migration-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _make_shrinkable(path)
        yield
        _make_shrinkable(path)


def _make_shrinkable(path: Path) -> None:
    """Create an SQLite file, or rewrite that of an earlier release, so that unused pages can return to the disk.

    While it is rewritten, nobody can write, and the disk needs twice the file's size. Larger files stay as they are:
    their unused pages are reused, but not returned. A restored backup is a new file, whatever its size.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None)
        ) as connection:
            mode, pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ABOUT_FILES)
            if mode == INCREMENTAL:
                return
            if pages * size > LARGEST_REWRITTEN or shutil.disk_usage(path.parent).free < 3 * pages * size:
                log.warning("the database's file doesn't shrink; to change that, restore a backup", bytes=pages * size)
                return
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")
    except sqlite3.Error as error:
        # Another process reads it, the disk is full, or the file is read-only, which whoever writes reports.
        log.warning("the database's file doesn't shrink yet; the next start retries", reason=str(error))
