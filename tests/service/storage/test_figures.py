"""Counts over all jobs, on databases of both kinds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from service import statuses
from service.storage import figures, jobs
from service.storage.database import Database, migrate
from service.storage.figures import JobCount
from service.storage.identifiers import new_identifier
from service.storage.records import Job

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    migrate(url)
    database = Database(url)
    yield database
    database.close()


def ago(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOW - timedelta(seconds=seconds)


def record(
    database: Database,
    kind: str,
    status: str,
    started: float | None = None,
    finished: float | None = None,
    waits_for: str | None = None,
) -> str:
    """A job that began and ended so many seconds ago."""
    with database.write() as session:
        job = Job(
            id=new_identifier("tj"), project="default", kind=kind, status=status, desired_status=statuses.RUNNING,
            priority=9, queue="cpu", request={}, last_seq=0, run=0, waits_for=waits_for, started_at=ago(started),
            finished_at=ago(finished), created_at=NOW - timedelta(days=3),
        )  # fmt: skip
        jobs.add(session, job)
        return job.id


def test_jobs_are_counted_by_kind_and_status(database: Database) -> None:
    for kind, status in (("build", "failed"), ("build", "failed"), ("build", "queued"), ("import", "queued")):
        record(database, kind, status)
    with database.read() as session:
        assert set(figures.job_counts(session)) == {
            JobCount("default", "build", "failed", 2),
            JobCount("default", "build", "queued", 1),
            JobCount("default", "import", "queued", 1),
        }


def test_training_time_ends_with_the_job_or_now(database: Database) -> None:
    record(database, "training", statuses.SUCCEEDED, 100, 40)
    record(database, "training", statuses.FAILED, 30, 25)
    record(database, "training", statuses.RUNNING, 10)
    record(database, "training", statuses.PAUSED, 50)
    record(database, "training", statuses.QUEUED)
    record(database, "evaluation", statuses.SUCCEEDED, 100, 40)
    with database.read() as session:
        assert figures.finished_training(session, "training") == [("default", 65)]
        assert figures.running_training(session, "training", NOW) == [("default", 10)]


def test_a_queue_has_the_jobs_that_a_worker_could_claim_since_they_were_last_queued(database: Database) -> None:
    record(database, "training", statuses.QUEUED, waits_for="model")
    with database.read() as session:
        assert figures.queues(session) == []
    for _ in range(2):
        record(database, "training", statuses.QUEUED)
    with database.read() as session:
        ((project, kind, queue, count, since),) = figures.queues(session)
    assert (project, kind, queue, count) == ("default", "training", "cpu", 2)
    assert timedelta(0) <= datetime.now(UTC) - since < timedelta(minutes=1)
