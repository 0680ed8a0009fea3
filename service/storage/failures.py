"""What a failure of the database means: that it is away, that its disk is full, or that it can't be used as it is."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

from service.errors import DatabaseUnavailable, DatabaseUnusable, DiskFull, StorageError

RETRY_AFTER_SECONDS = 5

SQLITE_AWAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CANTOPEN}
"""Another process holds the database, or its folder isn't there at the moment."""
SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
SQLITE_UNUSABLE = {
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_PERM: "is read-only",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is no SQLite file, or is damaged",
    sqlite3.SQLITE_IOERR: "can't be read from the disk, or not written to it",
}

POSTGRESQL_FULL = "53100"
POSTGRESQL_AWAY = ("08", "40", "53", "55", "57")
"""Classes of SQLSTATE: the connection, the transaction's turn, resources, locks, and an operator's intervention."""
POSTGRESQL_UNUSABLE = {"25006": "is read-only", "58": "has trouble with its disk", "XX": "is damaged"}
"""By SQLSTATE, or by its class."""


@contextmanager
def telling_failures() -> Iterator[None]:
    """Raise a StorageError for every failure that isn't a fault of this project's own; those go on as they are."""
    try:
        yield
    except DBAPIError as error:
        told = classify(error)
        if told is None:
            raise
        raise told from error


def classify(error: DBAPIError) -> StorageError | None:
    """What a driver's error means for whoever waits for an answer; None for a fault of the statement itself."""
    if isinstance(error.orig, sqlite3.Error):
        return classify_sqlite(error.orig)
    return _classify_postgresql(error)


def first_line(error: BaseException) -> str:
    """What an error says, in one line without a full stop; what the driver said where SQLAlchemy only passes it on."""
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0].rstrip(".")


def classify_sqlite(error: sqlite3.Error) -> StorageError | None:
    """As `classify`, for what SQLite itself says."""
    extended = getattr(error, "sqlite_errorcode", 0)  # sqlite3 raises some errors without asking SQLite
    code = extended & 0xFF
    if SQLITE_FULL & {code, extended}:
        return _disk_full()
    if code in SQLITE_AWAY:
        return _away(f" ({error})")
    return _unusable(f"{SQLITE_UNUSABLE[code]} ({error})") if code in SQLITE_UNUSABLE else None


def _classify_postgresql(error: DBAPIError) -> StorageError | None:
    state = getattr(error.orig, "sqlstate", None)
    if state == POSTGRESQL_FULL:
        return _disk_full()
    if state is None:
        # Nothing came from the server: there is no connection, or none any more.
        return _away() if error.connection_invalidated or _is_about_connection(error.orig) else None
    if state.startswith(POSTGRESQL_AWAY):
        return _away()
    what = POSTGRESQL_UNUSABLE.get(state) or POSTGRESQL_UNUSABLE.get(state[:2])
    return None if what is None else _unusable(what)


def _is_about_connection(error: Any) -> bool:
    import psycopg

    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def _away(reason: str = "") -> StorageError:
    return DatabaseUnavailable(f"The database doesn't answer{reason}.", retry_after=RETRY_AFTER_SECONDS)


def _disk_full() -> StorageError:
    return DiskFull("The database's disk is full: nothing was kept. Make room on it, then try again.")


def _unusable(what: str) -> StorageError:
    return DatabaseUnusable(f"The database {what}.")
