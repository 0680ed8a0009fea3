"""Connections that ask for little and stay: event streams, waits, and clients that hardly send anything."""

import selectors
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.serving.load import END_OF_HEAD, MOST_BYTES, Address, find_size

LOOK_SECONDS = 0.05
WAIT_SECONDS = 60
OPENING_SECONDS = 30
"""For all connections together: a server that doesn't accept them in this time has failed."""


@dataclass
class Member:
    """A connection of the crowd: what it has received, and when it was opened and closed."""

    socket: socket.socket
    kind: str
    dribble: bytes = b""
    """What it sends after its request, a byte at a time."""
    received: bytes = b""
    opened: float = field(default_factory=time.monotonic)
    closed: float | None = None

    @property
    def answered(self) -> bool:
        """Whether the head of an answer is there, whatever it says."""
        return END_OF_HEAD in self.received


class Crowd:
    """Connections that a thread of its own looks after: it reads what they are sent and dribbles what they send."""

    def __init__(self, address: Address, dribble_seconds: float = 1.0) -> None:
        self.members: list[Member] = []
        self.failures: Counter[str] = Counter()
        self._address, self._dribble_seconds = address, dribble_seconds
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._opening_ends = time.monotonic() + OPENING_SECONDS
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def running(self) -> Iterator["Crowd"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._thread.join()
            for member in self.members:
                member.socket.close()

    def add(self, kind: str, request: bytes, dribble: bytes = b"") -> None:
        """Open a connection and send its request."""
        try:
            left = self._opening_ends - time.monotonic()
            connection = socket.create_connection(self._address, max(left, 0.001))
            connection.sendall(request)
        except OSError as error:
            self.failures[f"{kind}: {type(error).__name__} while opening"] += 1
            return
        connection.setblocking(False)
        member = Member(connection, kind, dribble)
        with self._lock:
            self.members.append(member)
            self._selector.register(connection, selectors.EVENT_READ, member)

    def of(self, kind: str) -> list[Member]:
        return [member for member in self.members if member.kind == kind]

    def open(self) -> int:
        """How many are open."""
        return sum(member.closed is None for member in self.members)

    def _run(self) -> None:
        dribbled = time.monotonic()
        while not self._ended.is_set():
            with self._lock:
                ready = self._selector.select(0)
                for key, _ in ready:
                    self._receive(key.data)
                if time.monotonic() > dribbled + self._dribble_seconds:
                    dribbled = time.monotonic()
                    self._dribble()
            if not ready:
                time.sleep(LOOK_SECONDS)

    def _receive(self, member: Member) -> None:
        try:
            data = member.socket.recv(MOST_BYTES)
        except ConnectionError:
            data = b""
        if data:
            member.received += data
            return
        self._close(member)

    def _dribble(self) -> None:
        for member in self.members:
            if member.dribble and member.closed is None:
                try:
                    member.socket.send(member.dribble[:1])
                    member.dribble = member.dribble[1:]
                except BlockingIOError:
                    pass
                except ConnectionError:
                    self._close(member)

    def _close(self, member: Member) -> None:
        member.closed = time.monotonic()
        self._selector.unregister(member.socket)


def event_stream(job: str) -> bytes:
    """The request for a training job's events as a stream."""
    head = f"GET /v1/training-jobs/{job}/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream"
    return head.encode() + END_OF_HEAD


def wait(job: str) -> bytes:
    """The request for a training job once it has ended, or after a minute."""
    head = f"GET /v1/training-jobs/{job} HTTP/1.1\r\nHost: 127.0.0.1\r\nPrefer: wait={WAIT_SECONDS}"
    return head.encode() + END_OF_HEAD


def half_a_head(model: str) -> bytes:
    return f"POST /v1/models/{model}/predictions HTTP/1.1\r\nHost: 127.0".encode()


def head_of_a_body(model: str, length: int) -> bytes:
    head = f"POST /v1/models/{model}/predictions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json"
    return f"{head}\r\nContent-Length: {length}".encode() + END_OF_HEAD


def status_of(member: Member) -> int:
    """Of its first answer; 0 when there is none."""
    return int(member.received[9:12]) if member.answered else 0


def count_faults(members: Sequence[Member], expected: bytes) -> Counter[str]:
    """Those that were not answered with 200 and, in the end, with these bytes."""
    faults: Counter[str] = Counter()
    for member in members:
        if status_of(member) != 200:
            faults[f"{member.kind}: status {status_of(member)}"] += 1
        elif expected not in member.received:
            faults[f"{member.kind}: not told"] += 1
    return faults


def is_whole(member: Member) -> bool:
    """Whether an answer with Content-Length is there from beginning to end."""
    size = find_size(member.received)
    return 0 < size <= len(member.received)
