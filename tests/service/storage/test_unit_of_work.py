"""A unit of work of a project sees and makes only the rows of that project."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from service import statuses
from service.storage import jobs, models
from service.storage.database import Database, migrate
from service.storage.identifiers import new_identifier
from service.storage.records import Job, Model

NAME = "digits"


def new_model(name: str = NAME) -> Model:
    return Model(
        id=new_identifier("md"), name=name, status=statuses.READY, task="binary", description="", document={},
        created_at=datetime.now(UTC),
    )  # fmt: skip


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """A database with the model `digits` in the projects `a` and `b`."""
    migrate(url)
    database = Database(url)
    for project in ("a", "b"):
        with database.in_project(project).write() as session:
            models.add(session, new_model())
    yield database
    with database.write() as session:
        session.execute(delete(Model))
    database.close()


def all_models(database: Database) -> dict[str, Model]:
    with database.read() as session:
        return {model.project: model for model in session.scalars(select(Model))}


def test_without_a_project_all_rows_are_there(database: Database) -> None:
    assert sorted(all_models(database)) == ["a", "b"]


def test_a_new_row_belongs_to_the_project_of_its_unit_of_work(database: Database) -> None:
    with database.in_project("a").write() as session:
        model = new_model("other")
        model.project = "b"
        session.add(model)
    with database.read() as session:
        assert session.scalars(select(Model.project).where(Model.name == "other")).all() == ["a"]


Other = aliased(Model)
QUERIES: dict[str, Callable[[Session, str], Any]] = {
    "entities": lambda session, id_: session.scalars(select(Model).where(Model.id == id_)).all(),
    "columns": lambda session, id_: session.execute(select(Model.id, Model.name).where(Model.id == id_)).all(),
    "aliases": lambda session, id_: session.scalars(select(Other).where(Other.id == id_)).all(),
    "counts": lambda session, id_: session.scalar(select(func.count()).where(Model.id == id_)),
    "counts of a table": lambda session, id_: session.scalar(select(func.count()).select_from(Model)) == 2,
    "subqueries": lambda session, id_: session.scalar(select(exists().where(Model.id == id_))),
    "joins": lambda session, id_: session.scalars(
        select(Other.id).join(Model, Model.name == Other.name).where(Model.id == id_)
    ).all(),
    "the primary key": lambda session, id_: session.get(Model, id_),
    "the primary key, locked": lambda session, id_: session.get(Model, id_, with_for_update=True),
    "the names": lambda session, id_: [model for model in [models.by_name(session, NAME)] if model and model.id == id_],
    "updates": lambda session, id_: session.execute(
        update(Model).where(Model.id == id_).values(name="taken").execution_options(synchronize_session=False)
    ).rowcount,  # type: ignore[attr-defined]
    "deletions": lambda session, id_: session.execute(
        delete(Model).where(Model.id == id_).execution_options(synchronize_session=False)
    ).rowcount,  # type: ignore[attr-defined]
}  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_a_row_of_another_project_is_found_by_no(query: str, database: Database) -> None:
    theirs = all_models(database)["b"].id
    with database.in_project("b").write() as session:
        savepoint = session.begin_nested()
        assert query == "counts of a table" or QUERIES[query](session, theirs)
        savepoint.rollback()
    with database.in_project("a").write() as session:
        assert not QUERIES[query](session, theirs)
    assert all_models(database)["b"].name == NAME


def test_a_job_of_another_project_is_not_found_by_its_id(database: Database) -> None:
    job = Job(
        id=new_identifier("tj"), kind="training", status=statuses.QUEUED, desired_status=statuses.RUNNING, priority=5,
        queue="cpu", request={}, created_at=datetime.now(UTC),
    )  # fmt: skip
    with database.in_project("b").write() as session:
        jobs.add(session, job)
    with database.in_project("a").write() as session:
        assert jobs.get(session, job.id) is None
        assert jobs.get(session, job.id, lock=True) is None
        assert jobs.log_states(session, [job.id]) == {}
        assert jobs.count_waiting(session, "training") == 0
    with database.read() as session:
        assert jobs.get(session, job.id) is not None
    with database.write() as session:
        session.execute(delete(Job))
