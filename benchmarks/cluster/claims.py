"""Simulated workers: threads that claim jobs as a supervisor does, hold each for a while, and end it."""

import argparse
import multiprocessing
import random
import statistics
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.synchronize import Barrier
from typing import Any

from sqlalchemy import func, select

from benchmarks.serving.report import Row, Rows, at_most, none_of
from models.jobs.training import TrainingRequest
from service import statuses
from service.config import DEFAULT_QUEUE, Settings
from service.context import Context
from service.operations.jobs import leases, lifecycle, queue
from service.operations.jobs.kinds import training
from service.storage.identifiers import new_identifier
from service.storage.records import Job

PROCESSES = 4
KINDS = (training.KIND.name,)
RUNTIME = {"threads": 1}
REQUEST = TrainingRequest.from_document({"model": "line", "dataset": "line", "epochs": 1})
COLUMNS: dict[str, Any] = {"model_id": "md_none", "model_name": "line", "dataset_name": "line"}
"""Of the jobs' rows. Nobody looks for the model."""
FAILURE = {"code": "simulated", "detail": "The job was simulated.", "faults": []}
WARM_UP = "warm-up"
"""The name of a queue."""
ENQUEUED_AT_ONCE = 500
SWITCH_SECONDS = 0.0005
"""How long a thread keeps Python's lock while others want it. Real workers have processes of their own and wait for
none."""
PAUSE_SECONDS = 0.1
"""As long a worker waits that finds no job."""


def measure(settings: Settings, arguments: argparse.Namespace) -> Rows:
    """The time of claims, and whether each job was claimed once."""
    enqueue(settings, arguments.jobs)
    enqueue(settings, PROCESSES, WARM_UP)
    found, seconds = _simulate(settings, arguments.workers, arguments.hold)
    times = sorted(taken for _, taken in found)
    what = f"{arguments.workers} workers, {arguments.jobs:,} jobs of {arguments.hold:g} s"
    yield Row(f"{what}: jobs per second", f"{len(found) / seconds:.1f}/s")
    yield Row(f"{what}: a claim, median", f"{statistics.median(times):.1f} ms")
    yield Row(f"{what}: a claim, p90", f"{percentile(times, 0.9):.1f} ms")
    yield at_most(f"{what}: a claim, p99", percentile(times, 0.99), 20, "ms")
    yield none_of("jobs claimed twice", _names(Counter(job_id for job_id, _ in found)))
    yield none_of("jobs lost", _describe_lost(settings, arguments.jobs))


def enqueue(settings: Settings, jobs: int, name: str = DEFAULT_QUEUE) -> None:
    """Add training jobs to a queue."""
    context = Context.from_settings(settings).in_project("default")
    for first in range(0, jobs, ENQUEUED_AT_ONCE):
        with context.database.write() as session:
            for _ in range(min(ENQUEUED_AT_ONCE, jobs - first)):
                queue.enqueue(context, session, training.KIND, REQUEST, priority=5, queue=name, **COLUMNS)
    context.database.close()


def percentile(times: list[float], share: float) -> float:
    """The value below which that share of the sorted times is."""
    return times[min(len(times) - 1, int(share * len(times)))]


def claim(context: Context, worker_id: str, name: str = DEFAULT_QUEUE) -> tuple[leases.Lease, float] | None:
    """Claim a job; its lease, and the milliseconds that it took. None without a job."""
    began = time.perf_counter()
    claimed = lifecycle.claim(context, worker_id, KINDS, (name,), RUNTIME)
    return None if claimed is None else (claimed[0], 1000 * (time.perf_counter() - began))


def _simulate(settings: Settings, workers: int, hold: float) -> tuple[list[tuple[str, float]], float]:
    """The claimed jobs, with the milliseconds that each claim took; and the seconds of all of it."""
    spawning = multiprocessing.get_context("spawn")
    shares = [workers // PROCESSES + (number < workers % PROCESSES) for number in range(PROCESSES)]
    ready, results = spawning.Barrier(PROCESSES + 1), spawning.Queue()
    processes = [
        spawning.Process(target=_run_workers, args=(settings, share, hold, ready, results)) for share in shares
    ]
    for process in processes:
        process.start()
    ready.wait()
    began = time.monotonic()
    found = [each for _ in processes for each in results.get()]
    seconds = time.monotonic() - began
    for process in processes:
        process.join()
    return found, seconds


def _run_workers(settings: Settings, workers: int, hold: float, ready: Barrier, results: Any) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    context = Context.from_settings(settings)
    warm = claim(context, new_identifier("wk"), WARM_UP)  # SQLAlchemy compiles the statements
    assert warm is not None
    lifecycle.fail(context, warm[0], FAILURE)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(_connect, [context] * workers, [threading.Barrier(workers)] * workers))
        ready.wait()
        found = list(pool.map(lambda _: _work(context, hold), range(workers)))
    context.database.close()
    results.put([each for share in found for each in share])


def _connect(context: Context, all_of_them: threading.Barrier) -> None:
    """Open a connection, as a worker has one before it claims: not one that another thread has just given back."""
    with context.database.read() as session:
        session.execute(select(1))
        all_of_them.wait()


def _work(context: Context, hold: float) -> list[tuple[str, float]]:
    """Claim, hold and end jobs until none is queued."""
    worker_id, found = new_identifier("wk"), []
    time.sleep(random.uniform(0, hold))  # jobs of different workers end at different times
    while lifecycle.may_claim(context, worker_id, KINDS, (DEFAULT_QUEUE,)):
        claimed = claim(context, worker_id)
        if claimed is None:
            time.sleep(PAUSE_SECONDS)
            continue
        lease, taken = claimed
        found.append((lease.job_id, taken))
        time.sleep(hold)
        lifecycle.fail(context, lease, FAILURE)
    return found


def _names(counts: Counter[str]) -> str:
    return ", ".join(job_id for job_id, count in counts.items() if count > 1)


def _describe_lost(settings: Settings, jobs: int) -> str:
    """How many jobs haven't ended exactly once."""
    context = Context.from_settings(settings)
    with context.database.read() as session:
        once = (Job.status == statuses.FAILED, Job.token == 1, Job.attempt == 1, Job.queue == DEFAULT_QUEUE)
        ended = session.scalar(select(func.count()).where(*once))
    context.database.close()
    return "" if ended == jobs else f"{jobs - (ended or 0)} of {jobs}"
