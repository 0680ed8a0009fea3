"""Calls the Flask app, which serves everything but inference, in a bounded number of threads.

A request occupies a thread only while Flask computes, not while its body arrives, its client waits or its response is
sent. With a2wsgi it would occupy a thread for all of that.
"""

import asyncio
import contextvars
import io
import re
import sys
import time
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, NoReturn, Protocol

import structlog
from werkzeug.routing import Map

from service.api.front.answers import Answer, compress_answer
from service.api.front.caller_watch import CallerWatch
from service.api.front.request import BODY_SECONDS, Request
from service.api.front.streams import EventStreams
from service.api.front.watch import JobWatch
from service.api.http.errors import NotAcceptable
from service.api.http.handoff import CALLER, HANDOFF, MEMORY, REQUEST_ID, RESUMED, Drawing, Follow, Wait
from service.api.http.links import BATCH_PREDICTIONS, DATASETS, HEALTHZ, MODELS, PREFIX, find_job
from service.api.http.media_types import FORM
from service.context import Context
from service.errors import DiskFull, ServiceError, storing
from service.operations.upkeep import space
from service.origins import QUEUEING, Queueing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

IN_MEMORY = 2**16
"""The bytes of a form that stay in memory at most."""
WHOLE = 2**20
"""The bytes of a response that is collected in Flask's thread, at most. A larger response is sent in chunks."""
UPLOADS = re.compile(rf"{DATASETS}(/[^/]+/versions)?|{BATCH_PREDICTIONS}")
"""The paths that accept forms with files of data."""
MODEL_FILES = re.compile(rf"{MODELS}(/[^/]+/versions)?")
"""The paths that accept forms with the file of a network."""
STORING = ("POST", "PUT")
NOT_STORING = ("/v2/repository/index",)
"""The paths to which a POST only reads. Predictions don't get here."""
OF_THE_BODY = ("content-length", "content-type", "transfer-encoding")
Environment = dict[str, Any]


class RoutedApp(Protocol):
    """A WSGI app with the map of its routes, such as Flask's."""

    url_map: Map

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse", /) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""


class Resources:
    """The Flask app of one process, for the front."""

    def __init__(
        self,
        app: "WSGIApplication",
        context: Context,
        pool: Executor,
        watch: JobWatch,
        streams: EventStreams,
        callers: CallerWatch,
    ) -> None:
        self._app = app
        self._context = context
        self._settings = settings = context.settings
        self._pool = pool
        # A database that doesn't answer may occupy all other threads, but nobody should restart the process for it.
        self._probes = ThreadPoolExecutor(1, "probes")
        self._watch = watch
        self._streams = streams
        self._callers = callers
        settings.artifact_folder.mkdir(parents=True, exist_ok=True)

    async def answer(self, request: Request) -> Answer:
        """Flask's response, after the wait if the request waits for a job.

        Raises BodyTooLarge, OSError; Overloaded if there are too many streams; DiskFull; PictureTimeout,
        NotDrawable.
        """
        queueing = Queueing(request.origin)
        QUEUEING.set(queueing)
        structlog.contextvars.bind_contextvars(**queueing.origin.describe())
        try:
            answer, handoff = await self._answer(request, queueing)
        finally:
            request.job_id = queueing.job_id
            if request.span is not None and queueing.queued_at is not None:
                request.span.begin("validate", {}, at=queueing.began_at).end(queueing.queued_at)
        request.job_id = request.job_id or find_job(answer.headers.get("location", ""))
        if isinstance(handoff, Drawing) and answer.status == HTTPStatus.OK:
            await self._finish_picture(request, answer, handoff)
        if isinstance(handoff, Follow):
            answer.headers.pop("content-length", None)
            if request.method != "HEAD":
                _require_chunks(request)
                clients, permits = {request.address, request.caller_id}, self._streams.permits
                permits.take(clients)
                request.call_at_end(lambda: permits.give(clients))
                answer.stream = self._streams.follow(handoff.job_id, handoff.after, self._callers.watch(request))
        return answer

    def close(self) -> None:
        """Stop the thread for probes."""
        self._probes.shutdown(wait=False, cancel_futures=True)

    async def _finish_picture(self, request: Request, answer: Answer, drawing: Drawing) -> None:
        """Make a picture the response's body. Raises what drawing it raises.

        Other requests may share the picture: it is drawn even if this one's client disconnects.
        """
        picture = await asyncio.shield(asyncio.wrap_future(drawing.picture))
        answer.headers["content-length"] = str(len(picture))
        answer.body = b"" if request.method == "HEAD" else picture
        await self._in_thread(compress_answer, request, answer)

    async def _answer(self, request: Request, queueing: Queueing) -> tuple[Answer, object]:
        """Flask's response after the wait, and what it hands over besides."""
        await self._require_space(request)
        with await self._receive(request) as body:
            queueing.began_at = time.time_ns()
            environment = _describe(request, body)
            answer, handoff = await self._call(request, environment)
        started = time.monotonic()
        while isinstance(handoff, Wait):  # for an import, then for the build of a model of its data
            request.memory.keep(0)
            left = handoff.seconds - (time.monotonic() - started)
            await self._watch.until_over(handoff.job_id, left, lambda: request.is_gone)
            await self._check_again(request, handoff)
            answer, handoff = await self._call(request, environment | {RESUMED: handoff})
        return answer, handoff

    async def _check_again(self, request: Request, wait: Wait) -> None:
        """Check the caller after a wait, in which a key may be revoked: then the wait shows that it is refused.

        The route must be called in any case, so that the claim of the request's idempotency key ends.
        """
        try:
            await self._callers.check(request)
        except ServiceError as error:
            wait.show = partial(_refuse, error)

    async def _require_space(self, request: Request) -> None:
        """Raises DiskFull, before the body is received, if the request stores something and a disk lacks the space.

        PATCH and DELETE pass, because they free space: they cancel, stop and remove.
        """
        if request.method in STORING and request.path not in NOT_STORING:
            try:
                await self._in_thread(space.require, self._context)
            except DiskFull:
                await request.discard()
                raise

    async def _receive(self, request: Request) -> IO[bytes]:
        if request.length == 0:
            return io.BytesIO()
        most = self._find_most_spooled(request)
        if most is not None:
            request.scope[BODY_SECONDS] = self._settings.upload_seconds
            folder = str(self._settings.artifact_folder)
            with storing():
                file = await request.spool(most, IN_MEMORY, folder, self._in_thread)
            try:
                await self._callers.check(request)  # an upload takes minutes, in which a key may be revoked
            except BaseException:
                file.close()
                raise
            return file
        return io.BytesIO(await request.read(self._settings.max_body_bytes))

    def _find_most_spooled(self, request: Request) -> int | None:
        """The bytes of a form with files at most; None for any other body, which stays in memory."""
        if not request.headers.get("content-type", "").lower().startswith(FORM):
            return None
        if UPLOADS.fullmatch(request.path):
            return self._settings.max_upload_bytes
        return self._settings.max_model_file_bytes if MODEL_FILES.fullmatch(request.path) else None

    async def _in_thread(self, function: Any, *arguments: Any, pool: Executor | None = None) -> Any:
        # The thread logs with the request's id, and forgets it afterwards.
        in_context = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(pool or self._pool, in_context, function, *arguments)

    async def _call(self, request: Request, environment: Environment) -> tuple[Answer, object]:
        # Flask modifies the environment.
        environment = dict(environment)
        pool = self._probes if request.path == HEALTHZ else self._pool
        answer, pieces = await self._in_thread(_run, self._app, request, environment, pool=pool)
        if pieces is not None:
            answer.stream = self._send_pieces(pieces)
        return answer, environment.get(HANDOFF)

    async def _send_pieces(self, pieces: "Pieces") -> AsyncGenerator[bytes, None]:
        try:
            while (piece := await self._in_thread(pieces.take)) is not None:
                yield piece
        finally:
            await self._in_thread(pieces.close)


