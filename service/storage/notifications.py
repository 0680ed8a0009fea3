"""Notifications of PostgreSQL tell workers that there may be a job to claim, unless a broker does. They may get lost.

They are sent after the commit: a transaction that contains one holds a lock of the whole server until its commit is on
the disk, so that no two could commit at the same time.
"""

import contextlib
import threading
from collections.abc import Callable, Collection
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from service.storage.failures import first_line

CHANNEL = "fitserve_queue"
LOOK_SECONDS = 0.5
"""How often a listener looks whether it should stop."""
RETRY_SECONDS = 1.0

log = structlog.get_logger()


def notify(connection: Connection) -> None:
    """Wake the workers. The connection has no transaction. Does nothing on SQLite, and if the server is away."""
    if connection.dialect.name == "postgresql":
        with contextlib.suppress(SQLAlchemyError):
            # One round trip instead of three.
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(text(f"NOTIFY {CHANNEL}"))


class Listener:
    """Calls `wake` whenever there may be a job to claim, from a thread and a connection of its own.

    On SQLite it never does.
    """

    def __init__(self, engine: Engine, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._wake = wake
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._has_warned = False
        """Whether the log says that no notifications arrive."""
        self.is_listening = False
        """Whether notifications arrive. If not, only polling finds jobs."""

    def start(self) -> None:
        if self._engine.dialect.name == "postgresql":
            self._thread.start()

    def accept(self, kinds: Collection[str]) -> None:
        """Says for which kinds of jobs the worker has a free slot. Notifications wake all workers anyway."""

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * LOOK_SECONDS)

    def _run(self) -> None:
        import psycopg

        while not self._stopping.is_set():
            try:
                self._listen()
            except (SQLAlchemyError, psycopg.Error) as error:
                self._warn(first_line(error))
            finally:
                self.is_listening = False
            self._stopping.wait(RETRY_SECONDS)

    def _warn(self, reason: str) -> None:
        if not self._has_warned:
            log.warning("no notifications of new jobs: the worker polls", reason=reason)
        self._has_warned = True

    def _listen(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()  # it would listen in the pool, too
            driver: Any = connection.connection.dbapi_connection
            driver.execute(f"LISTEN {CHANNEL}")
            self.is_listening, self._has_warned = True, False
            self._wake()  # what was queued before was told to nobody
            while not self._stopping.is_set():
                for _ in driver.notifies(timeout=LOOK_SECONDS):
                    self._wake()
