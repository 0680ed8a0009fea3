"""Every page of every list with 10,000 jobs in the database: the slowest of each list, over HTTP.

    python -m benchmarks.lists

The jobs are copies of one that was really done, with the events of a training of 40 steps, the newest 100 with those of
2,000. Each page is asked for five times, and the fastest answer counts.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import insert, select

from service import statuses
from service.context import Context
from service.storage.records import Dataset, Event, Job, Label, Model, Record, Version
from tests.service.api.api_server import running_api
from tests.service.operations.stocked import make_context, submit, work

Row = dict[str, Any]

JOBS, VERSIONS, OTHERS = 10_000, 5_000, 1_000
SHORT, LONG, LONG_ONES = 40, 2_000, 100
REPEATS = 5
LISTS = (
    "/v1/training-jobs", "/v1/training-jobs?sort=created_at", "/v1/training-jobs?status=failed",
    "/v1/training-jobs?status=running", "/v1/training-jobs?model=m7", "/v1/training-jobs?dataset=d7",
    "/v1/training-jobs?model=nothing", "/v1/training-jobs?status=succeeded&model=m7&dataset=d7", "/v1/evaluations",
    "/v1/batch-predictions", "/v1/models", "/v1/models?sort=name", "/v1/datasets", "/v1/datasets?sort=-name",
    "/v1/models/line/versions", "/v1/models/line/labels", "/v1/models/line/labels?sort=-created_at",
)  # fmt: skip


def fill(context: Context) -> None:
    """Write the rows."""
    submit(context)
    work(context)
    with context.database.read() as session:
        model, dataset = session.scalars(select(Model)).one(), session.scalars(select(Dataset)).one()
        version = session.scalars(select(Version)).one()
        job = session.scalars(select(Job).where(Job.kind == "training")).one()
    copies: dict[type[Record], list[Row]] = {
        Model: [_copy(model, id=f"md_{n:06}", name=f"m{n}") for n in range(OTHERS)],
        Dataset: [_copy(dataset, id=f"ds_{n:06}", name=f"d{n}") for n in range(OTHERS)],
        Job: list(_jobs(job)),
        Version: [_copy(version, number=n, job_id=f"tj_{n:06}", folder=f"f{n}") for n in range(2, VERSIONS)],
        Label: [
            {"model_id": model.id, "label": f"l{n}", "number": n, "created_at": model.created_at}
            for n in range(1, OTHERS)
        ],
        Event: list(_events(job)),
    }
    with context.database.write() as session:
        for kind, rows in copies.items():
            session.execute(insert(kind), rows)


def _jobs(job: Job) -> Iterator[Row]:
    """Trainings, with a build for each second and an evaluation for each third one."""
    for n in range(JOBS):
        model, dataset = f"m{n % 50}", f"d{n % 49}"
        ended = (statuses.SUCCEEDED, statuses.FAILED)[n % 10 == 0]
        columns: Row = {"model_name": model, "dataset_name": dataset, "status": ended, "made_by": None, "revision": 1}
        columns |= {"request": job.request | {"model": model, "dataset": dataset}}
        columns |= {"created_at": job.created_at + timedelta(seconds=n)}
        yield _copy(job, id=f"tj_{n:06}", **columns)
        if n % 2 == 0:
            yield _copy(job, id=f"bj_{n:06}", kind="build", **columns)
        if n % 3 == 0:
            yield _copy(job, id=f"ev_{n:06}", kind="evaluation", **columns | {"request": {"split": "test"}})


def _events(job: Job) -> Iterator[Row]:
    progress = {"epoch": 1, "epochs": 3, "step": 20, "steps": 40, "fraction": 0.17, "eta_seconds": 1.5}
    for n in range(JOBS):
        common: Row = {"job_id": f"tj_{n:06}", "at": job.created_at, "run": 0, "epoch": None}
        for seq, status in enumerate((statuses.QUEUED, statuses.RUNNING, statuses.SUCCEEDED)):
            yield common | {"seq": seq, "type": "transition", "data": {"status": status, "reason": None}}
        for seq in range(3, LONG if n >= JOBS - LONG_ONES else SHORT):
            yield common | {"seq": seq, "type": "progress", "data": progress}


def _copy(record: Record, **changes: Any) -> Row:
    # Columns that are read only when they are used have no value here.
    return {name: value for name, value in vars(record).items() if not name.startswith("_")} | changes


def measure(url: str, path: str) -> list[float]:
    """The milliseconds of each page of a list, of 100 items each."""
    milliseconds, following = [], f"{path}{'&' if '?' in path else '?'}limit=100"
    with requests.Session() as session:
        while following:
            answers = []
            for _ in range(REPEATS):
                began = time.perf_counter()
                page = session.get(url + following, timeout=30)
                answers.append((time.perf_counter() - began) * 1000)
            milliseconds.append(min(answers))
            following = page.json()["next"]
    return milliseconds


def main() -> int:
    """Print a line for each list; 1 when a page took 50 ms or more."""
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        context = make_context(Path(folder))
        fill(context)
        context.database.close()
        with running_api(Path(folder)) as server:
            for path in LISTS:
                pages = measure(server.url, path)
                slowest = max(slowest, *pages)
                figures = f"median {statistics.median(pages):5.1f} ms, max {max(pages):5.1f} ms"
                print(f"{path:60} {len(pages):4} pages, {figures}")
    return int(slowest >= 50)


if __name__ == "__main__":
    sys.exit(main())
