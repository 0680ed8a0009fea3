"""The ASGI app that receives every request: it applies the general HTTP rules, then calls inference or Flask."""

import asyncio
import contextlib
import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FrameType
from typing import Any

import structlog

from service.api.front.access import Access
from service.api.front.access_log import AccessLog
from service.api.front.answers import CLIENT_LEFT, Answer, Responder, answer_failure, compress_answer
from service.api.front.audit import REFUSED, Audit
from service.api.front.caller_watch import CallerWatch
from service.api.front.cors import Cors
from service.api.front.hosts import HostRules
from service.api.front.inference import Inference
from service.api.front.metrics import Metrics
from service.api.front.protocol import Connections
from service.api.front.proxies import TrustedProxies
from service.api.front.rate_limits import RateLimits
from service.api.front.request import ClientDisconnected, Receive, Request, Scope, Send
from service.api.front.request_counter import RequestCounter
from service.api.front.resources import Resources, RoutedApp
from service.api.front.route_templates import RouteTemplates
from service.api.front.spans import RequestSpans
from service.api.front.streams import EventStreams
from service.api.front.watch import JobWatch
from service.api.http.dialect_paths import as_routed
from service.api.http.errors import HeadersTooLarge, InvalidHeader, UriTooLong
from service.api.http.problems import answer_error
from service.api.http.scopes import find_needed, is_changing
from service.api.inference.endpoints import Endpoints
from service.callers import Scope as KeyScope
from service.context import Context
from service.errors import ScopeMissing, Unauthenticated
from service.operations.access.key_ring import KeyRing
from service.operations.inference.predictions import PredictionService
from service.operations.jobs import events
from service.operations.memory import Memory
from service.operations.metrics.processes import Held
from service.operations.upkeep import health, housekeeping
from service.tracing import Tracing

