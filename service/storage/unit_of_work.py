"""Units of work, which see and make only the rows of their project.

No query names a project: the restriction is added to every statement, so that none can forget it. Tables without the
column are reached through the ids of rows that have it.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from service.broker.hints import Hint
from service.storage.records import InProject, Job

PROJECT, HINTS = "project", "hints"


class UnitOfWork(Session):
    """A session for one project, or without one for all of them, as workers and the upkeep need it."""

    def __init__(self, bind: Any, project: str | None) -> None:
        super().__init__(bind, expire_on_commit=False, info={PROJECT: project})


def project_of(session: Session) -> str | None:
    """The project of a unit of work; None if it is for all of them."""
    project: str | None = session.info.get(PROJECT)
    return project


def wake_workers(session: Session, *jobs: Job) -> None:
    """Say that workers may find a job to claim once the unit of work is committed: those that are given, or others."""
    session.info.setdefault(HINTS, []).extend(Hint(job.queue, job.kind, job.id) for job in jobs)


@event.listens_for(UnitOfWork, "do_orm_execute")
def _restrict(execution: ORMExecuteState) -> None:
    project = execution.session.info[PROJECT]
    if project is not None:
        execution.statement = execution.statement.options(
            with_loader_criteria(InProject, lambda record: record.project == project, include_aliases=True)
        )


@event.listens_for(UnitOfWork, "before_flush")
def _assign(session: Session, _context: object, _instances: object) -> None:
    project = session.info[PROJECT]
    for record in session.new:
        if isinstance(record, InProject):
            record.project = project or record.project
            if record.project is None:
                raise ValueError(f"A new {type(record).__name__} has no project, and its unit of work has none.")
