"""A gang's members over TCP: each connects to the leader, which adds up and passes on.

Both ends prove that they know the gang's secret before anything else is read. What follows is neither encrypted nor
signed, so it belongs into a private network. A member that ends closes its connection, so the others notice at once.
"""

import contextlib
import hmac
import json
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from models.training.gangs.gang import Gang, MemberLost, Membership

LENGTH = struct.Struct("!Q")
NONCE_BYTES = 32
PROOF = "sha256"
PROOF_BYTES = 32
GREETING = struct.Struct(f"!B{NONCE_BYTES}s{PROOF_BYTES}s")
"""A member's rank, its nonce, and its proof."""
GREETING_SECONDS = 5.0
RETRY_SECONDS = 0.2
POLL_SECONDS = 1.0


class Link:
    """A connection between two members."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.lost: MemberLost | None = None
        """Why nothing can be exchanged any more; None while it can."""
        connection.settimeout(None)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def send(self, values: bytes | memoryview) -> None:
        """Send values, preceded by their length. Raises MemberLost."""
        with self._noting():
            self._connection.sendall(LENGTH.pack(len(values)))
            self._connection.sendall(values)

    def receive(self) -> bytearray:
        """The next values. Raises MemberLost."""
        with self._noting():
            (length,) = LENGTH.unpack(receive_exactly(self._connection, LENGTH.size))
            return receive_exactly(self._connection, length)

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = MemberLost("Another worker of the training has ended, or can't be reached any more.")
            raise self.lost from error

    def close(self) -> None:
        self._connection.close()


class Leader:
    """The gang as its leader sees it."""

    rank = 0

    def __init__(self, links: Sequence[Link]) -> None:
        """`links` are those to the other members, in the order of ranks."""
        self._links = links
        self.hosts = len(links) + 1

    def agree(self, decide: Callable[[], Any]) -> Any:
        decided = json.dumps(decide()).encode()
        self._send(decided)
        return json.loads(decided)

    def spread(self, values: np.ndarray) -> np.ndarray:
        self._send(as_bytes(values))
        return values

    def add(self, values: np.ndarray) -> np.ndarray:
        total = np.array(values)
        for link in self._links:
            total += read_array(link, total)
        self._send(as_bytes(total))
        return total

    def join(self, values: np.ndarray) -> np.ndarray:
        joined = np.concatenate([values, *(read_rows(link, values) for link in self._links)])
        self._send(as_bytes(joined))
        return joined

    def _send(self, values: bytes | memoryview) -> None:
        for link in self._links:
            link.send(values)


class Follower:
    """The gang as any other member sees it."""

    def __init__(self, membership: Membership, link: Link) -> None:
        self.rank, self.hosts = membership.rank, membership.hosts
        self._link = link

    def agree(self, decide: Callable[[], Any]) -> Any:
        return json.loads(self._link.receive())

    def spread(self, values: np.ndarray) -> np.ndarray:
        return read_array(self._link, values)

    def add(self, values: np.ndarray) -> np.ndarray:
        self._link.send(as_bytes(values))
        return read_array(self._link, values)

    def join(self, values: np.ndarray) -> np.ndarray:
        self._link.send(as_bytes(values))
        return read_rows(self._link, values)


def as_bytes(values: np.ndarray) -> memoryview:
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def read_array(link: Link, like: np.ndarray) -> np.ndarray:
    """Received values of the type and the shape of `like`."""
    return np.frombuffer(link.receive(), like.dtype).reshape(like.shape)


def read_rows(link: Link, like: np.ndarray) -> np.ndarray:
    """Received rows of the type and the shape of those of `like`."""
    return np.frombuffer(link.receive(), like.dtype).reshape(-1, *like.shape[1:])


@contextlib.contextmanager
def gathered(membership: Membership) -> Iterator[Gang]:
    """The gang, once all members are connected.

    Raises MemberLost if that takes longer than the membership allows, and when a member is lost within the block:
    TensorFlow turns what a function within its graph raises into an error of its own.
    """
    with contextlib.ExitStack() as stack:
        links = [connect(membership)] if membership.rank else accept(membership)
        for link in links:
            stack.callback(link.close)
        try:
            yield Follower(membership, links[0]) if membership.rank else Leader(links)
        except Exception as error:
            lost = next((link.lost for link in links if link.lost is not None), None)
            if lost is None or lost is error:
                raise
            raise lost from error


def accept(membership: Membership) -> list[Link]:
    """Listen until all other members have connected; returns the links to them, in the order of ranks."""
    found: dict[int, Link] = {}
    address, others = (membership.address, membership.port), membership.hosts - 1
    try:
        listener = socket.create_server(address, family=find_family(membership.address), backlog=others)
    except OSError as error:
        raise MemberLost(f"The worker can't listen on {address[0]}:{address[1]}: {error.strerror}.") from error
    with listener:
        listener.settimeout(POLL_SECONDS)
        deadline = time.monotonic() + membership.seconds
        while len(found) < others:
            if time.monotonic() > deadline:
                detail = f"Of {others} other workers, {len(found)} connected to {address[0]}:{address[1]} within"
                raise MemberLost(f"{detail} {membership.seconds:g} s. FITSERVE_GANG_ADDRESS must be reachable by them.")
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                rank = welcome(connection, membership)
                if rank is None or rank in found:
                    connection.close()
                else:
                    found[rank] = Link(connection)
    return [found[rank] for rank in sorted(found)]


def connect(membership: Membership) -> Link:
    """Connect to the leader, which may not listen yet."""
    deadline = time.monotonic() + membership.seconds
    address = (membership.address, membership.port)
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            connection = socket.create_connection(address, timeout=GREETING_SECONDS)
            if introduce(connection, membership):
                return Link(connection)
            connection.close()
        time.sleep(RETRY_SECONDS)
    raise MemberLost(f"The leader can't be reached at {address[0]}:{address[1]} within {membership.seconds:g} s.")


def welcome(connection: socket.socket, membership: Membership) -> int | None:
    """The rank of the member that has connected; None for anybody who doesn't know the secret."""
    connection.settimeout(GREETING_SECONDS)
    nonce = secrets.token_bytes(NONCE_BYTES)
    try:
        connection.sendall(nonce)
        rank, theirs, proof = GREETING.unpack(receive_exactly(connection, GREETING.size))
        expected = prove(membership.secret, b"member", bytes([rank]), nonce, theirs)
        if not hmac.compare_digest(proof, expected) or not 0 < rank < membership.hosts:
            return None
        connection.sendall(prove(membership.secret, b"leader", theirs))
    except OSError:
        return None
    return int(rank)


def introduce(connection: socket.socket, membership: Membership) -> bool:
    """Prove to the leader who this is; whether it is the leader."""
    nonce, rank = secrets.token_bytes(NONCE_BYTES), membership.rank
    theirs = bytes(receive_exactly(connection, NONCE_BYTES))
    proof = prove(membership.secret, b"member", bytes([rank]), theirs, nonce)
    connection.sendall(GREETING.pack(rank, nonce, proof))
    answer = receive_exactly(connection, PROOF_BYTES)
    return hmac.compare_digest(answer, prove(membership.secret, b"leader", nonce))


def prove(secret: str, *parts: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"/".join(parts), PROOF)


def receive_exactly(connection: socket.socket, length: int) -> bytearray:
    """Raises OSError, also if the connection ends before."""
    received = bytearray(length)
    rest = memoryview(received)
    while rest:
        count = connection.recv_into(rest)
        if not count:
            raise ConnectionResetError("The connection has ended.")
        rest = rest[count:]
    return received


def find_family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
