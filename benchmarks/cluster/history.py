"""A service with a long history: copies of one finished training, with the transitions of each."""

import argparse
import statistics
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, String, cast, insert, literal, literal_column, select, text, true

from benchmarks.cluster import claims
from benchmarks.serving.report import Row, Rows, at_most
from service.config import Settings
from service.context import Context
from service.operations.catalog import datasets, models
from service.operations.upkeep import housekeeping
from service.storage.records import Event, Job
from tests.service.api.api_client import ApiClient
from tests.service.api.front_client import FrontClient
from tests.service.api.shared_routes import make_front
from tests.service.operations import stocked

CLAIMS = 200
REPEATS = 7
COPIED_AT_ONCE = 50_000
AGE = timedelta(days=2)
MOMENTS = ("created_at", "started_at", "finished_at", "at")
"""The columns of timestamps."""
FIRST_NUMBER = 1_000_000_000
"""Added to each number, so that all have as many digits."""
WRITES = 400
"""Writes that are timed while the cleanup runs, at most."""
LISTS = (
    "/v1/training-jobs", "/v1/training-jobs?sort=created_at", "/v1/training-jobs?status=failed",
    "/v1/training-jobs?status=queued", "/v1/training-jobs?model=line", "/v1/training-jobs?model=nothing",
    "/v1/training-jobs?status=succeeded&model=line&dataset=line", "/v1/training-jobs?parent=tj_0", "/v1/evaluations",
    "/v1/batch-predictions", "/v1/models", "/v1/datasets", "/v1/workers", "/v1/projects/default", "/readyz",
)  # fmt: skip
PAGES = ("/ui", "/ui/training-jobs", "/ui/training-jobs?status=failed", "/ui/models", "/ui/models/line", "/ui/datasets")


def measure(settings: Settings, arguments: argparse.Namespace) -> Rows:
    """The slowest claim, list and page, and what the cleanup costs others."""
    context = Context.from_settings(settings).in_project("default")
    with closing(context.database):
        datasets.create(context, stocked.DATASET)
        models.create(context, stocked.LINE)
        stocked.work(context)
        stocked.train(context)
        began = time.monotonic()
        _copy(context, arguments.finished)
        yield Row(f"writing {arguments.finished:,} finished jobs", f"{time.monotonic() - began:.0f} s")
        claims.enqueue(settings, CLAIMS + 1)
        claims.claim(context, "wk_1")  # SQLAlchemy compiles the statements
        times = sorted(claimed[1] for _ in range(CLAIMS) if (claimed := claims.claim(context, "wk_1")) is not None)
        yield at_most("a claim, median", statistics.median(times), 10, "ms")
        yield at_most("a claim, p99", claims.percentile(times, 0.99), 10, "ms")
        api = ApiClient(FrontClient(make_front(context)))
        yield Row("GET /metrics, counting anew", f"{_time_once(api, '/metrics'):.1f} ms")
        for path in (*LISTS, *PAGES, "/metrics"):
            yield at_most(f"GET {path}", _time(api, path), 50, "ms")
        yield at_most("the 3rd page of /v1/training-jobs", _time(api, _third_page(api)), 50, "ms")
        yield from _clean_up(context)


def _copy(context: Context, finished: int) -> None:
    """Copy the finished training and its transitions."""
    jobs: Any = Job.__table__
    events: Any = Event.__table__
    with context.database.read() as session:
        copied = session.scalars(select(Job.id).where(Job.kind == "training")).one()
    for first in range(0, finished, COPIED_AT_ONCE):
        numbers = _count(first, min(first + COPIED_AT_ONCE, finished))
        with context.database.write() as session:
            connection = session.connection()
            _insert_copies(connection, jobs, jobs.c.id == copied, "id", numbers)
            transitions = (events.c.job_id == copied) & (events.c.type == "transition")
            _insert_copies(connection, events, transitions, "job_id", numbers)
    with context.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))  # as a server's autovacuum does


def _count(first: int, last: int) -> Any:
    """A table whose column `n` has the numbers after `first`."""
    numbers = select(literal_column(f"{first + 1}").label("n")).cte("numbers", recursive=True)
    return numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < last))


def _insert_copies(connection: Connection, table: Any, chosen: Any, name: str, numbers: Any) -> None:
    """Copy the chosen rows, for each number with another id of a job in the column `name`."""
    new_id = literal("tj_0" + 13 * "0") + cast(numbers.c.n + FIRST_NUMBER, String)
    changed = {name: new_id} | {moment: literal(datetime.now(UTC) - AGE) for moment in MOMENTS}
    columns = [changed.get(column.name, column) for column in table.columns]
    copies = select(*columns).select_from(table.join(numbers, true())).where(chosen)
    connection.execute(insert(table).from_select(list(table.columns), copies))


def _time(api: ApiClient, path: str) -> float:
    """The milliseconds of the median answer after the first."""
    return statistics.median([_time_once(api, path) for _ in range(REPEATS)][1:])


def _time_once(api: ApiClient, path: str) -> float:
    began = time.perf_counter()
    api.send("GET", path, 200)
    return 1000 * (time.perf_counter() - began)


def _third_page(api: ApiClient) -> str:
    path = "/v1/training-jobs"
    for _ in range(2):
        path = api.get(path)["next"]
    return path


def _clean_up(context: Context) -> Rows:
    """How long others wait for a write while expired rows are looked for and removed."""
    times: list[float] = []
    stopping = threading.Event()
    writer = threading.Thread(target=_write, args=(context, times, stopping))
    began = time.monotonic()
    writer.start()
    housekeeping.clean_up(context)
    stopping.set()
    writer.join()
    yield Row("a cleanup that finds nothing", f"{time.monotonic() - began:.1f} s")
    times.sort()
    yield Row(f"{len(times)} writes meanwhile, median", f"{statistics.median(times):.1f} ms")
    yield at_most("the longest write meanwhile", times[-1], 1000, "ms")


def _write(context: Context, times: list[float], stopping: threading.Event) -> None:
    while not stopping.is_set() and len(times) < WRITES:
        began = time.perf_counter()
        models.change(context, "line", {"description": f"{began}"})
        times.append(1000 * (time.perf_counter() - began))
        stopping.wait(0.01)
