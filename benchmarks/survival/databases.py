"""The databases on which faults are tried."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.databases import POSTGRESQL, empty
from tests.postgresql_proxy import CommitProxy


@dataclass(frozen=True)
class OpenDatabase:
    """An empty database. `url` is for the service, `direct_url` avoids the proxy, which only PostgreSQL has."""

    url: str
    direct_url: str
    proxy: CommitProxy | None


class Sqlite:
    """A new file."""

    name = "SQLite"

    @contextmanager
    def open(self, folder: Path) -> Iterator[OpenDatabase]:
        url = f"sqlite:///{folder / 'fitserve.db'}"
        yield OpenDatabase(url, url, None)


class Postgresql:
    """The server's database, which must be empty and is emptied again. The service connects through a proxy."""

    name = "PostgreSQL"

    def __init__(self, url: str) -> None:
        self._url = url

    @contextmanager
    def open(self, folder: Path) -> Iterator[OpenDatabase]:
        try:
            with CommitProxy(self._url) as proxy:
                yield OpenDatabase(proxy.url, self._url, proxy)
        finally:
            empty(self._url)


Kind = Sqlite | Postgresql


NAMES = (Sqlite.name, Postgresql.name)


def available(only: str | None) -> list[Kind]:
    """SQLite, and PostgreSQL if there is a server; or only the one of that name."""
    url = os.environ.get(POSTGRESQL)
    if not url and only != Sqlite.name:
        print(f"\nPostgreSQL is skipped: {POSTGRESQL} names no empty database.")
    kinds: list[Kind] = [Sqlite(), *([Postgresql(url)] if url else [])]
    return [kind for kind in kinds if only in (None, kind.name)]
