"""Real workers, each in a process of its own, on jobs that only sleep: what is measured is the work around them."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

from sqlalchemy import func, select

from benchmarks.cluster.sleeping import KIND
from benchmarks.serving.report import Row, Rows, at_least, none_of
from service import statuses
from service.config import Settings
from service.context import Context
from service.operations.jobs import queue, registry
from service.operations.upkeep import workers
from service.storage.records import Job
from tests.service.worker.sleep_kind import SleepRequest

SECONDS = 1.0
MANY = 4
WAIT_SECONDS = 600


def measure(settings: Settings, arguments: argparse.Namespace) -> Rows:
    """The jobs a minute of four workers against one."""
    registry.KINDS[KIND.name] = KIND
    context = Context.from_settings(settings).in_project("default")
    with closing(context.database):
        one = _rate(context, 1, arguments.sleeps // MANY)
        many = _rate(context, MANY, arguments.sleeps)
        yield Row("1 worker, jobs of 1 s", f"{one:.1f} a minute")
        yield Row(f"{MANY} workers, jobs of 1 s", f"{many:.1f} a minute")
        yield at_least(f"{MANY} workers against 1", many / one, 3.6)
        with context.database.read() as session:
            again = session.scalar(select(func.count()).where(Job.token != 1)) or 0
        yield none_of("jobs that were claimed again", f"{again}" if again else "")


def _rate(context: Context, count: int, jobs: int) -> float:
    """The jobs a minute of so many workers, once they have started."""
    with running(context, count, ["-m", "benchmarks.cluster.sleeping"]):
        began = time.monotonic()
        for _ in range(jobs):
            with context.database.write() as session:
                queue.enqueue(context, session, KIND, SleepRequest(SECONDS))
        wait(lambda: _unfinished(context) == 0)
        return 60 * jobs / (time.monotonic() - began)


@contextmanager
def running(context: Context, count: int, program: list[str], **variables: str) -> Iterator[None]:
    """So many processes of a worker, once all of them are ready. `program` are the arguments of Python."""
    with started(context, [([sys.executable, *program], variables)] * count):
        yield


@contextmanager
def started(context: Context, programs: Sequence[tuple[Sequence[str], Mapping[str, str]]]) -> Iterator[None]:
    """A worker of each command with its environment variables, once all of them are ready."""
    settings = context.settings
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FITSERVE_")}
    environment |= {
        "FITSERVE_DATA_DIR": str(settings.data_dir), "FITSERVE_DATABASE_URL": settings.database_url,
        "FITSERVE_LOG_LEVEL": "warning",
    }  # fmt: skip
    processes = [
        subprocess.Popen(command, env={**environment, **variables}, stdout=subprocess.DEVNULL)
        for command, variables in programs
    ]
    try:
        wait(lambda: sum(view.worker.ready for view in workers.alive(context)) == len(processes))
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait()


def _unfinished(context: Context) -> int:
    with context.database.read() as session:
        return session.scalar(select(func.count()).where(Job.status.in_(statuses.UNFINISHED))) or 0


def wait(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    """Wait until the condition is true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {seconds:g} s in vain.")
        time.sleep(0.02)
