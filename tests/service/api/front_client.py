"""A client of a front in this process: werkzeug's test client, on an event loop that all clients share."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from queue import Queue
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client
from werkzeug.wsgi import get_input_stream

from service.api.front.app import Front

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class FrontClient(Client):
    """Sends requests to a front like a server. Closing a response early disconnects the client.

    A header that is None in a request's `environ_overrides` is omitted. `REMOTE_ADDR` there is the client's address.
    """

    def __init__(self, front: Front) -> None:
        super().__init__(_AsWsgi(front))


@contextmanager
def alive(front: Front) -> Iterator[None]:
    """Run ASGI's lifespan protocol around the block, like a server."""
    told, events = Queue[str](), asyncio.Queue[str]()

    async def receive() -> dict[str, Any]:
        return {"type": await events.get()}

    async def send(message: Any) -> None:
        told.put(message["type"])

    loop = event_loop()
    living = asyncio.run_coroutine_threadsafe(front({"type": "lifespan"}, receive, send), loop)
    for event in ("startup", "shutdown"):
        loop.call_soon_threadsafe(events.put_nowait, f"lifespan.{event}")
        assert told.get(timeout=30) == f"lifespan.{event}.complete"
        if event == "startup":
            yield
    living.result()


class _AsWsgi:
    def __init__(self, front: Front) -> None:
        self._front = front

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterator[bytes]:
        loop, sent, gone = event_loop(), Queue[Any](), asyncio.Event()
        bodies = iter([get_input_stream(environ).read()])

        async def receive() -> dict[str, Any]:
            for body in bodies:
                return {"type": "http.request", "body": body, "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.put(message)

        answering = asyncio.run_coroutine_threadsafe(self._front(as_scope(environ), receive, send), loop)
        answering.add_done_callback(lambda _: sent.put(None))
        start = sent.get()
        if start is None:
            answering.result()
        headers = [(name.decode("latin-1").title(), value.decode("latin-1")) for name, value in start["headers"]]
        start_response(f"{start['status']} ", headers)

        def pieces() -> Iterator[bytes]:
            try:
                while (message := sent.get()) is not None:
                    yield message.get("body", b"")
            finally:
                loop.call_soon_threadsafe(gone.set)
                answering.cancel()

        return pieces()


def as_scope(environ: "WSGIEnvironment") -> dict[str, Any]:
    """The ASGI scope of a request."""
    named = {
        name.removeprefix("HTTP_"): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and value is not None
    }
    named |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    address = {"client": (environ["REMOTE_ADDR"], 1)} if "REMOTE_ADDR" in environ else {}
    return address | {
        "type": "http",
        "http_version": environ["SERVER_PROTOCOL"].removeprefix("HTTP/"),
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"].encode("latin-1").decode(),
        "query_string": environ["QUERY_STRING"].encode("latin-1"),
        "client": (environ["REMOTE_ADDR"], 0) if "REMOTE_ADDR" in environ else None,
        "headers": [
            (name.lower().replace("_", "-").encode(), str(value).encode("latin-1")) for name, value in named.items()
        ],
    }


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """The event loop of all clients, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return loop
