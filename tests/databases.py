"""Databases of both kinds, and one of either kind that forgets to say how a COMMIT ended."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from service.config import Settings
from service.errors import OutcomeUnknown
from service.storage.database import Database, Session, migrate
from service.storage.unit_of_work import UnitOfWork
from tests.postgresql_server import empty_database, migrated_database

KINDS = ("sqlite", "postgresql")


@contextmanager
def empty_url(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database of a kind."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'fitserve.db'}"
        return
    with empty_database() as url:
        yield url


@contextmanager
def migrated_settings(kind: str, folder: Path, **options: Any) -> Iterator[Settings]:
    """Settings with a data folder and a database of a kind that has the newest schema."""
    if kind == "sqlite":
        settings = Settings(data_dir=folder, **options)
        make_database(settings)
        yield settings
        return
    with migrated_database() as url:
        yield Settings(data_dir=folder, database_url=url, **options)


@cache
def _migrated_file() -> bytes:
    """An empty SQLite database with the newest schema."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "fitserve.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def make_database(settings: Settings) -> None:
    """Give the data folder a migrated SQLite database, if it has none: a copy, as migrating takes 0.1 s."""
    path = settings.data_dir / "fitserve.db"
    assert settings.database_url == f"sqlite:///{path}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated_file())


@dataclass
class Forgetfulness:
    """Which write's outcome is lost. All projects of a database share it."""

    skipped: int | None = None
    commits: bool = True
    knows_outcomes: bool = False
    """Whether the database can say again how that write ended."""


class ForgetfulDatabase(Database):
    """A database that loses the outcome of chosen writes, as PostgreSQL does when its host restarts."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fate = Forgetfulness()

    def forget(self, *, after: int = 0, committed: bool) -> None:
        """Lose the outcome of one write, after `after` others. It is committed, or rolled back."""
        self.fate.skipped, self.fate.commits = after, committed

    @contextmanager
    def write(self) -> Iterator[Session]:
        is_forgotten = self.fate.skipped == 0
        self.fate.skipped = None if not self.fate.skipped else self.fate.skipped - 1
        if not is_forgotten:
            with super().write() as session:
                yield session
            return
        with self.engine.execution_options(writes=True).connect() as connection:
            transaction = connection.begin()
            with UnitOfWork(connection, self._project) as session, session.begin():
                yield session
            if self.fate.commits:
                transaction.commit()
            else:
                transaction.rollback()
        self._say()

    def _say(self) -> bool:
        if self.fate.knows_outcomes:
            return self.fate.commits
        raise OutcomeUnknown("It is unknown whether the request took effect.", self._say, retry_after=5)
