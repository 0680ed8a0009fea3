"""Projects in the database. The project `default` always exists."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.errors import NameTaken
from service.storage.documents import Quotas
from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import Dataset, InProject, Job, Model, Project

ORDERS = {
    "-created_at": Order((Project.created_at, Project.name), descending=True),
    "created_at": Order((Project.created_at, Project.name)),
    "name": Order((Project.name,)),
    "-name": Order((Project.name,), descending=True),
}
HELD: dict[str, type[InProject]] = {"dataset": Dataset, "model": Model, "job": Job}
"""What a project holds."""


def find(session: Session, name: str, *, lock: bool = False) -> Project | None:
    return session.get(Project, name, with_for_update=lock or None)


def keep(session: Session, name: str) -> Project | None:
    """The project, which can't be deleted until the transaction ends. Others may keep it at the same time."""
    return session.get(Project, name, with_for_update={"read": True, "key_share": True})


def take_turns(session: Session, project: Project) -> None:
    """Read a kept project again, and let other transactions that do the same wait until this one ends."""
    session.refresh(project, with_for_update={"key_share": True})


def add(session: Session, name: str, quotas: Quotas) -> Project:
    """Insert a project. Raises NameTaken."""
    project = Project(name=name, quotas=quotas, created_at=datetime.now(UTC))
    session.add(project)
    try:
        session.flush()
    except IntegrityError as error:
        raise NameTaken(f'The project "{name}" already exists. Choose another name, or delete it.') from error
    return project


def page(session: Session, query: PageQuery) -> Page[Project]:
    return fetch_page(session, select(Project), ORDERS[query.sort or "-created_at"], query)


def held_by(session: Session, name: str) -> str | None:
    """The kind of something that the project holds, such as `model`."""
    for kind, record in HELD.items():
        if session.scalar(select(record.project).where(record.project == name).limit(1)) is not None:
            return kind
    return None
