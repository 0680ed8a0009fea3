"""The databases on which faults are tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.postgresql_proxy import CommitProxy
from tests.postgresql_server import empty_database


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
    """A new database on the server of the tests. The service connects through a proxy."""

    name = "PostgreSQL"

    @contextmanager
    def open(self, folder: Path) -> Iterator[OpenDatabase]:
        with empty_database() as url, CommitProxy(url) as proxy:
            yield OpenDatabase(proxy.url, url, proxy)


Kind = Sqlite | Postgresql


NAMES = (Sqlite.name, Postgresql.name)


def chosen(only: str | None) -> list[Kind]:
    """Both databases, or only the one of that name."""
    kinds: list[Kind] = [Sqlite(), Postgresql()]
    return [kind for kind in kinds if only in (None, kind.name)]