LONGEST_LINE = 8190
"""The characters of a path with its query at most. RFC 9110, section 4.1, recommends to support at least 8,000."""
LONGEST_HEADER, MOST_HEADERS = 8186, 100
"""The characters of a header's name and value together, and the headers of a request, at most."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Front:
    """The ASGI app of one process. It belongs to the event loop that calls it first."""

    def __init__(
        self, context: Context, service: PredictionService, app: RoutedApp, tracing: Tracing | None = None
    ) -> None:
        self._context, settings = context, context.settings
        log, routes = AccessLog(settings, "api"), RouteTemplates(app.url_map)
        counter = RequestCounter(routes)
        self.connections = Connections(settings, log, counter)
        self._drain_seconds = settings.drain_seconds
        self._responder = Responder(log, counter)
        self._proxies = TrustedProxies(settings)
        self._hosts = HostRules(settings)
        self._rate_limits = RateLimits(settings)
        self._endpoints = Endpoints(settings.max_json_depth)
        self._service = service
        self._inference = Inference(service)
        self._pool = ThreadPoolExecutor(settings.api_threads, "resources")
        self._access = Access(settings, KeyRing(context))
        self._audit = Audit(context, routes.find)
        self._watching = ThreadPoolExecutor(1, "watch")
        self._watch = JobWatch(lambda ids: events.read_states(context, ids), self._watching)
        self._streams = EventStreams(settings, self._watch, partial(events.read_next, context), self._pool)
        callers = CallerWatch(self._access.check, self._watch.wake)
        self._resources = Resources(app, context, self._pool, self._watch, self._streams, callers)
        self._metrics = Metrics(context, self._measure)
        self._cors = Cors(self._respond, settings.origins)
        self._memory = Memory(settings.max_buffered_bytes)
        self._spans = None if tracing is None else RequestSpans(tracing, routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["method"] == "OPTIONS":
            await self._respond(scope, receive, send)
        else:
            await self._cors.app(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, self._memory)
        if self._spans is not None:
            self._spans.begin(request)
        try:
            answer = await self._answer_always(request)
            if answer is not None:
                if request.is_changing or answer.status in REFUSED:
                    self._audit.note(request, answer.status)
                await self._responder.send(request, answer, send)
        finally:
            request.end()
            if self._spans is not None:
                self._spans.end(request)

    async def _answer_always(self, request: Request) -> Answer | None:
        """The response, or the response to what went wrong; None if the client has left."""
        try:
            answer = await self._answer(request)
            if answer.stream is not None and request.is_unchunked and "content-length" not in answer.headers:
                await _collect(request, answer)
            request.memory.resize(len(answer.body))
            return answer
        except ClientDisconnected:
            seconds = self._responder.count(request, CLIENT_LEFT)
            self._responder.log(request, CLIENT_LEFT, 0, seconds)
            return None
        except Exception as error:
            structlog.contextvars.bind_contextvars(method=request.method, **request.describe())
            answer = answer_failure(request, answer_error(error, request.path, request.id))
            compress_answer(request, answer)
            request.memory.keep(len(answer.body))
            return answer

    async def _answer(self, request: Request) -> Answer:
        _check_size(request)
        self._proxies.apply(request)
        self._hosts.check(request)
        if self._cors.is_preflight(request):
            return await self._cors.answer_preflight(request)
        request.path = as_routed(request.path)
        await self._check_access(request)
        endpoint = self._endpoints.find(request.caller.project, request.path) if request.method == "POST" else None
        if self._rate_limits.has_any:
            await self._rate_limits.count(request, is_prediction=endpoint is not None)
        if endpoint is not None:
            request.is_frequent = True
            return await self._inference.answer(request, endpoint)
        if self._metrics.answers(request):
            return await self._metrics.answer(request)
        request.is_changing = is_changing(request.method, request.path)
        return await self._resources.answer(request)

    async def _check_access(self, request: Request) -> None:
        """Raises what Access.check raises. Refused requests count too, so that nobody can send any number of them.

        Raises RateLimited.
        """
        try:
            await self._access.check(request)
        except (Unauthenticated, ScopeMissing, InvalidHeader):
            await request.discard()
            if self._rate_limits.has_any:
                is_prediction = find_needed(request.method, request.path) is KeyScope.PREDICT
                await self._rate_limits.count(request, is_prediction=is_prediction)
            raise

    async def _live(self, receive: Receive, send: Send) -> None:
        """Run ASGI's lifespan protocol: start and end with the process."""
        await receive()
        self._drain_at_signals()
        repeated = (self.connections.sweep(), self._metrics.publish(), self._load(), self._clean_up())
        tasks = [asyncio.ensure_future(task) for task in repeated]
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in tasks:
            task.cancel()
        self.close()
        await self._rate_limits.close()
        await send({"type": "lifespan.shutdown.complete"})

    def _measure(self) -> Held:
        """What this process holds, for the metrics."""
        small, large = self._service.permits_in_use
        return Held(len(self.connections), len(self._streams.permits), small, large, *self._service.loaded_size)

    async def _load(self) -> None:
        """Load networks ahead of use, while `/readyz` reports `starting`."""
        health.begin_starting()
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, self._service.load_latest)
        finally:
            health.end_starting()

    async def _clean_up(self) -> None:
        """Every hour, remove copies of what was deleted, and uploads that nobody finished. Hosts without a worker have
        them too. With a folder of artifacts, the workers do it."""
        while not self._context.settings.has_local_artifacts:
            await asyncio.sleep(housekeeping.CLEANUP_SECONDS)
            clean = partial(housekeeping.clean_up, self._context, only_host=True)
            await asyncio.get_running_loop().run_in_executor(self._pool, clean)

    def _drain_at_signals(self) -> None:
        """At a signal, report `draining` on `/readyz`, and let uvicorn close the listener `drain_seconds` later."""
        loop = asyncio.get_running_loop()
        close_listener: Any = signal.getsignal(signal.SIGTERM)
        if not callable(close_listener):
            return  # no server has installed a handler, as in tests

        def drain(number: int, frame: FrameType | None = None) -> None:
            health.begin_draining()
            loop.call_soon_threadsafe(self._watch.stop)
            loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, close_listener, signal.SIGTERM, frame)

        for number in SIGNALS:
            signal.signal(number, drain)
        # gunicorn sends it for a quick end, and uvicorn-worker only notes it.
        loop.add_signal_handler(signal.SIGQUIT, drain, signal.SIGQUIT)

    def close(self) -> None:
        """Stop the job watch and the thread pools."""
        self._watch.stop()
        self._inference.close()
        self._metrics.close()
        self._audit.close()
        self._access.close()
        self._resources.close()
        self._responder.end_log()
        if self._spans is not None:
            self._spans.close()
        for pool in (self._pool, self._watching):
            pool.shutdown(wait=False, cancel_futures=True)


async def _collect(request: Request, answer: Answer) -> None:
    """Make the stream of a response its body. Raises Overloaded, Excessive if there is no memory for it."""
    assert answer.stream is not None
    pieces = []
    async with contextlib.aclosing(answer.stream) as stream:
        async for piece in stream:
            request.memory.reserve(len(piece))
            pieces.append(piece)
    answer.body, answer.stream = b"".join(pieces), None


def _check_size(request: Request) -> None:
    """Raises UriTooLong, HeadersTooLarge."""
    if len(request.path) + len(request.scope["query_string"]) > LONGEST_LINE:
        raise UriTooLong(f"The path and the query must have at most {LONGEST_LINE:,} characters.")
    headers = request.scope["headers"]
    is_excessive = len(headers) > MOST_HEADERS
    for name, value in headers:  # `any` would cost each request another 0.5 µs
        if len(name) + len(value) > LONGEST_HEADER:
            is_excessive = True
    if is_excessive:
        raise HeadersTooLarge(f"At most {MOST_HEADERS} headers of at most {LONGEST_HEADER:,} characters are allowed.")
