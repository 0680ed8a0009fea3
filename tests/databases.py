"""The PostgreSQL database of these tests, and a database of either kind that forgets to say how a COMMIT ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from service.errors import OutcomeUnknown
from service.storage.database import Database, Session, make_engine

POSTGRESQL = "FITSERVE_TEST_POSTGRESQL_URL"


@contextmanager
def empty_postgresql() -> Iterator[str]:
    """The URL of an empty database, which is emptied again; skips the test without one."""
    url = os.environ.get(POSTGRESQL, "")
    if not url:
        pytest.skip(f"{POSTGRESQL} names no empty PostgreSQL database")
    try:
        yield url
    finally:
        empty(url)


def empty(url: str) -> None:
    """Remove all tables of a PostgreSQL database."""
    engine = make_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


class ForgetfulDatabase(Database):
    """A database that loses the outcome of chosen writes, as PostgreSQL does when its host restarts."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._skipped: int | None = None
        self._commits = True
        self.knows_outcomes = False
        """Whether it can say again how those writes ended."""

    def forget(self, *, after: int = 0, committed: bool) -> None:
        """Lose the outcome of one write, after `after` others. It is committed, or rolled back."""
        self._skipped, self._commits = after, committed

    @contextmanager
    def write(self) -> Iterator[Session]:
        is_forgotten = self._skipped == 0
        self._skipped = None if not self._skipped else self._skipped - 1
        if not is_forgotten:
            with super().write() as session:
                yield session
            return
        with self.engine.execution_options(writes=True).connect() as connection:
            transaction = connection.begin()
            with Session(connection, expire_on_commit=False) as session, session.begin():
                yield session
            if self._commits:
                transaction.commit()
            else:
                transaction.rollback()
        self._say()

    def _say(self) -> bool:
        if self.knows_outcomes:
            return self._commits
        raise OutcomeUnknown("It is unknown whether the request took effect.", self._say, retry_after=5)
