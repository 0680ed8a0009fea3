"""The processes of the api share connections evenly."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from service.api import balance
from tests.running_service import wait_for
from tests.service.api.api_server import Server, running_api

CLIENTS = 12


def connect(server: Server, clients: int) -> list[int]:
    """How many of so many connections each process holds."""
    with ExitStack() as stack:
        for _ in range(clients):
            connection = stack.enter_context(socket.create_connection(server.address, timeout=30))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"
        return held(server)


def held(server: Server) -> list[int]:
    """How many connections each process holds."""
    return [
        sum(connection.status == psutil.CONN_ESTABLISHED for connection in process.net_connections("tcp"))
        for process in psutil.Process(server.process.pid).children()
    ]


def test_connections_are_spread_over_the_processes(tmp_path: Path) -> None:
    with running_api(tmp_path, processes=2, patience_seconds=1) as server:
        wait_for(lambda: min(connect(server, 4)) > 0, what="both processes to accept")
        wait_for(lambda: sum(held(server)) == 0, what="the connections' end")
        found = connect(server, CLIENTS)
    assert sum(found) == CLIENTS
    assert max(found) - min(found) <= balance.MUCH


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
