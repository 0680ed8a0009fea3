"""Predictions: fast ones are computed in the event loop, all others in bounded thread pools."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from models.allowance import Allowance
from service.api.front.answers import Answer, compress_answer
from service.api.front.request import Request
from service.api.http.content_encoding import find_encoding, unpack
from service.api.inference import plane
from service.api.inference.endpoints import Endpoint
from service.api.inference.plane import InferenceRequest
from service.operations.inference.predictions import PredictionService, Wanted
from service.processes import usable_cores

INLINE_SECONDS = 0.003
"""A prediction that is expected to take at most this time is computed in the event loop, which serves no other request
during it. Handing it to a thread and back takes about 0.1 ms."""
SLOW_SECONDS = 0.1
"""A prediction that is expected to take longer is slow. Slow predictions have their own pool, so that they don't delay
quick ones."""
HEAD_BYTES = 1000
"""Added to the size of each body, so that the expected time of an empty body isn't 0."""
SMOOTHING = 0.1
PACKED = ("image/", "multipart/", "application/x-npy")
"""The beginnings of media types whose bodies become larger when they are read."""
BASE64 = b'"b64"'
MOST_PACES = 1000


class Paces:
    """The recent speed of predictions for each version, which decides where the next one is computed."""

    def __init__(self) -> None:
        self._seconds_a_byte: dict[Wanted, float] = {}

    def expect(self, wanted: Wanted, size: int) -> float:
        """The expected CPU seconds of a body of `size` bytes; infinity if unknown."""
        return self._seconds_a_byte.get(wanted, float("inf")) * (size + HEAD_BYTES)

    def note(self, wanted: Wanted, size: int, seconds: float) -> None:
        """Record that a body of `size` bytes took `seconds` of CPU time."""
        pace = seconds / (size + HEAD_BYTES)
        known = self._seconds_a_byte.get(wanted)
        if known is None and len(self._seconds_a_byte) >= MOST_PACES:
            self._seconds_a_byte.clear()
        # A slower pace counts immediately, a faster one only gradually: no slow request may block the event loop twice.
        self._seconds_a_byte[wanted] = pace if known is None else max(pace, known + SMOOTHING * (pace - known))


class Inference:
    """The predictions of one process. It belongs to one event loop."""

    def __init__(self, service: PredictionService) -> None:
        self._service = service
        self._limit = service.settings.max_body_bytes
        self._limits = service.settings.limits
        self._paces = Paces()
        share = max(2, usable_cores() // service.settings.api_processes)
        self._quick = ThreadPoolExecutor(share, "quick-predictions")
        self._slow = ThreadPoolExecutor(share, "slow-predictions")

    async def answer(self, request: Request, endpoint: Endpoint) -> Answer:
        """The response to a prediction request. Raises what reading, predicting and writing raise; Overloaded."""
        body = await request.read(self._limit)
        with self._service.admit(len(body)):
            allowance = Allowance(self._limits, self._service.deadline(), request.memory.reserve)
            expected = self._paces.expect(endpoint.wanted, len(body))
            if expected <= INLINE_SECONDS and _is_plain(request, body) and self._service.is_at_hand(endpoint.wanted):
                return self._compute(request, endpoint, body, allowance)
            pool = self._quick if expected <= SLOW_SECONDS else self._slow
            work = partial(self._compute, request, endpoint, body, allowance)
            return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _compute(self, request: Request, endpoint: Endpoint, body: bytes, allowance: Allowance) -> Answer:
        started, size = time.thread_time(), len(body)
        try:
            body = self._unpack(request, body, allowance)
            size = len(body)
            return self._predict(request, endpoint, body, allowance)
        finally:
            self._paces.note(endpoint.wanted, size, time.thread_time() - started)

    def _predict(self, request: Request, endpoint: Endpoint, body: bytes, allowance: Allowance) -> Answer:
        asked = InferenceRequest(endpoint.wanted, body, request.headers, request.query, allowance)
        reply = plane.answer(self._service, endpoint.dialect, asked)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        answer = Answer(200, {"content-type": reply.media_type, **headers}, reply.content)
        compress_answer(request, answer)
        return answer

    def _unpack(self, request: Request, body: bytes, allowance: Allowance) -> bytes:
        encoding = find_encoding(request.headers.get("content-encoding", ""))
        return body if encoding is None else unpack(body, encoding, self._limit, allowance.reserve)

    def close(self) -> None:
        """Accept no more predictions."""
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)


def _is_plain(request: Request, body: bytes) -> bool:
    """Whether the body is what it seems: neither compressed nor an image, which a few bytes can make large."""
    media_type = request.headers.get("content-type", "")
    return "content-encoding" not in request.headers and not media_type.startswith(PACKED) and BASE64 not in body
