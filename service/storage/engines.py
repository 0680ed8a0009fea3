"""The engines of both kinds of databases: their connections, pools and timeouts."""

import os
import socket
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from service.errors import DatabaseUnusable

POOL_SIZE = 20
OLDEST_SECONDS = 1800
"""After this time a connection is replaced: a network may forget connections, and a server's memory for one grows."""
BUSY_TIMEOUT_SECONDS = 30
POSTGRESQL_CONNECTION = {
    "connect_timeout": 5,
    # A server whose host vanished sends nothing more. Without these its connections would wait for hours.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Parameters of libpq: the timeouts are in seconds, `tcp_user_timeout` is in milliseconds."""
TIMEOUTS = {
    "lock_timeout": f"{BUSY_TIMEOUT_SECONDS}s",
    "statement_timeout": "60s",
    # A process that is suspended within a transaction would keep its locks for as long.
    "idle_in_transaction_session_timeout": "60s",
}
"""Settings of a session of PostgreSQL."""
KEEPALIVES = {"tcp_keepalives_idle": 5, "tcp_keepalives_interval": 2, "tcp_keepalives_count": 3}
"""The server, too, ends the session of a host that vanished. Until then its locks hold up the others."""
LONGEST_LOG_BYTES = 16 * 1024**2
"""The size to which SQLite truncates its write-ahead log after a larger transaction."""


def make_engine(url: str, pool_size: int = POOL_SIZE) -> Engine:
    """Create an engine, with the required settings for its database. Raises DatabaseUnusable for an invalid URL.

    `pool_size` is how many unused connections it keeps.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(
            parsed,
            **(_for_postgresql(parsed) if parsed.get_backend_name() == "postgresql" else {}),
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            pool_size=pool_size,
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


def _for_postgresql(url: URL) -> dict[str, Any]:
    timeouts = " ".join(f"-c {name}={value}" for name, value in {**TIMEOUTS, **KEEPALIVES}.items())
    given = url.normalized_query
    return {
        # What the URL sets applies: of `options`, the last one does.
        "connect_args": {name: value for name, value in POSTGRESQL_CONNECTION.items() if name not in given}
        | {"options": " ".join((timeouts, *given.get("options", ())))},
        # A server that was restarted has closed the connections. Without a look, each process would notice by an error.
        "pool_pre_ping": True,
        "pool_recycle": OLDEST_SECONDS,
        "pool_use_lifo": True,
    }


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Turn off the driver's own transactions, which begin late and deferred: _begin_sqlite begins them.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {LONGEST_LOG_BYTES}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("migrates", False):
        # SQLite makes a table anew to change it. Removing the old one would delete the rows that refer to it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    # A deferred transaction that starts to write fails immediately with "database is locked" after another's write.
    writes = options.get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def local_address(session: Session) -> str | None:
    """The address from which this host has connected to PostgreSQL, whichever of the URL's hosts answered; None for
    SQLite and for a Unix socket."""
    connection = session.connection()
    if connection.dialect.name != "postgresql":
        return None
    driver: Any = connection.connection.driver_connection
    with socket.socket(fileno=os.dup(driver.fileno())) as own:
        return None if own.family == socket.AF_UNIX else str(own.getsockname()[0])


def sqlite_file(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server or an in-memory database."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database)