class Pieces:
    """The remaining chunks of a response that Flask generates."""

    def __init__(self, iterable: Iterable[bytes]) -> None:
        self._iterable = iterable
        self._rest = iter(iterable)
        self._first: bytes | None = None

    def take(self) -> bytes | None:
        """The next chunk; None after the last."""
        first, self._first = self._first, None
        return next(self._rest, None) if first is None else first

    def put_back(self, first: bytes) -> None:
        """Make `first` the next chunk."""
        self._first = first

    def close(self) -> None:
        close = getattr(self._iterable, "close", None)
        if close is not None:
            close()


def _run(app: "WSGIApplication", request: Request, environment: Environment) -> tuple[Answer, Pieces | None]:
    """Call the app as specified by PEP 3333. Returns the response, and the chunks of its body if it is generated.

    A body that is complete is compressed here, in the thread, if its client accepts that.
    """
    head: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exception: Any = None) -> Any:
        head[:] = [int(status[:3]), headers]

    pieces = Pieces(app(environment, start_response))
    collected: list[bytes] = []
    size = 0
    while size <= WHOLE or _is_complete(collected, head[1]):
        piece = pieces.take()
        if piece is None:
            pieces.close()
            answer = _answer(head[0], head[1], b"".join(collected))
            compress_answer(request, answer)
            return answer, None
        collected.append(piece)
        size += len(piece)
    pieces.put_back(b"".join(collected))
    return _answer(head[0], head[1], b""), pieces


def _require_chunks(request: Request) -> None:
    """Raises NotAcceptable for an event stream to a client that can't receive one."""
    if request.is_unchunked:
        raise NotAcceptable("Event streams need HTTP/1.1, and the request came with HTTP/1.0, perhaps from a proxy.")


def _refuse(error: ServiceError) -> NoReturn:
    raise error


def _is_complete(chunks: list[bytes], headers: list[tuple[str, str]]) -> bool:
    """Whether the only chunk so far is the whole body: then the body is in memory anyway."""
    length = next((value for name, value in headers if name.lower() == "content-length"), None)
    return len(chunks) == 1 and length == str(len(chunks[0]))


def _answer(status: int, headers: list[tuple[str, str]], body: bytes) -> Answer:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return Answer(status, joined, body)


def _describe(request: Request, body: IO[bytes]) -> Environment:
    """The WSGI environment (PEP 3333) of a request whose body has been received."""
    scope = request.scope
    host, port = scope.get("server") or ("localhost", 80)
    length = body.seek(0, io.SEEK_END)
    body.seek(0)
    environment: Environment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": PREFIX.get(),
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": request.address,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        REQUEST_ID: request.id,
        CALLER: request.caller,
        MEMORY: request.memory,
    }
    if request.length != 0:
        environment["CONTENT_LENGTH"] = str(length)
    if "content-type" in request.headers:
        environment["CONTENT_TYPE"] = request.headers["content-type"]
    for name, value in request.headers.items():
        if name not in OF_THE_BODY:
            environment[f"HTTP_{name.upper().replace('-', '_')}"] = value
    return environment
