"""A request in the front: its decoded head, and its body, which is read as it arrives."""

import io
import random
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import IO, Any
from urllib.parse import parse_qs

from models.errors import ModelsError
from service.api.http.errors import BodyTooLarge
from service.callers import ANYBODY, DEFAULT_PROJECT
from service.errors import ServiceError
from service.operations.memory import Memory, RequestMemory
from service.origins import Origin, describe, find_trace_id
from service.tracing import Span

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI app."""

REQUEST_ID = "fitserve.request_id"
"""The key of the request's id in the scope, where the connection finds it."""
IS_CLOSING = "fitserve.is_closing"
"""The key in the scope of a function that tells whether the connection is closing."""
NOTE_QUEUED = "fitserve.note_queued"
"""The key in the scope of a function that counts the bytes of an incomplete response that wait for the client."""
BODY_SECONDS = "fitserve.body_seconds"
"""The key in the scope of the seconds within which the body must arrive, if they aren't the usual ones."""
POSSIBLE_ID = re.compile(r"[\x21-\x7e]{1,128}")
MOST_DISCARDED = 16 * 2**20
"""How many bytes of a refused body are still read, so that a client that is sending receives the response."""


class ClientDisconnected(Exception):
    """The client disconnected before its request was complete."""


class Request:
    """A request with its decoded head. Header names are lower-case. Values of repeated headers are joined by `, `."""

    __slots__ = (
        "_at_end",
        "answer_headers",
        "caller",
        "headers",
        "id",
        "is_changing",
        "is_frequent",
        "is_read",
        "job_id",
        "memory",
        "method",
        "path",
        "receive",
        "scope",
        "span",
        "started",
        "status",
    )

    def __init__(self, scope: Scope, receive: Receive, memory: Memory) -> None:
        self.memory = RequestMemory(memory)
        """The memory of the body, and of what it becomes."""
        self.caller = ANYBODY
        """Who sent it, once the front has checked that."""
        self.is_frequent = False
        """Whether it is a prediction or a probe."""
        self.job_id: str | None = None
        """The job that it queued or that it is about, once that is known."""
        self.status: int | None = None
        """The status of its response, once that begins."""
        self.span: Span | None = None
        """What traces it; None: nothing does."""
        self.is_changing = False
        """Whether it is allowed and may change something, once the front knows."""
        self.answer_headers: tuple[tuple[bytes, bytes], ...] = ()
        """Headers that every response to it has."""
        self._at_end: Callable[[], None] | None = None
        self.scope = scope
        self.receive = receive
        self.started = time.monotonic()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.is_read = False
        """Whether the whole body was read."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        self.headers = headers
        given = headers.get("x-request-id", "")
        self.id = scope[REQUEST_ID] = given if POSSIBLE_ID.fullmatch(given) else new_id()

    def call_at_end(self, function: Callable[[], None]) -> None:
        """Have a function called when the response has been sent, or can't be sent."""
        self._at_end = function

    def end(self) -> None:
        """Return everything that the request holds."""
        self.memory.release()
        if self._at_end is not None:
            self._at_end()

    @property
    def address(self) -> str:
        """The address of the client, or of the proxy in front."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def origin(self) -> Origin:
        """What the log, the traces and the jobs of this request name."""
        traceparent, tracestate = self._find_trace()
        return Origin(
            request_id=self.id,
            traceparent=traceparent,
            tracestate=tracestate,
            key_id=self.caller.key_id,
            project=self.named_project,
        )

    def describe(self) -> dict[str, str]:
        """What lines of the log say about the request, as its `origin` does, which takes longer to make."""
        return describe(self.id, self._find_trace()[0], self.caller.key_id, self.named_project)

    @property
    def named_project(self) -> str | None:
        """The caller's project; None for a caller without a key in the default project, which says nothing."""
        caller = self.caller
        return None if caller.key_id is None and caller.project == DEFAULT_PROJECT else caller.project

    def _find_trace(self) -> tuple[str | None, str | None]:
        """`traceparent` and `tracestate` of what continues the request's trace: its span, or else its client's."""
        if self.span is not None:
            return self.span.traceparent, self.span.tracestate
        given = self.headers.get("traceparent")
        if given is None or find_trace_id(given) is None:
            return None, None
        return given, self.headers.get("tracestate")

    @property
    def caller_id(self) -> str:
        """What limits count by: the id of the caller's key, without keys the client's address."""
        return self.caller.key_id or self.address

    @property
    def is_unchunked(self) -> bool:
        """Whether the client speaks HTTP/1.0, which has no chunks. uvicorn sends a body of unknown length in chunks."""
        return bool(self.scope["http_version"] == "1.0")

    @property
    def is_gone(self) -> bool:
        """Whether the client has closed the connection."""
        is_closing: Callable[[], bool] | None = self.scope.get(IS_CLOSING)
        return is_closing is not None and is_closing()

    def note_queued(self, size: int) -> None:
        """Count `size` bytes of the response, which isn't complete yet, for the connection's check of its client."""
        note: Callable[[int], None] | None = self.scope.get(NOTE_QUEUED)
        if note is not None:
            note(size)

    @property
    def query(self) -> dict[str, list[str]]:
        """The values of each query parameter, in order."""
        text = self.scope["query_string"].decode("latin-1")
        return parse_qs(text, keep_blank_values=True) if text else {}

    @property
    def length(self) -> int | None:
        """The length of the body in bytes according to the head; None if the head doesn't give it."""
        given = self.headers.get("content-length")
        if given is None:
            return None if "transfer-encoding" in self.headers else 0
        return int(given)

    async def read(self, limit: int) -> bytes:
        """The whole body. It takes memory as it arrives: what a client only announces takes none from the others.

        Raises BodyTooLarge, before reading if the length is known; Overloaded, ClientDisconnected.
        """
        await self._refuse_longer_than(limit)
        body: bytes = (await self._next()).get("body", b"")
        await self._reserve(len(body))
        if self.is_read and len(body) <= limit:
            return body
        pieces = io.BytesIO()
        pieces.write(body)
        while not self.is_read and pieces.tell() <= limit:
            piece = (await self._next()).get("body", b"")
            await self._reserve(len(piece))
            pieces.write(piece)
        if pieces.tell() > limit:
            await self.discard()
            raise _too_large(limit)
        return pieces.getvalue()

    async def spool(self, limit: int, in_memory: int, folder: str, write: Callable[..., Awaitable[Any]]) -> IO[bytes]:
        """The whole body as an unnamed file, on the disk if it has more than `in_memory` bytes.

        `write` calls a function that may block. Raises what `read` raises; OSError if the disk is full.
        """
        await self._refuse_longer_than(limit)
        await self._reserve(in_memory)
        file = tempfile.SpooledTemporaryFile(max_size=in_memory, dir=folder)  # noqa: SIM115 (its reader closes it)
        try:
            received = 0
            while not self.is_read:
                piece = (await self._next()).get("body", b"")
                received += len(piece)
                if received > limit:
                    await self.discard()
                    raise _too_large(limit)
                await write(file.write, piece)
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    async def discard(self) -> None:
        """Read the rest of the body if it's small: a client that is still sending wouldn't receive its response."""
        if self.is_read or self.headers.get("expect", "").lower() == "100-continue":
            return
        length = self.length
        left = MOST_DISCARDED if length is None else length
        if left > MOST_DISCARDED:
            return
        while left >= 0 and not self.is_read:
            left -= len((await self._next()).get("body", b""))

    async def _reserve(self, size: int) -> None:
        """Reserve memory for `size` bytes more of the body. Raises Overloaded."""
        try:
            self.memory.reserve(size)
        except (ServiceError, ModelsError):
            await self.discard()
            raise

    async def _refuse_longer_than(self, limit: int) -> None:
        if (self.length or 0) > limit:
            await self.discard()
            raise _too_large(limit)

    async def _next(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        self.is_read = not message.get("more_body", False)
        return message


def new_id() -> str:
    """A new id for a request that has none."""
    return f"{random.getrandbits(128):032x}"


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body must have at most {limit:,} bytes.")
