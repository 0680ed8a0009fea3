"""How fast clients write, and how workers learn of jobs, on SQLite and on PostgreSQL.

    python -m benchmarks.database [writes] [worker] [--databases NAME...] [--clients N...] [--seconds N] [--jobs N]

`writes` counts the writes of 1, 2, 4 and 8 processes: each changes the metadata of a model of its own and queues a
training, in turn. With preconditions, each change checks that the model is as it was read. `worker` measures the time
from a job's creation to its start, and the transactions of an idle service: on PostgreSQL also with Redis as broker,
and with a broker that is away, so that the worker polls. PostgreSQL is that of the tests, but waits for the disk as
servers do; FITSERVE_TEST_POSTGRESQL_URL may name another server.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import create_engine, text

from benchmarks.serving.report import Row, Rows, describe_rows
from models.jobs.training import TrainingRequest
from service.config import Settings
from service.context import Context
from service.errors import QueueFull
from service.operations.catalog import models
from service.operations.jobs.kinds import training
from tests import postgresql_server
from tests.databases import KINDS, migrated_settings
from tests.journeys.specs import LINE, LINE_DATASET
from tests.redis_server import RedisServer
from tests.running_service import RunningService, running_service
from tests.service.operations import stocked

IDLE_SECONDS = 5


def writes(arguments: argparse.Namespace) -> Rows:
    """Writes per second of several processes."""
    for kind in arguments.databases:
        for preconditions in (False, True):
            for clients in arguments.clients:
                with (
                    tempfile.TemporaryDirectory() as folder,
                    migrated_settings(kind, Path(folder), max_queued_jobs=1_000_000) as settings,
                ):
                    stocked.stock(settings).database.close()
                    rate = _count(settings, clients, preconditions, arguments.seconds)
                what = "writes with preconditions" if preconditions else "writes"
                yield Row(f"{what}, {kind}, {clients} clients", f"{rate:.0f}/s")


def _count(settings: Settings, clients: int, preconditions: bool, seconds: float) -> float:
    spawning = multiprocessing.get_context("spawn")
    ready, counts = spawning.Barrier(clients), spawning.Queue()
    arguments = (settings, preconditions, seconds, ready, counts)
    processes = [spawning.Process(target=_write, args=(n, *arguments)) for n in range(clients)]
    for process in processes:
        process.start()
    total = sum(counts.get() for _ in processes)
    for process in processes:
        process.join()
    return total / seconds


def _write(number: int, settings: Settings, preconditions: bool, seconds: float, ready: Barrier, counts: Any) -> None:
    context = Context.from_settings(settings).in_project("default")
    model, request = f"line-{number}", TrainingRequest.from_document(stocked.TRAINING).to_document()
    models.create(context, stocked.LINE | {"name": model})

    def is_unchanged() -> None:
        models.get(context, model)

    ready.wait()
    until, done = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        with context.database.only_if(is_unchanged) if preconditions else nullcontext():
            if done % 2:
                models.change(context, model, {"metadata": {"count": done}})
            else:
                try:
                    training.create(context, request)
                except QueueFull:
                    break
        done += 1
    counts.put(done)
    context.database.close()


def worker(arguments: argparse.Namespace) -> Rows:
    """How soon a job starts, and what an idle service asks."""
    ways = [way for way in WAYS if way.database in arguments.databases]
    for way in ways:
        with (
            tempfile.TemporaryDirectory() as folder,
            _urls(way, Path(folder)) as settings,
            running_service(Path(folder), None, None, api_processes="1", **settings) as service,
        ):
            delays = list(_delays(service, arguments.jobs))
            median, longest = statistics.median(delays), max(delays)
            yield Row(f"from creation to start, {way.name}", f"{median:.0f} ms, at most {longest:.0f} ms")
            if settings:
                rate = _transactions(settings["database_url"])
                yield Row(f"transactions of an idle service, {way.name}", f"{rate:.1f}/s")


class Way(NamedTuple):
    """How a worker learns of jobs."""

    name: str
    database: str
    broker: str | None = None


WAYS = (
    Way("sqlite", "sqlite"),
    Way("postgresql", "postgresql"),
    Way("postgresql with redis", "postgresql", "redis"),
    Way("postgresql with a broker that is away", "postgresql", "away"),
)


@contextmanager
def _urls(way: Way, folder: Path) -> Iterator[dict[str, str]]:
    if way.database == "sqlite":
        yield {}
        return
    with postgresql_server.empty_database() as url, RedisServer(folder) as server:
        settings = {"database_url": url}
        if way.broker is not None:
            settings |= {"broker_url": server.url, "artifact_url": str(folder / "artifacts")}
        if way.broker == "away":
            server.kill()
        yield settings


def _delays(service: RunningService, jobs: int) -> Iterator[float]:
    """Milliseconds from the creation of jobs to their start, one after the other."""
    client = service.client
    client.post("/v1/datasets", LINE_DATASET)
    client.post("/v1/models", LINE)
    for number in range(jobs):
        job = client.train("line", "line", epochs=1)
        created, started = (datetime.fromisoformat(job[name]) for name in ("created_at", "started_at"))
        yield (started - created).total_seconds() * 1000
        time.sleep(0.03 * (number % 7))  # at any moment between two polls


def _transactions(url: str) -> float:
    """Transactions per second of a database."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    count = text("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    with engine.connect() as connection:
        before = connection.execute(count).scalar_one()
        time.sleep(IDLE_SECONDS)
        after = connection.execute(count).scalar_one()
    engine.dispose()
    return float(after - before) / IDLE_SECONDS


PARTS = {part.__name__: part for part in (writes, worker)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--seconds", type=float, default=3, help="how long each number of clients writes (3)")
    parser.add_argument("--jobs", type=int, default=15, help="jobs whose start is timed (15)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8], help="numbers of clients (1 2 4 8)")
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=KINDS, help="both by default")
    arguments = parser.parse_args()
    postgresql_server.begin_run(durable=True)
    try:
        for name in arguments.parts or PARTS:
            print(f"\n## {name}")
            for line in describe_rows(PARTS[name](arguments)):
                print(line, flush=True)
    finally:
        postgresql_server.end_run()


if __name__ == "__main__":
    main()
