"""A server that answers as it is told, drops connections too, and remembers what it was asked."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True)
class Answer:
    """An answer; its body may be cut off before its end."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


class Drop:
    """No answer: the connection ends."""


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """Gives its answers in their order, the last for ever."""

    url: str
    answers: list[Answer | Drop]
    asked: list[Asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: ScriptedServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.script.asked.append(Asked(self.command, self.path, dict(self.headers), body))
        answers = self.script.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.close_connection = True
        if isinstance(answer, Drop):
            return
        written = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(written) + (100 if answer.cut else 0)))
        self.send_header("Connection", "close")  # else the client may send its next request while this one closes
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(written)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def scripted(*answers: Answer | Drop) -> Iterator[ScriptedServer]:
    """A server with these answers on a free port."""

    class Handler(_Handler):
        script = ScriptedServer("", list(answers), [])

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Handler.script.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield Handler.script
        finally:
            server.shutdown()
            thread.join()
