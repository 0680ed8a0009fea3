"""The log of a job that trains for days: looking at the job costs the same as on its first day."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from service.storage import jobs
from service.storage.database import Database, migrate
from service.storage.records import Event, Job

EVENTS = 20_000
INSTRUCTIONS = 1000
"""Of SQLite's virtual machine: less than a look at each hundredth event would take."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """With a job in whose log every tenth event is an epoch's, and the first a transition."""
    url = f"sqlite:///{tmp_path / 'fitserve.db'}"
    migrate(url)
    database = Database(url)
    with database.write() as session:
        job = Job(
            id="tj_1", kind="training", status="running", desired_status="running", priority=5, queue="cpu",
            request={}, created_at=datetime.now(UTC), run=1, last_seq=0,
        )  # fmt: skip
        jobs.add(session, job)
        common = {"job_id": "tj_1", "at": datetime.now(UTC), "run": 1, "data": {}}
        events = [
            common | {"seq": seq, "type": "progress", "epoch": None}
            if seq % 10
            else common | {"seq": seq, "type": "epoch", "epoch": seq // 10}
            for seq in range(2, EVENTS + 1)
        ]
        session.execute(insert(Event), events)
    yield database
    database.close()


@pytest.mark.parametrize(
    ("look", "found"),
    [
        (lambda session, job: jobs.last_epoch(session, job), EVENTS // 10),
        (lambda session, job: len(jobs.transitions(session, [job.id])), 1),
    ],
)
def test_a_look_at_a_job_doesnt_read_its_whole_log(
    database: Database, look: Callable[[Session, Job], int], found: int
) -> None:
    taken: list[int] = []
    with database.read() as session:
        job = jobs.get(session, "tj_1")
        assert job is not None
        connection = session.connection().connection.driver_connection
        assert connection is not None
        connection.set_progress_handler(lambda: taken.append(INSTRUCTIONS), INSTRUCTIONS)
        assert look(session, job) == found
        connection.set_progress_handler(None, 0)
    assert taken == []
