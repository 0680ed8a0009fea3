"""Sends responses with the request's id, the common headers and compression, and logs a line for each."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import orjson

from service.api.front.access_log import SUMMARY_SECONDS, AccessLog
from service.api.front.request import Request, Send
from service.api.front.request_counter import RequestCounter
from service.api.http.compression import GZIP, compress, is_worth, mark_tag, prefers_gzip
from service.api.http.indentation import OPTIONS, PARAMETER, is_wanted
from service.api.http.links import HEALTHZ, METRICS, find_job
from service.api.http.problems import ErrorAnswer
from service.operations.upkeep import health

PROBES = frozenset({HEALTHZ, "/readyz", "/v2/health/live", "/v2/health/ready", METRICS})
"""The paths that machines poll every few seconds."""
CLIENT_LEFT = 499
"""The logged status of a request whose client disconnected before the response. nginx uses the same number."""
FLUSH_SECONDS = 0.05
"""The time for which log lines are buffered at most."""
PIECE = 2**18
"""Bytes of a body that are sent at a time at most. The next ones wait until the client has received most of these."""
WITHOUT_BODY = (204, 304)


@dataclass
class Answer:
    """A response. Names of headers are lower-case. A `stream` delivers the body in chunks."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    stream: AsyncGenerator[bytes, None] | None = None


def answer_failure(request: Request, error: ErrorAnswer) -> Answer:
    """The response to a failed request, indented if its client wants that."""
    headers = {name.lower(): value for name, value in error.headers.items()}
    parameter = request.query.get(PARAMETER, [None])[0]
    indented = is_wanted(request.method, request.path, parameter, request.headers.get("user-agent", ""))
    body = orjson.dumps(error.document, option=OPTIONS if indented else orjson.OPT_APPEND_NEWLINE)
    return Answer(error.status, {"content-type": error.media_type, **headers}, body)


def compress_answer(request: Request, answer: Answer) -> None:
    """Compress a response if the client accepts gzip and it pays off. Sets the headers and marks the ETag."""
    headers = answer.headers
    if answer.stream is not None or answer.status in (*WITHOUT_BODY, 206) or "content-encoding" in headers:
        return
    accepted = request.headers.get("accept-encoding")
    if accepted is None and request.method == "POST":
        return  # not cached, so it needs no Vary header
    length = int(headers.get("content-length", 0)) if request.method == "HEAD" else len(answer.body)
    if not is_worth(request.path, answer.status, headers.get("content-type", ""), length):
        return
    _add_vary(headers, "Accept-Encoding")
    if accepted is None or not prefers_gzip(accepted):
        return
    headers.pop("content-length", None)
    headers["content-encoding"] = GZIP
    if "etag" in headers:
        headers["etag"] = mark_tag(headers["etag"])
    answer.body = compress(answer.body) if answer.body else b""


def _add_vary(headers: dict[str, str], name: str) -> None:
    given = headers.get("vary", "")
    if name.lower() not in given.lower():
        headers["vary"] = f"{given}, {name}" if given else name


class Responder:
    """Sends the responses of one process."""

    def __init__(self, log: AccessLog, counter: RequestCounter) -> None:
        self._log = log
        self._counter = counter
        self._flushing: asyncio.TimerHandle | None = None
        self._summarizing: asyncio.TimerHandle | None = None

    async def send(self, request: Request, answer: Answer, send: Send) -> None:
        """Send a response, and the chunks of its stream as they arrive, until the client disconnects.

        The line of the log is written before the body is sent, but after a stream, whose size is only known then.

        Until it returns, the caller must hold the memory of a body of more than PIECE bytes. Then hardly any are left.
        """
        seconds = self.count(request, answer.status)
        stream, body = answer.stream, answer.body
        if stream is None:
            self.log(request, answer.status, len(body), seconds)
            if len(body) > PIECE:
                stream, body = _cut(body), b""
        sent = 0
        try:
            await send({"type": "http.response.start", "status": answer.status, "headers": _head(request, answer)})
            if stream is not None:
                async with contextlib.aclosing(stream) as pieces:
                    async for piece in pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
                        request.note_queued(len(piece))
                        sent += len(piece)
                        if request.is_gone:
                            return
            await send({"type": "http.response.body", "body": body})
        finally:
            if answer.stream is not None:
                self.log(request, answer.status, sent, time.monotonic() - request.started)

    def count(self, request: Request, status: int) -> float:
        """Count a request whose response begins now, or whose client has left. Returns its seconds until now."""
        request.status = status
        seconds = time.monotonic() - request.started
        self._counter.count(request.method, request.path, status, seconds)
        return seconds

    def log(self, request: Request, status: int, size: int, seconds: float) -> None:
        """Log a request that took `seconds`, and whose response's body has `size` bytes."""
        if self._log.summarizes(status, is_frequent=request.is_frequent or request.path in PROBES):
            key_id, project = request.caller.key_id, request.named_project
            self._log.count(request.method, request.path, key_id, project, seconds, size)
            if self._summarizing is None:
                self._summarizing = asyncio.get_running_loop().call_later(SUMMARY_SECONDS, self._summarize)
            return
        named = request.describe()
        if (job_id := request.job_id or find_job(request.path)) is not None:
            named["job_id"] = job_id
        milliseconds = round(seconds * 1000, 1)
        self._log.write(request.method, request.path, status, milliseconds, size, request.address, **named)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None and not self._log.is_empty:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush)

    def _flush(self) -> None:
        self._flushing = None
        self._log.flush()

    def _summarize(self) -> None:
        self._summarizing = None
        self._log.summarize()
        self._flush_soon()

    def end_log(self) -> None:
        """Write everything that wasn't logged yet."""
        self._log.summarize()
        self._log.flush()


async def _cut(body: bytes) -> AsyncGenerator[bytes, None]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


def _head(request: Request, answer: Answer) -> list[tuple[bytes, bytes]]:
    given = answer.headers
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
    headers += ((b"x-request-id", request.id.encode("latin-1")), (b"x-content-type-options", b"nosniff"))
    headers += request.answer_headers
    if "cache-control" not in given:
        headers.append((b"cache-control", b"no-store" if answer.status >= 400 else b"no-cache"))
    has_length = answer.stream is None and answer.status not in WITHOUT_BODY and request.method != "HEAD"
    if has_length and "content-length" not in given:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    # A process that shuts down closes idle connections. A client must not just then send the next request.
    if (not request.is_read and request.length != 0) or health.is_draining():
        headers.append((b"connection", b"close"))
    return headers
