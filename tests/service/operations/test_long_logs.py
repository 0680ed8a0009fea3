"""The log of a job that trains for days: looking at the job costs the same as on its first day."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event, insert
from sqlalchemy.orm import Session

from service.config import Settings
from service.context import Context
from service.operations.jobs.kinds import training as training_jobs
from service.storage import jobs
from service.storage.records import Event, Job
from tests.contexts import default_context
from tests.databases import make_database

EVENTS = 20_000
INSTRUCTIONS = 1000
"""Of SQLite's virtual machine: less than a look at each hundredth event would take."""


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """With a job in whose log every tenth event is an epoch's, and the first a transition."""
    context = default_context(Settings(data_dir=tmp_path))
    make_database(context.settings)
    with context.database.write() as session:
        job = Job(
            id="tj_1", kind="training", status="running", desired_status="running", priority=5, queue="cpu",
            request={}, created_at=datetime.now(UTC), run=1, last_seq=0,
        )  # fmt: skip
        jobs.add(session, job)
        common = {"job_id": "tj_1", "at": datetime.now(UTC), "run": 1, "data": {}}
        events = [
            common | {"seq": seq, "type": "progress", "epoch": None}
            if seq % 10
            else common | {"seq": seq, "type": "epoch", "epoch": seq // 10, "data": {"epoch": seq // 10}}
            for seq in range(2, EVENTS + 1)
        ]
        session.execute(insert(Event), events)
    yield context
    context.database.close()


@pytest.mark.parametrize(
    ("look", "found"),
    [
        (lambda session, job: jobs.last_epoch(session, job), EVENTS // 10),
        (lambda session, job: len(jobs.transitions(session, [job.id])), 1),
    ],
)
def test_a_look_at_a_job_doesnt_read_its_whole_log(
    context: Context, look: Callable[[Session, Job], int], found: int
) -> None:
    taken: list[int] = []
    with context.database.read() as session:
        job = jobs.get(session, "tj_1")
        assert job is not None
        connection = session.connection().connection.driver_connection
        assert connection is not None
        connection.set_progress_handler(lambda: taken.append(INSTRUCTIONS), INSTRUCTIONS)
        assert look(session, job) == found
        connection.set_progress_handler(None, 0)
    assert taken == []


def test_more_epochs_can_be_asked_for_than_a_query_takes_values(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid_many_values(connection: sqlite3.Connection, _record: object) -> None:
        connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100)

    monkeypatch.setattr(training_jobs, "MAX_CHOSEN", 50)
    context.database.close()
    event.listen(context.database.engine, "connect", forbid_many_values)
    for points in (3, 50, 51, 1999):
        chosen = [epoch["epoch"] for epoch in training_jobs.epochs(context, "tj_1", points=points)]
        assert (len(chosen), chosen[0], chosen[-1]) == (points, 1, EVENTS // 10)
