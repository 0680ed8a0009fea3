"""The processes of the api share connections evenly."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from service.api import balance
from tests.service.api.api_server import running_api

CLIENTS = 12


def test_connections_are_spread_over_the_processes(tmp_path: Path) -> None:
    with running_api(tmp_path, processes=2, patience_seconds=1) as server, ExitStack() as stack:
        host, _, port = server.url.removeprefix("http://").partition(":")
        for _ in range(CLIENTS):
            connection = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        held = [
            sum(connection.status == psutil.CONN_ESTABLISHED for connection in process.net_connections("tcp"))
            for process in psutil.Process(server.process.pid).children()
        ]
    assert sum(held) == CLIENTS
    assert max(held) - min(held) <= balance.MUCH


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses that were made; afterwards no process has connections."""
    made: list[float] = []
    monkeypatch.setattr("time.sleep", made.append)
    yield made
    for process in (1, 2):
        balance.forget(process)


def test_a_process_lets_another_with_much_fewer_connections_go_first(pauses: list[float]) -> None:
    balance.note(1, 3)
    balance.note(2, 2)
    balance.let_others_go_first(3)
    assert pauses == []
    balance.let_others_go_first(4)
    assert pauses == [balance.PATIENCE_SECONDS]


def test_a_process_that_has_ended_is_waited_for_no_more(pauses: list[float]) -> None:
    balance.note(1, 9)
    balance.note(2, 0)
    balance.forget(2)
    balance.let_others_go_first(9)
    assert pauses == []


def test_a_process_without_others_waits_for_nobody(pauses: list[float]) -> None:
    balance.let_others_go_first(5)
    balance.note(1, 5)
    balance.let_others_go_first(5)
    assert pauses == []
