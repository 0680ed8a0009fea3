"""Translates a driver's errors: the database is unavailable, its disk is full, or it is unusable."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

from service.errors import DatabaseUnavailable, DatabaseUnusable, DiskFull, StorageError, TransactionAborted
from service.storage.artifact_keys import BadKey

RETRY_AFTER_SECONDS = 5

SQLITE_AWAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CANTOPEN}
"""Another process holds a lock, or the file can't be opened, for example because its folder isn't mounted."""
SQLITE_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
SQLITE_UNUSABLE = {
    sqlite3.SQLITE_READONLY: "is read-only",
    sqlite3.SQLITE_PERM: "is read-only",
    sqlite3.SQLITE_CORRUPT: "is damaged",
    sqlite3.SQLITE_NOTADB: "is not an SQLite file or is damaged",
    sqlite3.SQLITE_IOERR: "can't be read from or written to the disk",
}

POSTGRESQL_FULL = "53100"
POSTGRESQL_AWAY = ("08", "25P03", "40", "53", "55", "57")
"""SQLSTATEs and their classes: connection, a session that was idle too long within a transaction, transaction rollback,
resources, locks, operator intervention."""
POSTGRESQL_ABORTED = ("40001", "40P01")
"""SQLSTATEs: a serialization failure, a deadlock."""
POSTGRESQL_UNUSABLE = {
    "25006": "is read-only",
    "58": "can't use its disk",
    "XX001": "is damaged",
    "XX002": "is damaged",
}
"""By SQLSTATE or its class."""


@contextmanager
def translating_errors() -> Iterator[None]:
    """Translate the driver's errors, and BadKey, to StorageErrors. An error that indicates a bug passes unchanged."""
    try:
        yield
    except BadKey as error:
        raise _unusable(f"is damaged: {error}".rstrip(".")) from error
    except DBAPIError as error:
        translated = classify(error)
        if translated is None:
            raise
        raise translated from error


def classify(error: DBAPIError) -> StorageError | None:
    """The StorageError for a driver's error; None if it indicates a bug."""
    if isinstance(error.orig, sqlite3.Error):
        return classify_sqlite(error.orig)
    return _classify_postgresql(error)


def first_line(error: BaseException) -> str:
    """The first line of an error's text that isn't a heading, without the full stop and SQLAlchemy's additions."""
    lines = str(getattr(error, "orig", None) or error).strip().split("\n")
    return next((line for line in lines if not line.endswith(":")), lines[0]).removeprefix("- ").rstrip(".")


def classify_sqlite(error: sqlite3.Error) -> StorageError | None:
    """As `classify`, for an error of sqlite3."""
    extended = getattr(error, "sqlite_errorcode", 0)  # errors that the module itself raises have none
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
        # The error is not from the server: there is no connection, or it was lost.
        return _away() if error.connection_invalidated or _is_about_connection(error.orig) else None
    if state in POSTGRESQL_ABORTED:
        return TransactionAborted(
            "The database rolled the change back because of concurrent ones.", retry_after=RETRY_AFTER_SECONDS
        )
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
    return DiskFull("The database's disk is full: nothing was saved. Free some space, then retry.")


def _unusable(what: str) -> StorageError:
    return DatabaseUnusable(f"The database {what}.")
