"""Predictions: fast ones are computed in the event loop, all others in bounded thread pools."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from models.allowance import Allowance
from service.api.front.answers import Answer, compress_answer
from service.api.front.request import Request
from service.api.front.turns import LoopTurns, PoolTurns, Sharing
from service.api.http.content_encoding import find_encoding, unpack
from service.api.http.errors import BodyTooLarge
from service.api.http.media_types import NPY, PARQUET
from service.api.inference import plane
from service.api.inference.endpoints import Endpoint
from service.api.inference.plane import Dialect, InferenceRequest
from service.operations.inference.admission import Permit
from service.operations.inference.predictions import Loaded, PredictionService, Target
from service.operations.memory import LARGE
from service.processes import usable_cores

INLINE_SECONDS = 0.003
"""A prediction that is expected to take at most this time is computed in the event loop, which serves no other request
during it. Handing it to a thread and back takes about 0.1 ms."""
SLOW_SECONDS = 0.1
"""A prediction that is expected to take longer is slow. Slow predictions have their own pool, so that they don't delay
quick ones."""
LONGEST_TURN = 1.0
"""The seconds that a prediction is expected to take at most, such as one of which nothing is known."""
HEAD_BYTES = 1000
"""Added to the size of each body, so that the expected time of an empty body isn't 0."""
SMOOTHING = 0.1
USUAL_SIZES = 8
"""How many times the smallest body a body has at most that is computed in the event loop. The expected time doesn't
suffice: many rows fit into the space of one that was padded."""
SMALL = 2**16
"""Bytes up to which compressed bodies are decompressed in the event loop. Larger ones count as large requests."""
PACKED = ("image/", "multipart/", NPY, PARQUET)
"""The beginnings of media types whose bodies become larger when they are read."""
BASE64, ESCAPE = b'"b64"', rb"\u00"
"""What the name of an image's field contains, as it is or with escape sequences."""
MOST_PACES = 1000


class Pace:
    """The recent speed of predictions with one version, which decides where the next one is computed."""

    __slots__ = ("_seconds_a_byte", "_smallest")

    def __init__(self) -> None:
        self._seconds_a_byte: float | None = None
        self._smallest: int | None = None

    def expect(self, size: int) -> float:
        """The expected CPU seconds of a body of `size` bytes; infinity if unknown."""
        return math.inf if self._seconds_a_byte is None else self._seconds_a_byte * (size + HEAD_BYTES)

    def is_usual(self, size: int) -> bool:
        """Whether a body of `size` bytes has hardly more rows than one that was predicted before."""
        return size <= (self._smallest or 0) * USUAL_SIZES + HEAD_BYTES

    def is_smaller(self, size: int) -> bool:
        """Whether a body of `size` bytes is smaller than all that `note_smallest` has recorded."""
        return self._smallest is None or size < self._smallest

    def note_smallest(self, size: int) -> None:
        """Record that a body of `size` bytes, which isn't packed, was predicted."""
        if self.is_smaller(size):
            self._smallest = size

    def note_failed(self, size: int, seconds: float) -> None:
        """Record that a body of `size` bytes was refused after `seconds` of CPU time. Others may take longer."""
        if seconds > self.expect(size):
            self.note(size, seconds)

    def note(self, size: int, seconds: float) -> None:
        """Record that a body of `size` bytes was predicted in `seconds` of CPU time."""
        pace, known = seconds / (size + HEAD_BYTES), self._seconds_a_byte
        # A slower pace counts immediately, a faster one only gradually: no slow request may block the event loop twice.
        self._seconds_a_byte = pace if known is None else max(pace, known + SMOOTHING * (pace - known))


class Paces:
    """The paces of versions, at most MOST_PACES."""

    def __init__(self) -> None:
        self._paces: dict[Target, Pace] = {}

    def of(self, wanted: Target) -> Pace:
        """The pace of a version; unknown at first."""
        pace = self._paces.get(wanted)
        if pace is None:
            if len(self._paces) >= MOST_PACES:
                self._paces.clear()
            pace = self._paces[wanted] = Pace()
        return pace


