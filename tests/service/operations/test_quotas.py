"""Quotas and queues while many requests and workers come at once, and the time that trainings ran."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from models.jobs.training import TrainingRequest
from service.config import Settings
from service.context import Context
from service.errors import QuotaExceeded
from service.operations.access import projects
from service.operations.access.quotas import Usage
from service.operations.catalog import datasets, models
from service.operations.jobs import lifecycle as execution
from service.operations.jobs.kinds import training as training_jobs
from service.operations.upkeep import workers
from service.storage.records import Event, Job, Version, Worker
from tests.databases import KINDS, migrated_settings
from tests.service.api.fake_worker import FakeWorker
from tests.service.operations.stocked import DATASET, LINE, TRAINING

AT_ONCE = 6


@pytest.fixture(params=KINDS)
def everything(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Context]:
    """With the project `vision`, which has the dataset and the model `line`."""
    with migrated_settings(request.param, tmp_path) as settings:
        yield from _stocked(settings)


def _stocked(settings: Settings) -> Iterator[Context]:
    everything = Context.from_settings(settings)
    projects.create(everything, "vision", {})
    context = everything.in_project("vision")
    datasets.create(context, DATASET)
    models.create(context, LINE)
    FakeWorker(everything).run_all()
    yield everything
    everything.database.close()


@pytest.fixture
def context(everything: Context) -> Context:
    """Of the project `vision`."""
    return everything.in_project("vision")


def limit(everything: Context, **quotas: int) -> None:
    projects.change(everything, "vision", quotas)


def usage(everything: Context) -> Usage:
    return projects.get(everything, "vision").usage


def submit(context: Context) -> str:
    return training_jobs.create(context, TrainingRequest.from_document(TRAINING).to_document())


def claim(context: Context) -> str | None:
    claimed = execution.claim(context, "wk_test", ["training"], ["cpu"], {})
    return None if claimed is None else claimed[1].id


def at_once(work: Callable[[], Any]) -> list[Any]:
    """The results of several threads that work at once; errors are results too."""

    def attempt(_: int) -> Any:
        try:
            return work()
        except QuotaExceeded as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(attempt, range(AT_ONCE)))


def test_concurrent_requests_do_not_share_the_last_place_in_the_queue(context: Context, everything: Context) -> None:
    limit(everything, queued_jobs=2)
    outcomes = at_once(lambda: submit(context))
    assert len([outcome for outcome in outcomes if isinstance(outcome, str)]) == usage(everything).queued_jobs == 2


def test_concurrent_workers_do_not_run_more_jobs_than_the_quota(context: Context, everything: Context) -> None:
    for _ in range(AT_ONCE):
        submit(context)
    limit(everything, running_jobs=2)
    claimed = [job for job in at_once(lambda: claim(everything)) if job is not None]
    assert len(claimed) == usage(everything).running_jobs == 2
    assert not execution.may_claim(everything, "wk_1", ["training"], ["cpu"])


def test_concurrent_workers_claim_each_job_of_their_queues_once(context: Context, everything: Context) -> None:
    training = TrainingRequest.from_document(TRAINING).to_document()
    queued = [training_jobs.create(context, training | {"queue": queue}) for queue in ("gpu", "large", "gpu")]
    other = submit(context)

    def claim_from(*queues: str) -> str | None:
        claimed = execution.claim(everything, "wk_test", ["training"], queues, {})
        return None if claimed is None else claimed[1].id

    claimed = [job for job in at_once(lambda: claim_from("gpu", "large")) if job is not None]
    assert sorted(claimed) == sorted(queued)
    assert claim_from("tpu") is None
    assert claim_from("gpu", "cpu") == other


def test_a_draining_worker_claims_nothing_in_any_project(context: Context, everything: Context) -> None:
    worker = Worker(
        id="wk_test", host="here", process={"pid": 1}, slots=1, queues=["cpu"], versions={}, ready=True,
        heartbeat_at=datetime.now(UTC),
    )  # fmt: skip
    workers.record_heartbeat(everything, worker)
    job_id = submit(context)
    workers.change(everything, "wk_test", {"desired_status": "draining"})
    workers.record_heartbeat(everything, worker)
    assert worker.desired_status == "draining"
    assert at_once(lambda: claim(everything)) == [None] * AT_ONCE
    workers.change(everything, "wk_test", {"desired_status": "running"})
    assert claim(everything) == job_id
    assert [view.running_jobs for view in workers.alive(context)] == [1]


def test_stored_bytes_are_summed_with_the_files_of_versions(context: Context, everything: Context) -> None:
    before = usage(everything).stored_bytes
    submit(context)
    FakeWorker(everything).run_all()
    with context.database.read() as session:
        (version,) = session.query(Version)
    files = sum(file.bytes for file in version.details.artifacts)
    assert usage(everything).stored_bytes == before + files > before


def move(context: Context, job_id: str, number: int, at: datetime) -> None:
    """Let the transition of that number have happened at another time."""
    with context.database.write() as session:
        session.execute(update(Event).where(Event.job_id == job_id, Event.seq == number).values(at=at))


def test_seconds_of_training_are_those_that_jobs_ran_in_the_last_day(context: Context, everything: Context) -> None:
    now = datetime.now(UTC)
    job_id = submit(context)
    assert claim(everything) == job_id
    move(context, job_id, 2, now - timedelta(hours=30))
    limit(everything, training_seconds_per_day=86_000)
    assert 86_398 <= usage(everything).training_seconds_per_day <= 86_400
    with pytest.raises(QuotaExceeded) as refused:
        submit(context)
    assert refused.value.members["quota"] == "training_seconds_per_day"
    assert 398 <= (refused.value.retry_after or 0) <= 402


def test_time_in_the_queue_and_days_that_have_passed_do_not_count(context: Context, everything: Context) -> None:
    now = datetime.now(UTC)
    job_id = submit(context)
    lease = execution.claim(everything, "wk_test", ["training"], ["cpu"], {})
    assert lease is not None
    execution.put_back(everything, lease[0], "worker_shutdown")
    assert claim(everything) == job_id
    with context.database.write() as session:
        session.execute(update(Job).where(Job.id == job_id).values(started_at=now - timedelta(hours=40)))
        numbers = [event.seq for event in session.query(Event).filter_by(job_id=job_id, type="transition")]
    for number, hours in zip(numbers, (50, 40, 23, 1), strict=True):
        move(context, job_id, number, now - timedelta(hours=hours))
    assert 7198 <= usage(everything).training_seconds_per_day <= 7202
