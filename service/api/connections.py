"""How requests come in and answers leave: gunicorn's threads, its responses, and what it refuses by itself."""

import errno
import http
import secrets
import select
import socket
import struct
import threading
import time
from types import FrameType
from typing import Any

import orjson
from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.body import ChunkedReader, EOFReader, LengthReader
from gunicorn.workers import gthread
from gunicorn.workers.gthread import TConn, ThreadWorker

from service.api import balance
from service.api.http.errors import CODES_OF_STATUS, PROBLEM_TYPES
from service.api.http.media_types import PROBLEM
from service.operations.jobs.waiting import stop_waiting, stopped_waiting

LINGER_MILLISECONDS = 5
"""How long a thread waits for its connection's next request before it takes up another's."""
STILL_SECONDS = 10
"""How long a client may send nothing, or take nothing, while a thread waits for it."""
SLOWEST = 1024
"""Bytes a second that a client must send on the whole."""
MORE_FOLLOWS = getattr(socket, "MSG_MORE", 0)
"""Has Linux put what is sent and what follows into one packet."""
ONE_WRITE = 2**16
"""Bytes of a body up to which it is copied behind its headers, so that both leave at once."""
MOST_DISCARDED = 60_000
"""Bytes of a body that nobody read which gunicorn surely reads to take the connection's next request."""


class ClientSocket(socket.socket):
    """A client's connection that is given up when the client stands still: it would hold a thread for ever.

    A client has STILL_SECONDS for its next bytes, and must send SLOWEST bytes a second on the whole. What is given up
    looks like a connection that was reset.
    """

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        # In the kernel, because gunicorn sets the timeouts that Python knows.
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 1, 0))
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", STILL_SECONDS, 0))
        self.given_up = False
        self.begin_request()

    def begin_request(self) -> None:
        self._began, self._received = time.monotonic(), 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        if flags & socket.MSG_DONTWAIT:
            return super().recv(size, flags)
        waiting_since = time.monotonic()
        while True:
            try:
                data = super().recv(size, flags)
            except BlockingIOError:
                if self.getblocking() and time.monotonic() < waiting_since + STILL_SECONDS and not stopped_waiting():
                    continue
                raise self._give_up() from None
            self._received += len(data)
            if time.monotonic() > self._began + STILL_SECONDS + self._received / SLOWEST:
                raise self._give_up()
            return data

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        try:
            super().sendall(data, flags)
        except BlockingIOError:
            raise self._give_up() from None

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        # Python polls by itself here, for as long as its own timeout says.
        self.settimeout(STILL_SECONDS)
        try:
            return super().sendfile(file, offset, count)
        except TimeoutError:
            raise self._give_up() from None
        finally:
            self.settimeout(None)

    def _give_up(self) -> ConnectionResetError:
        self.given_up = True
        return ConnectionResetError(errno.ECONNRESET, "the client stands still")