class Pool:
    """Threads that compute predictions. It belongs to one event loop."""

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._turns = PoolTurns[Answer](self._threads, threads)

    async def run(self, permit: Permit, expected: float, work: Callable[[], Answer], *, in_turn: bool) -> Answer:
        """The response that `work` computes in `expected` seconds. Raises what it raises; Overloaded."""
        if in_turn:
            return await self._turns.run(permit, min(expected, LONGEST_TURN), work)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Accept no more predictions."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Inference:
    """The predictions of one process. It belongs to one event loop."""

    def __init__(self, service: PredictionService) -> None:
        self._service = service
        self._limit = service.settings.max_body_bytes
        self._limits = service.settings.limits
        self._paces = Paces()
        self._sharing = Sharing()
        self._turns = LoopTurns[Answer | None]()
        share = max(2, usable_cores() // service.settings.api_processes)
        self._quick = Pool(share, "quick-predictions")
        self._slow = Pool(share, "slow-predictions")

    async def answer(self, request: Request, endpoint: Endpoint) -> Answer:
        """The response to a prediction request. Raises what reading, predicting and writing raise; Overloaded."""
        body = await request.read(self._limit)
        encoding = find_encoding(request.headers.get("content-encoding", ""))
        if encoding is not None and len(body) <= SMALL:
            with contextlib.suppress(BodyTooLarge):
                body, encoding = unpack(body, encoding, min(SMALL, self._limit), request.memory.reserve), None
        caller = request.caller_id
        is_shared = self._sharing.note(caller)
        # Nobody knows what becomes of a compressed body.
        with self._service.admit(len(body) if encoding is None else LARGE, caller) as permit:
            allowance = Allowance(self._limits, self._service.deadline(), request.memory.reserve)
            asked = InferenceRequest(endpoint.wanted, body, request.headers, request.query, allowance)
            aimed = endpoint.dialect.aim(asked, quickly=True) if encoding is None else None
            if aimed is None:
                expected, work = math.inf, partial(self._aim_and_compute, request, endpoint.dialect, asked, encoding)
            else:
                pace = self._paces.of(aimed.wanted)
                expected, work = pace.expect(len(body)), partial(self._compute, request, endpoint.dialect, aimed)
                if expected <= INLINE_SECONDS and pace.is_usual(len(body)) and is_plain(request, body):
                    here = partial(self._compute_here, aimed.wanted, work)
                    answer = await self._turns.run(permit, expected, here) if is_shared else here()
                    if answer is not None:
                        return answer
            pool = self._quick if expected <= SLOW_SECONDS else self._slow
            return await pool.run(permit, expected, work, in_turn=is_shared)

    def _compute_here(self, wanted: Target, work: Callable[[Loaded], Answer]) -> Answer | None:
        """The response, computed in the event loop; None if the database or a file must be read."""
        loaded = self._service.at_hand(wanted)
        return None if loaded is None else work(loaded)

    def _aim_and_compute(
        self, request: Request, dialect: Dialect[Any], asked: InferenceRequest, encoding: str | None
    ) -> Answer:
        """The response to a request that must be unpacked or parsed to know what it wants."""
        started = time.thread_time()
        if encoding is not None:
            asked = asked._replace(body=unpack(asked.body, encoding, self._limit, asked.allowance.reserve))
        return self._compute(request, dialect, dialect.aim(asked, quickly=False) or asked, started=started)

    def _compute(
        self,
        request: Request,
        dialect: Dialect[Any],
        asked: InferenceRequest,
        loaded: Loaded | None = None,
        started: float | None = None,
    ) -> Answer:
        """The response to a request, with what it wants if that is `loaded`.

        Its CPU time counts since `started` (`time.thread_time`), or else from now on.
        """
        started = time.thread_time() if started is None else started
        pace, size = self._paces.of(asked.wanted), len(asked.body)
        try:
            reply = plane.answer(dialect, asked, loaded or dialect.open(self._service, asked.wanted))
            answer = Answer(200, {"content-type": reply.media_type, **reply.headers}, reply.content)
            compress_answer(request, answer)
        except BaseException:
            pace.note_failed(size, time.thread_time() - started)
            raise
        if pace.is_smaller(size) and not _is_packed(request):
            pace.note_smallest(size)
        pace.note(size, time.thread_time() - started)
        return answer

    def close(self) -> None:
        """Accept no more predictions."""
        self._quick.close()
        self._slow.close()


def is_plain(request: Request, body: bytes) -> bool:
    """Whether the body is what it seems: it has no image, which a few bytes can make large."""
    # Looking for a single byte is much faster, and bodies of numbers have neither.
    has_image = (b"b" in body and BASE64 in body) or (b"\\" in body and ESCAPE in body)
    return not has_image and not _is_packed(request)


def _is_packed(request: Request) -> bool:
    return request.headers.get("content-type", "").lower().startswith(PACKED)
