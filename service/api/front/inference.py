"""Predictions: small ones are computed in the event loop, all others in a bounded number of threads."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import parse_qs

from service.api.front.answers import Answer, compress_answer
from service.api.front.request import Request
from service.api.http.content_encoding import find_encoding, unpack
from service.api.inference import plane
from service.api.inference.endpoints import Endpoint
from service.api.inference.plane import InferenceRequest
from service.operations.inference.predictions import PredictionService, Wanted
from service.processes import usable_cores

INLINE_SECONDS = 0.003
"""What a prediction may be expected to take in the event loop, where nobody else goes on meanwhile: handing it to a
thread and back takes a tenth of a millisecond."""
SLOW_SECONDS = 0.1
"""From what on a prediction is expected to be slow: such ones wait for each other, and for no quick one."""
HEAD_BYTES = 1000
"""What a request is taken to have besides its body, so that an empty one is expected to take some time."""
SMOOTHING = 0.1
MOST_PACES = 1000


class Paces:
    """How fast predictions were lately, so that it is known where the next one is computed."""

    def __init__(self) -> None:
        self._seconds_a_byte: dict[Wanted, float] = {}

    def expect(self, wanted: Wanted, size: int) -> float:
        """The seconds of the processor that a body of so many bytes takes; infinitely many where that isn't known."""
        return self._seconds_a_byte.get(wanted, float("inf")) * (size + HEAD_BYTES)

    def note(self, wanted: Wanted, size: int, seconds: float) -> None:
        """A body of so many bytes took so long."""
        pace = seconds / (size + HEAD_BYTES)
        known = self._seconds_a_byte.get(wanted)
        if known is None and len(self._seconds_a_byte) >= MOST_PACES:
            self._seconds_a_byte.clear()
        self._seconds_a_byte[wanted] = pace if known is None else known + SMOOTHING * (pace - known)


class Inference:
    """The predictions of one process. It belongs to one event loop."""

    def __init__(self, service: PredictionService) -> None:
        self._service = service
        self._limit = service.settings.max_body_bytes
        self._paces = Paces()
        share = max(2, usable_cores() // service.settings.api_processes)
        self._quick = ThreadPoolExecutor(share, "quick-predictions")
        self._slow = ThreadPoolExecutor(share, "slow-predictions")

    async def answer(self, request: Request, endpoint: Endpoint) -> Answer:
        """What a prediction is answered. Raises what reading, predicting and writing raise; Overloaded."""
        body = await request.read(self._limit)
        with self._service.admit(len(body)):
            deadline = self._service.deadline()
            expected = self._paces.expect(endpoint.wanted, len(body))
            is_plain = "content-encoding" not in request.headers
            if expected <= INLINE_SECONDS and is_plain and self._service.is_at_hand(endpoint.wanted):
                return self._compute(request, endpoint, body, deadline)
            pool = self._quick if expected <= SLOW_SECONDS else self._slow
            work = partial(self._compute, request, endpoint, body, deadline)
            return await asyncio.get_running_loop().run_in_executor(pool, work)

    def _compute(self, request: Request, endpoint: Endpoint, body: bytes, deadline: float) -> Answer:
        started = time.perf_counter()
        size = len(body)
        encoding = find_encoding(request.headers.get("content-encoding", ""))
        if encoding is not None:
            body = unpack(body, encoding, self._limit)
        query = request.scope["query_string"].decode("latin-1")
        parameters = parse_qs(query, keep_blank_values=True) if query else {}
        asked = InferenceRequest(endpoint.wanted, body, request.headers, parameters)
        reply = plane.answer(self._service, endpoint.dialect, asked, deadline)
        headers = {name.lower(): value for name, value in reply.headers.items()}
        answer = Answer(200, {"content-type": reply.media_type, **headers}, reply.content)
        compress_answer(request, answer)
        self._paces.note(endpoint.wanted, size, time.perf_counter() - started)
        return answer

    def close(self) -> None:
        """Take no more predictions."""
        self._quick.shutdown(wait=False, cancel_futures=True)
        self._slow.shutdown(wait=False, cancel_futures=True)
