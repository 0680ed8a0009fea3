"""Real workers, each in a process of its own, predict the shards of a batch prediction."""

import signal
from collections.abc import Callable, Sequence

import pytest

from models.jobs.batch_prediction import RESULT_FILE
from service import statuses
from service.context import Context
from service.operations.catalog import datasets, models
from service.operations.catalog.uploads import IncomingFile
from service.operations.jobs import client_jobs
from service.operations.jobs.kinds import batch_prediction
from service.storage import jobs
from service.storage.records import Job
from tests.running_service import wait_for
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations import stocked
from tests.service.worker.bench import Bench
from tests.service.worker.worker_process import WorkerProcess

ROWS, SHARD_ROWS = 24_000, 8_000
KIND = batch_prediction.KIND


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    """With a version of `line`, and without a worker."""
    bench = make_bench(batch_shard_rows=0)
    datasets.create(bench.context, stocked.DATASET)
    models.create(bench.context, stocked.LINE)
    stocked.work(bench.context)
    stocked.train(bench.context)
    return bench


def create(context: Context) -> str:
    file = IncomingFile(context.artifacts.stage("posted"), "rows.jsonl")
    file.write(b"".join(b"[%d]\n" % number for number in range(ROWS)))
    request = {"model": "line", "version": None, "label": None, "variant": None, "extra": "refuse"}
    return batch_prediction.create(context, request | {"file": file.complete()})


def read(context: Context, job_id: str) -> Job:
    return client_jobs.get(context, KIND, job_id).job


def parts(context: Context, job_id: str, status: str) -> Sequence[str]:
    """The ids of the job's parts with this status."""
    with context.database.read() as session:
        return [part.id for part in jobs.parts(session, job_id) if part.status == status]


def end_of(context: Context, job_id: str) -> Job:
    """The job once it is final."""

    def look() -> Job | None:
        job = read(context, job_id)
        return job if job.status in statuses.FINAL else None

    return wait_for(look, 120, "the job to end")


def result(context: Context, job: Job) -> bytes:
    return context.artifacts.existing_file(str((job.result or {})["folder"]), RESULT_FILE).read_bytes()


def stop_while_a_shard_runs(worker: WorkerProcess, context: Context, job_id: str, finished: int) -> None:
    """Suspend the worker while it runs a shard, once it has finished some others."""

    def is_stopped() -> bool:
        if len(parts(context, job_id, "succeeded")) < finished or not parts(context, job_id, "running"):
            return False
        worker.process.suspend()
        if parts(context, job_id, "running"):
            return True
        worker.process.resume()
        return False

    wait_for(is_stopped, 120, "a shard to run", 0.01)


def test_a_killed_worker_costs_its_shard_alone_and_a_cancelled_job_ends_its_shards(
    bench: Bench, start_worker_process: Callable[..., WorkerProcess], capsys: pytest.CaptureFixture[str]
) -> None:
    context, job_id = bench.context, create(bench.context)
    first = start_worker_process(bench, "batches", batch_shard_rows=SHARD_ROWS)
    stop_while_a_shard_runs(first, context, job_id, finished=1)
    done, lost = parts(context, job_id, "succeeded"), parts(context, job_id, "running")
    first.process.kill()
    second = start_worker_process(bench, "batches", batch_shard_rows=SHARD_ROWS, worker_slots=1)
    whole = end_of(context, job_id)
    assert (whole.status, whole.shards, whole.attempt) == ("succeeded", 3, 1)

    cancelled = create(context)
    stop_while_a_shard_runs(second, context, cancelled, finished=0)
    assert client_jobs.change(context, KIND, cancelled, {"desired_status": "cancelled"}).job.status == "cancelled"
    second.process.resume()
    wait_for(lambda: not files_of(context, cancelled), 30, "the files to be removed")
    second.end(signal.SIGTERM)
    output = capsys.readouterr().err
    assert [job for job in lost if job not in output] == []
    assert [job for job in done if job in output] == []

    alone = create(context)
    FakeWorker(context).run_all()
    assert result(context, whole) == result(context, read(context, alone))


def files_of(context: Context, job_id: str) -> list[str]:
    """What is stored of the job, and all that is staged."""
    return [name for name in stocked.files_of(context) if job_id in name or name.startswith(".staging")]
