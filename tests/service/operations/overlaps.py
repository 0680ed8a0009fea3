"""Two writes that overlap on PostgreSQL: the second begins while the first is not committed yet."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sqlalchemy import text

from service.context import Context
from service.errors import ServiceError
from tests.running_service import wait_for

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def overlap(context: Context, first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Any, Any]:
    """The results of both, or their errors.

    The first is committed when the second waits for a lock, or has ended.
    """
    begun: list[Future[Any]] = []

    def let_second_begin() -> None:
        begun.append(thread.submit(outcome, second))
        wait_for(lambda: begun[0].done() or is_waiting(context), 20)

    with ThreadPoolExecutor(1) as thread:
        with context.database.only_if(let_second_begin):
            result = outcome(first)
        return result, begun[0].result(timeout=20)


def outcome(work: Callable[[], Any]) -> Any:
    """The result, or the error."""
    try:
        return work()
    except ServiceError as error:
        return error


def is_waiting(context: Context) -> bool:
    """Whether anybody waits for a lock."""
    with context.database.read() as session:
        return bool(session.execute(text(WAITING)).scalar_one())
