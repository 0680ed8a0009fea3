"""A command that can't start writes one line to standard error and ends with exit code 2, never with a traceback."""

import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.storage.database import migrate
from service.storage.failures import first_line
from tests.postgresql_proxy import CommitProxy, Loss
from tests.postgresql_server import empty_database
from tests.running_service import ROOT, free_port

ARCHIVE = "archive.tar"
COMMANDS = {"serve": (), "api": (), "worker": (), "backup": (ARCHIVE,), "restore": (ARCHIVE,)}


def fitserve(command: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"FITSERVE_DATA_DIR": str(folder), "FITSERVE_PORT": str(free_port())}
    environment |= {f"FITSERVE_{name.upper()}": value for name, value in settings.items()}
    arguments = [str(folder / argument) for argument in COMMANDS[command]]
    return subprocess.run(
        [sys.executable, "-m", "service", command, *arguments],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def refusal(ended: subprocess.CompletedProcess[str]) -> str:
    """The one line that a command ended with."""
    assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
    *tries, line = ended.stderr.splitlines()
    assert all("waiting for the database" in one for one in tries), ended.stderr
    assert line.startswith("Error: ")
    return line


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A folder whose database a newer Fitserve has made."""
    migrate(f"sqlite:///{tmp_path / 'fitserve.db'}")
    with closing(sqlite3.connect(tmp_path / "fitserve.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    return tmp_path


@pytest.mark.parametrize("command", ["serve", "api", "worker", "backup"])
def test_a_database_of_a_newer_fitserve(newer: Path, command: str) -> None:
    assert "A newer Fitserve made the database" in refusal(fitserve(command, newer))
    assert not (newer / ARCHIVE).exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_no_database(tmp_path: Path, command: str) -> None:
    (tmp_path / "fitserve.db").write_text("hello " * 5000)
    assert "The database is not an SQLite file or is damaged" in refusal(fitserve(command, tmp_path))
    assert (tmp_path / "fitserve.db").read_text() == "hello " * 5000


@pytest.mark.parametrize("command", COMMANDS)
def test_a_postgresql_server_that_stays_away(tmp_path: Path, command: str) -> None:
    url = f"postgresql+psycopg://me:secret@127.0.0.1:{free_port()}/fitserve"
    ended = fitserve(command, tmp_path, database_url=url, start_seconds="1")
    assert re.search(r"The database doesn't answer: .*refused", refusal(ended))
    assert "waiting for the database" in ended.stderr
    assert "secret" not in ended.stderr


def test_a_postgresql_server_that_comes_and_goes_at_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    """As while its container initializes: it accepts connections, and is gone before the migration has begun."""
    with empty_database() as url, CommitProxy(url) as proxy:
        proxy.lose(Loss.COMMIT)
        migrate(proxy.url, seconds=20)
        assert proxy.lost == 1
        migrate(url)
    assert capsys.readouterr().out.count("waiting for the database") == 1


def test_a_server_that_was_tried_at_several_addresses() -> None:
    tried = "Multiple connection attempts failed. All failures were:\n- host: 'db', port: '1': refused.\n- host: 'db'"
    assert first_line(Exception(tried)) == "host: 'db', port: '1': refused"


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield int(other.getsockname()[1])


@pytest.mark.parametrize("command", ["serve", "api"])
def test_an_address_in_use(tmp_path: Path, taken: int, command: str) -> None:
    line = refusal(fitserve(command, tmp_path, port=str(taken)))
    assert f"can't listen on port {taken} of 127.0.0.1: Address already in use" in line


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"port": "many"}, "FITSERVE_PORT can't be"),
        ({"database_url": "postgresql+psycopg://me@host:many/db"}, "FITSERVE_DATABASE_URL is invalid"),
        ({"database_url": "sqlite:////proc/none/fitserve.db"}, "/proc/none: No such file or directory."),
        ({"host": "0.0.0.0"}, "set FITSERVE_ALLOW_ANONYMOUS=true"),
        ({"data_dir": "/proc/none"}, "FITSERVE_DATA_DIR can't be /proc/none: No such file or directory."),
    ],
)
def test_settings_that_can_not_be_used(tmp_path: Path, settings: dict[str, str], says: str) -> None:
    assert says in refusal(fitserve("api", tmp_path, **settings))


def test_a_folder_in_the_database_s_place(tmp_path: Path) -> None:
    (tmp_path / "fitserve.db").mkdir()
    assert "unable to open database file" in refusal(fitserve("api", tmp_path))
