"""Connections whose clients are silent or slow, and those that are too many."""

import asyncio
import json
import select
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, suppress
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
import uvicorn
import uvloop
from uvicorn.server import ServerState

from service.api.app import create_front
from service.api.front.answers import PIECE
from service.api.front.app import Front
from service.api.front.protocol import Connection, Sending
from service.api.front.worker import Worker
from service.context import Context
from tests.running_service import wait_for
from tests.service.api.api_server import Server, running_api
from tests.service.api.front_client import FrontClient

HEAD = b"POST /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def impatient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("impatient")
    with running_api(folder, client_timeout_seconds=0.5, max_connections=40) as server:
        yield server


@pytest.fixture
def impatient(impatient_server: Server) -> Server:
    """An api whose clients may be silent for half a second, and whose connections are few. None is left of before."""
    wait_for(lambda: not any(count_connections(impatient_server)), what="the connections to be closed")
    return impatient_server


def connect(server: Server) -> socket.socket:
    return socket.create_connection(server.address, timeout=20)


def read_answer(connection: socket.socket) -> HTTPResponse:
    answer = HTTPResponse(connection)
    answer.begin()
    return answer


@pytest.mark.parametrize("beginning", [b"GET /healthz HTT", HEAD, HEAD + b"Content-Length: 50\r\n\r\n{"])
def test_a_client_that_falls_silent_within_its_request_is_told_so(impatient: Server, beginning: bytes) -> None:
    with connect(impatient) as connection:
        connection.sendall(beginning)
        answer = read_answer(connection)
        assert (answer.status, answer.headers["Connection"]) == (408, "close")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert b"/problems/request-timeout" in answer.read()
        assert connection.recv(1) == b""


def test_a_client_that_never_begins_a_request_is_closed_without_a_word(impatient: Server) -> None:
    with connect(impatient) as connection:
        assert connection.recv(1) == b""


@asynccontextmanager
async def connected(front: Front) -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A client's connection to a front in this process, and the client's socket."""
    loop = asyncio.get_running_loop()
    config = uvicorn.Config(front, log_config=None, **Worker.CONFIG_KWARGS)
    with closing(front), ExitStack() as stack:
        ours, theirs = map(stack.enter_context, socket.socketpair())
        ours.setblocking(False)
        _, connection = await loop.connect_accepted_socket(lambda: Connection(config, ServerState(), {}, loop), theirs)
        yield connection, ours


def run_on_uvloop(test: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(test, 20))


async def receive_all(client: socket.socket) -> bytes:
    """What a client receives until its connection is closed."""
    received = b""
    while part := await asyncio.get_running_loop().sock_recv(client, 65536):
        received += part
    return received


def test_a_process_that_stalls_does_not_take_its_clients_for_silent(context: Context) -> None:
    front = create_front(context)
    now = front.connections.clock()
    front.connections.clock = lambda: now

    async def stall() -> None:
        nonlocal now
        async with connected(front) as (connection, client):
            connection.data_received(b"GET /healthz HTT")
            # Nothing is read while the clock goes on, and then the connections are checked at once.
            client.sendall(b"P/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            now += context.settings.client_timeout_seconds + 1
            await front.connections.check()
            assert (await receive_all(client)).startswith(b"HTTP/1.1 200 ")

    run_on_uvloop(stall())


def test_a_client_that_sends_byte_by_byte_is_given_up_although_it_is_never_silent(impatient: Server) -> None:
    with connect(impatient) as connection:
        connection.sendall(HEAD + b"Content-Length: 5000\r\n\r\n")
        connection.settimeout(0.05)
        received = b""
        deadline = time.monotonic() + 20
        while not received and time.monotonic() < deadline:
            connection.sendall(b" ")
            try:
                received = connection.recv(100)
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408 ")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An api in which bodies must arrive within ten seconds, and forms with files within an hour."""
    folder = tmp_path_factory.mktemp("strict")
    with running_api(folder, client_timeout_seconds=0.5, body_seconds=10, max_buffered_bytes=2**20) as server:
        yield server


def test_a_large_body_must_arrive_faster_than_a_small_one(strict: Server) -> None:
    large = HEAD + b"Content-Length: 900000\r\n\r\n"
    small = HEAD + b"Content-Length: 20000\r\n\r\n"
    form = HEAD.replace(b"/v1/models", b"/v1/datasets").replace(b"application/json", b"multipart/form-data; boundary=x")
    form += b"Content-Length: 300000\r\n\r\n"
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(strict)) for _ in range(3)]
        for connection, beginning in zip(connections, (large, small, form), strict=True):
            connection.sendall(beginning)
        # Each sends about 4 KiB per second.
        begun = time.monotonic()
        while not select.select(connections, [], [], 0.1)[0] and time.monotonic() < begun + 20:
            for connection in connections:
                connection.sendall(b" " * 400)
        assert select.select(connections, [], [], 0)[0] == connections[:1]
        assert read_answer(connections[0]).status == 408


def test_bodies_that_are_only_announced_take_no_memory_from_others(strict: Server) -> None:
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(connect(strict)).sendall(HEAD + b"Content-Length: 900000\r\n\r\n{")
        assert strict.post("/v1/models", {"name": "x" * 100_000}).status_code == 422


def test_a_client_that_takes_nothing_of_its_answer_is_given_up(impatient: Server) -> None:
    with connect(impatient) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
        connection.sendall(request * 100)
        wait_for(lambda: _is_reset(connection, request), seconds=20, what="the connection to be given up")
    assert impatient.get("/healthz").status_code == 200


