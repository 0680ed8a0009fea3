"""One large batch prediction, by one worker and by two, each with one thread."""

import argparse
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import polars

from benchmarks.cluster.workers import running, wait
from benchmarks.serving.report import Row, Rows, at_least, none_of
from models.jobs.batch_prediction import RESULT_FILE
from service import statuses
from service.config import Settings
from service.context import Context
from service.operations.catalog import datasets, models
from service.operations.catalog.uploads import Reception
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import batch_prediction
from service.storage.records import Job
from tests.service.operations import stocked

COLUMNS = 8
WORKER = ["-m", "tests.service.worker.worker_process", "batches"]
ONE_THREAD = {"FITSERVE_TRAINING_THREADS": "1", "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
PIECE = 1024**2


def measure(settings: Settings, arguments: argparse.Namespace) -> Rows:
    """The rows a second of one worker and of two, and whether their results are the same."""
    context = Context.from_settings(settings).in_project("default")
    with closing(context.database):
        _stock(context)
        for format_ in arguments.formats:
            path = _write(settings.data_dir / f"rows.{format_}", arguments.rows)
            what = f"{arguments.rows:,} rows of {COLUMNS} numbers in {format_}"
            shard_rows = min(settings.batch_shard_rows, arguments.rows // 4)
            undivided, _, alone = _time(context, path, 1, 0)
            one, shards, single = _time(context, path, 1, shard_rows)
            two, _, joined = _time(context, path, 2, shard_rows)
            yield Row(f"{what}: 1 worker, without shards", f"{undivided:.1f} s")
            yield Row(f"{what}: 1 worker, {shards} shards", f"{one:.1f} s")
            yield Row(f"{what}: 2 workers, {shards} shards", f"{two:.1f} s")
            yield at_least(f"{what}: 2 workers against 1", one / two, 1.7)
            yield Row(f"{what}: 2 workers against 1 without shards", f"{undivided / two:.2f} ×")
            yield none_of(f"{what}: results that differ", "" if alone == single == joined else "they do")


def _stock(context: Context) -> None:
    """Store a version whose network has one layer, so that reading the rows and writing the results is what takes
    time."""
    rows = np.random.default_rng(1).random((32, COLUMNS)).tolist()
    datasets.create(context, {"name": "line", "source": "inline", "inputs": rows, "targets": [0, 1] * 16})
    models.create(context, stocked.LINE | {"input": {"shape": [COLUMNS]}})
    stocked.work(context)
    stocked.train(context)
    stocked.work(context)


def _write(path: Path, rows: int) -> Path:
    numbers = np.random.default_rng(2).random((rows, COLUMNS), np.float32).round(3)
    frame = polars.DataFrame(numbers)
    if path.suffix == ".csv":
        frame.write_csv(path, include_header=False, float_precision=3)
    elif path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        np.save(path, numbers)
    return path


def _time(context: Context, path: Path, workers: int, shard_rows: int) -> tuple[float, int, bytes]:
    """The seconds from the job's creation to its end, the number of its shards, and its result."""
    with running(context, workers, WORKER, **ONE_THREAD, FITSERVE_BATCH_SHARD_ROWS=str(shard_rows)):
        with _received(context, path) as request:
            began = time.monotonic()
            job_id = batch_prediction.create(context, request)
        wait(lambda: _read(context, job_id).status in statuses.FINAL)
        seconds = time.monotonic() - began
    job = _read(context, job_id)
    if job.result is None:
        raise RuntimeError(f"The batch prediction is {job.status}: {job.error}")
    result = context.artifacts.existing_file(job.result["folder"], RESULT_FILE).read_bytes()
    client_jobs.delete(context, batch_prediction.KIND, job_id)
    return seconds, job.shards or 1, result


@contextmanager
def _received(context: Context, path: Path) -> Iterator[dict[str, object]]:
    """The request of a client that posts the file."""
    with closing(Reception(context.artifacts)) as reception, path.open("rb") as rows:
        file = reception.receive(path.name)
        while piece := rows.read(PIECE):
            file.write(piece)
        named = {"model": "line", "version": None, "label": None, "variant": None, "extra": "refuse"}
        yield named | {"file": file.complete()}


def _read(context: Context, job_id: str) -> Job:
    return client_jobs.get(context, batch_prediction.KIND, job_id).job
