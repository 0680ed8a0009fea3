"""A PostgreSQL server with a standby that takes its place, as a cluster has. Programs: tests/postgresql_server.py."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy import create_engine, make_url, text

from tests.postgresql_server import FOLDER, USER, call, execute, initialize, start
from tests.running_service import wait_for

SETTINGS = {"fsync": "off", "synchronous_commit": "remote_apply"}
"""A commit is confirmed when the standby has it. Nothing needs to survive a crash of the machine."""
END_SECONDS = 10
FOLLOWERS = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@dataclass(frozen=True)
class Node:
    """A server. `url` is that of its database for administration."""

    data: Path
    url: str


class Replicas:
    """A primary and a standby, to which each commit is replicated before it is confirmed."""

    def __init__(self) -> None:
        self._folder = Path(os.environ[FOLDER])
        self._nodes = 0
        data = self._next_folder()
        initialize(self._folder, data)
        self.primary = Node(data, start(self._folder, data, SETTINGS))
        self.standby = self._follow()

    def add_standby(self) -> None:
        """Make a new standby, after `promote`."""
        self.standby = self._follow()

    def cut_off_standby(self) -> None:
        """From now on the standby receives nothing of the primary, which therefore confirms no commit."""
        for sender in self._senders():
            sender.suspend()

    def lose_primary(self) -> None:
        """End the primary for good."""
        server, senders = self._server(), self._senders()
        processes = [server, *server.children()]
        server.send_signal(signal.SIGQUIT)  # all its processes end at once, but suspended ones
        for sender in senders:
            sender.kill()
        psutil.wait_procs(processes, END_SECONDS)
        shutil.rmtree(self.primary.data)

    def stop_primary(self, *, kills: bool) -> None:
        """End the primary, as a shutdown or, with `kills`, as a crash does. `start_primary` starts it again."""
        server = self._server()
        processes = [server, *server.children()]
        server.send_signal(signal.SIGKILL if kills else signal.SIGINT)
        _, alive = psutil.wait_procs(processes, END_SECONDS)
        for process in alive:
            process.kill()
        psutil.wait_procs(alive, END_SECONDS)

    def start_primary(self) -> None:
        """Start the primary again, at the same address, after `stop_primary`."""
        start(self._folder, self.primary.data, SETTINGS, make_url(self.primary.url).port)

    def _server(self) -> psutil.Process:
        return psutil.Process(int((self.primary.data / "postmaster.pid").read_text().split()[0]))

    def _senders(self) -> list[psutil.Process]:
        """The processes of the primary that send to standbys."""
        return [process for process in self._server().children() if "walsender" in " ".join(process.cmdline())]

    def promote(self) -> None:
        """Make the standby the primary."""
        call(self._folder, "pg_ctl", "--pgdata", str(self.standby.data), "--wait", "promote")
        self.primary = self.standby

    def stop(self) -> None:
        for node in {self.primary, self.standby}:
            if (node.data / "postmaster.pid").exists():
                call(self._folder, "pg_ctl", "--pgdata", str(node.data), "--mode", "immediate", "stop")
            shutil.rmtree(node.data, ignore_errors=True)

    def _next_folder(self) -> Path:
        self._nodes += 1
        return self._folder / f"node-{self._nodes}"

    def _follow(self) -> Node:
        """A server that follows the primary, which from now on waits for it with each commit."""
        data, source = self._next_folder(), make_url(self.primary.url)
        address = f"host={source.host} port={source.port} user={USER}"
        copy = ("--write-recovery-conf", "--checkpoint", "fast", "--no-sync", "--dbname", address)
        call(self._folder, "pg_basebackup", "--pgdata", str(data), *copy)
        node = Node(data, start(self._folder, data, SETTINGS))
        execute(source, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        execute(source, "SELECT pg_reload_conf()")
        wait_for(lambda: self._count(FOLLOWERS), what="the standby")
        return node

    def count_waiting(self) -> int:
        """How many commits wait for the standby."""
        return self._count(WAITING)

    def _count(self, statement: str) -> int:
        engine = create_engine(self.primary.url)
        with engine.connect() as connection:
            found: int = connection.execute(text(statement)).scalar_one()
        engine.dispose()
        return found


@contextmanager
def open_replicas() -> Iterator[Replicas]:
    """Both servers with an empty database `fitserve` during the block."""
    replicas = Replicas()
    try:
        execute(make_url(replicas.primary.url), "CREATE DATABASE fitserve")
        yield replicas
    finally:
        replicas.stop()


def database_url(node: Node) -> str:
    """The URL of the database `fitserve` on a server."""
    return make_url(node.url).set(database="fitserve").render_as_string(hide_password=False)
