"""Runs the api: gunicorn with threads, each process with an app and a database engine of its own."""

import gc
import http
import secrets
import select
import socket
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import orjson
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.workers.gthread import TConn, ThreadWorker

from service.addresses import AddressUnavailable, listen
from service.api.errors import CODES_OF_STATUS, PROBLEM_TYPES
from service.config import Settings
from service.operations.waiting import stop_waiting
from service.storage import last_write

if TYPE_CHECKING:
    from flask import Flask

GRACE_SECONDS = 8
KEEP_ALIVE_SECONDS = 75
"""Longer than what load balancers keep a connection, so that the client's side closes first."""
LINGER_MILLISECONDS = 5
"""How long a thread waits for its connection's next request before it takes up another's."""
SWITCH_SECONDS = 0.001
"""How long a thread that computes in Python keeps the others waiting, each time that they want to go on."""
MORE_FOLLOWS = getattr(socket, "MSG_MORE", 0)
"""Has Linux put what is sent and what follows into one packet."""
LONGEST_LINE = 8190
"""Characters of a URL with its method: what RFC 9110, section 4.1, recommends to take, and gunicorn's most."""
MOST_DISCARDED = 60_000
"""Bytes of a body that nobody read which gunicorn surely reads to take the connection's next request."""
MEMORY_FOLDER = Path("/dev/shm")


def serve(settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT. Ends the process with a line when the address can't be had."""
    # The processes share the moment because its memory is there before they are forked.
    last_write.note()
    try:
        listener = listen(settings.host, settings.port)
    except AddressUnavailable as error:
        sys.exit(str(error))
    ApiServer(settings, listener.detach()).run()


class ApiServer(BaseApplication):
    """gunicorn, set up by this service's settings alone."""

    def __init__(self, settings: Settings, listener: int) -> None:
        self.settings = settings
        self.listener = listener
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": [f"fd://{self.listener}"],
            "workers": self.settings.api_processes,
            "threads": self.settings.api_threads,
            "worker_class": Worker,
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEP_ALIVE_SECONDS,
            "timeout": 60,
            "limit_request_line": LONGEST_LINE,
            "proc_name": "fitserve-api",
            "control_socket_disable": True,
            "logger_class": ServiceLog,
        }
        # gunicorn's processes touch a file each second, which a slow disk would turn into pauses.
        options |= {"worker_tmp_dir": str(MEMORY_FOLDER)} if MEMORY_FOLDER.is_dir() else {}
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> "Flask":
        """The app of a process that was just forked: connections and threads don't survive a fork."""
        # ONNX Runtime's threads begin when it is imported, so the process that forks must not import it.
        from service.api.app import create_app
        from service.context import Context

        app = create_app(Context.from_settings(self.settings))
        app.extensions["predictions"].load_latest()
        sys.setswitchinterval(SWITCH_SECONDS)
        # What is loaded now stays: full collections that visit it all were most of the slowest answers.
        gc.collect()
        gc.freeze()
        return app


class Response(wsgi.Response):
    """A response whose headers leave together with the body, in one packet where they fit.

    They tell of the connection's end where it will end because too much of the request's body wasn't read.
    """

    headers_sent: bool

    def send_headers(self) -> None:
        if self.headers_sent:
            return
        reader = self.req.body.reader
        unread = reader.length if isinstance(reader, LengthReader) else 0
        if unread > MOST_DISCARDED or (isinstance(reader, ChunkedReader) and reader.parser):
            self.force_close()
        lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
        body_follows = self.response_length and not self._omits_body
        self.sock.sendall("".join(lines).encode("latin-1"), MORE_FOLLOWS if body_follows else 0)
        self.headers_sent = True


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
        "Content-Type: application/problem+json", f"Content-Length: {len(body)}", "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff", f"X-Request-ID: {request_id}", "", "",
    )  # fmt: skip
    util.write_nonblock(connection, "\r\n".join(lines).encode() + body)


# gunicorn has no settings for them.
wsgi.Response = Response
util.write_error = write_problem


class Worker(ThreadWorker):
    """A process whose requests stop waiting for jobs when it is told to end.

    Handing a kept connection to the main thread and back takes as long as a small prediction. So a thread stays with
    a connection whose next request comes at once, but at most half of the threads wait for that.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingerers = threading.Semaphore(self.cfg.threads // 2)

    def handle(self, conn: TConn) -> Any:
        outcome = super().handle(conn)
        while outcome is True and self._next_comes_at_once(conn):
            outcome = super().handle(conn)
        return outcome

    def _next_comes_at_once(self, conn: TConn) -> bool:
        if not self.alive or not self._lingerers.acquire(blocking=False):
            return False
        try:
            waiting = select.poll()
            waiting.register(conn.sock, select.POLLIN)
            return bool(waiting.poll(LINGER_MILLISECONDS))
        finally:
            self._lingerers.release()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        stop_waiting()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        stop_waiting()
        super().handle_quit(sig, frame)


class ServiceLog(Logger):
    """gunicorn's messages in the service's log, which has been configured already; tracing.py logs the requests."""

    def setup(self, cfg: Config) -> None:
        self.error_log.propagate = True
