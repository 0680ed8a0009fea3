"""Projects: creating, changing and deleting them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from service.callers import DEFAULT_PROJECT
from service.context import Context
from service.errors import InUse, NotFound
from service.operations import idempotency
from service.operations.idempotency import Claim
from service.operations.jobs import registry
from service.storage import api_keys, projects
from service.storage.database import Session
from service.storage.documents import Quotas
from service.storage.paging import Page, PageQuery
from service.storage.records import Project


def exists(session: Session, name: str, *, lock: bool = False) -> bool:
    """Whether a project exists. `lock` keeps it from being deleted until the transaction ends."""
    return name == DEFAULT_PROJECT or projects.find(session, name, lock=lock) is not None


def create(context: Context, name: str, quotas: dict[str, Any], claim: Claim | None = None) -> Project:
    """Raises NameTaken."""
    with context.database.write() as session:
        project = projects.add(session, name, Quotas(**quotas))
        idempotency.record_resource(session, claim, name)
        return project


def find(session: Session, name: str, *, lock: bool = False) -> Project:
    """The project of that name. Raises NotFound."""
    project = projects.find(session, name, lock=lock)
    if project is None:
        raise NotFound(f'There is no project "{name}".')
    return project


def get(context: Context, name: str) -> Project:
    """Raises NotFound."""
    with context.database.read() as session:
        return find(session, name)


def list_page(context: Context, query: PageQuery) -> Page[Project]:
    with context.database.read() as session:
        return projects.page(session, query)


def change(context: Context, name: str, quotas: dict[str, Any]) -> Project:
    """Set those quotas that are given. Raises NotFound."""
    with context.database.write() as session:
        project = find(session, name, lock=True)
        project.quotas = replace(project.quotas, **quotas)
        return project


def delete(context: Context, name: str) -> None:
    """Delete a project that holds nothing. Raises NotFound, InUse."""
    if name == DEFAULT_PROJECT:
        raise InUse(f'The project "{name}" can\'t be deleted: it is used without keys.')
    with context.database.write() as session:
        project = find(session, name, lock=True)
        key = api_keys.usable_of(session, name, datetime.now(UTC))
        held = projects.held_by(session, name, registry.names(from_clients=True))
        if held is not None:
            raise InUse(f'The project "{name}" still holds at least one {held}. Delete all that it holds first.')
        if key is not None:
            raise InUse(f'The API key "{key}" belongs to the project "{name}". Revoke it first.')
        session.delete(project)
