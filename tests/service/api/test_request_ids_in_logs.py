"""Lines of the log have the id of the request that they are about, or none."""

import asyncio
import contextvars
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from structlog.contextvars import bind_contextvars, get_contextvars

from service.api.front.caller_watch import CallerWatch
from service.api.front.request import Request
from service.api.front.resources import WHOLE, Resources
from service.api.front.streams import EventStreams
from service.api.front.watch import JobWatch
from service.config import Settings
from service.context import Context
from service.operations.jobs.events import JobState
from service.operations.memory import Memory

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ONE_THREAD = 1


def request(request_id: str) -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/", "query_string": b"",
        "headers": [(b"x-request-id", request_id.encode())],
    }  # fmt: skip
    return Request(scope, receive, Memory(0))


def test_a_thread_has_a_requests_id_while_it_works_for_it_and_not_longer(tmp_path: Any) -> None:
    seen: list[str] = []

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(3):
            seen.append(get_contextvars()["request_id"])
            yield bytes(WHOLE)

    async def answer(resources: Resources, request_id: str) -> None:
        answer = await resources.answer(request(request_id))
        assert answer.stream is not None
        assert len([piece async for piece in answer.stream]) == 2

    async def allow(_: Request) -> None:
        """Refuse no caller."""

    async def answer_both(pool: ThreadPoolExecutor) -> None:
        watch = JobWatch(lambda _: {}, pool)
        settings = Settings(data_dir=tmp_path)
        streams = EventStreams(settings, watch, lambda *_: (), pool)
        callers = CallerWatch(allow, watch.wake)
        resources = Resources(app, Context.from_settings(settings), pool, watch, streams, callers)
        await asyncio.gather(*(asyncio.create_task(answer(resources, name)) for name in ("first", "second")))

    with ThreadPoolExecutor(ONE_THREAD) as pool:
        asyncio.run(answer_both(pool))
        assert sorted(seen) == ["first"] * 3 + ["second"] * 3
        assert pool.submit(get_contextvars).result() == {}


def test_what_is_read_for_several_requests_has_the_id_of_none() -> None:
    seen: list[dict[str, Any]] = []

    class Watch(JobWatch):
        async def _look(self, job_ids: list[str]) -> None:
            seen.append(get_contextvars())
            await super()._look(job_ids)

    async def wait(pool: ThreadPoolExecutor) -> None:
        bind_contextvars(request_id="first")
        await Watch(lambda ids: dict.fromkeys(ids, JobState("succeeded", 1)), pool).until_over("tj_1", 5, lambda: False)

    with ThreadPoolExecutor(ONE_THREAD) as pool:
        contextvars.copy_context().run(asyncio.run, wait(pool))
    assert seen == [{}]