class Connection(TConn):
    """A connection that waits for its first request without a thread."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, ClientSocket(sock), client, server)

    def wait_for_data(self, timeout: float) -> bool:
        return bool(super().wait_for_data(min(timeout, LINGER_MILLISECONDS / 1000)))

    def close(self, graceful: bool = False) -> None:
        if self.sock.fileno() < 0:
            return  # the thread that answered has closed it, and gunicorn closes all again
        # A graceful close waits two seconds for the client's own, which one that was given up won't send.
        super().close(graceful=graceful and not self.sock.given_up)


class Response(wsgi.Response):
    """A response whose headers leave together with the body, in one packet where they fit.

    They tell of the connection's end where it will end because too much of the request's body wasn't read.
    """

    headers_sent: bool
    sent: int

    def send_headers(self) -> None:
        if self.headers_sent:
            return
        body_follows = self.response_length and not self._omits_body
        self.sock.sendall(self._write_head(), MORE_FOLLOWS if body_follows else 0)
        self.headers_sent = True

    def _write_head(self) -> bytes:
        unread = _find_unread(self.req.body.reader)
        if unread is None or unread > MOST_DISCARDED:
            self.force_close()
        lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
        return "".join(lines).encode("latin-1")

    def write(self, arg: bytes) -> None:
        if self.headers_sent or self._omits_body or self.response_length != len(arg) or len(arg) > ONE_WRITE:
            super().write(arg)
            return
        self.sock.sendall(self._write_head() + arg)
        self.headers_sent = True
        self.sent = len(arg)


def _find_unread(reader: LengthReader | ChunkedReader | EOFReader) -> int | None:
    """How many bytes of a request's body nobody has read yet; None where that can't be known."""
    if isinstance(reader, LengthReader):
        length: int = reader.length
        return length
    return None if isinstance(reader, ChunkedReader) and reader.parser else 0


def write_problem(connection: socket.socket, status: int, _reason: str, detail: str) -> None:
    """Answer what gunicorn refuses before it is a request: a line or a header that is too long, or is no HTTP."""
    problem = PROBLEM_TYPES[CODES_OF_STATUS.get(status, "bad-request" if status < 500 else "internal")]
    detail, request_id = detail or problem.title, secrets.token_hex(16)
    document = {"type": problem.url, "title": problem.title, "status": problem.status, "detail": detail}
    # Where the target wasn't read: as a reference, nothing is what was asked for.
    document |= {"instance": "", "request_id": request_id, "error": detail}
    body = orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
    lines = (
        f"HTTP/1.1 {problem.status} {http.HTTPStatus(problem.status).phrase}", "Connection: close",
        f"Content-Type: {PROBLEM}", f"Content-Length: {len(body)}", "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff", f"X-Request-ID: {request_id}", "", "",
    )  # fmt: skip
    util.write_nonblock(connection, "\r\n".join(lines).encode() + body)


# gunicorn has no settings for them.
wsgi.Response = Response
gthread.TConn = Connection
util.write_error = write_problem


class Worker(ThreadWorker):
    """A process whose requests stop waiting for jobs when it is told to end.

    Handing a kept connection to the main thread and back takes as long as a small prediction. So a thread stays with
    a connection whose next request comes at once, unless other connections wait for a thread, and at most half of the
    threads do so.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingerers = threading.Semaphore(self.cfg.threads // 2)

    def notify(self) -> None:
        # gunicorn calls it each time before it waits for something to happen.
        super().notify()
        balance.note(self.age, self.nr_conns)

    def accept(self, listener: socket.socket) -> None:
        balance.let_others_go_first(self.nr_conns)
        super().accept(listener)

    def handle(self, conn: TConn) -> Any:
        outcome = self._handle_one(conn)
        while outcome is True and self._next_comes_at_once(conn):
            outcome = self._handle_one(conn)
        if not outcome:
            conn.close(graceful=True)  # here, for the main thread would wait for the client to close too
        return outcome

    def _handle_one(self, conn: TConn) -> Any:
        conn.sock.begin_request()
        return super().handle(conn)

    def _next_comes_at_once(self, conn: TConn) -> bool:
        others_wait = not self.tpool._work_queue.empty()
        if others_wait or not self.alive:
            return False
        if conn.parser.unreader.buf.getvalue():
            return True  # it came together with the one before
        if not self._lingerers.acquire(blocking=False):
            return False
        try:
            waiting = select.poll()
            waiting.register(conn.sock, select.POLLIN)
            return bool(waiting.poll(LINGER_MILLISECONDS))
        finally:
            self._lingerers.release()

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        # Looking for what is left of the request's body, gunicorn sets the socket's timeout and sets it back.
        if keepalive and _find_unread(conn.parser.mesg.body.reader) == 0:
            return True
        return bool(super()._keepalive_after(conn, keepalive))

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        stop_waiting()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        stop_waiting()
        super().handle_quit(sig, frame)
