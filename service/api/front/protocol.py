"""Connections: uvicorn's HTTP/1.1 protocol, with timeouts for silent and slow clients."""

import asyncio
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.front.access_log import AccessLog
from service.api.front.balance import SHARES
from service.api.front.request import BODY_SECONDS, IS_CLOSING, NOTE_QUEUED, REQUEST_ID, Scope, new_id
from service.api.front.request_counter import RequestCounter
from service.api.http.links import behind
from service.api.http.problems import answer_status
from service.config import Settings
from service.operations.upkeep import health

if TYPE_CHECKING:
    from service.api.front.app import Front

LONGEST_HEAD = 64 * 1024
"""The bytes of a request's head at most. The front limits single headers."""
SWEEP_SECONDS = 1.0
LONGEST_DRAINING_SILENCE = 1.0
"""How long a process that shuts down waits for the first byte of a new connection."""
UPGRADE = re.compile(rb"\r\nupgrade(?=[ \t]*:)", re.IGNORECASE)

log = structlog.get_logger()


class Connections:
    """The open connections of a process, and their limits."""

    def __init__(
        self,
        settings: Settings,
        log: AccessLog,
        counter: RequestCounter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most = settings.max_connections
        self._timeout = settings.client_timeout_seconds
        self._slowest = settings.min_client_bytes_per_second
        self._body_seconds = settings.body_seconds
        self._open: set[Connection] = set()
        self.log = log
        self.counter = counter
        self.clock = clock

    def __len__(self) -> int:
        return len(self._open)

    def open(self, connection: "Connection") -> bool:
        """Count a new connection until `close`; False if there are too many."""
        if len(self._open) >= self._most:
            return False
        self._open.add(connection)
        SHARES.note(len(self._open))
        return True

    def close(self, connection: "Connection") -> None:
        self._open.discard(connection)
        SHARES.note(len(self._open))

    async def sweep(self) -> None:
        """Close connections of silent and slow clients, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Close connections of clients that are silent or slow now."""
        # After a busy moment, timers come before sockets: read what has arrived before a client counts as silent.
        await asyncio.sleep(0)
        now = self.clock()
        for connection in list(self._open):
            try:
                connection.check(now, self._timeout, self._slowest, self._body_seconds)
            except Exception as error:
                log.error("a connection can't be checked", exc_info=error)


class Sending:
    """How fast a client receives what waits in its connection's buffer."""

    def __init__(self, now: float) -> None:
        self._last = now
        self.begin(now, 0)

    def begin(self, now: float, unsent: int) -> None:
        """Measure from now on. `unsent` bytes wait for the client."""
        self._from, self._queued, self._sent = now, unsent, 0

    def note_queued(self, size: int) -> None:
        """Count `size` bytes that were added to the buffer."""
        self._queued += size

    def is_too_slow(self, now: float, unsent: int, timeout: float, slowest: int) -> bool:
        """Whether the client took nothing for `timeout` seconds, or fewer than `slowest` bytes per second after them.

        `unsent` bytes are in the buffer.
        """
        if not unsent:
            self._last = now
            self.begin(now, 0)
            return False
        sent = self._queued - unsent
        if sent > self._sent:
            self._last, self._sent = now, sent
        late = now - self._from - timeout
        return now - self._last > timeout or (late > 0 and sent < late * slowest)


class Connection(HttpToolsProtocol):
    """One client's connection.

    While the request or the response is incomplete, a client may be silent for `client_timeout_seconds`. It must send
    `min_client_bytes_per_second` on average, and a large body so fast that it arrives within `body_seconds`. It must
    receive a response as fast. Between requests, uvicorn's keep-alive timeout applies.
    """

    app: "Front"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        super().connection_made(self._transport)
        self._began: float | None = self.app.connections.clock()
        """When the incomplete request began; None between requests. A new connection must send a request."""
        self._in_head = True
        self._is_silent = True
        """Whether the client hasn't begun a request yet."""
        self._received = 0
        self._last_received = self._began
        self._sending = Sending(self._last_received)
        if not self.app.connections.open(self):
            self.refuse(503, "Too many connections are open.")

    def connection_lost(self, exc: Exception | None) -> None:
        self.app.connections.close(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        self._last_received = self.app.connections.clock()
        super().data_received(_without_upgrade(data) if self._in_head else data)
        if self._in_head and self._began is not None and self._received > LONGEST_HEAD:
            self.refuse(431, "The request's head is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        scope = cast(Scope, self.scope)
        scope[IS_CLOSING], scope[NOTE_QUEUED] = self._transport.is_closing, self._sending.note_queued
        self._began, self._in_head, self._is_silent, self._received = self._last_received, True, False, 0

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade():
            # What follows is the body to the client, and another request to the parser.
            raise ValueError("a header `Upgrade` that wasn't renamed")
        super().on_headers_complete()
        self._in_head = False

    def on_message_complete(self) -> None:
        self._began, self._in_head = None, True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._sending.begin(self.app.connections.clock(), self._transport.get_write_buffer_size())
        super().on_response_complete()

    def shutdown(self) -> None:
        """Close the connection, unless a request is arriving or expected: its response closes the connection.

        Called by uvicorn when the process shuts down.
        """
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self._began is None or is_answering:
            super().shutdown()

    def check(self, now: float, timeout: float, slowest: int, body_seconds: float) -> None:
        """Close the connection if the client is too slow.

        `timeout` and `body_seconds`, which the request may replace, are in seconds, `slowest` in bytes per second.
        """
        if self._sending.is_too_slow(now, self._transport.get_write_buffer_size(), timeout, slowest):
            self._transport.abort()
        elif self._began is not None and not self.flow.read_paused:
            patience = min(timeout, LONGEST_DRAINING_SILENCE) if self._is_silent and health.is_draining() else timeout
            silent = now - self._last_received > patience
            late = now - self._began - timeout
            if silent or (late > 0 and self._received < late * self._floor(slowest, body_seconds)):
                self._give_up()

    def _floor(self, slowest: int, body_seconds: float) -> float:
        """The minimum speed of the request in bytes per second, which depends on its size."""
        if self._is_silent or self._in_head:
            return slowest
        scope = cast(Scope, self.scope)
        announced = next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)
        return max(slowest, max(announced, self._received) / scope.get(BODY_SECONDS, body_seconds))

    def _give_up(self) -> None:
        if self._is_silent:
            self._transport.close()
        else:
            self.refuse(408, "The request did not arrive in time.")

    def send_400_response(self, msg: str) -> None:
        """Respond to invalid HTTP. Called by uvicorn."""
        if self._in_head and self.parser.should_upgrade():
            self.refuse(400, "This connection can't change its protocol: omit the header `Upgrade`.")
        elif self._in_head:
            self.refuse(400, "The request is not valid HTTP/1.1.")
        else:
            self.refuse(400, "The body's chunked encoding is invalid (RFC 9112, section 7.1).")

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """The client sends nothing more. True keeps the connection open until the response to its request is sent."""
        if self._began is not None and not self._in_head:
            self.refuse(400, "The body was cut off before its end.")
            return None
        is_pending = self.cycle is not None and not self.cycle.response_started and self._began is None
        if is_pending:
            self.cycle.keep_alive = False
        return is_pending

    def refuse(self, status: int, detail: str) -> None:
        """Send a problem, unless a response has begun, and close the connection."""
        if self._transport.is_closing():
            return
        if self.cycle is None or not self.cycle.response_started or self.cycle.response_complete:
            self._transport.write(self._write_problem(status, detail))
        self._transport.close()

    def _write_problem(self, status: int, detail: str) -> bytes:
        # If the head wasn't read, the path is unknown. An empty reference stands for the requested URL itself.
        method = path = prefix = ""
        request_id = new_id()
        if not self._in_head:
            scope = cast(Scope, self.scope)
            method, path, request_id = scope["method"], scope["path"], scope.get(REQUEST_ID, request_id)
            prefix = scope["root_path"]
        with behind(prefix):
            answer = answer_status(status, detail, path, request_id)
        body = orjson.dumps(answer.document, option=orjson.OPT_APPEND_NEWLINE)
        client = self._transport.get_extra_info("peername") if self._in_head else cast(Scope, self.scope).get("client")
        address = client[0] if client else ""
        self.app.connections.log.write(method, path, status, 0.0, len(body), address, request_id=request_id)
        self.app.connections.log.flush()
        self.app.connections.counter.count(method, path, status, 0.0)
        headers: dict[str, Any] = {
            "Content-Type": answer.media_type,
            "Content-Length": len(body),
            "Connection": "close",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Request-ID": request_id,
            **answer.headers,
        }
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body


def _without_upgrade(data: bytes) -> bytes:
    """The data with another name for the header `Upgrade`: the parser would take no body after it.

    RFC 9110, section 7.8, lets a server ignore the header. One that arrives in two pieces, or after the body of another
    request in the same piece, stays, and the request is refused.
    """
    end = data.find(b"\r\n\r\n")
    if UPGRADE.search(data, 0, len(data) if end < 0 else end) is None:
        return data
    head, end_of_head, body = data.partition(b"\r\n\r\n")
    return UPGRADE.sub(b"\r\nx-ignored-upgrade", head) + end_of_head + body
