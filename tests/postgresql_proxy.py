"""A proxy in front of PostgreSQL that loses COMMITs, or the server's answers to them, as a broken network does."""

import contextlib
import enum
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from sqlalchemy import make_url

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""A simple query as libpq sends it: type, length, text."""
CHUNK = 65536
KEEPALIVES = {socket.TCP_KEEPIDLE: 5, socket.TCP_KEEPINTVL: 2, socket.TCP_KEEPCNT: 3}


class Loss(enum.Enum):
    """What gets lost together with the connection."""

    COMMIT = "the COMMIT, so that the server rolls back"
    ANSWER = "the answer to the COMMIT, which the server has executed"


class CommitProxy:
    """Forwards connections to the server of a database URL. `url` is the URL through the proxy, which listens on
    `address`."""

    def __init__(self, url: str, address: str = "127.0.0.1") -> None:
        server = make_url(url)
        self.redirect(url)
        self._listener = socket.create_server((address, 0))
        port = self._listener.getsockname()[1]
        # The proxy must be able to read what it forwards.
        plain = {"sslmode": "disable", "gssencmode": "disable"}
        through = server.set(host=address, port=port).update_query_dict(plain)
        self.url = through.render_as_string(hide_password=False)
        self._lock = threading.Lock()
        self._losses: list[Loss | None] = []
        self._goes_away = False
        self._connections: set[socket.socket] = set()
        self.is_away = False
        """Whether new connections are closed at once, as if the server were away."""
        self.lost = 0
        """How many COMMITs or answers were lost so far."""
        self.refused = 0
        """How many connections were closed at once."""
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.disconnect()

    def redirect(self, url: str) -> None:
        """Forward new connections to the server of this URL."""
        server = make_url(url)
        self._server = (server.host or "127.0.0.1", server.port or 5432)

    def lose(self, loss: Loss, *, after: int = 0, then_away: bool = False) -> None:
        """Lose one COMMIT or answer, after forwarding `after` others. `then_away` makes the server unreachable too."""
        with self._lock:
            self._losses = [*[None] * after, loss]
            self._goes_away = then_away

    def stop_losing(self) -> None:
        """Forward everything again."""
        with self._lock:
            self._losses, self.is_away = [], False

    def disconnect(self) -> None:
        """Break all connections."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Break all connections, and let nobody connect during the block."""
        self.is_away = True
        self.disconnect()
        try:
            yield
        finally:
            self.is_away = False

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # until the listener is closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.is_away:
                self.refused += 1
                return
            # As the server does, it drops a client whose host has vanished.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, seconds in KEEPALIVES.items():
                client.setsockopt(socket.IPPROTO_TCP, option, seconds)
            with socket.create_connection(self._server) as server, self._known(client):
                self._forward(client, server)

    @contextmanager
    def _known(self, client: socket.socket) -> Iterator[None]:
        with self._lock:
            self._connections.add(client)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(client)

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        """Forward in both directions until a side closes its connection, or something is to be lost."""
        while True:
            readable, _, _ = select.select([client, server], [], [])
            for source in readable:
                data = source.recv(CHUNK)
                if not data:
                    return
                if source is server:
                    client.sendall(data)
                elif not data.endswith(COMMIT) or (loss := self._next_loss()) is None:
                    server.sendall(data)
                else:
                    if loss is Loss.ANSWER:
                        server.sendall(data)
                        server.recv(CHUNK)
                    return

    def _next_loss(self) -> Loss | None:
        with self._lock:
            loss = self._losses.pop(0) if self._losses else None
            if loss is not None:
                self.lost += 1
                self.is_away = self.is_away or self._goes_away
            return loss
