"""Connections whose clients stand still, and how connections end."""

import socket
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest
from gunicorn.config import Config

from service.api import connections
from service.api.connections import ClientSocket, Connection, Worker

MORE_THAN_BUFFERS_HOLD = 8_000_000


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> tuple[ClientSocket, socket.socket]:
    """The service's end, which waits for a second, and the client's."""
    monkeypatch.setattr(connections, "STILL_SECONDS", 1)
    ours, theirs = socket.socketpair()
    return ClientSocket(ours), theirs


def test_a_client_that_sends_nothing_is_given_up(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    with ours, theirs:
        with pytest.raises(ConnectionResetError):
            ours.recv(1)
        assert ours.given_up


def test_a_client_that_takes_nothing_is_given_up(pair: tuple[ClientSocket, socket.socket], tmp_path: Path) -> None:
    ours, theirs = pair
    path = tmp_path / "file"
    path.write_bytes(bytes(MORE_THAN_BUFFERS_HOLD))
    with ours, theirs, path.open("rb") as file:
        with pytest.raises(ConnectionResetError):
            ours.sendfile(file)
        with pytest.raises(ConnectionResetError):
            ours.sendall(bytes(MORE_THAN_BUFFERS_HOLD))


def test_looking_whether_the_client_has_gone_waits_for_nothing(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    with ours:
        with theirs, pytest.raises(BlockingIOError):
            ours.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        assert not ours.given_up
        assert ours.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""


def test_a_connection_that_its_thread_has_closed_is_counted_once(pair: tuple[ClientSocket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.close()
    connection = Connection(Config(), ours, ("client", 1), ("server", 2))
    connection.close(graceful=True)
    worker = SimpleNamespace(alive=True, nr_conns=1)
    answered: Future[bool] = Future()
    answered.set_result(False)
    Worker.finish_request(worker, connection, answered)
    assert worker.nr_conns == 0
