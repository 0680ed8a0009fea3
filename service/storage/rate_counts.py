"""The requests of callers per window, in the database. All times are those of the database's clock."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Engine, bindparam, case, delete, event, literal_column, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from service.storage.database import make_engine
from service.storage.failures import translating_errors
from service.storage.records import RateWindow

BUSY_MILLISECONDS = 200
"""How long a merge waits for other writers of SQLite. Requests wait for it."""
NOW = {
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS integer)",
}
"""The milliseconds since the epoch, in the SQL of each database. 2440587.5 is the Julian date of the epoch."""
INSERTS: Mapping[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


class Added(NamedTuple):
    """Requests to add to a window, which takes `seconds`."""

    requests: int
    seconds: int


class Counted(NamedTuple):
    """The requests in a window, and the milliseconds until its end."""

    requests: int
    left: int


class RateCounts:
    """Adds counts to windows. It has a connection of its own, whose writes don't wait for the disk."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        name = self._engine.dialect.name
        if name == "sqlite":
            event.listen(self._engine, "connect", _hurry)
        # One statement is a transaction by itself; without BEGIN and COMMIT it takes a third of the round trips.
        options = {"isolation_level": "AUTOCOMMIT"} if name == "postgresql" else {"writes": True}
        self._writing: Engine = self._engine.execution_options(**options)
        self._statement = _adding(name)

    def add(self, added: Mapping[str, Added]) -> dict[str, Counted]:
        """Add to the windows of these keys; a window that has ended begins again. Returns the windows by their keys.

        Raises a StorageError, after which the counts were added or not.
        """
        # In one order for all processes, so that none waits for a row of another that waits for its own.
        rows = [
            {"key": key, "count": added[key].requests, "milliseconds": 1000 * added[key].seconds}
            for key in sorted(added)
        ]
        with translating_errors(), self._writing.begin() as connection:
            return {key: Counted(*counted) for key, *counted in connection.execute(self._statement, rows)}

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()


def forget_ended(session: Session, limit: int) -> int:
    """Delete at most `limit` windows that have ended; returns how many."""
    has_ended = RateWindow.ends_at <= _now(session.get_bind().dialect.name)
    # Rows that a process is just counting in are left, so that neither waits for the other.
    ended = select(RateWindow.key).where(has_ended).limit(limit).with_for_update(skip_locked=True)
    result: Any = session.execute(delete(RateWindow).where(RateWindow.key.in_(ended.scalar_subquery())))
    return int(result.rowcount)


def _adding(dialect: str) -> Any:
    now = _now(dialect)
    statement: Any = INSERTS[dialect](RateWindow).values(
        key=bindparam("key"), count=bindparam("count"), ends_at=now + bindparam("milliseconds")
    )
    new, has_ended = statement.excluded, RateWindow.ends_at <= now
    return statement.on_conflict_do_update(
        index_elements=[RateWindow.key],
        set_={
            "count": case((has_ended, new.count), else_=RateWindow.count + new.count),
            "ends_at": case((has_ended, new.ends_at), else_=RateWindow.ends_at),
        },
    ).returning(RateWindow.key, RateWindow.count, RateWindow.ends_at - now)


def _now(dialect: str) -> Any:
    return literal_column(NOW[dialect], RateWindow.ends_at.type)


def _hurry(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    connection.execute("PRAGMA synchronous = NORMAL")
