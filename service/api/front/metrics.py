"""`GET /metrics`, answered in front of Flask: by any api process for all of them, also while the database is away."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import marshmallow
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from models.errors import summarize
from service.api.contract.schemas.base import Schema
from service.api.front.answers import Answer, compress_answer
from service.api.front.request import Request
from service.api.http.errors import InvalidQuery, NotAcceptable
from service.api.http.faults import query_faults
from service.api.http.links import METRICS
from service.callers import Caller, Scope
from service.context import Context
from service.operations.metrics.collector import Collector
from service.operations.metrics.database_figures import DatabaseFigures, DatabaseReader
from service.operations.metrics.exposition import FORMATS, TEXT, Format
from service.operations.metrics.processes import PROCESSES, Held

METHODS = ("GET", "HEAD")
PUBLISH_SECONDS = 1.0
NO_QUERY = Schema()
DATABASE_SECONDS = 2.0
"""How long a response waits for the database. Without its answer the response has the other metrics."""


class Metrics:
    """The metrics page of one process. It belongs to one event loop. `measure` tells what the process holds."""

    def __init__(self, context: Context, measure: Callable[[], Held]) -> None:
        self._context = context
        self._measure = measure
        self._reader = DatabaseReader(context)
        # A thread that waits for the database must not keep the others from answering.
        self._reading = ThreadPoolExecutor(1, "metrics-database")
        self._writing = ThreadPoolExecutor(1, "metrics")

    def answers(self, request: Request) -> bool:
        """Whether the request is one for the metrics."""
        return request.path == METRICS and request.method in METHODS

    async def answer(self, request: Request) -> Answer:
        """The metrics. Raises InvalidQuery, NotAcceptable."""
        _refuse_query(request)
        chosen = _choose(request.headers.get("accept", ""))
        project = _project_of(request.caller)
        PROCESSES.publish(self._measure())
        figures = await self._read_database()
        collector = Collector(self._context, figures, project)
        return await asyncio.get_running_loop().run_in_executor(self._writing, _write, request, collector, chosen)

    async def publish(self) -> None:
        """Tell the other processes every second what this one holds, until cancelled."""
        while True:
            PROCESSES.publish(self._measure())
            await asyncio.sleep(PUBLISH_SECONDS)

    def close(self) -> None:
        """Stop the threads."""
        for pool in (self._reading, self._writing):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _read_database(self) -> DatabaseFigures | None:
        reading = asyncio.get_running_loop().run_in_executor(self._reading, self._reader.read)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(reading, DATABASE_SECONDS)
        return None


def _project_of(caller: Caller) -> str | None:
    """The project whose metrics a caller sees; None for those of all projects and of the service itself."""
    return None if caller.may(Scope.ADMIN) else caller.project


def _write(request: Request, collector: Collector, chosen: Format) -> Answer:
    headers = {"content-type": chosen.content_type, "vary": "Accept", "cache-control": "no-store"}
    answer = Answer(200, headers, chosen.write(collector))
    if request.method == "HEAD":
        headers["content-length"], answer.body = str(len(answer.body)), b""
    compress_answer(request, answer)
    return answer


def _choose(accept: str) -> Format:
    """The format that the client prefers; the first one by default. Versions aren't compared: there is one of each.

    Raises NotAcceptable.
    """
    types = {part.media_type: part for part in FORMATS}
    accepted = MIMEAccept([(value.partition(";")[0].strip(), quality) for value, quality in _parse(accept)])
    best = accepted.best_match(types) if accepted else TEXT.media_type
    if best is None:
        raise NotAcceptable(f"The metrics are only available as {' or '.join(types)}.")
    return types[best]


def _parse(accept: str) -> MIMEAccept:
    return parse_accept_header(accept, MIMEAccept)


def _refuse_query(request: Request) -> None:
    """Raises InvalidQuery for any parameter."""
    try:
        NO_QUERY.load(request.query)
    except marshmallow.ValidationError as error:
        faults = query_faults(error.normalized_messages(), NO_QUERY, request.query)
        raise InvalidQuery(summarize(faults), faults) from None