def takes(sending: Sending, speed: int, seconds: int, refill: int = 2**18) -> bool:
    """Whether a client that takes `speed` bytes per second of an endless response is served for so many seconds."""
    unsent = 0
    for now in range(seconds):
        if unsent < refill:
            sending.note_queued(refill)
            unsent += refill
        if sending.is_too_slow(now, unsent, timeout=10, slowest=1024):
            return False
        unsent -= speed
    return True


def test_a_client_that_takes_a_little_of_its_answer_at_times_is_given_up() -> None:
    assert not takes(Sending(0), speed=100, seconds=30)
    assert not takes(Sending(0), speed=1000, seconds=1000)
    assert takes(Sending(0), speed=1024, seconds=5000)
    assert takes(Sending(0), speed=10**5, seconds=5000)


def test_a_large_body_is_sent_in_pieces_that_wait_for_the_client(context: Context) -> None:
    front = create_front(context)
    whole = FrontClient(front).get("/openapi.json", buffered=False)
    sizes = [len(piece) for piece in whole.response]
    front.close()
    assert len(sizes) > 2
    assert max(sizes) == PIECE
    assert sum(sizes) == int(whole.headers["Content-Length"])


def _is_reset(connection: socket.socket, request: bytes) -> bool:
    try:
        connection.send(request, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False


def test_clients_that_stand_still_cost_the_others_nothing(impatient: Server) -> None:
    with ExitStack() as stack:
        for beginning in (b"GET /healthz HTT", HEAD + b"Content-Length: 50\r\n\r\n{"):
            for _ in range(15):
                stack.enter_context(connect(impatient)).sendall(beginning)
        for _ in range(10):
            assert impatient.get("/healthz").status_code == 200


def test_connections_beyond_the_limit_are_a_503_and_come_back_when_others_close(impatient: Server) -> None:
    with ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(40)]
        for session in sessions:
            assert session.get(f"{impatient.url}/healthz", timeout=20).status_code == 200
        refused = impatient.get("/healthz")
        assert (refused.status_code, refused.headers["Connection"]) == (503, "close")
        assert refused.json()["type"] == "/problems/overloaded"
    wait_for(lambda: impatient.get("/healthz").status_code == 200, what="room for a connection")


def test_a_request_to_upgrade_keeps_its_body(server: Server) -> None:
    body = b'{"instances": [[1]]}'
    head = HEAD.replace(b"/v1/models", b"/v1/models/none/predictions") + b"Content-Length: %d\r\n" % len(body)
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head + upgrade + body)
        answer = read_answer(connection)
        assert (answer.status, json.loads(answer.read())["detail"]) == (404, 'There is no model "none".')
        connection.sendall(head + upgrade + body)  # a later request of the connection, too
        answer = read_answer(connection)
        assert (answer.status, json.loads(answer.read())["detail"]) == (404, 'There is no model "none".')


SMUGGLED = b"DELETE /v1/models/other HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPGRADING = HEAD + b"Connection: Upgrade\r\nUpgrade: x\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED)
SPLIT = UPGRADING.index(b"rade: x")


@pytest.mark.parametrize(
    "pieces",
    [
        [UPGRADING[:SPLIT], UPGRADING[SPLIT:] + SMUGGLED],
        [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" + UPGRADING + SMUGGLED],
    ],
    ids=["in two pieces", "after another request"],
)
def test_the_body_of_a_request_to_upgrade_is_never_another_request(context: Context, pieces: list[bytes]) -> None:
    front = create_front(context)

    async def send() -> None:
        async with connected(front) as (connection, client):
            for piece in pieces:
                connection.data_received(piece)
            received = await receive_all(client)
        assert b"omit the header `Upgrade`" in received
        assert b"/v1/models/other" not in received

    run_on_uvloop(send())


def test_a_client_that_closes_its_half_gets_its_answer(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert read_answer(connection).status == 200


@pytest.mark.parametrize("line", [b"CONNECT example.org:443 HTTP/1.1", b"GET http://localhost HTTP/1.1"])
def test_a_target_without_a_path_is_a_400(server: Server, line: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(line + b"\r\nHost: localhost\r\n\r\n")
        assert read_answer(connection).status == 400
    assert server.get("/healthz").status_code == 200


EVEN = [4, 4], [3, 5]
"""How 8 connections are distributed; a process that is too busy to accept leaves one to the other."""


def count_connections(server: Server, *statuses: str) -> list[int]:
    """The clients' connections of each process with these statuses, or with any, fewest first."""
    processes = psutil.Process(server.process.pid).children()
    with suppress(psutil.NoSuchProcess):
        return sorted(
            sum(
                one.status in statuses if statuses else one.status != psutil.CONN_LISTEN
                for one in process.net_connections("tcp")
            )
            for process in processes
        )
    return []


def open_connections(server: Server) -> list[int]:
    return count_connections(server, psutil.CONN_ESTABLISHED)


def is_larger(server: Server, before: int) -> bool:
    return sum(open_connections(server)) > before


def share_connections(server: Server, count: int) -> list[int]:
    """Open connections one by one. Returns how many each process has, fewest first."""
    with ExitStack() as stack:
        for _ in range(count):
            before = sum(open_connections(server))
            stack.enter_context(connect(server))
            wait_for(partial(is_larger, server, before))
        return open_connections(server)


def test_processes_share_connections_evenly_also_after_one_was_replaced(tmp_path: Path) -> None:
    with running_api(tmp_path, api_processes=2, client_timeout_seconds=60) as server:
        wait_for(lambda: share_connections(server, 2) == [1, 1])
        assert share_connections(server, 8) in EVEN

        ended = psutil.Process(server.process.pid).children()[0]
        ended.terminate()
        wait_for(lambda: ended not in psutil.Process(server.process.pid).children())
        wait_for(lambda: share_connections(server, 2) == [1, 1])
        assert share_connections(server, 8) in EVEN
