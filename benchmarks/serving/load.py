"""Asks a server as fast as it answers: kept connections, requests made beforehand, one process of its own."""

import gc
import multiprocessing
import random
import re
import select
import socket
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

import numpy as np

WARM_UP_SECONDS = 0.5
LAST_ANSWERS_SECONDS = 60
MOST_BYTES = 1 << 16
"""Read at once."""
MOST_DIFFERENT = 100
"""Different answers to the same request that are kept."""
DRAWN = 10_000
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
END_OF_HEAD = b"\r\n\r\n"

Address = tuple[str, int]


class Answer(NamedTuple):
    """A response: its status, the bytes of its headers, its body."""

    status: int
    head: bytes
    body: bytes


@dataclass
class Load:
    """What became of the requests that were sent for some seconds.

    `began` and `ended` are seconds since the measurement began, one each for every answer with status 200; `answers`
    are the different ones to each request; `failures` counts the rest by what happened.
    """

    seconds: float
    began: array = field(default_factory=lambda: array("d"))
    ended: array = field(default_factory=lambda: array("d"))
    answers: dict[int, dict[bytes, Answer]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """Answers a second."""
        ended = np.asarray(self.ended)
        return float(np.count_nonzero((ended >= 0) & (ended <= self.seconds)) / self.seconds)

    def milliseconds(self, percentile: float, start: float = 0, end: float = float("inf")) -> float:
        """That percentile of how long requests took that began between two moments."""
        began, ended = np.asarray(self.began), np.asarray(self.ended)
        chosen = (began >= start) & (began < end)
        return float(np.percentile((ended - began)[chosen], percentile) * 1000) if chosen.any() else float("nan")

    def describe_failures(self) -> str:
        """In words, empty where there were none."""
        return ", ".join(f"{count} × {what}" for what, count in self.failures.items())


class Connection:
    """A kept connection, and the request that is under way on it."""

    __slots__ = ("began", "number", "received", "size", "socket", "unsent")

    def __init__(self, address: Address, source: str) -> None:
        self.socket = socket.create_connection(address, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def begin(self, number: int, request: bytes, now: float) -> bool:
        """Send a request; whether all of it left."""
        self.number, self.began, self.received, self.size = number, now, b"", 0
        try:
            sent = self.socket.send(request)
        except BlockingIOError:
            sent = 0
        if sent == len(request):
            return True
        self.unsent = memoryview(request)[sent:]
        return False

    def send(self) -> bool:
        """Send what is left of the request; whether that was all."""
        with suppress(BlockingIOError):
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        return not self.unsent

    def receive(self) -> Answer | None:
        """The answer, once it is whole. Raises ConnectionError when the server closed the connection."""
        received = self.socket.recv(MOST_BYTES)
        if not received:
            raise ConnectionResetError("closed by the server")
        if self.received:
            received = self.received + received
        size = self.size or find_size(received)
        if not size or len(received) < size:
            self.received, self.size = received, size
            return None
        head, _, body = received.partition(END_OF_HEAD)
        return Answer(int(head[9:12]), head, body)


def find_size(received: bytes) -> int:
    """The bytes of a whole answer, 0 while its headers aren't there."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        return 0
    length = CONTENT_LENGTH.search(received, 0, end + 2)
    if length is None:
        raise ValueError(f"An answer without Content-Length: {received[:end].decode('latin-1')}")
    return end + len(END_OF_HEAD) + int(length[1])


class Driver:
    """Sends requests on some connections, on each the next as soon as the last is answered.

    It shares the processors with the server, so what it does for one request is little: 12 µs,
    half of them the kernel's.
    """

    def __init__(self, address: Address, requests: Sequence[bytes], clients: int, seconds: float, source: str) -> None:
        self._address, self._requests, self._source = address, requests, source
        self._numbers = cycle(random.Random(clients).choices(range(len(requests)), k=DRAWN))
        self._poll = select.epoll()
        self._connections: dict[int, Connection] = {}
        self._clients = clients
        self._waiting = 0
        self.load = Load(seconds)

    def run(self) -> Load:
        """Warm up, measure, and wait for the last answers, so that nobody else is measured with them."""
        self._start = time.perf_counter() + WARM_UP_SECONDS
        self._end = self._start + self.load.seconds
        for _ in range(self._clients):
            self._connect()
        while self._waiting and time.perf_counter() < self._end + LAST_ANSWERS_SECONDS:
            for descriptor, events in self._poll.poll(0.1):
                self._proceed(self._connections[descriptor], events)
        if self._waiting:
            self.load.failures["no answer"] += self._waiting
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._poll.close()
        return self.load

    def _connect(self) -> None:
        connection = Connection(self._address, self._source)
        descriptor = connection.socket.fileno()
        self._connections[descriptor] = connection
        self._poll.register(descriptor, select.EPOLLIN)
        self._ask(connection, time.perf_counter())

    def _drop(self, connection: Connection) -> None:
        descriptor = connection.socket.fileno()
        self._poll.unregister(descriptor)
        del self._connections[descriptor]
        connection.socket.close()

    def _ask(self, connection: Connection, now: float) -> None:
        number = next(self._numbers)
        self._waiting += 1
        if not connection.begin(number, self._requests[number], now):
            self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)

    def _proceed(self, connection: Connection, events: int) -> None:
        try:
            if events & select.EPOLLOUT and connection.send():
                self._poll.modify(connection.socket, select.EPOLLIN)
            answer = connection.receive() if events & ~select.EPOLLOUT else None
            if answer is not None:
                self._note(connection, answer)
        except ConnectionError as error:
            self._waiting -= 1
            self.load.failures[type(error).__name__] += 1
            self._drop(connection)
            if time.perf_counter() < self._end:
                self._connect()

    def _note(self, connection: Connection, answer: Answer) -> None:
        now = time.perf_counter()
        load = self.load
        self._waiting -= 1
        if answer.status == 200:
            load.began.append(connection.began - self._start)
            load.ended.append(now - self._start)
            known = load.answers.setdefault(connection.number, {})
            if answer.body not in known and len(known) < MOST_DIFFERENT:
                known[answer.body] = answer
        else:
            load.failures[f"status {answer.status}"] += 1
        if now < self._end:
            self._ask(connection, now)


def drive(address: Address, requests: Sequence[bytes], clients: int, seconds: float, source: str = "127.0.0.1") -> Load:
    """Send the requests, in an order drawn once, on so many connections for so many seconds, from a source address."""
    gc.disable()
    try:
        return Driver(address, requests, clients, seconds, source).run()
    finally:
        gc.enable()


def ask(address: Address, request: bytes, seconds: float) -> Answer:
    """Send one request and wait for its answer. Raises OSError."""
    with socket.create_connection(address, seconds) as connection:
        connection.sendall(request)
        received = b""
        while not (size := find_size(received)) or len(received) < size:
            data = connection.recv(MOST_BYTES)
            if not data:
                raise ConnectionResetError("closed by the server")
            received += data
    head, _, body = received.partition(END_OF_HEAD)
    return Answer(int(head[9:12]), head, body)


@contextmanager
def driving_process() -> Iterator[ProcessPoolExecutor]:
    """A process that has `drive` to do and nothing else."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool
