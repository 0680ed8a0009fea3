"""Clients that hold connections and hardly send or read. `benchmarks.attacks` measures others meanwhile."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPResponse
from threading import Event

from tests.running_service import RunningService, wait_for

BODIES, BODY_BYTES = 40, 10**6
PIECE, PAUSE_SECONDS = b" " * 120, 0.1
"""What a slow client sends, and how long it pauses then: 1.2 KB/s, a little more than a small body needs."""
STREAMS = 16
SMALLEST_BUFFER = 4096
"""Bytes that a silent client's kernel takes of its answers."""


@contextmanager
def slow_bodies(service: RunningService) -> Iterator[Counter[str]]:
    """Send BODIES large bodies slowly and concurrently, one after the other. The counter has the responses to them."""
    answers: Counter[str] = Counter()
    stopping = Event()
    with ThreadPoolExecutor(BODIES) as pool:
        sent = [pool.submit(_send_repeatedly, service.port, stopping) for _ in range(BODIES)]
        try:
            yield answers
        finally:
            stopping.set()
        for one in sent:
            answers.update(one.result())


def _send_repeatedly(port: int, stopping: Event) -> Counter[str]:
    """The responses to slow bodies, of which one follows the other until the end."""
    answers: Counter[str] = Counter()
    while not stopping.is_set():
        answers[_send_slowly(port, stopping)] += 1
    return answers


def _send_slowly(port: int, stopping: Event) -> str:
    """The status of the answer to a slow body; `none` if there was none before the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=PAUSE_SECONDS) as connection:
        head = "POST /v1/models/line/predictions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {BODY_BYTES}\r\n\r\n".encode())
        while not stopping.is_set():
            try:
                connection.sendall(PIECE)
                if connection.recv(1, socket.MSG_PEEK):
                    return _read_status(connection)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):  # the answer was lost to a piece that it crossed
                return "reset"
    return "none"


def _read_status(connection: socket.socket) -> str:
    connection.settimeout(None)
    answer = HTTPResponse(connection)
    answer.begin()
    return str(answer.status)


@contextmanager
def silent_streams(service: RunningService) -> Iterator[Counter[str]]:
    """Open streams of the events of a job that goes on, and read nothing of them. The counter says what others get:
    one that waits for the job, and one that opens another stream."""
    job = service.client.start_training("line", "line", epochs=10**6)
    path = f"/v1/training-jobs/{job}"
    answers: Counter[str] = Counter()
    try:
        service.client.wait_for_first_epoch(job)
        with ExitStack() as stack:
            for _ in range(STREAMS):
                _open_silently(stack.enter_context(socket.socket()), service.port, f"{path}/events")
            yield answers
            waited = service.client.request("GET", path, headers={"Prefer": "wait=1"})
            stream = service.client.request(
                "GET", f"{path}/events", headers={"Accept": "text/event-stream"}, stream=True
            )
            with stream:
                answers.update([f"{waited.status_code} waited", f"{stream.status_code} stream"])
    finally:
        service.client.patch(path, {"desired_status": "cancelled"})
        wait_for(lambda: service.client.job(job)["status"] == "cancelled", what="the job to be cancelled")


def _open_silently(connection: socket.socket, port: int, path: str) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST_BUFFER)
    connection.connect(("127.0.0.1", port))
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())


SCENARIOS: dict[str, Callable[[RunningService], AbstractContextManager[Counter[str]]]] = {
    "slow-bodies": slow_bodies,
    "silent-streams": silent_streams,
}
"""By name: holds the clients during the block, and yields a counter of what was answered, complete after it."""
