"""Projects in the database. The project `default` always exists."""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service import statuses
from service.errors import NameTaken
from service.storage.documents import Quotas
from service.storage.paging import Order, Page, PageQuery, fetch_page
from service.storage.records import Dataset, Job, Model, Project

ORDERS = {
    "-created_at": Order((Project.created_at, Project.name), descending=True),
    "created_at": Order((Project.created_at, Project.name)),
    "name": Order((Project.name,)),
    "-name": Order((Project.name,), descending=True),
}


def find(session: Session, name: str, *, lock: bool = False) -> Project | None:
    return session.get(Project, name, with_for_update=lock or None)


def lock_shared(session: Session, name: str) -> Project | None:
    """The project, which can't be deleted until the transaction ends. Others may lock it so too."""
    return session.get(Project, name, with_for_update={"read": True, "key_share": True})


def lock_exclusive(session: Session, project: Project) -> None:
    """Read a locked project again, and let other transactions that do the same wait until this one ends."""
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


def held_by(session: Session, name: str, kinds: Collection[str]) -> str | None:
    """What the project holds, such as `model`; None if nothing. Of jobs, those of `kinds` and unfinished ones count."""
    counting = or_(Job.kind.in_(kinds), Job.status.in_(statuses.UNFINISHED))
    found = {
        "dataset": select(Dataset.id).where(Dataset.project == name),
        "model": select(Model.id).where(Model.project == name),
        "job": select(Job.id).where(Job.project == name, counting),
    }
    return next((held for held, rows in found.items() if session.scalar(rows.limit(1)) is not None), None)
